"""Where arrays live: a 1-D mesh over all devices, copies on each, or one shard for each."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxcmp.errors import CommandError


def make_mesh(devices: Sequence[Any] | None = None) -> Mesh:
    """A mesh named `data` over the given devices, by default all of every process."""
    devices = jax.devices() if devices is None else devices
    return jax.make_mesh((len(devices),), ("data",), axis_types=(AxisType.Auto,), devices=devices)


def replicated(mesh: Mesh) -> NamedSharding:
    return NamedSharding(mesh, PartitionSpec())


def sharded(mesh: Mesh) -> NamedSharding:
    """The leading axis, cut into one part for each device."""
    return NamedSharding(mesh, PartitionSpec("data"))


def place(value: Any, sharding: NamedSharding) -> Array:
    """A host array that every process holds alike, as one global array."""
    if isinstance(value, Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        data = place(jax.random.key_data(value), sharding)
        return jax.random.wrap_key_data(data)
    value = np.asarray(value)
    return jax.make_array_from_callback(value.shape, sharding, lambda index: value[index])


def check_batch_size(batch_size: int, *, num_devices: int, accumulation: int) -> None:
    """Raises CommandError where a batch cannot be cut into equal parts."""
    if accumulation < 1:
        raise CommandError(f"accumulation={accumulation} must be at least 1")
    parts = num_devices * accumulation
    if batch_size % parts:
        below = batch_size // parts * parts
        nearest = f"{below} or {below + parts}" if below else f"{parts}"
        raise CommandError(
            f"batch_size={batch_size} is not divisible by {num_devices} devices x accumulation "
            f"{accumulation}; {nearest} would be"
        )


def join_cluster() -> None:
    """Makes this process one of several, found as SLURM, Open MPI or Kubernetes describe them."""
    try:
        jax.distributed.initialize()
    except (ValueError, RuntimeError) as error:
        raise CommandError(
            "--distributed found no cluster: start it through SLURM, Open MPI or Kubernetes, or "
            f"set JAX_COORDINATOR_ADDRESS ({str(error).splitlines()[0]})"
        ) from error
