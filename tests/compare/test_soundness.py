"""Run folders that are odd or contradict themselves: named and left out, never believed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from sample_runs import Sample, write_run, write_runs

from jaxcmp import runs
from jaxcmp.compare.document import Report, to_json
from jaxcmp.compare.grouping import group
from jaxcmp.compare.report import build
from jaxcmp.compare.sources import read_outcomes

SMALL: dict[str, Any] = {"num_test": 40, "num_epochs": 3}


def change(path: Path, key: str, value: Any) -> None:
    """Changes a value of a file, of the metrics in the last line."""
    is_metrics = path.name == runs.METRICS
    *before, last = path.read_text().splitlines() if is_metrics else [path.read_text()]
    stored = json.loads(last)
    *sections, name = key.split(".")
    here = stored
    for section in sections:
        here = here[section]
    here[name] = value
    path.write_text("\n".join([*before, json.dumps(stored)]))


def change_arrays(folder: Path, **changes: np.ndarray) -> None:
    with np.load(folder / runs.PREDICTIONS) as stored:
        arrays: dict[str, Any] = dict(stored) | changes
    np.savez(folder / runs.PREDICTIONS, **arrays)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A run with held-out images, beside another one."""
    held_out = Sample("vit", num_validation=20, **SMALL)
    return write_runs(tmp_path, Sample("resnet", **SMALL), held_out)[1]


def why_left_out(folder: Path) -> str:
    """The reason why this run alone is left out of those beside it."""
    outcomes, left_out = read_outcomes([folder.parent])
    assert [each.folder for each in left_out] == [str(folder)]
    assert str(folder) not in [each.folder for each in outcomes] and outcomes
    return left_out[0].reason


def test_answers_that_were_altered_are_not_believed(folder):
    with np.load(folder / runs.PREDICTIONS) as stored:
        logits = stored["logits"]
    # Surer than they were, which changes no answer.
    change_arrays(folder, logits=2 * logits)
    assert "test_loss is" in why_left_out(folder)
    change_arrays(folder, logits=-logits)
    assert "test_accuracy is" in why_left_out(folder)
    change_arrays(folder, logits=np.where(np.arange(5) == 1, np.nan, logits))
    reason = "predictions.npz cannot be used: a logit is not finite"
    assert why_left_out(folder).endswith(reason)
    change_arrays(folder, logits=logits)
    assert read_outcomes([folder.parent])[1] == []


PICTURE = np.zeros((1, 8, 8, 3), np.uint8)
ARRAYS = {
    "logits that are whole numbers": {"logits": np.zeros((40, 5), int)},
    "logits that are text": {"logits": np.full((40, 5), "0.5")},
    "complex logits": {"logits": np.zeros((40, 5), complex)},
    "logits beyond float32": {"logits": np.full((40, 5), 1e300)},
    "labels that are no whole numbers": {"labels": np.full(40, 0.7)},
    "labels beyond int32": {"labels": np.full(40, 2**32)},
    "ids below 0 that wrap": {"ids": np.arange(40, dtype=np.uint64) + np.uint64(2**63)},
    "names in a table": {"class_names": np.full((5, 1), "a")},
    "names that are numbers": {"class_names": np.arange(5)},
    "other names": {"class_names": np.array(list("abcde"))},
    "a picture of another image": {"picture_ids": np.array([99]), "pictures": PICTURE},
    "pictures that are no pictures": {
        "picture_ids": np.array([1]),
        "pictures": np.zeros((1, 8, 8, 9), np.uint8),
    },
    "pictures of another type": {"picture_ids": np.array([1]), "pictures": np.zeros((1, 8, 8, 3))},
}


@pytest.mark.parametrize("arrays", ARRAYS.values(), ids=ARRAYS)
def test_arrays_of_another_kind_are_never_turned_into_answers(folder, arrays):
    change_arrays(folder, **arrays)
    assert "cannot be used: " in why_left_out(folder)


