"""The check for a machine with a GPU: jobs within their time, and a line for each."""

import argparse
import json
import sys
import time

import gpu_check
import on_device
import pytest
from gpu_check import Job

from jaxcmp import cli


def python(words, most=60.0, **options):
    return Job("a job", [sys.executable, "-c", words], most, 1, **options)


@pytest.fixture
def messages(tmp_path):
    with (tmp_path / "messages.log").open("w+") as file:
        yield file


def test_what_a_job_prints_is_its_result_and_its_messages_are_kept(messages):
    job = python("import sys; print('why', file=sys.stderr); print('{\"a\": 1}')")
    assert gpu_check.run(job, seconds=60, messages=messages) == {"a": 1}
    messages.seek(0)
    assert messages.read() == "why\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("raise SystemExit(3)", "exit code 3; messages.log says why"),
        ("print('{')", "it wrote no JSON"),
        ("import time; time.sleep(60)", "it took more than 1 s"),
    ],
)
def test_a_job_that_fails_or_takes_too_long_says_so(words, reason, messages):
    start = time.monotonic()
    result = gpu_check.run(python(words), seconds=1 if "sleep" in words else 60, messages=messages)
    assert reason in result["failed"] and time.monotonic() - start < 30


def test_a_job_that_ignores_its_end_is_killed(messages, monkeypatch):
    monkeypatch.setattr(gpu_check, "GRACE", 0.5)
    words = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    start = time.monotonic()
    assert gpu_check.run(python(words), seconds=1, messages=messages)["failed"]
    assert time.monotonic() - start < 30


def options_for(tmp_path, *words):
    return gpu_check.make_parser().parse_args([*words, f"--out={tmp_path}", "--tiny"])


def test_jobs_without_time_left_are_skipped_and_a_failure_is_the_exit_code(
    tmp_path, monkeypatch, capsys
):
    jobs = [python("print('{}')"), python("raise SystemExit(1)"), Job("long", ["none"], 900, 600)]
    monkeypatch.setattr(gpu_check, "step_jobs", lambda options: iter(jobs))
    assert gpu_check.check(options_for(tmp_path, "steps", "--budget=300")) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "a job: {}" and "exit code 1" in lines[1]
    assert lines[2] == "long: no time is left"
    kept = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert kept == [{"job": "a job"}, {"job": "a job", "failed": kept[1]["failed"]}]


def commands(tmp_path, part):
    options = options_for(tmp_path, part)
    jobs = gpu_check.step_jobs(options) if part == "steps" else gpu_check.whole_runs(options)
    return [job for job in jobs if any(word.startswith("--config=") for word in job.command)]


@pytest.mark.parametrize("part", ["steps", "runs"])
def test_every_job_has_settings_that_there_are(part, tmp_path):
    jobs = commands(tmp_path, part)
    assert len(jobs) >= 6 and len({job.name for job in jobs}) == len(jobs)
    for job in jobs:
        words = [word for word in job.command if word.startswith("--config")]
        cli.parse(cli.config_parser("check", None), words)
        assert job.least <= job.most


def test_without_graphs_xla_is_told_so(tmp_path):
    (job,) = (job for job in commands(tmp_path, "steps") if job.name == "vit, no graphs")
    assert job.environment == {"XLA_FLAGS": "--xla_gpu_enable_command_buffer="}


def test_kernels_are_summed_by_kind_and_name_per_step():
    events = [("gemm_1", 4e6), ("gemm_2", 2e6), ("loop_add_fusion.3", 1e6), ("fmha", 8e6)]
    found = on_device.summary(events, num_steps=2)
    assert found["kernels"] == 2 and found["busy_ms"] == pytest.approx(7.5)
    assert found["kinds"] == {
        "attention": [0.5, 4.0],
        "product": [1.0, 3.0],
        "elementwise": [0.5, 0.5],
    }
    assert found["largest"] == {
        "fmha": [0.5, 4.0],
        "gemm": [1.0, 3.0],
        "loop_add_fusion": [0.5, 0.5],
    }


def test_a_step_and_a_comparison_are_lines_for_a_reader():
    step = {
        "step_seconds": {"median": 0.002},
        "images_per_second": 64_000.0,
        "steps_per_dispatch": 10,
        "memory": {"device_bytes": 2_500_000_000, "host_bytes": 7},
    }
    line = gpu_check.describe(step)
    assert line == "2.000 ms a step, 64,000 images/s, 10 steps per dispatch, 2.50 GB"
    tasks = {"training": {"ratio": {"median": 1.234}}}
    line = gpu_check.describe({"kind": "peer", "measured": {"tasks": tasks}})
    assert line == "training 1.23 of PyTorch's speed"


def test_a_wrong_command_is_refused():
    with pytest.raises(SystemExit):
        gpu_check.make_parser().parse_args(["speed"])
    assert isinstance(gpu_check.make_parser().parse_args(["runs"]), argparse.Namespace)
