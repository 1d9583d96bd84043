"""Devices and arrays on them: a 1-D mesh, arrays copied to every device or divided among them."""

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxcmp.errors import CommandError, JaxcmpError, first_line
from jaxcmp.runtime import environment, host_memory, memory_errors

Result = TypeVar("Result")
# With 440 MB the compiler crashed (SIGSEGV or SIGABRT), with 740 MB it did not.
COMPILER_BYTES = 600_000_000
SPLIT = PartitionSpec("data")


def check_any() -> None:
    """Raises JaxcmpError where JAX has no device, as of a GPU that JAX_PLATFORMS names alone."""
    try:
        jax.devices()
    except (AssertionError, RuntimeError) as error:
        platforms = os.environ.get("JAX_PLATFORMS", "")
        reason = f": {first_line(error)}" if str(error) else ""
        raise JaxcmpError(f"JAX has no device for JAX_PLATFORMS={platforms}{reason}") from error


def make_mesh(devices: Sequence[Any] | None = None) -> Mesh:
    """Makes a mesh named `data` over the given devices, by default all of every process."""
    devices = jax.devices() if devices is None else devices
    return jax.make_mesh((len(devices),), ("data",), axis_types=(AxisType.Auto,), devices=devices)


def describe() -> str:
    """Describes all devices by number, name and memory: "8 x NVIDIA H200 with 139 GiB each"."""
    device = jax.local_devices()[0]
    if device.platform == "cpu":
        memory = f"{host_memory.total_bytes() / 2**30:.0f} GiB"
        host = f"{environment.cpu_model()} with {os.cpu_count()} cores and {memory}"
        return host if jax.device_count() == 1 else f"{jax.device_count()} devices of {host}"
    memory = (device.memory_stats() or {}).get("bytes_limit")
    size = f" with {memory / 2**30:.0f} GiB" if memory else ""
    if jax.device_count() == 1:
        return f"one {device.device_kind}{size}"
    return f"{jax.device_count()} x {device.device_kind}{size}{' each' if size else ''}"


def replicated(mesh: Mesh) -> NamedSharding:
    return NamedSharding(mesh, PartitionSpec())


def sharded(mesh: Mesh, *, axis: int = 0) -> NamedSharding:
    """Returns the sharding that divides one axis, by default the leading one, among the devices."""
    return NamedSharding(mesh, PartitionSpec(*[None] * axis, "data"))


