"""Names: at the ends of lines where there is room, else in a legend, and once each."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from jaxcmp.compare.document import Axis, Plot, Series
from jaxcmp.compare.pages.legends import (
    LINE_HEIGHT,
    MAX_SHIFT,
    Name,
    add_legend,
    name_ends,
    named,
    part,
)
from jaxcmp.compare.pages.marks import draw_marks, place
from jaxcmp.compare.pages.svg import settings


def drawn(*series: Series):
    placed = place(Plot("", Axis("x"), Axis("y"), list(series)))
    figure = Figure(figsize=(4.4, 3.1), layout="constrained")
    axes = figure.subplots()
    draw_marks(axes, placed, is_sideways=False)
    return figure, axes, placed


def line(
    label: str, end: float, arm: int | None = 0, style: Any = "thick", last: float = 10
) -> Series:
    return Series(label, [0, last], [0, end], style, arm)


def texts(names: list[Name]) -> list[str]:
    return [name.text.get_text() for name in names]


def test_lines_are_named_at_their_ends():
    with settings():
        _, axes, placed = drawn(line("ViT", 5), line("ResNet", 9, 1))
        assert texts(name_ends(axes, placed)) == ["ViT", "ResNet"]


def test_a_name_that_is_long_or_a_line_that_ends_early_needs_a_legend():
    with settings():
        _, axes, placed = drawn(line("a name that is far too long here", 5))
        assert name_ends(axes, placed) == []
        _, axes, placed = drawn(line("ViT", 5), line("ResNet", 9, 1, last=4))
        assert name_ends(axes, placed) == []


def test_points_have_no_end_and_so_a_legend():
    with settings():
        _, axes, placed = drawn(line("ViT", 5, style="points"))
        assert name_ends(axes, placed) == []


def test_single_runs_are_named_only_where_there_is_no_mean():
    runs = [line(f"seed {seed}", 5, style="thin") for seed in (0, 1)]
    _, _, placed = drawn(*runs)
    assert [each.series.label for each in named(placed)] == ["seed 0", "seed 1"]
    _, _, placed = drawn(*runs, line("ViT", 5))
    assert [each.series.label for each in named(placed)] == ["ViT"]


def test_a_series_without_a_label_or_with_one_told_already_is_not_named_again():
    _, _, placed = drawn(line("ViT", 5), line("ViT", 5, style="points"), line(" ", 3))
    assert len(named(placed)) == 1


def test_a_legend_shows_names_that_matplotlib_would_hide():
    with settings():
        figure, _, placed = drawn(line("_hidden", 5), line("$x$", 6, 1))
        add_legend(figure, placed)
        assert [text.get_text() for text in figure.legends[0].get_texts()] == ["_hidden", "$x$"]


def test_many_names_make_the_figure_taller():
    with settings():
        figure, _, placed = drawn(*(line(f"a rather long name {i}", i, i) for i in range(8)))
        add_legend(figure, placed)
        assert figure.get_figheight() > 3.1


def test_one_series_of_no_arm_needs_no_legend():
    with settings():
        figure, _, placed = drawn(line("Gap", 5, None, "points"))
        add_legend(figure, placed)
        assert not figure.legends


def test_an_arm_that_the_title_names_needs_no_legend():
    with settings():
        figure, _, placed = drawn(line("ViT", 5, 0, "bars"))
        add_legend(figure, placed, "ViT: parameters")
        assert not figure.legends
        add_legend(figure, placed, "Parameters")
        assert figure.legends


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_names_are_parted_by_a_line_and_stay_near_their_lines_or_a_legend_is_asked_for(heights):
    figure = Figure(figsize=(4.4, 3.1))
    axes = figure.subplots()
    names = [Name(axes.text(1, 0.5, "x", transform=axes.transAxes), (1, y)) for y in heights]
    is_parted = part(axes, names)
    size = axes.bbox.height
    placed = np.array([float(name.text.get_position()[1]) * size for name in names])
    if is_parted:
        assert (np.diff(np.sort(placed)) >= LINE_HEIGHT - 1e-6).all()
        assert (np.abs(placed - np.array(heights, dtype=float) * size) <= MAX_SHIFT + 1e-6).all()
    else:
        ends = sorted(height * size for height in heights)
        assert min(np.diff(ends)) < LINE_HEIGHT
