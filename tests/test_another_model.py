"""A model that a part of the package does not know is an error there, never taken for another."""

from typing import Any

import pytest
from flax import linen as nn

from jaxcmp import models
from jaxcmp.export import snippets
from jaxcmp.pretrained.published import LAYOUTS, own_entries
from jaxcmp.runtime import requirements


class Mixer(nn.Module):
    """A third model, of which nothing but its name is known."""

    image_size: int = 8

    def __call__(self, images, *, is_training=False):
        return images


@pytest.fixture
def mixer(monkeypatch) -> Any:
    monkeypatch.setitem(models.MODELS, "mixer", Mixer)
    return Mixer()


@pytest.mark.parametrize(
    "ask",
    [
        requirements.num_parameters,
        requirements.block_values,
        lambda model: snippets.library_for(model, "safetensors"),
        LAYOUTS[0].entries,
        own_entries,
    ],
)
def test_it_is_named(mixer, ask):
    with pytest.raises((AssertionError, LookupError), match="(?i)mixer"):
        ask(mixer)
