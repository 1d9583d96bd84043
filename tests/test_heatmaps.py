"""Heatmaps: opacity that grows with the value, and numbers that can be read on it."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from test_palette import MODES, channels, contrast

from jaxcmp.compare.document import Heatmap
from jaxcmp.compare.pages.heatmaps import LEVELS, TURN, cell_texts, draw_heatmap, is_wide, size
from jaxcmp.compare.pages.palette import stand_in


def heatmap(values, *, is_diverging=False, names=None) -> Heatmap:
    rows = names or [f"class {i}" for i in range(len(values))]
    columns = names or [f"class {i}" for i in range(len(values[0]) if len(values) else 0)]
    listed = [[None if v is None else float(v) for v in row] for row in values]
    return Heatmap("", "true", "predicted", rows, columns, listed, "%", is_diverging)  # pyright: ignore


def drawn(each: Heatmap):
    return draw_heatmap(Figure(figsize=size(each)), each)


def patches_of(axes) -> list[PathPatch]:
    return [patch for patch in axes.patches if isinstance(patch, PathPatch)]


@pytest.mark.parametrize("hue", ["heat", "more", "less"])
@pytest.mark.parametrize("mode", MODES)
def test_a_number_can_be_read_at_every_opacity_of_its_cell(mode, hue):
    colours = {name: channels(colour) for name, colour in MODES[mode].items()}
    for level in range(LEVELS + 1):
        share = level / LEVELS
        cell = share * colours[hue] + (1 - share) * colours["paper"]
        text = "cell-paper" if level >= TURN else "cell-ink"
        assert contrast(colours[text], cell) >= 4.5, level


def test_the_larger_value_is_the_more_opaque_and_zero_is_paper():
    axes = drawn(heatmap([[0, 1], [5, 10]]))
    opacities = [patch.get_alpha() or 0 for patch in patches_of(axes)]
    assert opacities == sorted(opacities) and len(opacities) == 3
    assert opacities[-1] == 1


def test_more_and_less_than_zero_have_different_hues():
    colours = {
        patch.get_facecolor()[:3]
        for patch in patches_of(drawn(heatmap([[-3, 3]], is_diverging=True)))
    }
    assert colours == {to_rgba(stand_in("less"))[:3], to_rgba(stand_in("more"))[:3]}


def test_every_cell_of_a_small_matrix_has_its_number():
    axes = drawn(heatmap([[97.25, 0], [2.75, 100]]))
    assert [text.get_text() for text in axes.texts] == ["97.2", "0", "2.8", "100"]


def test_what_is_missing_has_neither_a_number_nor_a_colour():
    axes = drawn(heatmap([[None, 1]]))
    assert [text.get_text() for text in axes.texts] == ["", "1"]
    assert len(patches_of(axes)) == 1


def test_many_classes_have_fewer_names_and_a_scale_in_place_of_numbers():
    axes = drawn(heatmap(np.eye(100)))
    assert not axes.texts
    assert len(axes.get_xticks()) <= 34
    figure = axes.get_figure()
    assert figure is not None and len(figure.axes) == 2


def test_numbers_in_narrow_cells_have_no_decimals():
    assert cell_texts(np.array([[1.5, 22.25]])) == [["1.5", "22.2"]]
    assert cell_texts(np.full((15, 15), 22.6))[0][0] == "23"
    assert cell_texts(np.array([[-0.04, -1234.5]])) == [["0", "−1,200"]]


def test_a_matrix_of_many_classes_takes_the_width_of_the_page():
    assert not is_wide(heatmap(np.eye(10))) and is_wide(heatmap(np.eye(15)))
    assert size(heatmap(np.eye(15)))[0] > size(heatmap(np.eye(10)))[0]


def test_a_matrix_of_zeros_and_one_without_rows_can_be_drawn():
    assert not patches_of(drawn(heatmap([[0, 0]])))
    assert not patches_of(drawn(heatmap([])))
