"""The recognition of lost processes and of clusters; test_distributed.py loses real ones."""

import jax
import processes
import pytest

from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.runtime import cluster, shutdown


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("UNKNOWN: Gloo all-reduce failed: Connection reset by peer", True),
        ("INTERNAL: NCCL operation failed: remote process exited", True),
        ("RESOURCE_EXHAUSTED: Out of memory", False),
        ("INVALID_ARGUMENT: a shape", False),
    ],
)
def test_a_lost_process_is_distinguished_from_other_errors(words, expected):
    assert shutdown.is_loss(jax.errors.JaxRuntimeError(words)) is expected
    assert not shutdown.is_loss(ValueError(words))


def test_a_loss_during_a_checkpoint_is_recognised():
    error = JaxcmpError("the checkpoint cannot be written")
    error.__cause__ = jax.errors.JaxRuntimeError("Gloo all-reduce failed: Connection reset by peer")
    assert shutdown.is_loss(error)
    assert not shutdown.is_loss(JaxcmpError("Gloo"))


def test_without_a_cluster_one_line_says_how_to_start_one(tmp_path):
    code, _, err = processes.run(*processes.TINY, "--distributed", f"--workdir={tmp_path / 'run'}")
    assert (code, len(err.splitlines())) == (2, 1)
    assert err.startswith("jaxcmp: --distributed found no cluster: start it through SLURM")


def test_the_process_numbers_come_from_the_environment(monkeypatch):
    for name in ("JAX_NUM_PROCESSES", "JAX_PROCESS_ID"):
        monkeypatch.delenv(name, raising=False)
    assert cluster.process_options() == {}
    monkeypatch.setenv("JAX_NUM_PROCESSES", "4")
    with pytest.raises(CommandError, match="JAX_NUM_PROCESSES='4' and JAX_PROCESS_ID=''"):
        cluster.process_options()
    monkeypatch.setenv("JAX_PROCESS_ID", "last")
    with pytest.raises(CommandError, match="both have to be whole numbers, or neither set"):
        cluster.process_options()
    monkeypatch.setenv("JAX_PROCESS_ID", "3")
    named = cluster.process_options()
    assert (named["num_processes"], named["process_id"]) == (4, 3)


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"OMPI_MCA_orte_hnp_uri": "4096.0;tcp://127.0.0.1:1"}, "OMPI_COMM_WORLD_SIZE is not set"),
        (
            {"OMPI_MCA_orte_hnp_uri": "4096.0;tcp://127.0.0.1:1", "OMPI_COMM_WORLD_SIZE": "two"},
            "invalid literal for int",
        ),
        ({"OMPI_MCA_orte_hnp_uri": "a job", "OMPI_COMM_WORLD_SIZE": "2"}, "invalid literal for in"),
    ],
)
def test_half_an_environment_of_open_mpi_is_one_line(tmp_path, variables, reason):
    arguments = (*processes.TINY, "--distributed", f"--workdir={tmp_path / 'run'}")
    code, _, err = processes.run(*arguments, **variables)
    assert (code, len(err.splitlines())) == (2, 1)
    assert err.startswith("jaxcmp: --distributed found no cluster") and reason in err
