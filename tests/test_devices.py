"""Where arrays live."""

import jax
import numpy as np
import pytest

from jaxcmp import devices
from jaxcmp.errors import CommandError


def test_the_mesh_has_every_device_on_one_axis():
    mesh = devices.make_mesh()
    assert mesh.axis_names == ("data",)
    assert mesh.size == len(jax.devices()) == 8


def test_sharding_cuts_the_leading_axis_and_replicating_copies_it():
    mesh = devices.make_mesh()
    value = np.arange(16, dtype=np.int32)
    cut = devices.place(value, devices.sharded(mesh))
    assert [shard.data.tolist() for shard in cut.addressable_shards][:2] == [[0, 1], [2, 3]]
    copied = devices.place(value, devices.replicated(mesh))
    assert all(len(shard.data) == 16 for shard in copied.addressable_shards)
    np.testing.assert_array_equal(cut, copied)


def test_a_key_is_placed_as_a_key():
    key = jax.random.key(7)
    placed = devices.place(key, devices.replicated(devices.make_mesh()))
    assert placed.dtype == key.dtype
    np.testing.assert_array_equal(jax.random.key_data(placed), jax.random.key_data(key))


@pytest.mark.parametrize(
    ("batch_size", "num_devices", "accumulation", "message"),
    [
        (100, 8, 1, "not divisible by 8 devices x accumulation 1; 96 or 104 would be"),
        (4, 8, 1, "; 8 would be"),
        (128, 8, 3, "8 devices x accumulation 3; 120 or 144 would be"),
        (128, 8, 0, "accumulation=0 must be at least 1"),
    ],
)
def test_a_batch_that_cannot_be_cut_is_refused(batch_size, num_devices, accumulation, message):
    with pytest.raises(CommandError, match=message):
        devices.check_batch_size(batch_size, num_devices=num_devices, accumulation=accumulation)
    devices.check_batch_size(128, num_devices=8, accumulation=2)
