"""The placement of images by their size and the free memory."""

import pytest

from jaxcmp.data.placement import choose


@pytest.mark.parametrize(("num_bytes", "is_streamed"), [(499, False), (500, False), (501, True)])
def test_images_that_take_more_than_half_of_the_free_memory_are_streamed(num_bytes, is_streamed):
    assert choose("auto", num_bytes=num_bytes, free_bytes=1000).is_streamed == is_streamed


@pytest.mark.parametrize(("placement", "is_streamed"), [("device", False), ("stream", True)])
def test_an_explicit_placement_ignores_free_memory(placement, is_streamed):
    for free_bytes in (0, 2**60):
        placed = choose(placement, num_bytes=10**6, free_bytes=free_bytes)
        assert placed.is_streamed == is_streamed and placed.name == placement
        assert "as data.placement says: 1.0 MB" in placed.reason


@pytest.mark.parametrize("placement", ["auto", "device"])
@pytest.mark.parametrize(("num_devices", "num_bytes"), [(2, 25_000), (8, 6_250)])
def test_each_device_has_a_copy_of_images_under_a_twentieth_of_its_memory(
    placement, num_devices, num_bytes
):
    copied, divided = (
        choose(placement, num_bytes=size, free_bytes=10**6, num_devices=num_devices)
        for size in (num_bytes, num_bytes + 1)
    )
    assert copied.is_copied and not divided.is_copied
    assert copied.reason.startswith(f"images copied to each of {num_devices} devices")
    assert divided.reason.startswith(f"images divided among {num_devices} devices")
    assert copied.name == divided.name == "device"


def test_one_device_and_streamed_images_need_no_copies():
    assert not choose("auto", num_bytes=1, free_bytes=10**9, num_devices=1).is_copied
    for placement, num_bytes in (("stream", 1), ("auto", 10**9)):
        placed = choose(placement, num_bytes=num_bytes, free_bytes=10**9, num_devices=8)
        assert placed.is_streamed and not placed.is_copied


def test_the_reason_has_both_sizes():
    reason = choose("auto", num_bytes=193 * 10**9, free_bytes=79 * 10**9).reason
    assert reason == (
        "images streamed, too large for the devices: 193.0 GB, and 79.0 GB are free there"
    )
    reason = choose("auto", num_bytes=154 * 10**6, free_bytes=79 * 10**9).reason
    assert reason == "images on the devices: 154.0 MB, and 79.0 GB are free there"
    sizes = {"num_bytes": 154 * 10**6, "free_bytes": 632 * 10**9}
    reason = choose("auto", **sizes, num_devices=8).reason
    assert reason == "images copied to each of 8 devices: 154.0 MB, and 632.0 GB are free there"