@pytest.mark.parametrize(
    ("name", "key", "value", "reason"),
    [
        (runs.COST, "parameters.total", 7, "the components of parameters do not add up"),
        (runs.COST, "train_seconds", 1.0, "its train_seconds is another than that of result.json"),
        (runs.RESULT, "parameters", 7, "parameters, and 7 in result.json"),
        (runs.RESULT, "epochs", 4, "4 epochs, and num_epochs=3"),
        (runs.RESULT, "num_test", 41, "num_test is 41, and 40 by predictions.npz"),
        (runs.RESULT, "steps", 9, "metrics.jsonl cannot be used: it ends with step 1,170 of 9"),
        (runs.METRICS, "train_loss", None, "train_loss of epoch 3 is not finite"),
        (runs.RESULT, "train_seconds", None, "train_seconds is not known"),
        (runs.ENVIRONMENT, "data.mean", [0.5], "data.mean and data.std are not as many"),
        (runs.CONFIG, "config.model.patch_size", 64, "patch_size is larger than"),
        (runs.CONFIG, "config.init.path", "a.npz", "init.json cannot be used: it is missing, and"),
        # A score does not follow from the predictions.
        *(
            (runs.RESULT, score, 0.123, f"result.json cannot be used: {score} is 0.123, and 0.")
            for score in ("test_accuracy", "test_loss", "validation_accuracy")
        ),
        # A file is missing.
        (runs.ENVIRONMENT, "", None, "environment.json cannot be used: it is missing"),
        (runs.COST, "", None, "cost.json cannot be used: it is missing"),
        (runs.METRICS, "", None, "metrics.jsonl cannot be used: it has no record of an epoch"),
    ],
)
def test_files_that_contradict_each_other_and_missing_ones_are_named(
    folder, name, key, value, reason
):
    if key:
        change(folder / name, key, value)
    else:
        (folder / name).unlink()
    assert reason in why_left_out(folder)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_epoch_that_is_lost_is_missed(folder, place):
    lines = (folder / runs.METRICS).read_text().splitlines()
    del lines[place]
    (folder / runs.METRICS).write_text("\n".join(lines))
    assert "metrics.jsonl cannot be used: it " in why_left_out(folder)


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=3),
    st.integers(),
    st.floats(),
    st.sampled_from([1e30, 1e300, 10**400, [[]], {"a": 1}, "it's", "\x00\x1b[31m"]),
)
MUTATED = (runs.CONFIG, runs.ENVIRONMENT, runs.COST, runs.METRICS, runs.RESULT)


def keys_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from keys_of(inner, (*path, key))


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> tuple[Path, Path, dict[str, bytes]]:
    """Sound runs, one of which is altered, and what its files held."""
    root = tmp_path_factory.mktemp("runs")
    for arm, seed in (("vit", 0), ("resnet", 0)):
        write_run(root / f"{arm}-{seed}", Sample(arm, seed, **SMALL))
    folder = write_run(root / "odd", Sample("vit", 1, **SMALL))
    return root, folder, {name: (folder / name).read_bytes() for name in MUTATED}


def report_of(root: Path) -> Report:
    outcomes, left_out = read_outcomes([root])
    report = build(group(outcomes), left_out)
    to_json(report)
    return report


@hypothesis.settings(max_examples=25, deadline=None, derandomize=True)
@hypothesis.given(data=st.data())
def test_a_run_that_says_something_odd_is_used_or_named_and_takes_no_other_with_it(folders, data):
    root, folder, contents = folders
    name = data.draw(st.sampled_from(MUTATED))
    parts = contents[name].splitlines() if name == runs.METRICS else [contents[name]]
    lines = [json.loads(part) for part in parts]
    line = data.draw(st.sampled_from(lines))
    *path, last = data.draw(st.sampled_from(list(keys_of(line))))
    here = line
    for key in path:
        here = here[key]
    if data.draw(st.booleans()):
        del here[last]
    else:
        here[last] = data.draw(ODD)
    try:
        (folder / name).write_text("\n".join(map(json.dumps, lines)))
        report = report_of(root)
    finally:
        (folder / name).write_bytes(contents[name])
    named = {each.folder for each in report.runs} | {each.folder for each in report.left_out}
    assert named == {str(each) for each in root.iterdir()}
    assert len(report.runs) >= 2


@hypothesis.settings(max_examples=25, deadline=None, derandomize=True)
@hypothesis.given(data=st.data())
def test_a_file_that_was_cut_or_altered_byte_by_byte_ends_no_comparison(folders, data):
    root, folder, contents = folders
    name = data.draw(st.sampled_from(MUTATED))
    content = bytearray(contents[name])
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[place:]
    else:
        content[place] = data.draw(st.integers(0, 255))
    try:
        (folder / name).write_bytes(content)
        outcomes, left_out = read_outcomes([root])
    finally:
        (folder / name).write_bytes(contents[name])
    assert len(outcomes) + len(left_out) == 3 and len(outcomes) >= 2
