"""The run folder, as its writers and readers agree on it."""

import json
import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sample_files import CONFIG, COST, INIT, RESULT, epoch_record, session, step_record

from jaxcmp import runs
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.runs.predictions import Predictions, write_predictions
from jaxcmp.settings.configuration import NOTHING_GIVEN, ConfigWords


def changed(section: str | None = None, **values) -> dict:
    return {**CONFIG, **({section: {**CONFIG[section], **values}} if section else values)}


GIVEN = ConfigWords("configs/vit.py", "cpu", {"seed": "0"})


def open_run(folder: Path, config=CONFIG, given=NOTHING_GIVEN) -> runs.RunWriter:
    return runs.open_run(folder, config, given)


def write_whole_run(folder: Path) -> None:
    with open_run(folder, given=GIVEN) as run:
        run.write_environment(session())
        run.write_json(runs.COST, COST)
        run.write_json(runs.INIT, INIT)
        run.log(step_record(1, loss=np.float32(0.5)))
        run.log(epoch_record(2))
        labels, ids = np.array([0, 1, 1]), np.arange(3)
        predictions = Predictions.of(np.zeros((3, 2)), labels, ids, ("cat", "dog"))
        write_predictions(folder / runs.PREDICTIONS, predictions)
        run.finish(RESULT)


def test_a_run_is_read_as_it_was_written(tmp_path):
    write_whole_run(tmp_path / "vit" / "seed-0")
    run = runs.read_run(tmp_path / "vit" / "seed-0")
    assert run.is_finished and runs.is_finished(run.folder)
    assert run.config == json.loads(json.dumps(CONFIG))
    assert run.given == GIVEN
    assert run.environment["device"] == "cpu" and run.environment["end"] > "2025"
    assert run.cost == COST and run.result == RESULT and run.init == INIT
    assert run.metrics == [step_record(1, loss=0.5), epoch_record(2)]
    assert run.epochs == [epoch_record(2)]
    stored = run.load_predictions()
    assert stored.test.class_names == ("cat", "dog")
    assert stored.validation is None and stored.pictures is None


def test_a_run_in_progress_can_be_read(tmp_path):
    with open_run(tmp_path):
        run = runs.read_run(tmp_path)
    assert not run.is_finished and not runs.is_finished(tmp_path)
    assert not any((run.environment, run.cost, run.metrics, run.init, run.result))
    with pytest.raises(JaxcmpError, match="predictions.npz cannot be used: No such file"):
        run.load_predictions()


