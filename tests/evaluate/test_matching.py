"""Classes are matched by name, letter by letter, and by position only if that is asked for."""

import re

import pytest

from jaxcmp.errors import CommandError
from jaxcmp.evaluate.matching import match_classes

OURS = ("airplane", "bird", "cat", "dog")
NUMBERS = ("0", "1", "2", "3")


def places(theirs, ours=OURS, *, by_position=False):
    return match_classes("made", theirs, ours, by_position=by_position).tolist()


def test_the_order_of_classes_does_not_matter_and_some_may_be_missing():
    assert places(("dog", "airplane", "cat", "bird")) == [3, 0, 2, 1]
    assert places(("cat", "airplane")) == [2, 0]


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        (("cat", "yak", "dog"), "classes of made: yak; --config.data.classes=0,2 leaves them out"),
        (("Cat", "dog", "bird"), "Cat (near cat); --config.data.classes=1,2"),
        (("birds", "gnu"), "birds (near bird), gnu; it shares no class with the run"),
        (("cat", "gnu"), "gnu; a single class is no choice"),
        (tuple("abcdefg"), "a, b, c, d, e and 2 more; it shares no class"),
        (("cat", "dog", "cat"), "made has two classes named 'cat'"),
        (NUMBERS, "numbers its classes and does not name them: if they are in the order of the "),
        (NUMBERS[:3], "does not know these classes of made: 0, 1, 2"),
    ],
)
def test_classes_that_the_model_does_not_know_are_named_with_what_to_do(theirs, words):
    with pytest.raises(CommandError, match=re.escape(words)) as caught:
        places(theirs)
    assert "\n" not in str(caught.value)


def test_classes_to_choose_are_numbered_as_the_data_set_numbers_them():
    with pytest.raises(CommandError, match=r"--config\.data\.classes=3,7 leaves them out"):
        match_classes("made", ("cat", "yak", "dog"), OURS, by_position=False, numbers=(3, 5, 7))


def test_numbers_are_names_where_both_have_them():
    assert places(("2", "0"), NUMBERS) == [2, 0]


def test_by_position_takes_equal_numbers_of_classes_in_order():
    assert places(NUMBERS, by_position=True) == [0, 1, 2, 3]
    with pytest.raises(CommandError, match="--by_position: made has 3 classes and the model 4"):
        places(NUMBERS[:3], by_position=True)
