"""How a process tells a lost one from other faults; test_distributed.py loses some."""

import jax
import processes
import pytest

from jaxcmp import cluster


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
