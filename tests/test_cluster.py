"""How a process tells a lost one from other faults; test_distributed.py loses some."""

import jax
import processes
import pytest

from jaxcmp import cluster
from jaxcmp.errors import CommandError


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("UNKNOWN: Gloo all-reduce failed: Connection reset by peer", True),
        ("INTERNAL: NCCL operation failed: remote process exited", True),
        ("RESOURCE_EXHAUSTED: Out of memory", False),
        ("INVALID_ARGUMENT: a shape", False),
    ],
)
def test_a_lost_process_is_told_from_other_errors(words, expected):
    assert cluster.is_loss(jax.errors.JaxRuntimeError(words)) is expected
    assert not cluster.is_loss(ValueError(words))


def test_without_a_cluster_it_is_one_line_that_says_what_starts_one(tmp_path):
    code, _, err = processes.run(*processes.TINY, "--distributed", f"--workdir={tmp_path / 'run'}")
    assert (code, len(err.splitlines())) == (2, 1)
    assert err.startswith("jaxcmp: --distributed found no cluster: start it through SLURM")


def test_the_environment_names_a_process_among_others(monkeypatch):
    for name in ("JAX_NUM_PROCESSES", "JAX_PROCESS_ID"):
        monkeypatch.delenv(name, raising=False)
    assert cluster.named_process() == {}
    monkeypatch.setenv("JAX_NUM_PROCESSES", "4")
    with pytest.raises(CommandError, match="JAX_NUM_PROCESSES='4' and JAX_PROCESS_ID=''"):
        cluster.named_process()
    monkeypatch.setenv("JAX_PROCESS_ID", "last")
    with pytest.raises(CommandError, match="both have to be whole numbers, or neither set"):
        cluster.named_process()
    monkeypatch.setenv("JAX_PROCESS_ID", "3")
    named = cluster.named_process()
    assert (named["num_processes"], named["process_id"]) == (4, 3)
