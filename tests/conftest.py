"""Settings of all tests: eight devices on one CPU, strict JAX, quick compilation."""

import os

# JAX reads these when it is imported, so they come before it.
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"

import hypothesis
import jax
import processes
import pytest

# Most of a small test's time is compilation; these settings trade the program's speed for it.
jax.config.update("jax_disable_most_optimizations", True)
# Mistakes that JAX would let pass: a silent broadcast, a key drawn from twice.
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_key_reuse", True)
# Machines that run tests are busy: an example's time says nothing.
hypothesis.settings.register_profile("jaxcmp", deadline=None)
hypothesis.settings.load_profile("jaxcmp")


@pytest.fixture(scope="session")
def unbroken(tmp_path_factory):
    """Returns the folder of a small, uninterrupted run."""
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    out = processes.train(folder)
    assert "epoch 4/4" in out
    return folder
