"""Files of weights: read by other software, the same each time, and ours again to the bit."""

import dataclasses
import io
import json

import jax.numpy as jnp
import numpy as np
import pytest
from safetensors import numpy as safetensors
from sample_models import CLASS_NAMES, make_trained

from jaxcmp.errors import CommandError
from jaxcmp.export.formats import named_weights
from jaxcmp.pretrained.published import to_published, written_layouts

LAYOUTS = {
    ("vit", "safetensors"): "timm_vit",
    ("vit", "npz"): "vit_npz",
    ("resnet", "safetensors"): "torch_resnet",
}


def read(content: bytes, format: str) -> dict[str, np.ndarray]:
    """Reads a file as the library behind its format does."""
    if format == "safetensors":
        return safetensors.load(content)
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return dict(stored)


@pytest.mark.parametrize(("name", "format"), LAYOUTS)
def test_the_file_holds_the_published_arrays_and_no_others_in_the_same_bytes_each_time(
    name, format
):
    trained = make_trained(name)
    content, note = named_weights(trained, format)
    # The library alone writes its description in an order of chance.
    assert {named_weights(trained, format)[0] for _ in range(9)} == {content}
    found = read(content, format)
    layout = written_layouts(trained.model)[LAYOUTS[name, format]]
    expected = to_published(layout, trained.variables, trained.model)
    assert found.keys() == expected.keys()
    for key, array in found.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, expected[key], err_msg=key)
    assert note.startswith(f"{len(expected)} float32 arrays of a ")


def test_the_header_says_what_the_file_is_in_a_few_words():
    content, _ = named_weights(make_trained("vit"), "safetensors")
    length = int.from_bytes(content[:8], "little")
    described = json.loads(content[8 : 8 + length])["__metadata__"]
    assert described.keys() == {"format", "architecture", "class_names", "num_heads"}
    assert (described["format"], described["architecture"]) == ("pt", "ViT")
    assert json.loads(described["class_names"]) == list(CLASS_NAMES)
    # Readers map the arrays into memory.
    assert (8 + length) % 8 == 0


def test_a_network_that_computes_in_fewer_bits_is_written_in_float32():
    content, _ = named_weights(make_trained("vit", dtype=jnp.bfloat16), "safetensors")
    assert {array.dtype for array in read(content, "safetensors").values()} == {np.dtype("f4")}


@pytest.mark.parametrize("format", ["safetensors", "npz"])
def test_a_vit_with_a_convolutional_stem_has_no_published_layout(format):
    trained = make_trained("vit")
    trained = dataclasses.replace(trained, model=trained.model.clone(stem="conv"))
    with pytest.raises(CommandError, match="^no weights are published [^\n]*stablehlo[^\n]*$"):
        named_weights(trained, format)
