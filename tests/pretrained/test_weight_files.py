"""Files of weights: told by their content, read whole, or refused in one line that says why."""

import json
import shlex
import struct
import time
import zipfile

import jax.numpy as jnp
import numpy as np
import pytest
from sample_weights import published, refusal, write

from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.pretrained.weight_files import PICKLE_SUFFIXES, as_float32, read_file

ARRAYS = {
    "b": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a/b/kernel": np.arange(6, dtype=np.float64).reshape(2, 3),
    "half": np.ones((2, 0), np.float16),
    "step": np.array(7),
}


def refused(path, error: type[JaxcmpError] = JaxcmpError) -> str:
    """The line with which a file is refused."""
    line = refusal(error, read_file, path)
    assert str(path) in line
    return line


def npy(header: str, data: bytes = b"") -> bytes:
    """An .npy array with a header of our own making."""
    padded = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded + data


def npy_of(shape, data: bytes = b"", dtype="<f4") -> bytes:
    return npy(f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}", data)


def archive(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def safetensors_file(path, header, data=b""):
    """A .safetensors file with a header of our own making, plain bytes or to be JSON."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"w": {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}}


@pytest.mark.parametrize("name", ["w.npz", "w.safetensors"])
def test_a_file_is_read_whatever_it_is_called(tmp_path, name):
    path = write(tmp_path / name, ARRAYS)
    for called in (name, "weights", "weights.dat"):
        path = path.rename(tmp_path / called)
        file_format, arrays, _ = read_file(path)
        assert f"w.{file_format}" == name
        assert arrays.keys() == ARRAYS.keys()
        for key, array in ARRAYS.items():
            assert arrays[key].dtype == array.dtype
            np.testing.assert_array_equal(arrays[key], array)


def test_a_packed_archive_is_read_and_one_of_nothing_has_no_arrays(tmp_path):
    # NumPy stores columns first where an array has them so.
    np.savez_compressed(tmp_path / "a.npz", b=np.asfortranarray(ARRAYS["b"]))
    np.testing.assert_array_equal(read_file(tmp_path / "a.npz")[1]["b"], ARRAYS["b"])
    np.savez(tmp_path / "empty.npz")
    assert read_file(tmp_path / "empty.npz") == ("npz", {}, {})


def test_bfloat16_is_read_from_the_two_bytes_that_numpy_stores_it_as(tmp_path):
    array = np.array([1.5, -2.0, 3e38], jnp.bfloat16)
    np.savez(tmp_path / "a.npz", w=array)
    read = read_file(tmp_path / "a.npz")[1]["w"]
    assert read.dtype == jnp.bfloat16
    np.testing.assert_array_equal(read.astype(np.float32), array.astype(np.float32))


def test_a_safetensors_file_may_have_half_precision_and_a_description(tmp_path):
    header = {"__metadata__": {"format": "pt"}, **entry("BF16", [2], [0, 4])}
    header["v"] = entry("F16", [1, 1], [4, 6])["w"]
    data = np.array([1.5, -2], jnp.bfloat16).tobytes() + np.array([0.25], np.float16).tobytes()
    path = safetensors_file(tmp_path / "w.safetensors", header, data)
    _, arrays, description = read_file(path)
    assert arrays.keys() == {"w", "v"} and description == {"format": "pt"}
    np.testing.assert_array_equal(as_float32(path, "w", arrays["w"]), np.array([1.5, -2], "f4"))
    np.testing.assert_array_equal(as_float32(path, "v", arrays["v"]), np.array([[0.25]], "f4"))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ""])
def test_an_empty_file_is_called_empty(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    path.touch()
    assert refused(path) == f"{path} is empty"


@pytest.mark.parametrize("name", ["w.npz", "w"])
def test_another_kind_of_file_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"GIF89a and so on")
    assert "neither an .npz nor a .safetensors file" in refused(tmp_path / name)


@pytest.mark.parametrize("suffix", [*PICKLE_SUFFIXES, ".PTH"])
def test_a_pickle_is_not_even_opened_but_the_way_to_convert_it_is_said(tmp_path, suffix):
    # A missing file shows that nobody tried.
    message = refused(tmp_path / f"resnet18{suffix}", CommandError)
    assert "is a pickle, which can run any code" in message
    command = shlex.split(message[message.index("python -c") :])
    assert command[:2] == ["python", "-c"] and len(command) == 3
    compile(command[2], "<command>", "exec")
    # With it, torch.load reads numbers alone.
    assert "weights_only=True" in command[2] and "resnet18.safetensors'" in command[2]


# The list [1] in protocols 2 to 5, byte by byte.
LISTS = [
    b"\x80\x02]q\x00K\x01a.",
    b"\x80\x03]q\x00K\x01a.",
    b"\x80\x04\x95\x06\x00\x00\x00\x00\x00\x00\x00]\x94K\x01a.",
    b"\x80\x05\x95\x06\x00\x00\x00\x00\x00\x00\x00]\x94K\x01a.",
]


@pytest.mark.parametrize("content", LISTS, ids=["2", "3", "4", "5"])
def test_a_pickle_under_another_name_is_refused(tmp_path, content):
    (tmp_path / "w.npz").write_bytes(content)
    assert "is a pickle" in refused(tmp_path / "w.npz", CommandError)


def test_what_pytorch_saves_is_a_pickle_whatever_it_is_called(tmp_path):
    path = archive(tmp_path / "a.npz", {"model/data.pkl": LISTS[0]})
    assert "is a pickle" in refused(path, CommandError)


def test_a_pickle_inside_an_archive_is_refused_and_not_run(tmp_path):
    fuse = tmp_path / "burnt"

    class Trap:
        def __reduce__(self):
            return open, (str(fuse), "w")

    np.savez(tmp_path / "a.npz", w=np.array([Trap()], dtype=object))
    assert "w holds Python objects, a pickle" in refused(tmp_path / "a.npz", CommandError)
    assert not fuse.exists()


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("share", [0.001, 0.02, 0.3, 0.6, 0.9999])
def test_a_file_that_ends_early_is_refused(tmp_path, suffix, share):
    path = write(tmp_path / f"w{suffix}", published("torch_resnet"))
    content = path.read_bytes()
    path.write_bytes(content[: max(int(share * len(content)), 2)])
    assert "it ends early" in refused(path)


def test_flipped_bytes_are_refused_with_the_arrays_name(tmp_path):
    np.savez(tmp_path / "a.npz", w=np.zeros(10_000, np.float32), v=np.ones(3))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[5_000] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    assert "w is damaged: Bad CRC-32" in refused(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npy_of("(1000000000000,)"), "w takes more memory than there is"),
        (npy_of("(4,)", bytes(8)), "expected 16 bytes got 8"),
        (npy_of("(1,)", bytes(8)), "it has more bytes than its header says"),
        (npy_of("(-1, -2)", bytes(8)), "w is damaged"),
        (npy("{'shape': (1,)}", bytes(4)), "w is damaged"),
        (npy("no header", bytes(4)), "w is damaged"),
        (npy("(" * 100, bytes(4)), "w is damaged"),
        (b"\x93NUMPY\x09\x00" + bytes(200), "w is damaged"),
        (b"text", "w is damaged"),
        (b"", "w is damaged"),
    ],
)
def test_a_header_of_an_npy_array_is_not_believed(tmp_path, content, words):
    members = {"good.npy": npy_of("(1,)", bytes(4)), "w.npy": content}
    assert words in refused(archive(tmp_path / "a.npz", members))


def test_what_unpacks_to_more_than_weights_would_is_not_unpacked(tmp_path):
    content = npy_of(f"({100 << 20},)", bytes(100 << 20), "|u1")
    path = archive(tmp_path / "a.npz", {"w.npy": content}, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1 << 20
    message = refused(path)
    assert "is not unpacked" in message and f"{len(content):,}" in message


def test_members_that_are_no_arrays_or_stand_there_twice_are_named(tmp_path):
    path = archive(tmp_path / "a.npz", {"readme.txt": b"hello"})
    assert "'readme.txt' is no .npy array" in refused(path)
    with pytest.warns(UserWarning, match="Duplicate name"):
        with zipfile.ZipFile(path, "w") as file:
            for _ in range(2):
                file.writestr("w.npy", npy_of("(1,)", bytes(4)))
    assert "'w.npy' is in it twice" in refused(path)


def test_a_compression_that_is_not_known_is_refused(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", w=np.ones(100))
    content = (tmp_path / "a.npz").read_bytes()
    # Number 8 is the method of both headers; 99 is one of nobody's.
    changed = content.replace(b"\x08\x00\x00\x00!\x00", b"\x63\x00\x00\x00!\x00")
    (tmp_path / "a.npz").write_bytes(changed)
    assert changed != content
    assert "w is damaged: That compression method is not supported" in refused(tmp_path / "a.npz")


def test_an_archive_of_very_many_members_is_looked_through_at_once(tmp_path):
    members = {f"{i}.npy": npy_of("()", bytes(4)) for i in range(20_000)}
    path = archive(tmp_path / "a.npz", members | {"last.txt": b""})
    start = time.process_time()
    assert "'last.txt' is no .npy array" in refused(path)
    # Comparing each name with each would take a minute.
    assert time.process_time() - start < 10


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (entry(offsets=[0, 10**15]), "it ends early"),
        (entry(shape=[10**15]), "cannot be read"),
        (entry(offsets=[4, 8]), "cannot be read"),
        (entry(shape=[1], offsets=[0, 4]), "cannot be read"),
        (entry("X1"), "cannot be read"),
        (entry("F8_E5M2", [8]), "w has the type F8_E5M2, which NumPy lacks"),
        ({"w": [1, 2]}, "invalid JSON in header"),
        ([1, 2], "is no .safetensors file"),
        (b"{not json", "invalid JSON in header"),
        (b'{"w\xff": 1}', "invalid"),
        (b"{" + 100_000 * b'"a":{', "invalid JSON in header"),
        (b'{"w": {"data_offsets": [0, 1e999]}}', "invalid JSON in header"),
        (b'{"w": {}, "w": {}}', "invalid JSON in header"),
        ({"a\nb": entry()["w"]}, "no name of an array"),
    ],
)
def test_a_header_of_a_safetensors_file_is_not_believed(tmp_path, header, words):
    assert words in refused(safetensors_file(tmp_path / "w.safetensors", header, bytes(8)))


@pytest.mark.parametrize("length", [2**63, 2**64 - 1])
def test_an_absurd_length_of_a_header_is_refused(tmp_path, length):
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", length) + b"{}")
    assert "it ends early, is damaged or is no .safetensors file" in refused(
        tmp_path / "w.safetensors"
    )


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31m"])
def test_names_that_would_break_a_line_are_refused(tmp_path, name):
    path = archive(tmp_path / "a.npz", {f"{name}.npy": npy_of("(1,)", bytes(4))})
    assert "no name of an array" in refused(path)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16"])
def test_floating_point_becomes_float32(dtype):
    weight = as_float32("w.npz", "w", np.array([0.5, -3], jnp.dtype(dtype)))
    assert weight.dtype == np.float32 and weight.tolist() == [0.5, -3]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_numbers_that_are_not_finite_in_float32_are_refused(value):
    with pytest.raises(JaxcmpError, match="1 of 3 numbers of b/c are not finite"):
        as_float32("w.npz", "b/c", np.array([1, value, 2]))
