"""Times from published bandwidths."""

import pytest

from jaxcmp.collectives import links


def test_a_ring_sends_twice_the_bytes_but_for_a_devices_own_part():
    assert links.ring_bytes(800, 8) == 1400
    assert links.ring_bytes(800, 1) == 0


def test_within_a_host_the_link_is_the_faster_one():
    assert (links.link(8), links.link(9)) == ("NVLink", "InfiniBand")
    assert links.ring_seconds(10**9, 8) == pytest.approx(1.75e9 / 450e9)
    assert links.ring_seconds(10**9, 64) == pytest.approx(2e9 * 63 / 64 / 50e9)


def test_at_the_balance_communication_takes_as_long_as_compute():
    sizes = {"image_flops": 10**9, "peak_flops": 1e15, "size": 10**7, "num_devices": 64}
    batch = links.balanced_batch(**sizes)
    assert links.step(batch_per_device=round(batch), **sizes).fraction == pytest.approx(1, abs=1e-2)


@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 6.4), ("adamw", 0.8)])
def test_the_rate_follows_the_batch_or_its_square_root(optimizer, rate):
    found = links.scaled_rate(0.1, batch_size=128, to=8192, optimizer=optimizer)
    assert found == pytest.approx(rate)


def test_a_look_up_grows_with_the_devices():
    sizes = [links.lookup_bytes(10, batch_per_device=2, num_devices=n) for n in (1, 2, 64)]
    assert sizes == [0, 20, 1260]
