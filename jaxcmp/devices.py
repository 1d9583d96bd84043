"""Where arrays live: a 1-D mesh over all devices, copies on each, or one shard for each."""

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxcmp import host_memory
from jaxcmp.errors import CommandError, JaxcmpError

Result = TypeVar("Result")
SPLIT = PartitionSpec("data")


def make_mesh(devices: Sequence[Any] | None = None) -> Mesh:
    """A mesh named `data` over the given devices, by default all of every process."""
    devices = jax.devices() if devices is None else devices
    return jax.make_mesh((len(devices),), ("data",), axis_types=(AxisType.Auto,), devices=devices)


def replicated(mesh: Mesh) -> NamedSharding:
    return NamedSharding(mesh, PartitionSpec())


def sharded(mesh: Mesh, *, axis: int = 0) -> NamedSharding:
    """One axis, by default the leading one, cut into one part for each device."""
    return NamedSharding(mesh, PartitionSpec(*[None] * axis, "data"))


def place(value: Any, sharding: NamedSharding) -> Array:
    """A host array that every process holds alike, as one global array."""
    if isinstance(value, Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        data = place(jax.random.key_data(value), sharding)
        return jax.random.wrap_key_data(data)
    value = np.asarray(value)
    return jax.make_array_from_callback(value.shape, sharding, lambda index: value[index])


def place_rows(value: np.ndarray, mesh: Mesh) -> Array:
    """The rows of a host array in equal parts, one for each device; zeros fill up the last.

    However many devices there are, together they hold the array once. `take_rows` reads it.
    """
    num_rows = -(-len(value) // mesh.size)

    def part(index: Any) -> np.ndarray:
        rows = value[index]
        missing = num_rows - len(rows)
        return np.pad(rows, [(0, missing)] + [(0, 0)] * (rows.ndim - 1)) if missing else rows

    shape = (num_rows * mesh.size, *value.shape[1:])
    return jax.make_array_from_callback(shape, sharded(mesh), part)


def own_rows(num_rows: int, mesh: Mesh) -> np.ndarray:
    """Which of the rows of an array in parts lie on devices of this process, ascending."""
    parts = sharded(mesh).addressable_devices_indices_map((num_rows,)).values()
    return np.unique(np.concatenate([np.arange(num_rows)[part] for part in parts]))


def place_own_rows(value: np.ndarray, sharding: NamedSharding, *, shape: tuple[int, ...]) -> Array:
    """One global array of that shape, of which `value` holds this process's `own_rows`."""
    return jax.make_array_from_process_local_data(sharding, value, shape)


def free_bytes() -> int:
    """Bytes that all devices can still take in equal parts; the same number in every process.

    On a CPU the devices are the host, whose memory counts once.
    """
    stats = [device.memory_stats() or {} for device in jax.local_devices()]
    if all("bytes_limit" in each for each in stats):
        least = min(each["bytes_limit"] - each["bytes_in_use"] for each in stats)
        num_bytes = least * jax.device_count()
    else:
        num_bytes = host_memory.available_bytes()
    if jax.process_count() > 1:
        # As MiB they fit into the integers that devices exchange.
        mebibytes = multihost_utils.process_allgather(np.int32(num_bytes >> 20))
        num_bytes = int(np.min(mebibytes)) << 20
    return num_bytes


def take_rows(mesh: Mesh) -> Callable[[Array, Array], Array]:
    """Binds (rows [n, ...] in parts, indices [batch] in parts) -> rows [batch, ...] in parts.

    Each device looks up those of the whole batch that it holds, zeros for the others, and is given
    the sum of all devices' answers for its own part of the batch.
    """
    if mesh.size == 1:
        return operator.getitem

    @functools.partial(jax.shard_map, mesh=mesh, in_specs=SPLIT, out_specs=SPLIT)
    def take(part: Array, indices: Array) -> Array:
        wanted = jax.lax.all_gather(indices, "data", tiled=True)
        wanted -= jax.lax.axis_index("data") * len(part)
        is_here = (wanted >= 0) & (wanted < len(part))
        rows = part[jnp.where(is_here, wanted, 0)]
        rows = jnp.where(jnp.expand_dims(is_here, range(1, rows.ndim)), rows, 0)
        # One of the summands is the row, so that small integers do not overflow.
        return jax.lax.psum_scatter(rows, "data", tiled=True)

    return take


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
    if said_by_first(error is not None):
        raise error or JaxcmpError("the first process cannot go on; it says why")
    return result


def said_by_first(value: bool) -> bool:
    """What the first process says, in all of them: each calls it."""
    if jax.process_count() == 1:
        return value
    return bool(multihost_utils.broadcast_one_to_all(np.bool_(value)))


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
