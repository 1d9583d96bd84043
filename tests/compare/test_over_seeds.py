"""Means over seeds in a figure: with an interval from three seeds on, each seed below that."""

import pytest

from jaxcmp.compare.sections.over_seeds import over_seeds


def test_three_seeds_have_an_interval_that_ends_where_shares_do():
    (line,) = over_seeds("vit", [1.0, 2.0], [[98, 99, 100], [50, 51, 52]], "thick", 0, [3, 4, 5])
    assert line.y == pytest.approx([99, 51]) and line.runs == [3, 4, 5]
    # Deviation 1, t(0.975, 2) = 4.3027 in any table: 4.3027 / sqrt(3) = 2.4841.
    assert line.low == pytest.approx([99 - 2.4841, 51 - 2.4841], abs=1e-4)
    assert line.high == pytest.approx([100, 51 + 2.4841], abs=1e-4)


def test_of_two_seeds_each_has_a_thin_line_and_the_mean_no_interval():
    *seeds, line = over_seeds("vit", [1.0, 2.0], [[40, 50], [60, 80]], "thick", 0, [3, 4])
    assert [each.style for each in seeds] == ["thin", "thin"]
    assert [each.y for each in seeds] == [[40, 60], [50, 80]]
    assert (line.y, line.low, line.high) == ([45, 70], None, None)


def test_places_of_one_seed_of_none_and_of_many_have_no_thin_lines():
    first, second, line = over_seeds(
        "vit", [1.0, 2.0, 3.0, 4.0], [[40], [], [60, 80], [1, 2, 3]], "dashed", 0, [3]
    )
    assert first.y == [None, None, 60, None] and second.y == [None, None, 80, None]
    assert line.y == [40, None, 70, 2]
    assert line.low is not None and line.low[:3] == [None, None, None] and line.low[3] is not None
