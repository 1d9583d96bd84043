"""The speed at which batches reach the devices: both ways over the same made-up files."""

import numpy as np
import pytest
from bench_configs import small
from sample_data import options

from jaxcmp.bench import input as bench_input
from jaxcmp.bench import timing
from jaxcmp.data.catalog import open_source
from jaxcmp.data.decoded import SplitReader, read_decoded


def test_made_up_images_are_a_prepared_data_set(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXCMP_CACHE", str(tmp_path / "cache"))
    record_bytes = bench_input.make_images(str(tmp_path), num_images=6, size=40, num_classes=4)
    assert 300 < record_bytes < 40 * 40 * 3
    source = open_source(options(bench_input.NAME, dir=str(tmp_path)))
    images, labels = read_decoded(SplitReader(source, "train", image_size=32))
    assert images.shape == (6, 32, 32, 3)
    assert len(np.unique(images.reshape(6, -1), axis=0)) == 6
    assert sorted(labels.tolist()) == [0, 0, 1, 1, 2, 3]


def test_both_ways_are_timed_over_the_same_files(monkeypatch):
    monkeypatch.setattr(timing, "SAMPLE_SECONDS", 0.0)
    # It points to a folder that is gone afterwards.
    monkeypatch.setenv("JAXCMP_CACHE", "")
    # Choices among the configuration's own images do not apply to the made-up ones.
    own = {"data.classes": (17, 30), "data.train_fraction": 0.1}
    settings = small("vit", **own)
    measured = bench_input.measure_input(settings, num_images=40, stored_size=16, rounds=3)
    assert measured["files"]["num_images"] == 40 and measured["files"]["size"] == 16
    assert measured["first_pass_seconds"] > 0
    assert list(measured["feeds"]) == ["resident", "streamed"]
    for feed in measured["feeds"].values():
        assert feed["seconds"]["n"] == 3
        assert feed["images_per_second"] == pytest.approx(16 / feed["seconds"]["median"])
        per_core = feed["images_per_second_per_core"] * measured["num_cores"]
        assert per_core == pytest.approx(feed["images_per_second"])