def test_the_result_is_written_after_everything_else(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(
        runs.RunWriter, "write_json", lambda self, name, value: written.append(name)
    )
    with runs.RunWriter(tmp_path) as run:
        run.write_environment({"device": "cpu"})
        run.finish({})
    assert written == ["environment.json", "environment.json", "result.json"]


@pytest.mark.parametrize(
    ("config", "difference"),
    [
        (changed(seed=1), "seed is 1 here and 0 there"),
        (
            changed("schedule", peak_learning_rate=0.01),
            "schedule.peak_learning_rate is 0.01 here and 0.002",
        ),
        (changed("optimizer", clip_norm=2.0), "optimizer.clip_norm is 2.0 here and 1.0 there"),
        (
            changed("data", name="cifar10", dir="b"),
            'data.name is "cifar10" here and "digits" there',
        ),
        (changed(other=0.1), "other is 0.1 here and not set there"),
        ({"arm": "vit", "seed": 0}, "accumulation is not set here and "),
    ],
)
def test_another_config_is_refused_with_the_first_difference(tmp_path, config, difference):
    open_run(tmp_path).close()
    before = (tmp_path / runs.CONFIG).read_bytes()
    with pytest.raises(CommandError) as caught:
        open_run(tmp_path, config)
    assert f"holds a run of another config: {difference}" in str(caught.value)
    assert "another --workdir" in str(caught.value) and "\n" not in str(caught.value)
    assert (tmp_path / runs.CONFIG).read_bytes() == before
    open_run(tmp_path).close()


def test_the_same_config_resumes_with_other_data_folders(tmp_path):
    open_run(tmp_path).close()
    open_run(tmp_path, changed("data", dir="b")).close()
    # A section stands for all in it.
    open_run(tmp_path, changed("log", every_steps=7, tensorboard=True)).close()
    open_run(tmp_path, changed(steps_per_dispatch=8)).close()
    # The beginning of a name does not stand for the name.
    for config in (changed("data", directory="b"), changed(logs=1)):
        with pytest.raises(CommandError, match="directory|logs"):
            open_run(tmp_path, config).close()


def test_a_folder_that_cannot_be_written_or_claimed_is_named(tmp_path):
    with open_run(tmp_path / "held"):
        with pytest.raises(JaxcmpError, match="another process .* trains in"):
            open_run(tmp_path / "held")
    open_run(tmp_path / "held").close()
    (tmp_path / "unknown" / runs.CHECKPOINTS).mkdir(parents=True)
    with pytest.raises(JaxcmpError, match=r"config\.json is missing"):
        open_run(tmp_path / "unknown")
    (tmp_path / "file").write_text("")
    with pytest.raises(JaxcmpError, match="file/run cannot be written: Not a directory"):
        open_run(tmp_path / "file" / "run")


def test_the_last_record_of_a_repeated_step_counts(tmp_path):
    with open_run(tmp_path) as run:
        for record in (step_record(1), step_record(2), epoch_record(2)):
            run.log(record)
    last = [step_record(2, loss=3.0), epoch_record(2, test_loss=3.5), step_record(3)]
    with open_run(tmp_path) as run:
        for record in last:
            run.log(record)
    assert runs.read_run(tmp_path).metrics == [step_record(1), *last]


def test_a_number_that_is_not_finite_is_null_on_disk_and_nan_in_metrics(tmp_path):
    with open_run(tmp_path) as run:
        run.log(step_record(1, loss=math.inf))
    assert '"loss": null' in (tmp_path / runs.METRICS).read_text()
    assert math.isnan(runs.read_run(tmp_path).metrics[0]["loss"])


LOG_FOREVER = """
import json, sys
from jaxcmp import runs
config, record = map(json.loads, sys.argv[2:])
with runs.open_run(sys.argv[1], config) as run:
    for step in range(1, 10**9):
        run.log(record | {"step": step, "text": "x" * 5000})
"""


def test_a_killed_run_resumes_without_losing_lines(tmp_path):
    path = tmp_path / runs.METRICS
    words = [tmp_path, json.dumps(CONFIG), json.dumps(step_record(1))]
    for _ in range(2):
        size = path.stat().st_size if path.exists() else 0
        child = subprocess.Popen([sys.executable, "-c", LOG_FOREVER, *words])
        while not path.exists() or path.stat().st_size <= size:
            assert child.poll() is None
            time.sleep(0.01)
        child.kill()
        child.wait()
    with path.open("a") as file:
        file.write('{"step": 10000000, "kind": "tr')
    with open_run(tmp_path) as run:
        run.log(step_record(20_000_000))
    steps = [record["step"] for record in runs.read_run(tmp_path).metrics]
    assert steps == [*range(1, len(steps)), 20_000_000]


def test_a_resumed_run_keeps_the_environments_of_earlier_sessions(tmp_path):
    for device in ("first", "second", "third"):
        with open_run(tmp_path) as run:
            run.write_environment(session(device=device))
    environment = runs.read_run(tmp_path).environment
    sessions = [*environment["earlier"], environment]
    assert [session["device"] for session in sessions] == ["first", "second", "third"]
    assert all(session["end"] for session in sessions)


def test_the_hash_depends_on_the_recipe_and_not_on_paths():
    assert runs.config_hash(CONFIG) == runs.config_hash(changed("data", dir="b"))
    assert runs.config_hash(CONFIG) == runs.config_hash(json.loads(json.dumps(CONFIG)))
    assert runs.config_hash(CONFIG) != runs.config_hash(changed(seed=1))
    assert runs.config_hash(CONFIG) != runs.config_hash(changed("data", name="cifar10"))
    assert len(runs.config_hash(CONFIG)) == 12
