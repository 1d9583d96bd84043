"""Checkpoints of processes killed while they save, and of several that save together."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxcmp.checkpoint.manager import Checkpoints

SAVE_FOREVER = """
import sys
import numpy as np
from jaxcmp.checkpoint.manager import Checkpoints
noise = np.random.default_rng(0).normal(size=500_000).astype(np.float32)
with Checkpoints(sys.argv[1]) as checkpoints:
    for step in range(1, 100_000):
        checkpoints.save(step, {"params": {"kernel": noise + step, "step": np.full(3, step)}}, {})
"""


def start(code: str, *arguments: Any) -> subprocess.Popen:
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=1"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, cwd=Path(__file__).parent.parent.parent)


def test_a_run_killed_while_saving_leaves_sound_checkpoints(tmp_path):
    folders = [tmp_path / str(number) for number in range(3)]
    children = [start(SAVE_FOREVER, folder) for folder in folders]
    try:
        for folder, child in zip(folders, children, strict=True):
            deadline = time.monotonic() + 60
            while not list(folder.glob("[1-9]")) and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(0.07 * int(folder.name))
            child.kill()
    finally:
        for child in children:
            child.kill()
            child.wait()
    for folder in folders:
        with Checkpoints(folder) as checkpoints:
            restored = checkpoints.read()
            assert restored is not None
            step, arrays = restored
            assert set(arrays["params/step"]) == {step}
            checkpoints.save(step + 1, {"params": np.ones(3)}, {})
        assert not list(folder.glob("*tmp*"))
        # Only an old one that was just being deleted may be incomplete.
        assert not (folder / f"damaged-{step}").exists()
        assert not (folder / f"damaged-{step + 1}").exists()


TWO_PROCESSES = """
import pathlib, sys
import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from jaxcmp.checkpoint import folder as checkpoint_folder
from jaxcmp.checkpoint.manager import Checkpoints
process, port, folder = int(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
jax.distributed.initialize(f"127.0.0.1:{port}", 2, process)
mesh = jax.make_mesh((2,), ("data",), (AxisType.Auto,))
sharding, divided = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("data"))
def state(step):
    host = np.arange(1000, dtype=np.float32) * step
    return {"kernel": jax.make_array_from_callback(host.shape, sharding, lambda i: host[i])}
cut = jax.make_array_from_callback((4,), divided, lambda i: np.arange(4, dtype=np.float32)[i])
total = jax.jit(lambda x: x.sum(), out_shardings=sharding)
def holds(restored, step):
    kernel = restored["kernel"]
    return kernel.sharding == sharding and np.array_equal(kernel, np.arange(1000) * step)
with Checkpoints(folder, keep_best=True) as checkpoints:
    for step in (1, 2, 3):
        checkpoints.save(step, state(step), {"validation_accuracy": 1 / step})
        for _ in range(20):  # Steps go on in both processes while the first one writes.
            assert float(total(cut)) == 6
    step, restored = checkpoints.restore(state(0))
    assert step == 3 and holds(restored, 3)
    first_fault = checkpoint_folder.first_fault
    if process == 1:  # A shared folder may show a file to one process and not to another.
        checkpoint_folder.first_fault = lambda path: "unseen" if path.name == "3" else None
    step, restored = checkpoints.restore(state(0))
    assert step == 2 and holds(restored, 2)
    checkpoint_folder.first_fault = first_fault
    checkpoints.save(3, state(3), {})
    assert checkpoints.restore(state(0), "best")[0] == 1
jax.distributed.shutdown()
"""


GO_ON = """
import sys
import jax
import numpy as np
from jaxcmp.runtime import devices
from jaxcmp.checkpoint.manager import Checkpoints
process, port, folder, number, step = int(sys.argv[1]), *sys.argv[2:4], *map(int, sys.argv[4:])
if number > 1:
    jax.distributed.initialize(f"127.0.0.1:{port}", number, process)
everywhere = devices.replicated(devices.make_mesh())
def noise(step):
    return np.random.default_rng(step).normal(size=1000).astype(np.float32)
def state(step):
    return {"kernel": devices.place(noise(step), everywhere)}
with Checkpoints(folder) as checkpoints:
    restored = checkpoints.restore(state(0))
    assert (restored[0] if restored else 0) == step
    if restored:
        assert restored[1]["kernel"].sharding == everywhere
        np.testing.assert_array_equal(restored[1]["kernel"], noise(step))
    checkpoints.save(step + 1, state(step + 1), {})
if number > 1:
    jax.distributed.shutdown()
"""


def run_together(code: str, number: int, *arguments: Any) -> None:
    """Runs the code in so many processes, each with its number and a port first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = [start(code, process, port, *arguments) for process in range(number)]
    try:
        assert [child.wait(timeout=120) for child in children] == [0] * number
    finally:
        for child in children:
            child.kill()


def test_a_checkpoint_is_the_same_to_any_number_of_processes(tmp_path):
    for step, number in enumerate((1, 2, 4, 1)):
        run_together(GO_ON, number, tmp_path, number, step)


def test_two_processes_write_one_checkpoint(tmp_path):
    run_together(TWO_PROCESSES, 2, tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["1", "2", "3", "damaged-3"]
    with Checkpoints(tmp_path) as checkpoints:
        restored = checkpoints.restore({"kernel": jnp.zeros(1000)})
    assert restored is not None and restored[0] == 3
    np.testing.assert_array_equal(np.asarray(restored[1]["kernel"]), np.arange(1000) * 3)
