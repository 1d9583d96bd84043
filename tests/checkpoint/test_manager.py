"""Saving and restoring: a saved state is restored, or an error says why not."""

import os
import resource
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from absl import logging
from jax.sharding import NamedSharding
from test_checkpoint_folder import best_step
from test_trees import assert_same

from jaxcmp.checkpoint.manager import Checkpoints, restore_variables
from jaxcmp.errors import JaxcmpError
from jaxcmp.models.packing import pack, unpack
from jaxcmp.runtime import devices
from jaxcmp.step import TrainState

ADAMW, SGD = optax.adamw(1e-3), optax.sgd(0.1, momentum=0.9, nesterov=True)
SMALL = {"params": {"kernel": jnp.ones(3)}}


def make_state(seed: int, optimizer: optax.GradientTransformation = ADAMW) -> TrainState:
    rng = np.random.default_rng(seed)
    params: Any = pack({"head": {"kernel": jnp.asarray(rng.normal(size=(16, 10)), jnp.float32)}})
    _, opt_state = optimizer.update(params, optimizer.init(params), params)
    batch_stats = pack({"norm": {"mean": jnp.asarray(rng.normal(size=16), jnp.float32)}})
    return TrainState(
        step=jnp.asarray(seed, jnp.int32),
        params=params,
        batch_stats=batch_stats,
        opt_state=opt_state,
        average={"params": params, "batch_stats": batch_stats},
        sums={"loss": jnp.asarray(seed, jnp.float32)},
    )


def large_state(step: int) -> dict[str, Any]:
    noise = np.random.default_rng(step).normal(size=(8, 250_000)).astype(np.float32)
    return {"params": {f"kernel_{i}": row for i, row in enumerate(noise)}}


def open_checkpoints(folder: Path, *, keep_every: int = 0, keep_best: bool = True) -> Checkpoints:
    return Checkpoints(folder, keep_every=keep_every, keep_best=keep_best)


def restore(checkpoints: Checkpoints, template: Any) -> tuple[int, Any]:
    restored = checkpoints.restore(template)
    assert restored is not None
    return restored


def replicated(num_devices: int) -> NamedSharding:
    return devices.replicated(devices.make_mesh(jax.devices()[:num_devices]))


@pytest.mark.parametrize("optimizer", [ADAMW, SGD])
def test_a_state_is_restored_exactly(tmp_path, optimizer):
    state = make_state(4, optimizer)
    with open_checkpoints(tmp_path) as checkpoints:
        assert checkpoints.restore(state) is None
        checkpoints.save(4, state, {})
        step, restored = restore(checkpoints, jax.eval_shape(lambda: state))
    assert step == 4
    assert_same(restored, state)


def test_the_state_may_be_donated_while_it_is_written(tmp_path):
    state = {"params": {"kernel": jnp.ones((512, 512))}}
    add_one = jax.jit(lambda tree: jax.tree.map(lambda x: x + 1, tree), donate_argnums=0)
    with open_checkpoints(tmp_path) as checkpoints:
        for step in range(1, 6):
            checkpoints.save(step, state, {})
            state = add_one(add_one(state))
    assert float(restore_variables(tmp_path)[1]["params"]["kernel"].max()) == 9


def test_training_waits_for_a_copy_and_not_for_digests_and_files(tmp_path):
    copying, writing = [], []
    with open_checkpoints(tmp_path) as checkpoints:
        for step in range(1, 6):
            state = large_state(step)
            start = time.perf_counter()
            checkpoints.save(step, state, {})
            copying.append(time.perf_counter() - start)
            checkpoints.wait()
            writing.append(time.perf_counter() - start)
    assert 4 * statistics.median(copying) < statistics.median(writing)


def test_an_error_of_a_save_is_raised_by_the_next_one(tmp_path):
    with open_checkpoints(tmp_path / "gone") as checkpoints:
        checkpoints.save(1, SMALL, {})
        checkpoints.wait()
        shutil.rmtree(tmp_path / "gone")
        (tmp_path / "gone").write_text("")
        checkpoints.save(2, SMALL, {})
        with pytest.raises(JaxcmpError, match="step 2 cannot be written [^\n]* none before"):
            checkpoints.save(3, SMALL, {})
        (tmp_path / "gone").unlink()
        (tmp_path / "gone").mkdir()
        checkpoints.save(3, SMALL, {})
    assert checkpoints.steps == [3]


@pytest.mark.parametrize("num_devices", [1, 2, 8])
def test_values_are_the_same_on_another_number_of_devices(tmp_path, num_devices):
    state = make_state(1)
    with open_checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, jax.device_put(state, replicated(8)), {})
        template = jax.device_put(make_state(0), replicated(num_devices))
        _, restored = restore(checkpoints, template)
    assert_same(restored, state)
    assert {leaf.sharding for leaf in jax.tree.leaves(restored)} == {replicated(num_devices)}


def test_variables_are_restored_without_the_optimizer(tmp_path):
    with open_checkpoints(tmp_path, keep_every=1) as checkpoints:
        for step, accuracy in ((1, 0.1), (2, 0.9), (3, 0.5)):
            state = jax.device_put(make_state(step), replicated(8))
            checkpoints.save(step, state, {"validation_accuracy": accuracy})
    (step, variables), newest = restore_variables(tmp_path), make_state(3)
    assert step == 3
    assert variables.keys() == {"params", "batch_stats", "average"}
    assert_same(variables, unpack({name: getattr(newest, name) for name in variables}))
    assert {leaf.device for leaf in jax.tree.leaves(variables)} == {jax.devices()[0]}
    assert_same(restore_variables(tmp_path, "best")[1]["params"], unpack(make_state(2).params))
    assert_same(restore_variables(tmp_path, 1)[1]["params"], unpack(make_state(1).params))


