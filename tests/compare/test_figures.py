"""Figures: what is drawn, where, and what it says on hover."""

import re
from xml.etree import ElementTree

import pytest
from msgspec import structs
from sample_report import HOSTILE, curves

from jaxcmp.compare.document import Axis, Figure, Heatmap, Numbers, Plot, Series, Style
from jaxcmp.compare.pages.figures import draw, file_of
from jaxcmp.compare.pages.limits import share_limits
from jaxcmp.compare.words import clean


def figure(*panels: Plot | Heatmap) -> Figure:
    return Figure("f", list(panels), "caption", "alternative")


def plot(*series: Series, x: Axis | None = None, y: Axis | None = None, title="Title") -> Plot:
    return Plot(title, x or Axis("epoch"), y or Axis("test accuracy, %"), list(series))


def texts(svg: str) -> list[str]:
    return [each.strip() for each in re.findall(r"<text[^>]*>([^<]*)", svg)]


def line(label: str, y: Numbers, style: Style = "thick", arm: int | None = 0, **rest) -> Series:
    return Series(label, [float(i) for i in range(1, len(y) + 1)], y, style, arm, **rest)


def test_lines_are_named_at_their_ends_and_many_in_a_legend():
    few = draw(figure(plot(line("one", [1, 50]), line("two", [2, 90], arm=1))))[0]
    many = draw(figure(plot(*(line(f"arm {i}", [1, 50 + i], arm=i) for i in range(7)))))[0]
    assert {"one", "two"} <= set(texts(few.svg)) and "legend" not in few.svg
    assert {f"arm {i}" for i in range(7)} <= set(texts(many.svg))


def test_names_at_ends_that_meet_stand_a_line_apart():
    (drawing,) = draw(figure(plot(line("one", [1, 50]), line("two", [2, 50], arm=1))))
    heights = re.findall(r'<text[^>]*y="([\d.]+)"[^>]*>(?:one|two)<', drawing.svg)
    assert abs(float(heights[0]) - float(heights[1])) >= 11.9


def test_runs_are_named_only_where_no_mean_of_their_arm_is():
    thin, mean = line("seed 0", [1, 2], "thin"), line("mean", [1, 2])
    assert "seed 0" not in texts(draw(figure(plot(thin, mean, line("b", [3, 4], arm=1))))[0].svg)
    assert "seed 0" in texts(draw(figure(plot(thin, line("b", [3, 4], arm=1))))[0].svg)


def test_panels_of_one_quantity_share_their_limits():
    one, two = share_limits([plot(line("a", [10, 20])), plot(line("b", [30, 80]))])
    other = share_limits([plot(line("a", [1, 2])), plot(line("b", [1, 2]), y=Axis("loss"))])
    assert isinstance(one, Plot) and isinstance(two, Plot)
    assert one.y.limits == two.y.limits == (6.5, 83.5)
    assert all(isinstance(each, Plot) and each.y.limits is None for each in other)


def test_bars_stand_on_zero_and_share_their_scale():
    category = Axis("component", "category", ["a"])
    panels = [
        plot(Series("s", [value], [0.0], "bars", 0), x=Axis("count"), y=category)
        for value in (5.0, 20.0)
    ]
    limits = [each.x.limits for each in share_limits(panels) if isinstance(each, Plot)]
    assert limits == [(0.0, 21.0), (0.0, 21.0)]


def test_no_axis_of_shares_goes_beyond_all_of_them():
    (drawing,) = draw(figure(plot(line("a", [99, 100]), line("b", [98, 99], arm=1))))
    ticks = [float(each) for each in texts(drawing.svg) if re.fullmatch(r"[\d.]+", each)]
    assert max(ticks) <= 100


def test_a_logarithmic_axis_names_its_steps_and_leaves_zero_out():
    axis = Axis("training images", "log")
    series = Series("a", [0.0, 500.0, 50_000.0], [1, 2, 3], "points", 0)
    (drawing,) = draw(figure(plot(series, x=axis)))
    assert {"1,000", "10,000"} <= set(texts(drawing.svg))


def test_hover_has_every_value_with_its_interval_at_its_place():
    series = line("a", [50.0, None, 60.0], low=[49.0, None, 58.0], high=[51.0, None, 62.0])
    (drawing,) = draw(figure(plot(series, line("b", [1, 2, 3], arm=1))))
    label, arm, points = drawing.hover.traces[0]
    assert (label, arm, drawing.hover.along) == ("a", 0, "x")
    assert [drawing.hover.heads[point[2]] for point in points] == ["Epoch 1", "Epoch 3"]
    assert [point[3] for point in points] == ["50.00 % [49 to 51]", "60.00 % [58 to 62]"]
    left, top, right, bottom = drawing.hover.box
    assert all(left <= x <= right and top <= y <= bottom for x, y, *_ in points)
    # The higher value is nearer to the top.
    assert points[1][1] < points[0][1]


