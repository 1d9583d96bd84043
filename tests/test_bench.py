"""The benchmark as a user runs it: a table, and the same in JSON."""

import json

import processes
import pytest
from bench_configs import TINY


@pytest.fixture(scope="module")
def made():
    arguments = (*TINY, "--rounds=2", "--starts=1", "--json")
    code, out, err = processes.run(*arguments, module="jaxcmp.bench")
    assert code == 0, err
    return json.loads(out), err


def test_json_alone_is_standard_output_and_the_table_goes_elsewhere(made):
    record, err = made
    assert record["kind"] == "speed" and record["schema"] == 1
    assert "images/s" in err and "compiling the step, cold" in err


def test_every_figure_of_the_benchmark_is_there_with_its_n(made):
    measured = made[0]["measured"]
    assert {"cold", "warm"} == set(measured["starts"])
    assert measured["starts"]["cold"]["first_step"]["n"] == 1
    assert measured["starts"]["warm"]["compile_train_step"]["median"] > 0
    assert measured["step_seconds"]["n"] == 2
    assert list(measured["stages"]) == [
        *("gather", "augmentation", "forward", "backward", "update"),
    ]
    assert measured["memory"]["host_bytes"] > 0
    assert 0 < measured["model_flops_utilisation"] < 1
    assert measured["input"]["share"] > 0


def test_the_configuration_is_written_with_the_command(made):
    record, _ = made
    assert record["config"]["model"]["width"] == 16
    assert record["environment"]["command"].startswith(
        "python -m jaxcmp.bench --config=configs/vit.py:digits"
    )


def test_an_unknown_peer_is_a_wrong_command():
    code, _, err = processes.run(*TINY, "--peer=jax", module="jaxcmp.bench")
    assert (code, err) == (2, "jaxcmp: --peer=jax is unknown; there is torch\n")
