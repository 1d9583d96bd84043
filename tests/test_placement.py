"""Where images go follows from their bytes and what is free, and is said in one line."""

import pytest

from jaxcmp.data.placement import choose
from jaxcmp.errors import CommandError


@pytest.mark.parametrize(("num_bytes", "is_streamed"), [(499, False), (500, False), (501, True)])
def test_what_takes_more_than_half_of_the_free_memory_is_streamed(num_bytes, is_streamed):
    assert choose("auto", num_bytes=num_bytes, free_bytes=1000).is_streamed == is_streamed


@pytest.mark.parametrize(("placement", "is_streamed"), [("device", False), ("stream", True)])
def test_what_is_asked_for_is_done_whatever_is_free(placement, is_streamed):
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


def test_another_word_is_a_wrong_command():
    with pytest.raises(CommandError, match="must be one of auto, device, stream"):
        choose("disk", num_bytes=1, free_bytes=1)
