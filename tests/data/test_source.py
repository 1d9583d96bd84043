"""The choice of the training and test splits of any source."""

import pytest
from sample_data import Made, made_examples

from jaxcmp.data.source import choose_split, choose_test
from jaxcmp.errors import CommandError

ROWS = made_examples(3)
UNLABELLED = [row._replace(label=-1) for row in ROWS]


def chosen(splits, *, test_fraction=0.0):
    return choose_test(Made(splits), test_fraction=test_fraction)


def test_the_test_split_is_the_first_of_test_and_validation_that_has_labels():
    train, others = {"train": ROWS}, {"validation": ROWS}
    assert chosen(train | {"test": ROWS}) == "test"
    assert chosen(train | others) == "validation"
    assert chosen(others | train | {"test": ROWS}) == "test"
    assert chosen(train | others | {"test": UNLABELLED}) == "validation"


@pytest.mark.parametrize(
    ("splits", "words"),
    [
        ({"train": ROWS}, "has the split train alone"),
        ({"train": ROWS, "extra": ROWS}, "has the split train alone"),
        ({"train": ROWS, "test": UNLABELLED}, "has a split test that has no labels"),
    ],
)
def test_without_a_test_split_a_test_fraction_is_required(splits, words):
    expected = f"data set made {words}.*: --config.data.test_fraction=0.2 holds a fifth"
    with pytest.raises(CommandError, match=expected):
        chosen(splits)
    assert chosen(splits, test_fraction=0.2) is None


def test_a_test_fraction_is_refused_if_there_is_a_test_split():
    expected = "data.test_fraction=0.2 is for data .* and made has one, validation: set it to 0"
    with pytest.raises(CommandError, match=expected):
        chosen({"train": ROWS, "validation": ROWS, "test": UNLABELLED}, test_fraction=0.2)


@pytest.mark.parametrize("names", [("test",), ("extra", "test")])
def test_a_missing_training_split_is_refused_with_the_existing_ones(names):
    with pytest.raises(CommandError, match=f"the splits {', '.join(names)}: train is needed"):
        chosen({name: ROWS for name in names})


def one(splits, wanted, *, test_fraction=0.0):
    return choose_split(Made(splits), wanted, test_fraction=test_fraction)


def test_one_split_needs_no_training_images():
    assert one({"test": ROWS}, "test") == ("test", False)
    assert one({"validation": ROWS, "test": UNLABELLED}, "test") == ("validation", False)
    assert one({"extra": ROWS}, "extra") == ("extra", False)
    assert one({"train": ROWS}, "test", test_fraction=0.2) == ("train", True)
    assert one({"train": ROWS}, "test") == ("train", False)


@pytest.mark.parametrize(
    ("splits", "wanted", "words"),
    [
        ({"train": ROWS, "x": ROWS}, "test", "--split=test: data set made has no .*; it has train"),
        ({"train": ROWS, "extra": ROWS}, "extre", "no such split; did you mean extra?"),
        ({}, "test", "it has none"),
    ],
)
def test_a_split_that_does_not_exist_is_refused(splits, wanted, words):
    with pytest.raises(CommandError, match=words):
        one(splits, wanted)
