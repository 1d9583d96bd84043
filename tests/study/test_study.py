"""The command of the study, as a user types it, on real digits with tiny models."""

import json
import signal
import time

import numpy as np
import processes
import pytest

from jaxcmp import runs
from jaxcmp.study.folder import is_held, read_failures

TINY = (
    "--config=configs/study.py:digits",
    *(f"--config.arms.{arm}.num_epochs=2" for arm in ("vit", "resnet")),
    *(f"--config.arms.{arm}.batch_size=128" for arm in ("vit", "resnet")),
    "--config.arms.vit.schedule.warmup_epochs=1",
    *("--config.arms.vit.model.width=16", "--config.arms.vit.model.depth=1"),
    *("--config.arms.vit.model.num_heads=2", "--config.arms.vit.model.mlp_width=16"),
    "--config.arms.resnet.model.stage_widths=(8,)",
    "--config.arms.resnet.model.stage_depths=(1,)",
    "--config.grids.seeds.seeds=1",
    "--config.grids.recipes.seeds=1",
    "--config.grids.recipes.arms=resnet,vit",
    "--config.grids.data_size.seeds=1",
    "--config.grids.data_size.fractions=(0.5,)",
    "--config.grids.training_flops.seeds=1",
)
# Both arms with both recipes, and nothing else.
FEW = (
    *TINY[:-2],
    "--config.grids.data_size.fractions=(1.0,)",
    '--config.grids.data_size.budgets=("epochs",)',
    '--config.grids.training_flops.budgets=("epochs",)',
    "--config.grids.training_flops.seeds=1",
)
FOLDERS = {
    *("vit", "resnet", "vit-0.5", "resnet-0.5", "vit-0.5-equal-steps", "resnet-0.5-equal-steps"),
    *("vit-recipe-of-resnet", "resnet-recipe-of-vit"),
}


def study(*arguments, **options):
    return processes.run(*arguments, module="jaxcmp.study", **options)


