"""A source without its bad images: labels, ids and cache stay those of the images kept."""

import shutil

import numpy as np
import pytest
from sample_data import Made, made_files

from jaxcmp.data.decoded import SplitReader, open_stored, read_decoded
from jaxcmp.data.sound import Sound
from jaxcmp.data.source import Example
from jaxcmp.errors import CommandError

ROWS = made_files(9)
BAD = Example(b"no image", 1)


def source(*rows):
    return Made({"train": rows, "test": ROWS[:3]})


def test_images_that_can_be_read_keep_their_order_labels_and_ids():
    sound = Sound(source(*ROWS[:4], BAD, *ROWS[4:]))
    np.testing.assert_array_equal(sound.ids("train"), [0, 1, 2, 3, 5, 6, 7, 8, 9])
    assert sound.read("train", [4, 0]) == [ROWS[4], ROWS[0]]
    whole = SplitReader(source(*ROWS), "train", image_size=0)
    kept = SplitReader(sound, "train", image_size=0)
    for one, other in zip(read_decoded(whole), read_decoded(kept), strict=True):
        np.testing.assert_array_equal(one, other)
    assert sound.notes == (
        "skipped 1 of 10 images in split train of nowhere that cannot be read, the first: 4",
    )


def test_a_sound_source_is_unchanged_and_shares_its_cache():
    whole = source(*ROWS)
    sound = Sound(whole)
    assert sound.fingerprint("train") == whole.fingerprint("train") and sound.notes == ()
    np.testing.assert_array_equal(sound.ids("train"), whole.ids("train"))


@pytest.mark.parametrize("read", [read_decoded, open_stored])
def test_an_image_that_is_mended_is_not_looked_up_among_the_others(read, cache_folder):
    """As after a change of permissions, which leaves sizes and times as they were."""
    for rows in ((*ROWS, BAD), (*ROWS, ROWS[0])):
        for path in cache_folder.glob("*/sound/*"):
            shutil.rmtree(path)
        images, labels = read(SplitReader(Sound(source(*rows)), "train", image_size=0))
        assert images.shape[0] == len(labels) == 9 + (BAD not in rows)


def test_a_class_without_an_image_left_is_refused():
    with pytest.raises(CommandError, match="no training image of class dog in nowhere can be read"):
        Sound(source(ROWS[0], BAD, ROWS[2]))
