"""Sizes of the work: which they are, and what becomes of one that fails."""

import pytest
from bench_configs import TINY

from configs import resnet, vit
from jaxcmp import models
from jaxcmp.bench import scale
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.settings.configuration import settings_of

VIT, RESNET = vit.get_config(), resnet.get_config()
VIT.model.num_classes = RESNET.model.num_classes = 10
VIT.model.image_size = RESNET.model.image_size = 32


def sizes(config, axis):
    return [value for value, _ in scale.sizes_of(settings_of(config), axis)]


def test_a_configuration_that_cannot_be_is_a_wrong_command():
    with pytest.raises(CommandError, match="does not divide model.width=16"):
        scale.measure_size([*TINY, "--config.model.num_heads=3"])


def test_a_size_that_does_not_fit_is_a_point_that_says_so(monkeypatch):
    def fails(*arguments, **environment):
        raise JaxcmpError("the device's memory does not suffice")

    monkeypatch.setattr(scale, "run_part", fails)
    measured = scale.measure_sizes(settings_of(VIT), [], "depth")
    assert [point["value"] for point in measured["axes"]["depth"]] == [6, 12, 24]
    assert {x["failed"] for x in measured["axes"]["depth"]} == {
        "the device's memory does not suffice"
    }


def test_each_axis_goes_from_small_to_large_through_the_configured_size():
    assert sizes(VIT, "batch_size") == [8, 32, 128, 512]
    assert sizes(VIT, "image_size") == [16, 32, 64]
    assert sizes(VIT, "depth") == [6, 12, 24]
    assert sizes(VIT, "width") == [64, 128, 192, 384]
    assert sizes(RESNET, "depth") == [4, 8, 16]
    assert 64 in sizes(RESNET, "width")
    assert sizes(RESNET, "steps_per_dispatch") == [1, 2, 4, 8]


@pytest.mark.parametrize("axis", scale.AXES)
@pytest.mark.parametrize("config", [VIT, RESNET], ids=["vit", "resnet"])
def test_every_size_is_a_model_that_can_be(config, axis):
    for _, changes in scale.sizes_of(settings_of(config), axis):
        changed = config.copy_and_resolve_references()
        given = dict(change.removeprefix("--config.").split("=") for change in changes)
        changed.update_from_flattened_dict({k: eval(v) for k, v in given.items()})
        models.build(**changed.model)
