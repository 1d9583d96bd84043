"""Made-up files: a data set that is read like any prepared one."""

import numpy as np

from jaxcmp.bench import made_images
from jaxcmp.data import examples, prepared


def test_made_up_images_are_a_prepared_data_set(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXCMP_CACHE", str(tmp_path / "cache"))
    about = made_images.prepare(tmp_path, num_images=6, size=40, num_classes=4)
    assert about["num_images"] == 6 and 300 < about["record_bytes"] < 40 * 40 * 3
    builder = prepared.find_or_prepare(made_images.NAME, data_dir=str(tmp_path), manual_dir=None)
    images, labels = examples.read(builder, "train", image_size=32)
    assert images.shape == (6, 32, 32, 3)
    assert len(np.unique(images.reshape(6, -1), axis=0)) == 6
    assert sorted(labels.tolist()) == [0, 0, 1, 1, 2, 3]
