"""Files under faults: killed writers, full disks and foreign content."""

import concurrent.futures
import json
import math
import os
import resource
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from jaxcmp import files
from jaxcmp.errors import CommandError, JaxcmpError


@pytest.fixture
def small_files():
    """Limits files of this process to a hundred bytes."""
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, unlimited[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)


@pytest.fixture
def log(tmp_path):
    """Opens a file of lines; returns it, its path and a function that reads its objects."""
    path = tmp_path / "lines.jsonl"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    yield descriptor, path
    os.close(descriptor)


def test_a_failed_replacement_keeps_the_previous_file(tmp_path, small_files):
    path = tmp_path / "a.json"
    files.replace_file(path, b"before")
    with pytest.raises(JaxcmpError, match=r"a\.json cannot be written: File too large"):
        files.replace_file(path, b"x" * 1000)
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_file_is_replaced_and_never_overwritten_in_place(tmp_path):
    path = tmp_path / "a.json"
    files.replace_file(path, b"before")
    with path.open("rb") as opened_before:
        files.replace_file(path, b"after")
        assert opened_before.read() == b"before"
    assert path.read_bytes() == b"after"


def test_the_rest_of_a_killed_writer_is_overwritten(tmp_path):
    path = tmp_path / "a.json"
    (tmp_path / ".a.json.tmp").write_bytes(b"half of someth")
    files.replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_a_full_disk_is_one_line():
    descriptor = os.open("/dev/full", os.O_RDWR)
    with pytest.raises(JaxcmpError, match="^a.jsonl cannot be written: no space left on the disk$"):
        files.append_line(descriptor, b"{}", Path("a.jsonl"))
    os.close(descriptor)


def test_lines_are_appended_whole(log):
    descriptor, path = log
    for number in range(3):
        files.append_line(descriptor, json.dumps({"n": number}).encode(), path)
    assert path.read_text() == '{"n": 0}\n{"n": 1}\n{"n": 2}\n'


def test_a_line_after_half_a_line_is_separate(log):
    descriptor, path = log
    path.write_text('{"n": 0}\n{"n": 1, "loss": 2.')
    files.append_line(descriptor, b'{"n": 2}', path)
    assert files.read_lines(path) == [{"n": 0}, {"n": 2}]


def test_a_line_that_does_not_fit_is_an_error_and_loses_no_other(log, small_files):
    descriptor, path = log
    files.append_line(descriptor, b'{"n": 0}', path)
    with pytest.raises(JaxcmpError, match="lines.jsonl cannot be written"):
        files.append_line(descriptor, b'{"n": "' + b"x" * 200 + b'"}', path)
    assert path.stat().st_size == 100
    assert files.read_lines(path) == [{"n": 0}]


@pytest.mark.parametrize("half", [b'{"n": 1', b'{"n": "\xc3', b"\0\0\0", b'"'])
def test_half_a_line_is_skipped_anywhere(tmp_path, half):
    path = tmp_path / "lines.jsonl"
    path.write_bytes(half + b'\n{"n": 0}\n' + half + b'\n\n{"n": 2}\n' + half)
    assert files.read_lines(path) == [{"n": 0}, {"n": 2}]


def test_a_missing_or_empty_file_has_no_lines(tmp_path):
    (tmp_path / "empty").write_text("")
    assert files.read_lines(tmp_path / "empty") == files.read_lines(tmp_path / "missing") == []


def test_a_file_with_other_content_is_named(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_text('{"n": 0}\n[1]\n')
    with pytest.raises(JaxcmpError, match="lines.jsonl cannot be used: line 2 is not a JSON obj"):
        files.read_lines(path)
    path.write_text("step loss\n1 2.3\n")
    with pytest.raises(JaxcmpError, match="no line of it is JSON"):
        files.read_lines(path)
    path.write_text("[1]")
    with pytest.raises(JaxcmpError, match="it is not a JSON object"):
        files.read_object(path)
    path.write_text('{"a": ')
    with pytest.raises(JaxcmpError, match="it is not JSON"):
        files.read_object(path)
    with pytest.raises(JaxcmpError, match="missing cannot be used: No such file"):
        files.read_object(tmp_path / "missing")


def test_json_is_strict():
    value = {
        "loss": math.nan,
        "norms": (math.inf, np.float32(0.5)),
        "count": np.int64(3),
        "array": np.array([[1.0, -math.inf]]),
        "path": Path("a/b"),
        "is_done": np.bool_(True),
        3: None,
    }
    expected = {
        "loss": None,
        "norms": [None, 0.5],
        "count": 3,
        "array": [[1.0, None]],
        "path": "a/b",
        "is_done": True,
        "3": None,
    }
    assert json.loads(files.to_json(value)) == files.plain(value) == expected


def test_bytes_that_are_not_utf8_are_escaped_so_that_our_own_reader_takes_them():
    named = os.fsdecode(b"caf\xe9")
    text = files.to_json({named: [named, Path(named)]})
    escaped = r"caf\udce9"
    assert msgspec.json.decode(text) == {escaped: [escaped, escaped]}


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path):
    (tmp_path / "there").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    files.replace_file(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "there").read_text() == "new"
    (tmp_path / "dangling").symlink_to(tmp_path / "no" / "folder")
    with pytest.raises(JaxcmpError, match="cannot be written"):
        files.check_writable(tmp_path / "dangling")


