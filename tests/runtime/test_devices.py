"""Devices and the placement of arrays on them."""

import os
import platform
import re
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.runtime import devices, host_memory


def test_sharding_cuts_an_axis_and_replicating_copies_it():
    mesh = devices.make_mesh()
    value = np.arange(16, dtype=np.int32)
    cut = devices.place(value, devices.sharded(mesh))
    assert [shard.data.tolist() for shard in cut.addressable_shards][:2] == [[0, 1], [2, 3]]
    table = devices.place(value.reshape(2, 8), devices.sharded(mesh, axis=1))
    assert [shard.data.tolist() for shard in table.addressable_shards][0] == [[0], [8]]
    copied = devices.place(value, devices.replicated(mesh))
    assert all(len(shard.data) == 16 for shard in copied.addressable_shards)
    np.testing.assert_array_equal(cut, copied)


@pytest.mark.parametrize("num_devices", [1, 3, 8])
def test_rows_are_each_on_one_device_and_can_be_looked_up(num_devices):
    mesh = devices.make_mesh(jax.devices()[:num_devices])
    images = np.random.default_rng(0).integers(0, 256, (21, 2, 2, 3), dtype=np.uint8)
    labels = np.arange(21, dtype=np.int32)
    indices = np.random.default_rng(1).permutation(np.arange(24, dtype=np.int32) % 21)
    cut = devices.sharded(mesh)
    take = jax.jit(partial(devices.take_rows, mesh), out_shardings=cut)
    for value in (images, labels):
        rows = devices.place_rows(value, mesh)
        assert len(rows) == -(-21 // num_devices) * num_devices
        assert sum(shard.data.nbytes for shard in rows.addressable_shards) == rows.nbytes
        taken = take(rows, devices.place(indices, cut))
        assert taken.dtype == value.dtype
        np.testing.assert_array_equal(taken, value[indices])


def test_fewer_rows_than_devices_can_be_looked_up():
    mesh = devices.make_mesh()
    rows = devices.place_rows(np.arange(3, dtype=np.int32), mesh)
    indices = devices.place(np.array([2, 0] * 4, np.int32), devices.sharded(mesh))
    taken = jax.jit(partial(devices.take_rows, mesh))(rows, indices)
    np.testing.assert_array_equal(taken, [2, 0] * 4)


def test_a_single_device_uses_a_plain_lookup():
    mesh = devices.make_mesh(jax.devices()[:1])
    rows, indices = np.zeros((5, 2), np.uint8), np.zeros(3, np.int32)
    here, plain = (
        str(jax.make_jaxpr(lambda rows, indices: lookup(rows, indices))(rows, indices))  # noqa: B023
        for lookup in (partial(devices.take_rows, mesh), lambda rows, indices: rows[indices])
    )
    assert here == plain


def test_a_lookup_needs_no_copy_of_all_rows():
    mesh = devices.make_mesh()
    rows = devices.place_rows(np.zeros((80_000, 64), np.uint8), mesh)
    indices = devices.place(np.zeros(64, np.int32), devices.sharded(mesh))
    compiled = jax.jit(partial(devices.take_rows, mesh)).lower(rows, indices).compile()
    memory = compiled.memory_analysis()
    assert memory is not None
    assert memory.argument_size_in_bytes < rows.nbytes / 8 + 1000
    # The whole batch as each device sees it before the sum, and little else.
    assert memory.temp_size_in_bytes < 4 * 64 * 64
    # Not twice the bytes, as a sum that every device gets whole would be.
    text = compiled.as_text() or ""
    assert "reduce-scatter" in text and "all-reduce" not in text


@pytest.mark.parametrize(
    ("batch_size", "num_devices", "accumulation", "message"),
    [
        (100, 8, 1, "not divisible by 8 devices x accumulation 1; 96 or 104 would be"),
        (4, 8, 1, "; 8 would be"),
        (128, 8, 3, "8 devices x accumulation 3; 120 or 144 would be"),
    ],
)
def test_an_indivisible_batch_is_refused(batch_size, num_devices, accumulation, message):
    with pytest.raises(CommandError, match=message):
        devices.check_batch_size(batch_size, num_devices=num_devices, accumulation=accumulation)
    devices.check_batch_size(128, num_devices=8, accumulation=2)


@pytest.mark.parametrize("num_devices", [1, 8])
def test_own_rows_are_all_rows_of_a_single_process(num_devices):
    mesh = devices.make_mesh(jax.devices()[:num_devices])
    own = devices.own_rows(16, mesh)
    np.testing.assert_array_equal(own, np.arange(16))
    value = np.arange(48, dtype=np.int32).reshape(3, 16)
    placed = devices.place_own_rows(value[:, own], devices.sharded(mesh, axis=1), shape=(3, 16))
    np.testing.assert_array_equal(placed, value)
    assert len(placed.addressable_shards) == num_devices
    assert placed.addressable_shards[-1].data.shape == (3, 16 // num_devices)


def test_devices_are_described_by_number_name_cores_and_memory():
    cpuinfo = Path("/proc/cpuinfo")
    names = re.findall(
        r"^model name\s*: *(\S.*)$", cpuinfo.read_text() if cpuinfo.exists() else "", re.MULTILINE
    )
    words = re.fullmatch(r"8 devices of (.+) with (\d+) cores and (\d+) GiB", devices.describe())
    assert words is not None
    assert words[1] == (names[0] if names else platform.processor() or platform.machine())
    assert int(words[2]) == os.cpu_count()
    assert 0 <= int(words[3]) - host_memory.available_bytes() // 2**30


def test_cpu_devices_have_the_hosts_memory():
    assert 1e-3 < devices.free_bytes() / host_memory.available_bytes() < 1e3


@pytest.mark.parametrize("error", [AssertionError(), RuntimeError("Unable to initialize")])
def test_a_platform_without_a_device_is_one_line(error, monkeypatch):
    def devices_of_jax():
        raise error

    monkeypatch.setattr(jax, "devices", devices_of_jax)
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    with pytest.raises(JaxcmpError, match=r"^JAX has no device for JAX_PLATFORMS=cuda[^\n]*$"):
        devices.check_any()
