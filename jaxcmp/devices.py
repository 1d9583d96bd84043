"""Where arrays live: a 1-D mesh over all devices, copies on each, or one shard for each."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxcmp.errors import CommandError, JaxcmpError

Result = TypeVar("Result")


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


def on_first_process(action: Callable[[], Result]) -> Result | None:
    """Does something on the first process alone; returns what it gives there, elsewhere None.

    A JaxcmpError there is one everywhere, so that nobody waits for a process that has ended.
    """
    result, error = None, None
    if jax.process_index() == 0:
        try:
            result = action()
        except JaxcmpError as raised:
            error = raised
    has_failed = error is not None
    if jax.process_count() > 1:
        has_failed = bool(multihost_utils.broadcast_one_to_all(np.bool_(has_failed)))
    if has_failed:
        raise error or JaxcmpError("the first process cannot go on; it says why")
    return result


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
            "--distributed found no cluster: start it through SLURM, Open MPI or Kubernetes (the "
            f"last needs the kubernetes package); JAX says: {str(error).splitlines()[0]}"
        ) from error
