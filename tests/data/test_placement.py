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


def test_the_reason_has_both_sizes():
    reason = choose("auto", num_bytes=193 * 10**9, free_bytes=79 * 10**9).reason
    assert reason == (
        "images streamed, too large for the devices: 193.0 GB, and 79.0 GB are free there"
    )
    reason = choose("auto", num_bytes=154 * 10**6, free_bytes=79 * 10**9).reason
    assert reason == "images on the devices: 154.0 MB, and 79.0 GB are free there"
