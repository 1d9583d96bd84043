"""Settings of all tests: eight devices on one CPU, strict JAX, quick compilation."""

import os
import tempfile

# JAX reads these when it is imported, so they come before it.
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
# Most of a small test's time is compilation; this trades the program's speed for it.
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
if "PYTEST_XDIST_WORKER" not in os.environ:
    # What one process of a session has compiled, no other need: workers inherit this.
    COMPILED = tempfile.TemporaryDirectory(prefix="jaxcmp-compiled-")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = COMPILED.name

import hypothesis
import jax
import processes
import pytest

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


def pytest_collection_modifyitems(items):
    """Puts the longest files first, so that no process ends long after the others."""
    longest = ("test_slurm.py", "test_distributed.py", "test_study.py", "test_train.py")
    items.sort(key=lambda item: item.path.name not in longest)
