"""The benchmark as a user runs it: tables, and the same in JSON."""

import json

import processes
import pytest
from bench_configs import TINY


def bench(*arguments):
    return processes.run(*arguments, module="jaxcmp.bench")


def test_json_alone_is_standard_output_with_every_figure_and_the_tables_go_elsewhere():
    code, out, err = bench(*TINY, "--rounds=2", "--starts=1", "--json")
    assert code == 0, err
    record = json.loads(out)
    assert record["kind"] == "speed" and record["schema"] == 1
    assert "images/s" in err and "compiling the step, cold" in err and "step: backward" in err
    measured = record["measured"]
    assert {"cold", "warm"} == set(measured["starts"])
    assert measured["starts"]["cold"]["first_step"]["n"] == 1
    assert measured["step_seconds"]["n"] == measured["stages"]["update"]["until_here"]["n"] == 2
    assert record["config"]["model"]["width"] == 16
    assert record["environment"]["command"].startswith(
        "python -m jaxcmp.bench --config=configs/vit.py:digits"
    )


def test_sizes_are_measured_one_by_one_and_written(tmp_path):
    file = tmp_path / "scale.json"
    code, out, err = bench(*TINY, "--scale=depth", "--rounds=2", "--json", str(file))
    assert code == 0, err
    record = json.loads(file.read_text())
    assert str(file) not in record["environment"]["command"]
    assert record["kind"] == "scale" and "| depth | 2 |" in out
    points = record["measured"]["axes"]["depth"]
    assert [point["value"] for point in points] == [1, 2]
    assert all(point["step_seconds"]["n"] == 2 for point in points)
    assert points[1]["memory"]["step_temporary_bytes"] > points[0]["memory"]["step_temporary_bytes"]
    assert "depth 1:" in err


def test_the_feeding_of_images_is_measured():
    code, out, err = bench(*TINY, "--input=40", "--stored=16", "--rounds=2", "--json")
    assert code == 0, err
    record = json.loads(out)
    assert record["kind"] == "input" and record["config"]["data"]["name"] == "digits"
    assert record["measured"]["feeds"]["streamed"]["seconds"]["n"] == 2
    assert "streamed" in err and "per core" in err and "p95" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no configuration given"),
        ((*TINY, "--rounds=0"), "argument --rounds: '0' must be a whole number, at least 1"),
        ((*TINY, "--config.sed=1"), "did you mean 'seed'?"),
        ((*TINY, "--roundz=1"), "option --roundz is unknown; did you mean --rounds?"),
        ((*TINY, "--peer=jax"), "--peer=jax must be torch"),
        ((*TINY, "--scale=height"), "--scale=height must be all, or some of batch_size,image_size"),
        ((*TINY, "--scale=depth,,"), "--scale=depth,, must be all, or some of"),
        ((*TINY, "--input=15"), "--input=15 must be at least the batch size, 16"),
        ((*TINY, "--scale=all", "--input=40"), "must be given one at a time"),
        ((*TINY, "--part=nothing"), "--part=nothing must be start, size, training"),
        ((*TINY, "--peer=torch", "--peer_python=no/python"), "--peer_python=no/python must be"),
    ],
)
def test_a_wrong_command_is_one_line(arguments, message):
    code, out, err = bench(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("jaxcmp: ") and message in err
