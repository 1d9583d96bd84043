"""Fresh processes up to the first step, without a cache and with one."""

import os
from pathlib import Path

import pytest
from bench_configs import TINY

from jaxcmp.bench import starts
from jaxcmp.errors import CommandError, JaxcmpError


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=1")
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
    # These programs compile too quickly to be kept otherwise.
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")


def test_a_start_passes_its_marks_in_order_and_fills_the_cache_it_is_given(quick, tmp_path):
    seconds = starts.start(TINY, str(tmp_path))
    marks = [seconds[mark] for mark in starts.MARKS]
    assert marks == sorted(marks) and marks[0] > 0
    compiling = seconds["compile_train_step"] + seconds["compile_eval_step"]
    assert 0 < compiling <= seconds["compiled"] - seconds["prepared"]
    assert any("train_step" in name for name in os.listdir(tmp_path))


def test_the_second_start_of_a_pair_finds_what_the_first_compiled():
    folders = []

    def start(cache):
        folders.append((cache, len(os.listdir(cache))))
        (Path(cache) / "compiled").touch()
        return {"first_step": float(len(folders))}

    measured = starts.in_pairs(start, 2)
    assert [entries for _, entries in folders] == [0, 1, 0, 1]
    assert len({folder for folder, _ in folders}) == 2
    assert measured["cold"]["first_step"] == {"median": 2.0, "min": 1.0, "max": 3.0, "n": 2}
    assert measured["warm"]["first_step"]["median"] == 3.0
    assert not any(os.path.exists(folder) for folder, _ in folders)


@pytest.mark.parametrize(("code", "kind"), [(2, CommandError), (1, JaxcmpError), (-9, JaxcmpError)])
def test_what_a_process_complains_of_is_passed_on(code, kind):
    error = starts.failure(code, "jaxcmp: the last line")
    assert type(error) is kind and str(error) == "the last line"


def test_a_configuration_that_cannot_be_is_a_wrong_command(quick, tmp_path):
    with pytest.raises(CommandError, match="does not divide model.width=16"):
        starts.start([*TINY, "--config.model.num_heads=3"], str(tmp_path))