def test_a_pipe_is_no_file_to_write(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(JaxcmpError, match="it is a device or a pipe"):
        files.check_writable(tmp_path / "pipe")


HOLD = """
import os, sys, time
from pathlib import Path
from jaxcmp import files
files.lock(os.open(sys.argv[1] + "/.lock", os.O_RDWR | os.O_CREAT), Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_folder_has_one_writer_and_a_killed_one_unlocks_it(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        descriptor = os.open(tmp_path / ".lock", os.O_RDWR)
        with pytest.raises(JaxcmpError, match=rf"\(number {holder.pid}\) trains in {tmp_path}: "):
            files.lock(descriptor, tmp_path)
    finally:
        holder.kill()
        holder.communicate()
    files.lock(descriptor, tmp_path)
    assert (tmp_path / ".lock").read_text() == str(os.getpid())
    os.close(descriptor)


@pytest.mark.parametrize("word", ["vit", "vit-0.5", "été", "模型", "a b", "x..y", ".x", "0"])
def test_a_valid_name_makes_a_file_in_its_folder(word, tmp_path):
    assert files.name(word, "the arm") == word
    (tmp_path / word).touch()
    assert [path.name for path in tmp_path.iterdir()] == [word]


@pytest.mark.parametrize(
    "word",
    [
        *("", ".", "..", "/", "a/b", "../x", "/etc/passwd", "a\\b", "..\\x", "~", "~root", "-rf"),
        *("a\0b", "a\nb", "\x1b[31m", "a\u202eb", "x" * 201, "é" * 101, "\ud800", 3, None, ["a"]),
    ],
)
def test_an_invalid_name_is_refused_in_one_printable_line(word):
    with pytest.raises(CommandError, match="--config.arm .* is no name for a file") as caught:
        files.name(word, "--config.arm")
    assert str(caught.value).isprintable() and str(caught.value).isascii()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"a": 1e999}', "Number out of range"),
        ('{"a": NaN}', "it is not JSON"),
        ('{"a": ' + "[" * 100_000, "it is nested too deeply"),
        (b'{"a": "\xff"}', "it is not JSON"),
        ("", "it is not JSON"),
    ],
)
def test_foreign_json_is_refused_in_one_line(tmp_path, content, reason):
    path = tmp_path / "a.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(JaxcmpError, match=f"^{path} cannot be used: {reason}$"):
        files.read_object(path)


@pytest.mark.parametrize("line", ['{"n": 1e999}', '{"n": NaN}', '{"n": 1}}', "[" * 100_000])
def test_a_complete_line_is_never_taken_for_a_cut_off_one(tmp_path, line):
    path = tmp_path / "lines.jsonl"
    path.write_text(f'{{"n": 0}}\n{line}\n')
    with pytest.raises(JaxcmpError, match="lines.jsonl cannot be used: line 2"):
        files.read_lines(path)


def test_a_pipe_or_a_folder_is_named_and_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(JaxcmpError, match="pipe cannot be used: it is a pipe or device"):
        files.read_object(tmp_path / "pipe")
    with pytest.raises(JaxcmpError, match="cannot be used: it is a folder"):
        files.read_lines(tmp_path)


def test_concurrent_writers_each_write_a_whole_file(tmp_path):
    path = tmp_path / "a.json"
    contents = [bytes([65 + i]) * 200_000 for i in range(8)]

    def write(content: bytes) -> None:
        for _ in range(5):
            files.replace_file(path, content)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(write, contents))
    assert path.read_bytes() in contents
    assert os.listdir(tmp_path) == ["a.json"]
