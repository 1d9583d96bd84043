"""The types of the files in a run folder, and the errors for anything else."""

import copy
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sample_files import CONFIG, COST, INIT, RESULT, epoch_record, session, step_record

from jaxcmp import runs
from jaxcmp.errors import JaxcmpError
from jaxcmp.settings.configuration import NOTHING_GIVEN

FILES: dict[str, Any] = {
    runs.CONFIG: {"config": CONFIG, **dataclasses.asdict(NOTHING_GIVEN)},
    runs.COST: COST,
    runs.RESULT: RESULT,
    runs.ENVIRONMENT: session(earlier=[session()]),
    runs.INIT: INIT | {"seen": INIT["seen"] | {"before": INIT["seen"]}},
}
ODD = {
    "a word for a count": (runs.CONFIG, ("config", "seed"), "x", "config.seed: Expected `int`"),
    "a float for a count": (runs.CONFIG, ("config", "seed"), 0.5, "config.seed: Expected `int`"),
    "a truth for a count": (runs.CONFIG, ("config", "seed"), True, "config.seed: Expected `int`"),
    "no such seed": (runs.CONFIG, ("config", "seed"), 2**32, "config.seed: Expected `int` <"),
    "a list for a section": (runs.CONFIG, ("config", "model"), [], "config.model: Expected `obj"),
    "a huge model": (runs.CONFIG, ("config", "model", "width"), 10**10, "config.model.width: Exp"),
    "no such model": (runs.CONFIG, ("config", "model", "name"), "x", "config.model.name: Invalid"),
    "nothing": (runs.CONFIG, ("config", "arm"), None, "config.arm: Expected `str`, got `null`"),
    "a huge number": (runs.COST, ("training_flops",), 10**400, "Expected `float`|out of range"),
    "no parameters": (runs.COST, ("parameters", "total"), 0, "parameters.total: Expected"),
    "no time": (runs.COST, ("step_seconds", "median"), 0, "step_seconds.median: Expected"),
    "an accuracy over 1": (runs.RESULT, ("test_accuracy",), 50, "test_accuracy: Expected `float`"),
    "a session's device": (
        runs.ENVIRONMENT,
        ("earlier", 0, "device"),
        [],
        r"earlier\[0\].device: Expected `str`, got `array`",
    ),
    "what weights had seen": (runs.INIT, ("seen", "before", "epochs"), "x", "seen.before.epochs"),
}
NEEDED = {
    runs.CONFIG: [
        *(("config",), ("file",), ("config", "arm"), ("config", "data", "name")),
        *(("config", "model", "name"), ("config", "model", "patch_size")),
    ],
    runs.COST: [("training_flops",), ("parameters", "components"), ("step_seconds", "median")],
    runs.RESULT: [("test_accuracy",), ("train_seconds",), ("steps",)],
    runs.ENVIRONMENT: [("device",), ("data", "class_names"), ("earlier",), ("earlier", 0, "data")],
    runs.INIT: [("sha256",), ("seen", "name"), ("seen", "before", "name"), ("rows", 0, "what")],
}


def write_files(folder: Path, name: str, content: Any) -> None:
    """Writes all files of a run folder, one of them with another content."""
    for each, whole in (FILES | {name: content}).items():
        (folder / each).write_text(json.dumps(whole))


def inner(content: Any, keys: Sequence[Any]) -> tuple[Any, Any]:
    """Returns the place of a value that these keys lead to, and its own key."""
    *path, last = keys
    for key in path:
        content = content[key]
    return content, last


@pytest.mark.parametrize(("name", "keys", "value", "message"), ODD.values(), ids=ODD)
def test_a_wrong_value_is_named_with_its_file_and_path(tmp_path, name, keys, value, message):
    content = copy.deepcopy(FILES[name])
    write_files(tmp_path, name, content)
    runs.read_run(tmp_path)
    place, last = inner(content, keys)
    place[last] = value
    write_files(tmp_path, name, content)
    with pytest.raises(JaxcmpError, match=f"{name} cannot be used: .*({message})") as caught:
        runs.read_run(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "keys"), [(name, keys) for name, needed in NEEDED.items() for keys in needed]
)
def test_a_missing_key_is_named_with_its_file(tmp_path, name, keys):
    content = copy.deepcopy(FILES[name])
    place, last = inner(content, keys)
    del place[last]
    write_files(tmp_path, name, content)
    with pytest.raises(JaxcmpError, match=f"{name} cannot be used: .*required field `{last}`"):
        runs.read_run(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "it is not JSON"), ("", "it is not JSON"), ("[]", "it is not a JSON object")],
)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named(tmp_path, name, content, message):
    write_files(tmp_path, name, {})
    (tmp_path / name).write_text(content)
    with pytest.raises(JaxcmpError, match=f"{name} cannot be used: {message}"):
        runs.read_run(tmp_path)


def test_a_folder_without_a_configuration_is_no_run(tmp_path):
    with pytest.raises(JaxcmpError, match="config.json cannot be used: No such file"):
        runs.read_run(tmp_path)


def test_keys_that_no_type_names_are_kept(tmp_path):
    config = CONFIG | {"newer": 1, "model": CONFIG["model"] | {"newer": 2}}
    write_files(tmp_path, runs.CONFIG, FILES[runs.CONFIG] | {"config": config})
    assert runs.read_run(tmp_path).config == json.loads(json.dumps(config))


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (epoch_record(1, test_accuracy="0.5"), "line 2: test_accuracy: Expected"),
        (epoch_record(1, test_loss=None), "line 2: test_loss: Expected"),
        (step_record(1, images_per_second=[]), "line 2: images_per_second: Exp"),
        (step_record(1, kind="epok"), "line 2: kind: Invalid enum value 'epok'"),
        ({"kind": "epoch"}, "line 2: Object missing required field"),
        (step_record(1) | {"step": 1.5}, "line 2: step: Expected `int`, got"),
    ],
)
def test_a_wrong_record_is_named_with_its_line(tmp_path, record, message):
    with runs.open_run(tmp_path, CONFIG) as run:
        run.log(step_record(1, loss=None))
        run.log(record)
    with pytest.raises(JaxcmpError, match=f"metrics.jsonl cannot be used: {message}"):
        runs.read_run(tmp_path)
    errors: list[str] = []
    assert [each["step"] for each in runs.read_metrics(tmp_path, errors=errors)] == [1]
    assert len(errors) == 1
