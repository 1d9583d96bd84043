"""Forms: each direction undoes the other, to the bit."""

import numpy as np
import pytest

from jaxcmp.pretrained import forms

WIDTH, HEADS = 6, 3
FORMS = {
    "same": (forms.SAME, (4, WIDTH), [(4, WIDTH)]),
    "dense": (forms.DENSE, (4, WIDTH), [(WIDTH, 4)]),
    "convolution": (forms.CONVOLUTION, (3, 3, 2, 5), [(5, 2, 3, 3)]),
    "fused kernel": (forms.fused_heads(HEADS), (WIDTH, 3 * WIDTH), 3 * [(WIDTH, HEADS, 2)]),
    "fused bias": (forms.fused_heads(HEADS), (3 * WIDTH,), 3 * [(HEADS, 2)]),
    "joined heads": (forms.joined_heads(HEADS), (WIDTH, 4), [(HEADS, 2, 4)]),
}


@pytest.mark.parametrize(("form", "ours", "theirs"), FORMS.values(), ids=FORMS)
def test_what_is_written_is_read_back_to_the_bit(form, ours, theirs):
    array = np.random.default_rng(0).standard_normal(ours, np.float32)
    parts = form.write(array)
    assert [part.shape for part in parts] == theirs
    np.testing.assert_array_equal(form.read(parts), array)


@pytest.mark.parametrize(("form", "ours", "theirs"), FORMS.values(), ids=FORMS)
def test_an_entry_knows_the_shapes_in_the_file_without_the_array(form, ours, theirs):
    entry = forms.entry("params/x", "a", form=form)
    assert entry.shapes_there(ours) == theirs


def test_queries_come_first_and_heads_lie_side_by_side():
    query, key, value = (np.full((WIDTH, HEADS, 2), fill) for fill in (1.0, 2.0, 3.0))
    query[:, 1] = 7
    read = forms.fused_heads(HEADS).read([query, key, value])
    np.testing.assert_array_equal(read[0], [1, 1, 7, 7, 1, 1, *6 * [2], *6 * [3]])


def test_a_dense_kernel_is_turned_and_a_convolutions_taps_stay_in_place():
    np.testing.assert_array_equal(forms.DENSE.read([np.arange(6).reshape(2, 3)])[2], [2, 5])
    kernel = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    assert forms.CONVOLUTION.read([kernel])[3, 4, 2, 1] == kernel[1, 2, 3, 4]


def test_numbered_parts_are_counted_once_each():
    names = ["blocks.0.a", "blocks.0.b", "blocks.11.a", "blocks", "norm", "blocks.x"]
    assert forms.count_numbers(names, "blocks.") == 2
