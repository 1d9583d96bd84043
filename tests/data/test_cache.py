"""Cache entries: whole or absent, after any kind of failure."""

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from jaxcmp import files
from jaxcmp.data import cache
from jaxcmp.errors import CommandError, JaxcmpError


def blocks(fill=None):
    """Makes two blocks of three images of 4x4."""
    for block in range(2):
        value = block if fill is None else fill
        yield np.full((3, 4, 4, 1), value, np.uint8), np.full(3, value, np.int32)


@pytest.fixture
def entry(tmp_path):
    return tmp_path / "set" / "1.0.0" / "train"


def only(folder):
    """Returns the names in a folder, which may have nothing half-written."""
    return sorted(path.name for path in folder.iterdir())


def test_an_entry_is_read_back_mapped_and_read_only(entry):
    assert cache.read(entry, num_examples=6) is None
    written = cache.write(entry, blocks(), num_examples=6)
    images, labels = cache.read(entry, num_examples=6) or pytest.fail("no entry")
    assert isinstance(images, np.memmap) and not images.flags.writeable
    np.testing.assert_array_equal(images[:, 0, 0, 0], [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(labels, [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(written[0], images)
    assert only(entry.parent) == ["train"]


def test_permissions_of_the_cache_follow_the_umask(entry):
    cache.write(entry, blocks(), num_examples=6)
    assert entry.stat().st_mode == entry.parent.stat().st_mode


def test_any_changed_byte_is_detected(entry):
    cache.write(entry, blocks(), num_examples=6)
    for name in ("images.npy", "labels.npy"):
        whole = (entry / name).read_bytes()
        for place in range(len(whole)):
            changed = bytes([whole[place] ^ 1])
            (entry / name).write_bytes(whole[:place] + changed + whole[place + 1 :])
            assert cache.read(entry, num_examples=6) is None
        (entry / name).write_bytes(whole)
    assert cache.read(entry, num_examples=6) is not None


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((6, 4, 4), np.uint8), np.zeros(6, np.int32)),
        (np.zeros((6, 4, 4, 1), np.float32), np.zeros(6, np.int32)),
        (np.zeros((6, 4, 4, 1), np.uint8), np.zeros(6, np.int64)),
        (np.zeros((6, 4, 4, 1), np.uint8), np.zeros((6, 1), np.int32)),
        (np.zeros((5, 4, 4, 1), np.uint8), np.zeros(5, np.int32)),
    ],
)
def test_an_entry_of_another_shape_type_or_length_is_refused(entry, images, labels):
    cache.write(entry, blocks(), num_examples=6)
    np.save(entry / "images.npy", images)
    np.save(entry / "labels.npy", labels)
    (entry / "check_sums.json").write_text(json.dumps(cache._check_sums(entry)))
    assert cache.read(entry, num_examples=6) is None


def test_the_check_of_cifar10_is_fast(entry):
    images, labels = np.zeros((60_000, 32, 32, 3), np.uint8), np.zeros(60_000, np.int32)
    cache.write(entry, [(images, labels)], num_examples=60_000)
    start = time.process_time()
    assert cache.read(entry, num_examples=60_000) is not None
    assert time.process_time() - start < 0.3


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
    with pytest.raises(
        JaxcmpError, match="^the cache in .*/file/set cannot be written .*JAXCMP_CACHE"
    ) as caught:
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


def test_a_full_disk_is_one_line_and_leaves_nothing(entry):
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


def test_a_killed_writer_leaves_no_entry(entry):
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


def test_the_environment_sets_the_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("JAXCMP_CACHE", "~/mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files.cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("JAXCMP_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert files.cache_folder() == tmp_path / "xdg" / "jaxcmp"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert files.cache_folder() == tmp_path / ".cache" / "jaxcmp"
    monkeypatch.setenv("JAXCMP_CACHE", "~nobody-here/mine")
    with pytest.raises(CommandError, match="^JAXCMP_CACHE=~nobody-here/mine: the home folder of"):
        files.cache_folder()


def test_arrays_are_read_back_as_written_and_a_cut_file_is_none(tmp_path):
    entry, arrays = tmp_path / "tiny" / "train.npz", {"sums": np.arange(3), "one": np.ones(2)}
    assert cache.read_arrays(entry) is None
    cache.write_arrays(entry, arrays)
    np.testing.assert_equal(cache.read_arrays(entry), arrays)
    assert [path.name for path in entry.parent.iterdir()] == ["train.npz"]
    os.truncate(entry, entry.stat().st_size - 30)
    assert cache.read_arrays(entry) is None


def test_changed_arrays_are_not_used(tmp_path):
    entry = tmp_path / "train.npz"
    arrays = {"sums": np.arange(3), "labels": np.array([2, 0, 1], np.int32)}
    cache.write_arrays(entry, arrays)
    with np.load(entry) as stored:
        whole = dict(stored)
    for changed in (
        {**whole, "labels": np.zeros(3, np.int32)},
        {**whole, "labels": whole["labels"].astype(np.int64)},
        {**whole, "labels": whole["labels"][:, None]},
        {**whole, "more": np.zeros(1)},
        {name: whole[name] for name in whole if name != "sums"},
        arrays,
    ):
        np.savez(entry, **changed)
        assert cache.read_arrays(entry) is None


def test_a_file_of_arrays_with_a_changed_byte_is_none_or_the_same(tmp_path):
    entry, arrays = tmp_path / "train.npz", {"labels": np.arange(5, dtype=np.int32)}
    cache.write_arrays(entry, arrays)
    whole, num_noticed = entry.read_bytes(), 0
    for place in range(len(whole)):
        entry.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        stored = cache.read_arrays(entry)
        num_noticed += stored is None
        if stored is not None:
            assert stored.keys() == arrays.keys()
            np.testing.assert_array_equal(stored["labels"], arrays["labels"])
    assert num_noticed > len(whole) / 2
