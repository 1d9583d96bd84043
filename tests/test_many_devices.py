"""What the real step sends on several devices is what its sizes say."""

import bench_configs
import jax
import pytest

from jaxcmp.collectives import many_devices
from jaxcmp.errors import CommandError


@pytest.mark.parametrize("arm", ["vit", "resnet"])
def test_gradients_and_batch_statistics_are_all_reduced_and_images_scattered(arm):
    config = bench_configs.config_of(arm, **{"model.image_size": 32})
    mesh = many_devices.make_mesh("cpu", 8)
    made = many_devices.describe(config, mesh, platform="cpu", batch_per_device=2)
    reduced = sum(each["bytes"] for each in made["messages"] if each["kind"] == "all-reduce")
    expected = 4 * (made["parameters"] + made["batch_statistics"])
    assert expected <= reduced < 1.5 * expected + 10_000
    scattered = [each["bytes"] for each in made["messages"] if each["kind"] == "reduce-scatter"]
    assert 16 * 32 * 32 * 3 in scattered
    assert made["image_flops"] > 0 and made["state_bytes"] > 4 * made["parameters"]


def test_more_cpu_devices_than_there_are_is_one_line():
    with pytest.raises(CommandError, match="xla_force_host_platform_device_count=64"):
        many_devices.make_mesh("cpu", 64)
    assert len(jax.devices()) == 8
