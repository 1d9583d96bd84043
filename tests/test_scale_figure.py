"""The figure of speed against size: what it shows, and that it repeats."""

from xml.etree import ElementTree

import bench_records as records

from jaxcmp.bench import scale_figure

AXES = records.measured_scale()["axes"]


def texts(svg):
    return {"".join(each.itertext()).strip() for each in ElementTree.fromstring(svg).iter()}


def test_every_axis_has_a_column_and_every_arm_a_name():
    shown = texts(scale_figure.draw({"vit, float32": AXES, "resnet, float32": AXES}))
    assert {"batch size", "depth, blocks", "images/s", "memory of a step, MiB"} <= shown
    assert {"vit, float32", "resnet, float32"} <= shown
    assert "width" not in shown


def test_a_size_that_failed_is_left_out():
    assert "128" not in texts(scale_figure.draw({"vit": AXES}))
    assert {"8", "32", "4"} <= texts(scale_figure.draw({"vit": AXES}))


def test_the_same_points_give_the_same_bytes():
    assert scale_figure.draw({"vit": AXES}) == scale_figure.draw({"vit": AXES})


def test_memory_is_the_devices_where_it_has_its_own():
    assert scale_figure.peak({"device_bytes": 5, "host_bytes": 7}) == 5
    assert scale_figure.peak({"device_bytes": None, "host_bytes": 7}) == 7


def test_labels_of_sizes_do_not_run_into_each_other():
    labels = scale_figure.tick_labels([21, 43, 64, 128, 192, 384])
    assert labels == ["21", "43", "", "128", "", "384"]
    assert scale_figure.tick_labels([4, 8]) == ["4", "8"]
    assert scale_figure.tick_labels([]) == []
