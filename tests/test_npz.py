"""Reading .npz files: what is whole is read as NumPy reads it, all else is refused in one line."""

import io
import pickle
import struct
import time
import zipfile

import jax.numpy as jnp
import numpy as np
import pytest

from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.pretrained.npz import _check_members, read_npz

ARRAYS = {
    "cls": np.arange(6, dtype=np.float32).reshape(1, 2, 3),
    "a/b/kernel": np.asfortranarray(np.arange(6, dtype=np.float64).reshape(2, 3)),
    "half": np.ones((2, 0), np.float16),
    "step": np.array(7),
}


def npy(header: str, data: bytes = b"") -> bytes:
    """An .npy array with a header of our own making."""
    padded = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded + data


def claim(shape, dtype="<f4"):
    return f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"


def archive(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def complaint(path, error=JaxcmpError) -> str:
    with pytest.raises(error) as caught:
        read_npz(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_read_as_numpy_reads_them(tmp_path, save):
    save(tmp_path / "a.npz", **ARRAYS)
    found = read_npz(tmp_path / "a.npz")
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_bfloat16_is_read_from_the_two_bytes_that_it_is_stored_as(tmp_path):
    array = np.array([1.5, -2.0, 3e38], jnp.bfloat16)
    np.savez(tmp_path / "a.npz", w=array)
    found = read_npz(tmp_path / "a.npz")["w"]
    assert found.dtype == jnp.bfloat16
    np.testing.assert_array_equal(found.astype(np.float32), array.astype(np.float32))


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.999])
def test_a_file_that_ends_early_is_refused(tmp_path, share):
    np.savez(tmp_path / "a.npz", w=np.ones(10_000, np.float32))
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(content[: int(share * len(content))])
    assert "it ends early, or is no .npz file" in complaint(tmp_path / "cut.npz")


def test_flipped_bytes_are_refused_with_the_arrays_name(tmp_path):
    np.savez(tmp_path / "a.npz", w=np.zeros(10_000, np.float32), v=np.ones(3))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[5_000] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    assert "w is damaged: Bad CRC-32" in complaint(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npy(claim("(1000000000000,)")), "[1000000000000], 4,000,000,000,000 bytes, and it has 0"),
        (npy(claim("(4,)"), bytes(8)), "float32 [4], 16 bytes, and it has 8"),
        (npy(claim("(1,)"), bytes(8)), "float32 [1], 4 bytes, and it has 8"),
        (npy(claim("(-1, -2)"), bytes(8)), "[-1, -2], 8 bytes, and it has 8"),
        (npy("{'shape': (1,)}", bytes(4)), "is damaged"),
        (npy("no header", bytes(4)), "is damaged"),
        (npy("(" * 100, bytes(4)), "is damaged"),
        (b"\x93NUMPY\x09\x00" + bytes(200), "is damaged"),
        (b"text", "is damaged"),
        (b"", "is damaged"),
    ],
)
def test_a_header_is_not_believed(tmp_path, content, words):
    path = archive(tmp_path / "a.npz", {"good.npy": npy(claim("(1,)"), bytes(4)), "w.npy": content})
    message = complaint(path)
    assert "w is damaged" in message and words in message


def test_what_unpacks_to_more_than_weights_would_is_not_unpacked(tmp_path):
    many = 100 << 20
    content = npy(claim(f"({many},)", "|u1"), bytes(many))
    path = archive(tmp_path / "a.npz", {"w.npy": content}, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1 << 20
    message = complaint(path)
    assert "is not unpacked" in message and f"{len(content):,}" in message


def test_a_pickle_inside_is_refused_and_not_run(tmp_path):
    fuse = tmp_path / "burnt"

    class Trap:
        def __reduce__(self):
            return open, (str(fuse), "w")

    np.savez(tmp_path / "a.npz", w=np.array([Trap()], dtype=object))
    assert "w holds Python objects, a pickle" in complaint(tmp_path / "a.npz", CommandError)
    assert not fuse.exists()


def test_what_pytorch_saves_is_a_pickle_whatever_it_is_called(tmp_path):
    path = archive(tmp_path / "a.npz", {"model/data.pkl": pickle.dumps({})})
    assert "is a pickle" in complaint(path, CommandError)


def test_members_that_are_no_arrays_or_stand_there_twice_are_named(tmp_path):
    path = archive(tmp_path / "a.npz", {"readme.txt": b"hello"})
    assert "'readme.txt' is no .npy array" in complaint(path)
    with pytest.warns(UserWarning, match="Duplicate name"):
        with zipfile.ZipFile(path, "w") as file:
            for _ in range(2):
                file.writestr("w.npy", npy(claim("(1,)"), bytes(4)))
    assert "'w.npy' is in it twice" in complaint(path)


def test_a_compression_that_is_not_known_is_refused(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", w=np.ones(100))
    content = (tmp_path / "a.npz").read_bytes()
    # Number 8 is the method of both headers; 99 is one of nobody's.
    changed = content.replace(b"\x08\x00\x00\x00!\x00", b"\x63\x00\x00\x00!\x00")
    (tmp_path / "a.npz").write_bytes(changed)
    assert changed != content
    assert "w is damaged: That compression method is not supported" in complaint(tmp_path / "a.npz")


def test_an_archive_of_nothing_has_no_arrays(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer)
    (tmp_path / "a.npz").write_bytes(buffer.getvalue())
    assert read_npz(tmp_path / "a.npz") == {}


def test_an_archive_of_very_many_members_is_looked_through_at_once(tmp_path):
    members = {f"{i}.npy": npy(claim("()"), bytes(4)) for i in range(20_000)}
    path = archive(tmp_path / "a.npz", members)
    start = time.process_time()
    with zipfile.ZipFile(path) as file:
        _check_members(path, file.infolist())
    # Each name against each would take a minute.
    assert time.process_time() - start < 10
