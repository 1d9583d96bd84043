"""A cache entry is whole or absent, whoever writes it and however it ends."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from jaxcmp.data import cache
from jaxcmp.errors import JaxcmpError


def blocks(fill=None):
    """Two blocks of three images of 4x4."""
    for block in range(2):
        value = block if fill is None else fill
        yield np.full((3, 4, 4, 1), value, np.uint8), np.full(3, value, np.int32)


@pytest.fixture
def entry(tmp_path):
    return tmp_path / "set" / "1.0.0" / "train"


def only(folder):
    """The names in a folder: nothing half-written may be among them."""
    return sorted(path.name for path in folder.iterdir())


def test_what_was_written_is_read_back_mapped_and_read_only(entry):
    written = cache.write(entry, blocks(), num_examples=6)
    images, labels = cache.read(entry, num_examples=6) or pytest.fail("no entry")
    assert isinstance(images, np.memmap) and not images.flags.writeable
    np.testing.assert_array_equal(images[:, 0, 0, 0], [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(labels, [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(written[0], images)
    assert only(entry.parent) == ["train"]


def test_a_shared_cache_can_be_read_by_whom_the_umask_lets(entry):
    cache.write(entry, blocks(), num_examples=6)
    assert entry.stat().st_mode == entry.parent.stat().st_mode


def test_nothing_is_read_where_nothing_was_written(entry):
    assert cache.read(entry, num_examples=6) is None


def test_an_entry_of_another_length_is_not_taken(entry):
    cache.write(entry, blocks(), num_examples=6)
    assert cache.read(entry, num_examples=7) is None


@pytest.mark.parametrize("name", ["images.npy", "labels.npy"])
@pytest.mark.parametrize("kept", [0, 60, -1])
def test_a_cut_file_is_noticed_and_the_entry_rebuilt(entry, name, kept):
    cache.write(entry, blocks(fill=1), num_examples=6)
    os.truncate(entry / name, kept if kept >= 0 else (entry / name).stat().st_size - 1)
    assert cache.read(entry, num_examples=6) is None
    cache.write(entry, blocks(fill=2), num_examples=6)
    images, _ = cache.read(entry, num_examples=6) or pytest.fail("no entry")
    assert (images == 2).all()
    assert only(entry.parent) == ["train"]


def test_writers_at_the_same_time_all_succeed(entry):
    with ThreadPoolExecutor(8) as pool:
        write = pool.map(lambda _: cache.write(entry, blocks(), num_examples=6), range(16))
        for images, labels in write:
            np.testing.assert_array_equal(images[:, 0, 0, 0], labels)
    assert only(entry.parent) == ["train"]


def test_a_source_that_fails_leaves_nothing(entry):
    def broken():
        yield from blocks()
        raise JaxcmpError("image 7 is damaged")

    with pytest.raises(JaxcmpError, match="image 7"):
        cache.write(entry, broken(), num_examples=6)
    assert only(entry.parent) == []


def test_a_folder_that_cannot_be_made_is_named_in_one_line(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(JaxcmpError, match="file/set.*JAXCMP_CACHE") as caught:
        cache.write(tmp_path / "file" / "set" / "train", blocks(), num_examples=6)
    assert "\n" not in str(caught.value)


def run(script, *arguments):
    # Without JAX, whose start takes longer than these scripts.
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(entry):
    # A limit on the size of files is the full disk that a test can have.
    script = """
        import resource, sys
        from pathlib import Path
        import numpy as np
        from jaxcmp.data import cache
        from jaxcmp.errors import JaxcmpError

        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        block = np.zeros((100, 32, 32, 3), np.uint8), np.zeros(100, np.int32)
        try:
            cache.write(Path(sys.argv[1]), [block] * 3, num_examples=300)
        except JaxcmpError as error:
            print(error)
        """
    output, errors = run(script, entry).communicate(timeout=60)
    assert errors == ""
    assert os.strerror(errno.EFBIG) in output and output.count("\n") == 1
    assert only(entry.parent) == []


def test_a_writer_killed_halfway_leaves_nothing_that_is_taken_as_an_entry(entry):
    script = """
        import sys, time
        from pathlib import Path
        import numpy as np
        from jaxcmp.data import cache

        def blocks():
            yield np.zeros((3, 4, 4, 1), np.uint8), np.zeros(3, np.int32)
            print("halfway", flush=True)
            time.sleep(60)

        cache.write(Path(sys.argv[1]), blocks(), num_examples=6)
        """
    process = run(script, entry)
    assert process.stdout is not None and process.stdout.readline() == "halfway\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert cache.read(entry, num_examples=6) is None
    (left,) = entry.parent.iterdir()
    cache.write(entry, blocks(), num_examples=6)
    assert cache.read(entry, num_examples=6) is not None
    # It may still be at work on another machine, so its space is freed only after a day.
    assert left.exists()
    long_ago = time.time() - 100_000
    os.utime(left, (long_ago, long_ago))
    cache.write(entry.with_name("test"), blocks(), num_examples=6)
    assert only(entry.parent) == ["test", "train"]


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("JAXCMP_CACHE", "~/mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.root() == tmp_path / "mine"
    monkeypatch.delenv("JAXCMP_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.root() == tmp_path / "xdg" / "jaxcmp"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.root() == tmp_path / ".cache" / "jaxcmp"


def test_arrays_are_read_back_as_written_and_a_cut_file_is_none(tmp_path):
    entry, arrays = tmp_path / "tiny" / "train.npz", {"sums": np.arange(3), "one": np.ones(2)}
    assert cache.read_arrays(entry) is None
    cache.write_arrays(entry, arrays)
    found = cache.read_arrays(entry)
    assert found is not None and found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
    assert [path.name for path in entry.parent.iterdir()] == ["train.npz"]
    os.truncate(entry, entry.stat().st_size - 30)
    assert cache.read_arrays(entry) is None
