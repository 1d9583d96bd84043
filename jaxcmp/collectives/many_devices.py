"""Compiles the training step for many devices that are not there."""

from typing import Any

import jax
import numpy as np
from jax.experimental import topologies
from jax.sharding import Mesh

from jaxcmp import costs, devices
from jaxcmp.collectives.messages import Message, read
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.experiment import Config, prepare
from jaxcmp.gpu.compiler import OPTIONS, why_unavailable
from jaxcmp.gpu.gpus import GPUS
from jaxcmp.gpu.programs import stand_in

DEVICES_PER_HOST = 8
# Nobody looks at the kernels here, so that they need not be good.
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
# Each array then has an all-reduce of its own.
SEPARATE = {"xla_gpu_all_reduce_combine_threshold_bytes": 0}


def make_mesh(platform: str, num_devices: int) -> Mesh:
    """A mesh of `platform`, a card of GPUS in hosts of eight, or "cpu" for this machine's devices.

    Raises JaxcmpError where the compiler for GPUs is missing, CommandError for too few devices.
    """
    if platform == "cpu":
        if len(jax.devices()) < num_devices:
            raise CommandError(
                f"there are {len(jax.devices())} CPU devices; set "
                f"XLA_FLAGS=--xla_force_host_platform_device_count={num_devices}"
            )
        return devices.make_mesh(jax.devices()[:num_devices])
    if reason := why_unavailable():
        raise JaxcmpError(reason)
    if num_devices % DEVICES_PER_HOST:
        raise CommandError(f"--devices={num_devices} must be a multiple of {DEVICES_PER_HOST}")
    topology = topologies.get_topology_desc(
        "",
        "cuda",
        target_config=GPUS[platform].target_config,
        topology=f"1x{num_devices // DEVICES_PER_HOST}x{DEVICES_PER_HOST}",
    )
    return devices.make_mesh(topology.devices)


def describe(config: Config, mesh: Mesh, *, platform: str, batch_per_device: int) -> dict[str, Any]:
    """What a configuration's step sends on these devices, and what of it follows from its sizes.

    The global batch is `batch_per_device` for each device. Plain numbers, ready for JSON.
    """
    config = config.copy_and_resolve_references()
    own_batch_size = config.batch_size
    config.batch_size = batch_per_device * mesh.size
    experiment = prepare(config, stand_in(), num_devices=mesh.size)
    key = jax.eval_shape(lambda: jax.random.key(0))
    state = jax.eval_shape(experiment.init, key)
    text = _compile(experiment, state, key, mesh, config.batch_size, platform, {})
    described = {
        "arm": config.arm,
        "optimizer": config.optimizer.name,
        "batch_size": own_batch_size,
        "learning_rate": config.schedule.peak_learning_rate,
        "batch_per_device": batch_per_device,
        "parameters": _size(state.params),
        "batch_statistics": _size(state.batch_stats),
        "state_bytes": sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(state)),
        "image_flops": costs.training_flops(
            sum(experiment.model.multiply_adds(stand_in().train.images.shape[-1]).values()), 1
        ),
        "messages": _plain(read(text)),
    }
    if platform != "cpu":
        text = _compile(experiment, state, key, mesh, config.batch_size, platform, SEPARATE)
        described["separate_messages"] = _plain(read(text))
    return described


def _compile(experiment, state, key, mesh, batch_size, platform, options) -> str:
    everywhere, cut = devices.replicated(mesh), devices.sharded(mesh)

    def placed(tree: Any, sharding: Any) -> Any:
        return jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), tree
        )

    split = experiment.dataset.train
    num_rows = -(-len(split.labels) // mesh.size) * mesh.size
    images = jax.ShapeDtypeStruct((num_rows, *split.images.shape[1:]), np.uint8)
    labels = jax.ShapeDtypeStruct((num_rows,), np.int32)
    indices = jax.ShapeDtypeStruct((batch_size,), np.int32)
    take = devices.take_rows(mesh)

    def step(*arguments: Any) -> Any:
        return experiment.train_step(*arguments, take=take)

    traced = jax.jit(step, donate_argnums=0, out_shardings=everywhere).trace(
        placed(state, everywhere),
        *placed((images, labels, indices), cut),
        placed(key, everywhere),
    )
    if platform == "cpu":
        return traced.lower().compile().as_text() or ""
    lowered = traced.lower(lowering_platforms=("cuda",))
    return lowered.compile(compiler_options={**OPTIONS, **QUICK, **options}).as_text() or ""


def _size(tree: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def _plain(messages: list[Message]) -> list[dict[str, Any]]:
    return [
        {"kind": m.kind, "bytes": m.bytes, "num_arrays": m.num_arrays, "source": m.source}
        for m in messages
    ]
