"""Marks: each series where it belongs, gaps left open, and nothing hidden by another."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from jaxcmp.compare.document import Axis, Plot, Series
from jaxcmp.compare.pages.marks import draw_marks, line_look, place
from jaxcmp.compare.pages.palette import MARKERS, stand_in

KINDS = Axis("", "category", ["cat", "dog"])


def plot(*series: Series, x=None, y=None) -> Plot:
    return Plot("", x or Axis("x"), y or Axis("y"), list(series))


def drawn(each: Plot):
    axes = Figure().subplots()
    draw_marks(axes, place(each), is_sideways=each.y.scale == "category")
    return axes


def test_a_missing_value_leaves_a_gap():
    (line,) = drawn(plot(Series("a", [1, 2, 3], [5, None, 7], "thin"))).lines
    assert np.isnan(np.asarray(line.get_ydata(), float)).tolist() == [False, True, False]


def test_a_point_between_two_gaps_is_marked():
    (line,) = drawn(plot(Series("a", [1, 2, 3, 4, 5], [5, None, 7, None, 8], "thin"))).lines
    assert line.get_markevery() == [0, 2, 4]
    (line,) = drawn(plot(Series("a", [1, 2, 3], [5, 6, 7], "thin"))).lines
    assert line.get_markevery() == []


def test_the_interval_of_a_mean_is_a_band():
    axes = drawn(plot(Series("a", [1, 2], [5, 6], "thick", 0, [4, 5], [6, 7])))
    (band,) = axes.collections
    assert isinstance(band, PolyCollection)
    heights = np.asarray(band.get_paths()[0].vertices)[:, 1]
    assert (heights.min(), heights.max()) == (4, 7)


def test_points_have_whiskers_along_the_axis_of_the_values():
    series = Series("a", [50, 60], [0, 1], "points", 0, [40, None], [55, None])
    (whiskers,) = drawn(plot(series, y=KINDS)).collections
    assert isinstance(whiskers, LineCollection)
    assert np.array(whiskers.get_segments()).tolist() == [[[40, 0], [55, 0]]]
    upright = Series("a", [0, 1], [50, 60], "points", 0, [40, None], [55, None])
    (whiskers,) = drawn(plot(upright, x=KINDS)).collections
    assert np.array(getattr(whiskers, "get_segments")()).tolist() == [[[0, 40], [0, 55]]]  # noqa: B009


@pytest.mark.parametrize("style", ["bars", "points"])
def test_series_of_one_category_stand_beside_each_other(style):
    first, second = (Series(name, [0, 1], [5, 6], style, arm) for arm, name in enumerate("ab"))
    a, b = place(plot(first, second, x=KINDS))
    assert (b.x - a.x).tolist() == pytest.approx([a.width, a.width])
    assert ((a.x + b.x) / 2).tolist() == pytest.approx([0, 1])


def test_bars_of_a_histogram_do_not_overlap():
    series = Series("a", [0.1, 0.2, 0.4], [1, 2, 3], "bars")
    widths = [patch.get_width() for patch in drawn(plot(series)).patches]  # pyright: ignore
    assert max(widths) < 0.1


def test_an_arm_has_its_colour_and_mark_in_every_style():
    for style in ("thin", "thick", "dashed", "points"):
        (line,) = drawn(plot(Series("a", [1, 2], [5, 6], style, 2))).lines
        assert to_hex(line.get_color()) == stand_in("arm-2")
        if style in {"thick", "points"}:
            assert line.get_marker() == MARKERS[2]


def test_a_second_mean_of_an_arm_looks_different():
    train, test = place(plot(*(Series(n, [1], [2], "thick", 0) for n in ("train", "test"))))
    assert line_look(train) != line_look(test)


def test_runs_lie_below_means_and_means_below_points():
    styles = ("points", "thick", "thin")
    axes = drawn(plot(*(Series(style, [1, 2], [5, 6], style, 0) for style in styles)))
    widths = [line.get_linewidth() for line in axes.lines]
    assert widths == [0.9, 2, 0]


def test_lines_over_categories_have_whiskers_that_do_not_hide_each_other():
    lines = [Series(n, [0, 1], [5, 6], "thick", arm, [4, None], [7, None])
             for arm, n in enumerate("ab")]  # fmt: skip
    first, second = drawn(plot(*lines, x=KINDS)).collections
    assert isinstance(first, LineCollection) and isinstance(second, LineCollection)
    (one,), (two,) = (np.array(getattr(each, "get_segments")()) for each in (first, second))  # noqa: B009
    assert one[:, 1].tolist() == [4, 7] and one[0, 0] < two[0, 0]