def logits(workdir):
    return {
        path.parent.relative_to(workdir).as_posix(): runs.read_run(path.parent)
        .load_predictions()
        .test.logits.tobytes()
        for path in workdir.rglob("result.json")
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A study that nothing has interrupted."""
    workdir = tmp_path_factory.mktemp("study")
    code, out, err = study(*TINY, f"--workdir={workdir}", "--jobs=2")
    assert code == 0, err
    return workdir, out


def test_a_study_ends_with_every_run_and_its_report(whole):
    workdir, out = whole
    assert FOLDERS <= {folder.removesuffix("/seed-0") for folder in logits(workdir)}
    listed = json.loads((workdir / "study.json").read_text())["runs"]
    assert {each["folder"] for each in listed} == logits(workdir).keys()
    for each in listed:
        run = runs.read_run(workdir / each["folder"])
        assert run.result["steps"] == each["steps"]
        assert run.cost["training_flops"] == each["flops"]
    assert (workdir / "report" / "index.html").exists() and "0 left" in out
    # Both arms see the same part of the data; what was free on the device is not the data's.
    parts = [runs.read_run(workdir / f"{arm}-0.5/seed-0") for arm in ("vit", "resnet")]
    first, second = (run.environment["data"] | {"placement_reason": ""} for run in parts)
    assert first == second


def test_a_study_that_is_finished_has_nothing_left_to_do(whole, call):
    workdir, _ = whole
    before = {path: path.stat().st_mtime_ns for path in workdir.rglob("result.json")}
    code, out, err = call(*TINY, f"--workdir={workdir}")
    assert (code, err) == (0, "") and "training" not in out.splitlines()[0]
    assert before == {path: path.stat().st_mtime_ns for path in workdir.rglob("result.json")}
    code, out, _ = call(*TINY, f"--workdir={workdir}", "--dry_run")
    assert code == 0 and "all finished" in out
    code, out, _ = call("status", f"--workdir={workdir}")
    assert code == 0 and f"{len(before)} runs: {len(before)} finished" in out


def test_another_plan_is_refused_before_anything_is_trained_or_reported(whole, call):
    workdir, _ = whole
    before = (workdir / "study.json").read_bytes()
    other = "--config.arms.vit.num_epochs=3"
    code, out, err = call(*TINY, other, f"--workdir={workdir}")
    assert (code, out) == (2, "") and "holds a run of another config: num_epochs is 3 here" in err
    assert (workdir / "study.json").read_bytes() == before
    assert not any(read_failures(path.parent) for path in workdir.rglob("config.json"))


def test_a_study_killed_twice_ends_with_the_same_results(whole, tmp_path):
    for num_results in (1, 2):
        process = processes.start(*FEW, f"--workdir={tmp_path}", "--jobs=2", module="jaxcmp.study")
        deadline = time.monotonic() + 240
        # No deeper: checkpoints there are deleted meanwhile.
        while len(list(tmp_path.glob("*/*/result.json"))) < num_results:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        process.kill()
        process.communicate()
    code, _, err = study(*FEW, f"--workdir={tmp_path}", "--jobs=2")
    assert code == 0, err
    found, expected = logits(tmp_path), logits(whole[0])
    assert len(found) == 4 and found.items() <= expected.items()
    assert not any(read_failures(path.parent) for path in tmp_path.rglob("result.json"))


def test_a_task_is_one_run_of_the_plan(whole, tmp_path, call):
    code, out, _ = call(*TINY, "--tasks")
    last = int(out.strip().removeprefix("0-"))
    listed = json.loads((whole[0] / "study.json").read_text())["runs"]
    assert (code, last) == (0, len(listed) - 1)
    code, _, err = study(*TINY, f"--workdir={tmp_path}", "--task=1")
    assert code == 0, err
    run, other = (runs.read_run(at / listed[1]["folder"]) for at in (tmp_path, whole[0]))
    assert [path.parent for path in tmp_path.rglob("result.json")] == [run.folder]
    # Another number of cores adds up in another order.
    found, expected = (each.load_predictions().test.logits for each in (run, other))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_a_task_that_is_stopped_says_so_by_its_exit_code(tmp_path):
    process = processes.start(
        *TINY,
        *(f"--config.arms.{arm}.num_epochs=10000" for arm in ("vit", "resnet")),
        f"--workdir={tmp_path}",
        "--task=0",
        module="jaxcmp.study",
    )
    folder = tmp_path / "resnet" / "seed-0"
    processes.wait_for_lines(folder / "metrics.jsonl", 3, process)
    process.send_signal(signal.SIGTERM)
    code, _, err = processes.finish(process)
    assert code == 75 and "the same command goes on" in err and not is_held(folder)


def test_a_run_that_cannot_be_stops_no_other_and_is_named(tmp_path):
    code, out, err = study(
        *FEW,
        '--config.grids.recipes.recipes=("own",)',
        "--config.arms.vit.schedule.peak_learning_rate=1e30",
        f"--workdir={tmp_path}",
    )
    assert code == 1 and out.count("vit/seed-0: failed") == 3
    assert "vit/seed-0 is missing, failed: the loss or the weights are not finite" in err
    assert (tmp_path / "report" / "index.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--config=configs/vit.py",), "is no study"),
        ((TINY[0], "--task=99"), "--task=99 is none of the plan's"),
        ((TINY[0], "--jobs=-1"), "--jobs=-1 must be at least 0"),
        ((TINY[0], "--config.grids.seeds.seeds=0"), "grids.seeds.seeds=0"),
        ((TINY[0], "--config.data.name=digitz"), "did you mean"),
        (("status", "--workdir=/nowhere"), "holds no study"),
        (("status", "runs"), "is not an option"),
        (("status", "--workdr=x"), "option --workdr is unknown; did you mean --workdir?"),
    ],
)
def test_a_wrong_command_is_one_line(call, arguments, message):
    code, out, err = call(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("jaxcmp: ") and message in err
