"""What hovering shows lies where the figure has drawn it, and says what the data say."""

from xml.etree import ElementTree

import pytest
from sample_report import confusion, curves, gaps, single

from jaxcmp.compare.document import Axis, Figure, Plot, Series
from jaxcmp.compare.pages.figures import Drawing, draw
from jaxcmp.compare.pages.hover import Grid, Traces


def traces(drawing: Drawing) -> Traces:
    assert isinstance(drawing.hover, Traces)
    return drawing.hover


def draw_plot(*series: Series, x=None, y=None) -> Drawing:
    panel = Plot("", x or Axis("epoch"), y or Axis("accuracy, %"), list(series))
    return draw(Figure("f", [panel], "", ""))[0]


def test_points_lie_where_the_figure_has_its_markers():
    drawing = draw_plot(Series("a", [1, 2, 4], [10, 20, 15], "points", 0))
    uses = [each for each in ElementTree.fromstring(drawing.svg).iter("use")]
    drawn = [(float(use.get("x", 0)), float(use.get("y", 0))) for use in uses]
    told = [(x, y) for x, y, _, _ in traces(drawing).traces[0].points]
    # The other uses are the ticks' and the legend's.
    for x, y in told:
        assert any(abs(x - a) < 0.2 and abs(y - b) < 0.2 for a, b in drawn)


def test_a_value_is_told_with_its_place_its_unit_and_its_interval():
    drawing = draw_plot(Series("a", [3], [93.4321], "thick", 0, [93.0], [94.0]))
    hover = traces(drawing)
    (point,) = hover.traces[0].points
    assert hover.heads[point[2]] == "epoch 3"
    assert point[3] == "93.43 % (93.00 to 94.00)"


def test_what_is_missing_and_what_a_log_axis_cannot_show_is_not_told():
    hover = traces(draw_plot(Series("a", [1, 2, 3], [5, None, 7], "thin")))
    assert len(hover.traces[0].points) == 2
    hover = traces(draw_plot(Series("a", [1, 2], [0, 7], "thin"), y=Axis("loss", "log")))
    assert len(hover.traces[0].points) == 1


def test_means_come_before_runs_and_guides_are_left_out():
    styles = ("thin", "thick", "reference", "dashed")
    hover = traces(draw_plot(*(Series(style, [1, 2], [5, 6], style, 0) for style in styles)))
    assert [each.label for each in hover.traces] == ["thick", "dashed", "thin"]
    assert [each.is_guide for each in hover.traces] == [False, True, False]


@pytest.mark.parametrize(("figure", "along"), [(curves(), "x"), (gaps(), "y"), (single(), "both")])
def test_the_nearest_values_are_sought_along_the_axis_of_the_places(figure, along):
    assert traces(draw(figure)[0]).along == along


def test_a_category_is_told_by_its_name_wherever_its_series_stand():
    hover = traces(draw(gaps())[0])
    for trace in hover.traces:
        assert [hover.heads[point[2]] for point in trace.points][:2] == ["airplane", "automobile"]
    assert hover.traces[0].points[0][3] == "85.70 % (83.70 to 87.70)"


def test_points_lie_inside_the_box_of_the_axes():
    for drawing in draw(curves()):
        hover = traces(drawing)
        left, top, right, bottom = hover.box
        points = [point for trace in hover.traces for point in trace.points]
        assert points and all(left <= x <= right and top <= y <= bottom for x, y, _, _ in points)


def test_a_heatmap_tells_every_cell_with_its_row_and_column():
    figure = confusion()
    hover = draw(figure)[0].hover
    assert isinstance(hover, Grid)
    assert hover.values == figure.panels[0].values  # pyright: ignore
    assert (hover.rows[3], hover.columns[5], hover.unit) == ("cat", "dog", "%")
