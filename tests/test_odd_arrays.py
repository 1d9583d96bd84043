"""Arrays that no software writes, and a damaged head: one line each, that names the array."""

import numpy as np
import pytest
from sample_weights import VIT
from test_fit import complaint, source_of

from jaxcmp.errors import CommandError, JaxcmpError


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("embedding/kernel", (4, 3, 3, 8), "embedding/kernel is [4, 3, 3, 8] there"),
        ("embedding/kernel", (0, 0, 3, 8), "embedding/kernel is [0, 0, 3, 8] there"),
        (
            "Transformer/posembed_input/pos_embedding",
            (1, 0, 8),
            "0 positions are no square grid",
        ),
    ],
)
def test_what_is_no_square_is_not_resized(name, shape, words):
    source = source_of("vit_npz", arrays={name: np.ones(shape, np.float32)})
    assert words in complaint(source, VIT, CommandError)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.full((8, 3), np.nan), "24 of 24 numbers of head/kernel are not finite"),
        (np.ones((8, 3), np.int32), "head/kernel is int32, not floating point"),
    ],
)
def test_a_head_is_sound_even_where_it_is_not_used(array, words):
    source = source_of("vit_npz", arrays={"head/kernel": array})
    assert words in complaint(source, VIT.clone(num_classes=5), JaxcmpError)
