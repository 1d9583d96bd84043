"""Speed against size: which sizes, and that each is measured."""

import json
import runpy

import processes
import pytest
from bench_configs import TINY

from jaxcmp.bench import scale

VIT = runpy.run_path(f"{processes.ROOT}/configs/vit.py")["get_config"]()
RESNET = runpy.run_path(f"{processes.ROOT}/configs/resnet.py")["get_config"]()


def sizes(config, axis):
    return [value for value, _ in scale.points_of(config, axis)]


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
    from jaxcmp import models

    for _, changes in scale.points_of(config, axis):
        changed = config.copy_and_resolve_references()
        given = dict(change.removeprefix("--config.").split("=") for change in changes)
        changed.update_from_flattened_dict({k: eval(v) for k, v in given.items()})
        models.build(**changed.model)


def test_sizes_are_measured_one_by_one_and_written(tmp_path):
    file = tmp_path / "scale.json"
    code, out, err = processes.run(
        *(*TINY, "--axes=depth", "--rounds=2", f"--json={file}"), module="jaxcmp.bench.scale"
    )
    assert code == 0, err
    record = json.loads(file.read_text())
    assert record["kind"] == "scale" and not out
    points = record["measured"]["axes"]["depth"]
    assert [point["value"] for point in points] == [1, 2]
    assert all(point["step_seconds"]["n"] == 2 for point in points)
    assert points[1]["memory"]["step_temporary_bytes"] > points[0]["memory"]["step_temporary_bytes"]
    assert "depth 1:" in err


@pytest.mark.parametrize("axes", ["height", "depth,,"])
def test_an_unknown_axis_is_a_wrong_command(axes):
    code, _, err = processes.run(*TINY, f"--axes={axes}", module="jaxcmp.bench.scale")
    assert (code, err.count("\n")) == (2, 1)
    assert "must be some of batch_size,image_size,depth,width,steps_per_dispatch" in err
