"""Weights of another run: any of its checkpoints, and what they were trained on."""

import numpy as np
import pytest
from sample_files import INIT
from sample_weights import VIT, assert_same, random_variables, write_run

from jaxcmp import models
from jaxcmp.errors import JaxcmpError
from jaxcmp.pretrained import read


def state(seed, average_seed=None):
    """Returns the parameters and statistics of a checkpoint, without the optimizer's state."""
    average = None if average_seed is None else random_variables(VIT, average_seed)
    return {**random_variables(VIT, seed), "average": average, "step": np.int32(seed)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "vit", state(1), state(2))


@pytest.mark.parametrize(("checkpoint", "seed"), [("newest", 2), ("10", 1), ("20", 2), ("best", 1)])
def test_any_checkpoint_can_be_taken(folder, checkpoint, seed):
    source = read(folder, checkpoint=checkpoint)
    assert_same(source.arrays, random_variables(VIT, seed))
    assert source.checkpoint == 10 * seed
    assert (source.format, source.layout) == ("run", None)


def test_averaged_weights_are_taken_where_there_are_such(tmp_path):
    folder = write_run(tmp_path / "run", state(1, average_seed=7))
    assert_same(read(folder, checkpoint="newest").arrays, random_variables(VIT, 7))


def test_the_digest_is_that_of_the_weights(folder):
    digests = {read(folder, checkpoint=which).sha256 for which in ("newest", "20", "10")}
    assert len(digests) == 2 and all(len(each) == 64 for each in digests)


def test_the_model_is_known_but_for_what_is_resized(folder):
    source = read(folder, checkpoint="newest")
    assert source.model_name == "vit"
    assert source.fields == {"width": 8, "depth": 2, "num_heads": 2, "mlp_width": 12}
    assert all(hasattr(models.ViT(), name) for name in source.fields)


def test_what_the_weights_have_seen_is_told(tmp_path):
    before = INIT["seen"]
    folder = write_run(tmp_path / "run", state(1), state(2), seen=before)
    assert read(folder, checkpoint="newest").seen == {
        "name": "pets",
        "num_train": 80,
        "num_classes": 3,
        "class_names": ["cat", "dog", "frog"],
        "epochs": 4,
        "arm": "vit",
        "seed": 3,
        "before": before,
    }


def test_a_checkpoint_that_is_not_there_is_named_with_those_that_are(folder):
    with pytest.raises(JaxcmpError, match="30") as caught:
        read(folder, checkpoint="30")
    assert "\n" not in str(caught.value)
