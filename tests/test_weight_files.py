"""Files of weights: told by their content, read whole, or refused in one line that says why."""

import json
import struct

import jax.numpy as jnp
import numpy as np
import pytest
from sample_weights import published, write

from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.pretrained.weight_files import as_weight, digest, read_file

ARRAYS = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.array([1, 2], np.int64)}


def complaint(path, error=JaxcmpError) -> str:
    with pytest.raises(error) as caught:
        read_file(path)
    assert type(caught.value) is error
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["w.npz", "w.safetensors"])
def test_a_file_is_read_whatever_it_is_called(tmp_path, name):
    path = write(tmp_path / name, ARRAYS)
    for called in (name, "weights", "weights.dat"):
        path = path.rename(tmp_path / called)
        file_format, arrays = read_file(path)
        assert f"w.{file_format}" == name
        assert arrays.keys() == ARRAYS.keys()
        for key, array in ARRAYS.items():
            assert arrays[key].dtype == array.dtype
            np.testing.assert_array_equal(arrays[key], array)


def test_a_safetensors_file_may_have_half_precision_and_a_description(tmp_path):
    header = {
        "__metadata__": {"format": "pt"},
        "w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]},
        "v": {"dtype": "F16", "shape": [1, 1], "data_offsets": [4, 6]},
    }
    text = json.dumps(header).encode()
    data = np.array([1.5, -2], jnp.bfloat16).tobytes() + np.array([0.25], np.float16).tobytes()
    path = tmp_path / "w.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    _, arrays = read_file(path)
    assert arrays.keys() == {"w", "v"}
    np.testing.assert_array_equal(as_weight(path, "w", arrays["w"]), np.array([1.5, -2], "f4"))
    np.testing.assert_array_equal(as_weight(path, "v", arrays["v"]), np.array([[0.25]], "f4"))


def test_a_path_without_a_file_is_a_wrong_command(tmp_path):
    assert "No such file" in complaint(tmp_path / "none.npz", CommandError)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ""])
def test_an_empty_file_is_called_empty(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    path.touch()
    assert complaint(path) == f"{path} is empty"


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin", ".pkl", ".ckpt", ".pickle"])
def test_a_pickle_is_not_even_opened(tmp_path, suffix):
    # A missing file shows that nobody tried.
    assert "is a pickle" in complaint(tmp_path / f"w{suffix}", CommandError)


def test_a_pickle_under_another_name_is_refused(tmp_path):
    path = tmp_path / "w.npz"
    path.write_bytes(b"\x80\x02}q\x00.")
    assert "is a pickle" in complaint(path, CommandError)


def test_another_kind_of_file_is_refused(tmp_path):
    path = tmp_path / "w.npz"
    path.write_bytes(b"GIF89a and so on")
    assert "neither an .npz nor a .safetensors file" in complaint(path)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.2, 0.5, 0.9999])
def test_a_safetensors_file_that_ends_early_is_refused(tmp_path, share):
    path = write(tmp_path / "w.safetensors", published("torch_resnet"))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    message = complaint(path)
    assert "it ends early" in message
    if share == 0.9999:
        # The array that is cut off is named, and where it would end.
        assert f"of {len(content) - 1:,}" in message or " would end at byte " in message


def with_header(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 10**15]}}, "w would end at byte"),
        ({"w": {"dtype": "F32", "shape": [10**15], "data_offsets": [0, 8]}}, "cannot be read"),
        ({"w": {"dtype": "F32", "shape": [2], "data_offsets": [4, 8]}}, "cannot be read"),
        ({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, "cannot be read"),
        ({"w": {"dtype": "X1", "shape": [8], "data_offsets": [0, 8]}}, "cannot be read"),
        ({"w": [1, 2]}, "its header is no JSON of arrays"),
        ([1, 2], "its header is no JSON of arrays"),
        (b"{not json", "its header is no JSON of arrays"),
        (b"{" + 100_000 * b'"a":{', "its header is no JSON of arrays"),
    ],
)
def test_a_safetensors_header_is_not_believed(tmp_path, header, words):
    assert words in complaint(with_header(tmp_path / "w.safetensors", header, bytes(8)))


def test_bytes_that_are_no_safetensors_file_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"GIF89a and so on")
    assert "or is no .safetensors file" in complaint(path)


def test_a_type_that_is_not_known_here_is_named(tmp_path):
    header = {"w": {"dtype": "F8_E5M2", "shape": [8], "data_offsets": [0, 8]}}
    path = with_header(tmp_path / "w.safetensors", header, bytes(8))
    assert "w has the type F8_E5M2" in complaint(path)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16"])
def test_floating_point_becomes_float32(dtype):
    weight = as_weight("w.npz", "w", np.array([0.5, -3], jnp.dtype(dtype)))
    assert weight.dtype == np.float32 and weight.tolist() == [0.5, -3]


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "bool", "complex64"])
def test_other_numbers_are_no_weights(dtype):
    with pytest.raises(JaxcmpError, match=f"w.npz cannot be used: b/c is {dtype}, not floating"):
        as_weight("w.npz", "b/c", np.ones(3, dtype))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_numbers_that_are_not_finite_in_float32_are_refused(value):
    with pytest.raises(JaxcmpError, match="1 of 3 numbers of b/c are not finite"):
        as_weight("w.npz", "b/c", np.array([1, value, 2]))


def test_the_digest_is_the_files(tmp_path):
    (tmp_path / "w").write_bytes(b"abc")
    # Of FIPS 180-2, the first example.
    assert digest(tmp_path / "w").startswith("ba7816bf8f01cfea414140de5dae2223")