def test_a_guide_has_no_values_to_show():
    guide = Series("as sure as right", [0.0, 100.0], [0.0, 100.0], "reference")
    (drawing,) = draw(figure(plot(guide, line("a", [1, 2], "points"))))
    assert [label for label, *_ in drawing.hover.traces] == ["a"]


def test_series_that_share_categories_stand_side_by_side():
    axis = Axis("class", "category", ["cat", "dog"])
    both = [Series(name, [90.0, 80.0], [0.0, 1.0], "points", arm) for arm, name in enumerate("ab")]
    (drawing,) = draw(figure(plot(*both, x=Axis("test accuracy, %"), y=axis)))
    (_, _, one), (_, _, two) = drawing.hover.traces
    assert one[0][1] < two[0][1] and one[0][2] == two[0][2]
    assert drawing.hover.heads == ["cat", "dog"] and drawing.hover.along == "y"


def matrix(num: int, **rest) -> Heatmap:
    names = [f"class {i}" for i in range(num)]
    values: list[list[float | None]] = [
        [100.0 if i == j else 0.25 for j in range(num)] for i in range(num)
    ]
    return Heatmap("M", "true class", "answer", names, names, values, "%", **rest)


SIZES = [(3, False, True), (15, True, True), (30, True, False)]


@pytest.mark.parametrize(("num", "wide", "numbered"), SIZES)
def test_cells_have_numbers_as_long_as_they_fit(num, wide, numbered):
    (drawing,) = draw(figure(matrix(num)))
    assert drawing.is_wide == wide and ("100" in texts(drawing.svg)) == numbered
    assert drawing.hover.texts[0][0] == "100.00 %"
    assert drawing.hover.rows[2] == "true class: class 2"


def test_cells_of_one_value_are_one_shape_and_signs_have_two_hues():
    values: list[list[float | None]] = [[2.0, -2.0], [2.0, None]]
    diverging = Heatmap("M", "r", "c", ["a", "b"], ["a", "b"], values, "points", True)
    (drawing,) = draw(figure(diverging))
    painted = drawing.on_page("p-")
    assert painted.count("fill: var(--more)") == painted.count("fill: var(--less)") == 1
    assert drawing.hover.texts[1][1] == "no value"


def test_the_same_figure_is_drawn_alike_and_its_ids_do_not_meet_those_of_others():
    one, two = (draw(curves()) for _ in range(2))
    assert one == two
    pages = [each.on_page(prefix) for each in one for prefix in ("a-", "b-")]
    ids = [name for page in pages for name in set(re.findall(r' id="([^"]*)"', page))]
    assert len(ids) == len(set(ids))
    for page in pages:
        referred = set(re.findall(r'(?:href="#|url\(#)([^")]*)', page))
        assert referred <= set(re.findall(r' id="([^"]*)"', page))
        assert "<style" not in page and "#0a0b" not in page


def test_a_file_stands_alone_with_all_its_panels_and_colours():
    content = file_of(curves(), draw(curves()))
    root = ElementTree.fromstring(content)
    assert root.tag.endswith("svg") and b"var(--" not in content and b"#0a0b" not in content
    titles = [panel.title for panel in curves().panels]
    assert all(title.encode() in content for title in titles)


def test_every_panel_of_a_file_lies_within_it():
    drawings = draw(curves())
    root = ElementTree.fromstring(file_of(curves(), drawings))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    panels = [each for each in root if each.tag.endswith("svg")]
    assert len(panels) == len(drawings) > 1
    for panel, drawing in zip(panels, drawings, strict=True):
        # Without a unit: a point of the panel is a unit of the file.
        x, y, w, h = (float(panel.attrib[name]) for name in ("x", "y", "width", "height"))
        assert (w, h) == pytest.approx((drawing.width, drawing.height))
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= height
    shown = [float(root.attrib[name]) for name in ("width", "height")]
    assert shown[0] / shown[1] == pytest.approx(width / height, rel=1e-3)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_drawn_as_text(name):
    axis = Axis(name, "category", [name])
    panels = [
        plot(
            Series(name, [1.0], [0.0], "points", 0),
            Series("b", [2.0], [0.0], "points", 1),
            x=Axis(name),
            y=axis,
            title=name,
        ),
        Heatmap(name, name, name, [name], [name], [[1.0]], name),
    ]
    drawings = draw(figure(*panels))
    content = file_of(structs.replace(figure(*panels), alternative=name), drawings)
    root = ElementTree.fromstring(content)
    assert not [each for each in root.iter() if each.tag.endswith(("script", "img"))]
    assert clean(name) in "".join(root.itertext())


def test_nothing_to_draw_is_said():
    assert "no values" in texts(draw(figure(plot(line("a", [None, None]))))[0].svg)
    assert draw(figure()) == [] and file_of(figure(), []).startswith(b"<svg")


def test_a_long_name_keeps_both_ends():
    assert clean("resnet (peak_learning_rate=0.0005)", 20) == "resnet (peak_….0005)"
    assert clean("short", 20) == "short"
