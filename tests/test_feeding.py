"""How fast batches are fed: both ways over the same images, each timing with its n."""

import pytest
from bench_configs import config_of

from jaxcmp.bench import feeding, timing


def test_both_ways_are_timed_over_the_same_files(monkeypatch):
    monkeypatch.setattr(timing, "SAMPLE_SECONDS", 0.0)
    # It points to a folder that is gone afterwards.
    monkeypatch.setenv("JAXCMP_CACHE", "")
    config = config_of("vit")
    measured = feeding.measure(config, num_images=40, stored_size=16, rounds=3)
    assert measured["files"]["num_images"] == 40 and measured["files"]["size"] == 16
    assert measured["first_pass_seconds"] > 0
    assert list(measured["feeds"]) == ["resident", "streamed"]
    for feed in measured["feeds"].values():
        assert feed["seconds"]["n"] == 3
        assert feed["images_per_second"] == pytest.approx(16 / feed["seconds"]["median"])
        per_core = feed["images_per_second_per_core"] * measured["num_cores"]
        assert per_core == pytest.approx(feed["images_per_second"])
