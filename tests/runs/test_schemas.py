"""The types of the files in a run folder, and the errors for anything else."""

import dataclasses
import json
from typing import Any

import pytest

from jaxcmp import runs
from jaxcmp.errors import JaxcmpError
from jaxcmp.runs.schemas import lacking
from jaxcmp.settings.configuration import NOTHING_GIVEN

CONFIG = {"arm": "vit", "seed": 0, "model": {"name": "vit", "width": 8}}
ODD = {
    "a word for a count": (runs.CONFIG, ("config", "seed"), "x", "config.seed: Expected `int`"),
    "a float for a count": (runs.CONFIG, ("config", "seed"), 0.5, "config.seed: Expected `int`"),
    "a truth for a count": (runs.CONFIG, ("config", "seed"), True, "config.seed: Expected `int`"),
    "no such seed": (runs.CONFIG, ("config", "seed"), 2**32, "config.seed: Expected `int` <"),
    "a list for a section": (runs.CONFIG, ("config", "model"), [], "config.model: Expected `obj"),
    "a huge model": (runs.CONFIG, ("config", "model", "width"), 10**10, "config.model.width: Exp"),
    "nothing": (runs.CONFIG, ("config", "arm"), None, "config.arm: Expected `str`, got `null`"),
    "a huge number": (runs.COST, ("training_flops",), 10**400, "Expected `float`|out of range"),
    "parameters below 0": (runs.COST, ("parameters", "total"), -1, "parameters.total: Expected"),
    "an accuracy over 1": (runs.RESULT, ("test_accuracy",), 50, "test_accuracy: Expected `float`"),
    "a session's device": (
        runs.ENVIRONMENT,
        ("earlier", 0, "device"),
        [],
        r"earlier\[0\].device: Expected `str`, got `array`",
    ),
    "what weights had seen": (runs.INIT, ("seen", "before", "epochs"), "x", "seen.before.epochs"),
}


def write_json(path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


@pytest.mark.parametrize(("name", "keys", "value", "message"), ODD.values(), ids=ODD)
def test_a_wrong_value_is_named_with_its_file_and_path(tmp_path, name, keys, value, message):
    files: dict[str, Any] = {
        runs.CONFIG: {
            "config": dict(CONFIG, model=dict(CONFIG["model"])),
            **dataclasses.asdict(NOTHING_GIVEN),
        },
        runs.COST: {"parameters": {"total": 5}},
        runs.RESULT: {},
        runs.ENVIRONMENT: {"earlier": [{"device": "cpu"}]},
        runs.INIT: {"seen": {"before": {"name": "a"}}},
    }
    for each, content in files.items():
        write_json(tmp_path / each, content)
    runs.read_run(tmp_path)
    *path, last = keys
    here = files[name]
    for key in path:
        here = here[key]
    here[last] = value
    write_json(tmp_path / name, files[name])
    with pytest.raises(JaxcmpError, match=f"{name} cannot be used: .*({message})") as caught:
        runs.read_run(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"step": 1, "kind": "epoch", "test_accuracy": "0.5"}, "line 2: test_accuracy: Expected"),
        ({"step": 1, "kind": "train", "images_per_second": []}, "line 2: images_per_second: Exp"),
        ({"step": 1, "kind": "epok"}, "line 2: kind: Invalid enum value 'epok'"),
        ({"kind": "epoch"}, "line 2: Object missing required field `step`"),
    ],
)
def test_a_wrong_record_is_named_with_its_line(tmp_path, record, message):
    with runs.open_run(tmp_path, CONFIG) as run:
        run.log({"step": 1, "kind": "train", "loss": None})
        run.log(record)
    with pytest.raises(JaxcmpError, match=f"metrics.jsonl cannot be used: {message}"):
        runs.read_metrics(tmp_path)
    assert [each["step"] for each in runs.read_sound_metrics(tmp_path)] == [1]


def test_the_first_missing_key_is_named():
    value = {"a": {"b": None}, "c": 1}
    assert lacking(value, ("c", "a.b")) is None
    assert lacking(value, ("c", "a.x", "y")) == "a.x"
    assert lacking(value, ("c.d",)) == "c.d"