def place(value: Any, sharding: NamedSharding) -> Array:
    """Makes one global array of a host array that is the same in every process."""
    if isinstance(value, Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        data = place(jax.random.key_data(value), sharding)
        return jax.random.wrap_key_data(data)
    value = np.asarray(value)
    return jax.make_array_from_callback(value.shape, sharding, lambda index: value[index])


def place_rows(value: np.ndarray, mesh: Mesh) -> Array:
    """Divides the rows of a host array among the devices; zeros fill up the last part.

    All devices together hold the array once. `take_rows` reads it.
    """
    num_rows = -(-len(value) // mesh.size)

    def part(index: Any) -> np.ndarray:
        rows = value[index]
        missing = num_rows - len(rows)
        return np.pad(rows, [(0, missing)] + [(0, 0)] * (rows.ndim - 1)) if missing else rows

    shape = (num_rows * mesh.size, *value.shape[1:])
    return jax.make_array_from_callback(shape, sharded(mesh), part)


def own_rows(num_rows: int, mesh: Mesh) -> np.ndarray:
    """Returns the row numbers of a divided array that lie on this process's devices, ascending."""
    parts = sharded(mesh).addressable_devices_indices_map((num_rows,)).values()
    return np.unique(np.concatenate([np.arange(num_rows)[part] for part in parts]))


def place_own_rows(value: np.ndarray, sharding: NamedSharding, *, shape: tuple[int, ...]) -> Array:
    """Makes one global array of `shape` from each process's `own_rows`."""
    return jax.make_array_from_process_local_data(sharding, value, shape)


def free_bytes() -> int:
    """Returns the bytes free on all devices, in equal parts; the same number in every process.

    On a CPU the devices are the host, whose memory counts once.
    """
    all_stats = [device.memory_stats() or {} for device in jax.local_devices()]
    if all("bytes_limit" in stats for stats in all_stats):
        least = min(stats["bytes_limit"] - stats["bytes_in_use"] for stats in all_stats)
        num_bytes = least * jax.device_count()
    else:
        num_bytes = host_memory.available_bytes()
    if jax.process_count() > 1:
        # In MiB, so that the number fits into an int32.
        mebibytes = multihost_utils.process_allgather(np.int32(num_bytes >> 20))
        num_bytes = int(np.min(mebibytes)) << 20
    return num_bytes


def check_can_compile() -> None:
    """Raises JaxcmpError if `ulimit` leaves too little memory: the compiler would crash."""
    if host_memory.left_by_limits() < COMPILER_BYTES:
        needed = f"compiling needs {memory_errors.size(COMPILER_BYTES)} or more, and "
        raise JaxcmpError(memory_errors.message(needed))


def temporary_bytes(compiled: Any) -> int | None:
    """Returns the memory that a compiled program takes beside its arguments; None if unknown.

    Raises JaxcmpError if a CPU's host has less memory: the system would grant it, and kill the
    process on use.
    """
    num_bytes = getattr(compiled.memory_analysis(), "temp_size_in_bytes", None)
    total = host_memory.total_bytes()
    if num_bytes is not None and num_bytes > total and jax.default_backend() == "cpu":
        size = memory_errors.size
        needed = f"a program needs {size(num_bytes)} of at most {size(total)}, and "
        raise JaxcmpError(memory_errors.message(needed))
    return num_bytes


def take_rows(mesh: Mesh, rows: Array, indices: Array) -> Array:
    """Looks up rows [n, ...] by indices [batch], both divided: [batch, ...], divided.

    Each device looks up the whole batch in its own rows, with zeros for rows of other devices, and
    receives the sum over all devices for its part of the batch.
    """
    if mesh.size == 1:
        return rows[indices]

    @functools.partial(jax.shard_map, mesh=mesh, in_specs=SPLIT, out_specs=SPLIT)
    def take(part: Array, indices: Array) -> Array:
        wanted = jax.lax.all_gather(indices, "data", tiled=True)
        wanted -= jax.lax.axis_index("data") * len(part)
        is_here = (wanted >= 0) & (wanted < len(part))
        taken = part[jnp.where(is_here, wanted, 0)]
        taken = jnp.where(jnp.expand_dims(is_here, range(1, taken.ndim)), taken, 0)
        # Only one summand is not zero, so small integers do not overflow.
        return jax.lax.psum_scatter(taken, "data", tiled=True)

    return take(rows, indices)


def take_copied_rows(mesh: Mesh, rows: Array, indices: Array) -> Array:
    """Looks up rows [n, ...] that every device has by divided indices [batch]: [batch, ...]."""
    if mesh.size == 1:
        return rows[indices]
    take = jax.shard_map(
        lambda rows, indices: rows[indices],
        mesh=mesh,
        in_specs=(PartitionSpec(), SPLIT),
        out_specs=SPLIT,
    )
    return take(rows, indices)


def on_first_process(action: Callable[[], Result]) -> Result | None:
    """Runs an action on the first process only; returns its result there, None elsewhere.

    If it raises JaxcmpError, every process does, so that none waits for one that has ended.
    """
    result, error = None, None
    if jax.process_index() == 0:
        try:
            result = action()
        except JaxcmpError as raised:
            error = raised
    if broadcast_from_first(error is not None):
        raise error or JaxcmpError("the first process cannot go on; it says why")
    return result


def broadcast_from_first(value: bool) -> bool:
    """Returns the first process's value in every process; all of them must call it."""
    if jax.process_count() == 1:
        return value
    return bool(multihost_utils.broadcast_one_to_all(np.bool_(value)))


def check_batch_size(batch_size: int, *, num_devices: int, accumulation: int) -> None:
    """Raises CommandError if a batch cannot be divided into equal parts."""
    parts = num_devices * accumulation
    if batch_size % parts:
        below = batch_size // parts * parts
        nearest = f"{below} or {below + parts}" if below else f"{parts}"
        raise CommandError(
            f"batch_size={batch_size} is not divisible by {num_devices} devices x accumulation "
            f"{accumulation}; {nearest} would be"
        )
