"""A difference in words and in a cell: its sign, its interval, and how surely."""

import pytest

from jaxcmp.compare.sections.differences import as_text, in_words
from jaxcmp.compare.statistics.means import Estimate

GAP = Estimate(-5.0, (-6.0, -4.0), 0.0004)


@pytest.mark.parametrize(
    ("found", "options", "words"),
    [
        (GAP, {}, "5.00 points (95 % interval 4.00 to 6.00, p < 0.001)"),
        (GAP, {"is_signed": True}, "−5.00 points (95 % interval −6.00 to −4.00, p < 0.001)"),
        (
            *(GAP, {"of": "classes"}),
            "5.00 points (95 % interval 4.00 to 6.00, p < 0.001 after Holm's correction for all "
            "classes)",
        ),
        (
            *(Estimate(5.0, None, 0.1), {"also": "n = 3"}),
            "5.00 points (seeds equal within each arm, p = 0.1, n = 3)",
        ),
        (
            Estimate(5.0),
            {},
            "5.00 points (too few seeds, or equal ones, for an interval)",
        ),
    ],
)
def test_a_size_has_its_interval_and_p_value_or_says_why_not(found, options, words):
    assert in_words(found, **options) == words


def test_a_size_without_a_sign_is_the_same_from_either_side():
    assert in_words(GAP) == in_words(GAP.times(-1)) and as_text(GAP) == "−5.00 [−6.00, −4.00]"
