"""Weights with any bytes in them are loaded or refused in one line that names the file."""

import io
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save
from sample_weights import VIT, load, published, shapes_of

from jaxcmp.errors import JaxcmpError
from jaxcmp.pretrained import read

ARRAYS = published("timm_vit")
# A damaged file may be sound: then any of its numbers may be others.
MANY = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def npz(arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


SHAPES = shapes_of(VIT)
SOUND = {".npz": npz(ARRAYS), ".safetensors": save(ARRAYS)}


def loads_or_is_refused_in_a_line(path, content):
    path.write_bytes(content)
    try:
        load(path, VIT, SHAPES)
    except JaxcmpError as error:
        assert "\n" not in str(error) and str(path) in str(error)
        return str(error)
    return ""


@pytest.mark.parametrize("suffix", SOUND)
@MANY
@given(data=st.data())
def test_changed_bytes_are_one_line_or_none(tmp_path, suffix, data):
    content = bytearray(SOUND[suffix])
    # Headers stand at the beginning, and the list of an archive at its end.
    places = st.integers(0, 400) | st.integers(-3000, -1) | st.integers(0, len(content) - 1)
    for place in data.draw(st.lists(places, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.none() | st.integers(0, len(content)))
    loads_or_is_refused_in_a_line(tmp_path / f"w{suffix}", bytes(content[:cut]))


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["<f4", "F32", "BF16", "|O", "V0", "<U0", "shape", "data_offsets", "descr"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@MANY
@given(
    descr=st.sampled_from(["<f4", "|O", "<U0", "|V0", ">f2", "<M8[s]", "x"]) | ODD,
    shape=ODD | st.tuples(ODD, ODD) | st.tuples(st.booleans(), st.integers(-3, 5)),
    order=st.booleans() | ODD,
    data=st.binary(max_size=40),
)
def test_any_header_of_an_npy_array_is_one_line_or_none(tmp_path, descr, shape, order, data):
    header = repr({"descr": descr, "fortran_order": order, "shape": shape}).encode()
    member = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) % 2**16) + header + data
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("w.npy", member)
    assert loads_or_is_refused_in_a_line(tmp_path / "w.npz", buffer.getvalue())


@pytest.mark.parametrize("shape", [(0, 8), (2, 0), (0,), (8, 3, 1), (3, 4, 0), (0, 4, 8), ()])
@pytest.mark.parametrize(
    ("suffix", "layout"),
    [(".npz", "timm_vit"), (".safetensors", "timm_vit"), (".npz", "vit_npz")],
)
def test_any_array_in_place_of_another_is_one_line_or_none(tmp_path, suffix, layout, shape):
    write, arrays = {".npz": npz, ".safetensors": save}[suffix], published(layout)
    for name in arrays:
        changed = arrays | {name: np.ones(shape, np.float32)}
        loads_or_is_refused_in_a_line(tmp_path / f"w{suffix}", write(changed))


def test_a_path_that_no_system_has_is_one_line():
    with pytest.raises(JaxcmpError, match="cannot be read"):
        read("a\0b.npz")
