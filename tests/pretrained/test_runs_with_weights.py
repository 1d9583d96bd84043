"""Runs that begin with weights, by the real command."""

import json
import shutil
import signal

import numpy as np
import processes
import pytest

from jaxcmp.runs import read_run

ONE_EPOCH = (*processes.TINY, "--config.num_epochs=1", "--config.schedule.warmup_epochs=0")
STILL = "--config.schedule.peak_learning_rate=1e-30"


@pytest.fixture(scope="module")
def other(unbroken, tmp_path_factory):
    """A copy of a finished run, which a test may delete."""
    return shutil.copytree(unbroken, tmp_path_factory.mktemp("other") / "run")


def test_a_run_begins_with_another_runs_weights_and_says_so(other, tmp_path):
    folder = tmp_path / "run"
    code, out, err = processes.run(
        *ONE_EPOCH, STILL, f"--config.init.path={other}", f"--workdir={folder}"
    )
    assert code == 0, err
    assert "block_*/attention" in out and "loaded" in out
    before, after = processes.final_arrays(other)[1], processes.final_arrays(folder)[1]
    for name, array in before.items():
        if name.startswith("params/"):
            np.testing.assert_array_equal(after[name], array, err_msg=name)
    run = read_run(folder)
    assert (run.init["schema"], run.init["kind"], run.init["layout"]) == (1, "run", "jaxcmp")
    assert (run.init["path"], run.init["checkpoint"]) == (str(other), 44)
    assert run.init["seen"]["name"] == "digits" and run.init["seen"]["epochs"] == 4
    assert {row["what"] for row in run.init["rows"]} == {"loaded"}
    # Weights that do not move answer as they did.
    there, here = read_run(other).load_predictions().test, run.load_predictions().test
    np.testing.assert_allclose(here.logits, there.logits, atol=1e-5)


def test_another_grid_is_resized_in_a_run_in_float16_with_an_average(other, tmp_path):
    options = ("model.patch_size=4", "compute_dtype=float16", "average_decay=0.5")
    code, out, err = processes.run(
        *ONE_EPOCH,
        *(f"--config.{option}" for option in options),
        f"--config.init.path={other}",
        "--config.init.checkpoint=33",
        f"--workdir={tmp_path / 'run'}",
    )
    assert code == 0, err
    assert "grid 4x4 to 2x2" in out and "patches 2x2 to 4x4" in out
    init = read_run(tmp_path / "run").init
    changed = {row["name"] for row in init["rows"] if row["what"] == "resized"}
    assert changed == {"params/positions", "params/patch_embedding/kernel"}
    assert init["checkpoint"] == 33


def test_a_run_that_goes_on_needs_the_weights_no_more(unbroken, tmp_path):
    weights = shutil.copytree(unbroken, tmp_path / "weights")
    arguments = (*processes.TINY, f"--config.init.path={weights}", f"--workdir={tmp_path / 'run'}")
    process = processes.start(*arguments)
    processes.wait_for_lines(tmp_path / "run" / "metrics.jsonl", 3, process)
    process.send_signal(signal.SIGTERM)
    code, _, err = processes.finish(process)
    assert code == 75, err
    description = (tmp_path / "run" / "init.json").read_bytes()
    shutil.rmtree(weights)
    code, out, err = processes.run(*arguments)
    assert code == 0, err
    assert "going on after step" in out and "block_*/attention" not in out
    assert (tmp_path / "run" / "init.json").read_bytes() == description


def test_other_weights_are_another_run(other, unbroken):
    code, _, err = processes.run(
        *processes.TINY, f"--config.init.path={other}", f"--workdir={unbroken}"
    )
    assert code == 2
    assert "holds a run of another config: init.path is" in err and err.count("\n") == 1


def test_two_processes_begin_with_the_same_weights(other, tmp_path):
    arguments = (*ONE_EPOCH, STILL, f"--config.init.path={other}", f"--workdir={tmp_path / 'run'}")
    ends = processes.run_together(2, *arguments)
    assert [code for code, _, _ in ends] == [0, 0], ends
    before, after = processes.final_arrays(other)[1], processes.final_arrays(tmp_path / "run")[1]
    np.testing.assert_array_equal(after["params/cls"], before["params/cls"])
    assert sum("block_*/attention" in out for _, out, _ in ends) == 1


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("none.npz", "none.npz cannot be read: No such file or directory"),
        ("model.pth", "model.pth is a pickle, which can run any code"),
        (".", "is a folder but no run: it has no config.json"),
    ],
)
def test_wrong_weights_are_one_line_before_data_is_read(tmp_path, path, words):
    # This data set is nowhere: whoever asked for it would say so.
    code, out, err = processes.run(
        "--config=configs/vit.py",
        f"--config.data.dir={tmp_path / 'nowhere'}",
        f"--config.init.path={tmp_path / path}",
        f"--workdir={tmp_path / 'run'}",
    )
    assert (code, out) == (2, "vit, seed 0: loading JAX and the images\n")
    assert err.startswith("jaxcmp: ") and words in err and err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_what_init_json_holds_is_strict_json(other):
    from sample_weights import VIT, load, random_variables, write_run

    folder = write_run(other.parent / "small", random_variables(VIT))
    _, description = load(folder, VIT)
    assert json.loads(json.dumps(description, allow_nan=False)) == description
    head = {"name": "params/head/bias", "what": "loaded", "from": [3], "to": [3], "note": ""}
    assert head in description["rows"]
