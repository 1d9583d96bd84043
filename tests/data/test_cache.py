"""Cache entries: whole or absent, after any kind of failure."""

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

from jaxcmp import files
from jaxcmp.data import cache
from jaxcmp.errors import CommandError, JaxcmpError


def blocks():
    """Makes two blocks of three images of 4x4."""
    for value in range(2):
        yield {
            "images": np.full((3, 4, 4, 1), value, np.uint8),
            "labels": np.full(3, value, np.int32),
        }


@pytest.fixture
def entry(tmp_path):
    return tmp_path / "set" / "1.0.0" / "train"


def only(folder):
    """Returns the names in a folder, which may have nothing half-written."""
    return sorted(path.name for path in folder.iterdir())


def test_an_entry_is_read_back_mapped_and_read_only(entry):
    assert cache.read(entry) is None
    written = cache.write(entry, blocks())
    arrays = cache.read(entry) or pytest.fail("no entry")
    assert isinstance(arrays["images"], np.memmap) and not arrays["images"].flags.writeable
    assert arrays["images"].shape == (6, 4, 4, 1)
    for each in (arrays, written):
        np.testing.assert_array_equal(each["images"][:, 0, 0, 0], [0, 0, 0, 1, 1, 1])
        np.testing.assert_array_equal(each["labels"], [0, 0, 0, 1, 1, 1])
    assert only(entry.parent) == ["train"]


def test_permissions_of_the_cache_follow_the_umask(entry):
    cache.write(entry, blocks())
    assert entry.stat().st_mode == entry.parent.stat().st_mode


def test_any_changed_byte_is_detected(entry):
    cache.write(entry, blocks())
    for name in ("images.npy", "labels.npy"):
        whole = (entry / name).read_bytes()
        for place in range(len(whole)):
            changed = bytes([whole[place] ^ 1])
            (entry / name).write_bytes(whole[:place] + changed + whole[place + 1 :])
            assert cache.read(entry) is None
        (entry / name).write_bytes(whole)
    assert cache.read(entry) is not None


def test_arrays_may_have_any_type_and_shape_and_as_many_rows_as_they_like(entry):
    arrays = {"sizes": np.arange(6).reshape(2, 3).T, "is_grey": np.array([True]), "one": np.ones(2)}
    cache.write(entry, [arrays])
    np.testing.assert_equal(cache.read(entry), arrays)


DAMAGES = {
    "cut": lambda entry: os.truncate(entry / "images.npy", 200),
    "longer": lambda entry: os.truncate(entry / "images.npy", 1000),
    "an array too many": lambda entry: np.save(entry / "more.npy", np.zeros(1)),
    "an array too few": lambda entry: (entry / "labels.npy").unlink(),
    "other labels": lambda entry: np.save(entry / "labels.npy", np.zeros(6, np.int64)),
    "no check sums": lambda entry: (entry / "check_sums.json").unlink(),
    "empty check sums": lambda entry: (entry / "check_sums.json").write_text("{}"),
    "deep check sums": lambda entry: (entry / "check_sums.json").write_text("[" * 100_000),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_entry_counts_as_missing(entry, damage):
    cache.write(entry, blocks())
    damage(entry)
    assert cache.read(entry) is None
    cache.write(entry, blocks())
    assert cache.read(entry) is not None


def test_the_check_of_cifar10_is_fast(entry):
    cache.write(entry, [{"images": np.zeros((60_000, 32, 32, 3), np.uint8)}])
    start = time.process_time()
    assert cache.read(entry) is not None
    assert time.process_time() - start < 0.3


def test_writers_at_the_same_time_all_succeed(entry):
    with ThreadPoolExecutor(8) as pool:
        write = pool.map(lambda _: cache.write(entry, blocks()), range(16))
        for arrays in write:
            np.testing.assert_array_equal(arrays["images"][:, 0, 0, 0], arrays["labels"])
    assert only(entry.parent) == ["train"]


def test_a_source_that_fails_leaves_nothing(entry):
    def broken():
        yield from blocks()
        raise JaxcmpError("image 7 is damaged")

    with pytest.raises(JaxcmpError, match="image 7"):
        cache.write(entry, broken())
    assert only(entry.parent) == []


def test_a_folder_that_cannot_be_made_is_named_in_one_line(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(
        JaxcmpError, match="^the cache in .*/file/set cannot be written .*JAXCMP_CACHE"
    ) as caught:
        cache.write(tmp_path / "file" / "set" / "train", blocks())
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
        block = {"images": np.zeros((100, 32, 32, 3), np.uint8)}
        try:
            cache.write(Path(sys.argv[1]), [block] * 3)
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
            yield {"images": np.zeros((3, 4, 4, 1), np.uint8)}
            print("halfway", flush=True)
            time.sleep(60)

        cache.write(Path(sys.argv[1]), blocks())
        """
    process = run(script, entry)
    assert process.stdout is not None and process.stdout.readline() == "halfway\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert cache.read(entry) is None
    (left,) = entry.parent.iterdir()
    cache.write(entry, blocks())
    assert cache.read(entry) is not None
    # It may still be at work on another machine, so its space is freed only after a day.
    assert left.exists()
    long_ago = time.time() - 100_000
    os.utime(left, (long_ago, long_ago))
    cache.write(entry.with_name("test"), blocks())
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


@pytest.mark.parametrize("is_lasting", [True, False])
def test_findings_are_remembered_only_if_they_last(is_lasting):
    found = []

    def find():
        found.append(1)
        return {"numbers": np.arange(3)}

    for _ in range(2):
        arrays = cache.remember("made/facts", "a", find, is_lasting=lambda _: is_lasting)
        np.testing.assert_array_equal(arrays["numbers"], np.arange(3))
    assert len(found) == (1 if is_lasting else 2)
    cache.remember("made/facts", "b", find)
    assert len(found) == (2 if is_lasting else 3)
