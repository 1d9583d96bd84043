"""Where runs train at the same time: which device, which cores, how much memory."""

import os

import pytest

from jaxcmp.study import slots
from jaxcmp.study.slots import Slot


@pytest.fixture
def machine(monkeypatch):
    """Says what JAX would find; the real question is asked in the tests of the command."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def of(platform, num_devices):
        monkeypatch.setattr(slots, "ASK", f"print({platform!r}, {num_devices})")

    return of


def test_each_gpu_has_a_run_of_its_own(machine):
    machine("gpu", 3)
    found = slots.find_slots(0)
    assert found == [Slot({"CUDA_VISIBLE_DEVICES": str(i)}) for i in range(3)]


def test_gpus_that_others_were_given_stay_theirs(machine, monkeypatch):
    machine("gpu", 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    assert [each.environment["CUDA_VISIBLE_DEVICES"] for each in slots.find_slots(0)] == ["5", "7"]


def test_more_jobs_than_gpus_share_devices_and_their_memory(machine):
    machine("gpu", 2)
    found = slots.find_slots(4)
    assert [each.environment["CUDA_VISIBLE_DEVICES"] for each in found] == ["0", "1", "0", "1"]
    fractions = {each.environment["XLA_PYTHON_CLIENT_MEM_FRACTION"] for each in found}
    assert fractions == {"0.375"}


def test_fewer_jobs_than_gpus_leave_some_free(machine):
    machine("gpu", 8)
    assert len(slots.find_slots(2)) == 2


def test_a_machine_without_accelerator_trains_one_run_on_all_cores(machine):
    machine("cpu", 1)
    assert slots.find_slots(0) == [Slot({})]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="cores are bound on Linux alone")
def test_jobs_on_a_processor_share_its_cores(machine):
    machine("cpu", 1)
    cores = os.sched_getaffinity(0)
    found = slots.find_slots(len(cores) + 1)
    shares = [each.cores or frozenset() for each in found[: len(cores)]]
    assert frozenset().union(*shares) == cores
    assert sum(map(len, shares)) == len(cores)
    # There is no core left for the last one: it shares the first's.
    assert found[-1] == found[0]


def test_where_jax_does_not_start_its_last_words_are_told(monkeypatch):
    monkeypatch.setattr(slots, "ASK", "raise SystemExit('no such platform')")
    with pytest.raises(slots.JaxcmpError, match="JAX does not start: no such platform"):
        slots.find_slots(0)