def test_newest_two_best_and_every_nth_are_kept(tmp_path):
    accuracies = [0.1, 0.2, 0.9, 0.3, 0.4, float("nan"), 0.6, 0.5]
    for first, last in ((1, 5), (6, 8)):  # A resumed run still knows what was best.
        with open_checkpoints(tmp_path, keep_every=4) as checkpoints:
            for step in range(first, last + 1):
                checkpoints.save(step, SMALL, {"validation_accuracy": accuracies[step - 1]})
    assert checkpoints.steps == [3, 4, 7, 8]
    assert (checkpoints.latest_step, best_step(tmp_path)) == (8, 3)


def test_a_save_without_the_metric_is_never_the_best(tmp_path):
    with open_checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, SMALL, {"validation_accuracy": 0.1})
        for step in (2, 3, 4):
            checkpoints.save(step, SMALL, {})
        checkpoints.save(5, SMALL, {"validation_accuracy": float("nan")})
    assert checkpoints.steps == [1, 4, 5]
    assert best_step(tmp_path) == 1


def test_without_a_best_only_the_newest_two_are_kept(tmp_path):
    with open_checkpoints(tmp_path, keep_best=False) as checkpoints:
        for step in (1, 2, 3):
            checkpoints.save(step, SMALL, {"validation_accuracy": 1 / step})
        checkpoints.wait()
        assert checkpoints.steps == [2, 3]
        with pytest.raises(JaxcmpError, match="validation_accuracy: ask for the newest"):
            checkpoints.restore(SMALL, "best")


def test_a_step_is_saved_once_and_never_skipped_silently(tmp_path):
    with open_checkpoints(tmp_path) as checkpoints:
        checkpoints.save(3, make_state(3), {})
        checkpoints.save(3, make_state(3), {})
        with pytest.raises(JaxcmpError, match="step 3 cannot be saved"):
            checkpoints.save(3, make_state(4), {})
        with pytest.raises(JaxcmpError, match="step 2 cannot be saved"):
            checkpoints.save(2, make_state(2), {})
        assert_same(restore(checkpoints, make_state(0))[1], make_state(3))


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JaxcmpError, match="cannot be made: Not a directory") as caught:
        open_checkpoints(tmp_path / "file" / "checkpoints")
    assert "\n" not in str(caught.value)


def test_orbax_prints_nothing(tmp_path, caplog):
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.INFO)
    try:
        with open_checkpoints(tmp_path / "gone") as checkpoints:
            checkpoints.save(1, SMALL, {})
            checkpoints.wait()
            shutil.rmtree(tmp_path / "gone")
            (tmp_path / "gone").write_text("")
            with pytest.raises(JaxcmpError, match="step 2 cannot be written"):
                checkpoints.save(2, SMALL, {})
                checkpoints.wait()
    finally:
        logging.set_verbosity(verbosity)
    assert not caplog.records


def test_the_first_error_is_the_one_raised(tmp_path):
    with pytest.raises(ZeroDivisionError), open_checkpoints(tmp_path / "gone") as checkpoints:
        checkpoints.save(1, large_state(1), {})
        shutil.rmtree(tmp_path / "gone", ignore_errors=True)
        raise ZeroDivisionError


@pytest.mark.parametrize("limit", [100, 20_000, 1_000_000])
def test_a_file_size_limit_leaves_the_previous_checkpoint_intact(tmp_path, capfd, limit):
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open_checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, SMALL, {})
        checkpoints.wait()
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, unlimited[1]))
        try:
            with pytest.raises(JaxcmpError, match="step 2 cannot be written") as caught:
                checkpoints.save(2, large_state(2), {})
                checkpoints.wait()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        assert str(caught.value).endswith("that of step 1 is whole")
        assert sorted(os.listdir(tmp_path)) == ["1"]
        assert restore(checkpoints, SMALL)[0] == 1
        checkpoints.save(2, large_state(2), {})
    assert checkpoints.steps == [1, 2]
    assert capfd.readouterr().err == ""


# Orbax waits for a folder that it cannot make, unless it has to make it first.
@pytest.fixture(params=["size=20m", "size=20m,nr_inodes=4", "size=20m,nr_inodes=25"])
def small_disk(tmp_path, request) -> Iterator[Path]:
    mount = ["mount", "-t", "tmpfs", "-o", request.param, "tmpfs", str(tmp_path)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_a_full_disk_is_one_line_and_leaves_the_previous_checkpoint_intact(small_disk, capfd):
    with pytest.raises(JaxcmpError, match="no space left on the disk") as caught:
        with open_checkpoints(small_disk) as checkpoints:
            for step in range(1, 10):
                checkpoints.save(step, large_state(step), {})
    assert "\n" not in str(caught.value)
    before = checkpoints.latest_step
    if before is None:
        assert str(caught.value).endswith("none before it")
    else:
        assert str(caught.value).endswith(f"that of step {before} is whole")
        assert_same(restore(checkpoints, large_state(0))[1], large_state(before))
    assert capfd.readouterr().err == ""
