"""A source without its bad images: labels, ids and cache stay those of the images kept."""

import io

import numpy as np
import pytest
from PIL import Image
from sample_data import Made, made_examples

from jaxcmp.data import cache
from jaxcmp.data.decoded import SplitReader, open_stored, read_decoded
from jaxcmp.data.sound import Sound
from jaxcmp.data.source import Example
from jaxcmp.errors import CommandError


def encoded(example):
    buffer = io.BytesIO()
    Image.fromarray(example.image).save(buffer, "PNG")
    return example._replace(image=buffer.getvalue())


ROWS = [encoded(row) for row in made_examples(9)]
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
            path.unlink()
        images, labels = read(SplitReader(Sound(source(*rows)), "train", image_size=0))
        assert images.shape[0] == len(labels) == 9 + (BAD not in rows)


def test_a_class_without_an_image_left_is_refused():
    with pytest.raises(CommandError, match="no training image of class dog in nowhere can be read"):
        Sound(source(ROWS[0], BAD, ROWS[2]))


@pytest.mark.parametrize("is_lasting", [True, False])
def test_findings_are_remembered_only_if_they_last(is_lasting):
    found = []

    def find():
        found.append(1)
        return {"numbers": np.arange(3)}

    for _ in range(2):
        arrays = cache.remember("made/facts", "a", find, is_lasting=lambda _: is_lasting)
        np.testing.assert_array_equal(arrays["numbers"], np.arange(3))
    assert len(found) == (1 if is_lasting else 2)
    cache.remember("made/facts", "b", find)
    assert len(found) == (2 if is_lasting else 3)
