"""A folder of pictures as a data set: what is read, cached, skipped and warned of."""

import shutil
import time

import numpy as np
import pytest
from PIL import Image
from sample_data import load, outline, refused
from sample_photos import draw, put, put_all

from jaxcmp.data.folder import Folder
from jaxcmp.data.headers import HEAD_BYTES
from jaxcmp.errors import CommandError, JaxcmpError

SPLIT = ("train/cat/a.png", "train/dog/b.png", "test/cat/c.png", "test/dog/d.png")


def photos(root, *names, **how):
    return str(put_all(root / "photos", *(names or SPLIT), **how))


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("1", 1), ("LA", 1), ("RGB", 3)])
def test_pictures_that_are_all_grey_have_one_channel(tmp_path, mode, channels):
    folder = photos(tmp_path, mode=mode)
    assert load("folder", dir=folder).train.images.shape == (2, 6, 6, channels)


def test_a_palette_is_grey_if_its_colours_are(tmp_path):
    put_all(tmp_path, *SPLIT, mode="L")
    Image.open(tmp_path / SPLIT[0]).convert("P").save(tmp_path / SPLIT[0])
    assert load("folder", dir=str(tmp_path)).train.images.shape[-1] == 1
    draw(5, (6, 6)).convert("P").save(tmp_path / SPLIT[2])
    # One colour picture, and all have three channels, those in the cache too.
    loaded = load("folder", dir=str(tmp_path))
    assert loaded.train.images.shape[-1] == loaded.test.images.shape[-1] == 3


def test_ids_are_paths_and_labels_are_folders(tmp_path):
    loaded = load("folder", dir=photos(tmp_path))
    assert loaded.class_names == ("cat", "dog")
    assert loaded.train.ids.tolist() == list(SPLIT[:2]) and loaded.train.labels.tolist() == [0, 1]
    assert loaded.test.ids.tolist() == list(SPLIT[2:])


def test_a_test_split_held_out_is_stratified_and_the_same_for_every_run(tmp_path):
    names = [f"{name}/{i:02}.png" for name in ("cat", "dog") for i in range(10)]
    folder = photos(tmp_path, *names)
    loaded = load("folder", dir=folder, test_fraction=0.2)
    assert np.bincount(loaded.test.labels).tolist() == [2, 2]
    assert set(loaded.test.ids) | set(loaded.train.ids) == set(names)
    moved = shutil.move(folder, tmp_path / "elsewhere")
    for seed in (1, 2):
        again = load("folder", dir=str(moved), test_fraction=0.2, seed=seed, train_fraction=0.5)
        assert again.test.ids.tolist() == loaded.test.ids.tolist()


class TestValidation:
    VAL = (*SPLIT, "val/cat/e.png", "val/dog/f.png")

    def test_a_validation_folder_is_the_validation_split(self, tmp_path):
        loaded = load("folder", dir=photos(tmp_path, *self.VAL))
        assert loaded.validation is not None
        assert loaded.validation.ids.tolist() == list(self.VAL[4:])
        assert loaded.train.ids.tolist() == list(SPLIT[:2])
        assert loaded.test.ids.tolist() == list(SPLIT[2:])

    def test_it_is_the_test_split_if_there_is_no_other_and_a_note_says_so(self, tmp_path):
        loaded = load("folder", dir=photos(tmp_path, *SPLIT[:2], *self.VAL[4:]))
        assert loaded.validation is None
        assert loaded.test.ids.tolist() == list(self.VAL[4:])
        (note,) = loaded.notes
        assert "tested on the split validation, because" in note

    def test_then_a_part_of_the_training_images_may_be_held_out(self, tmp_path):
        names = [f"train/{name}/{i}.png" for name in ("cat", "dog") for i in range(4)]
        folder = photos(tmp_path, *names, *self.VAL[4:])
        loaded = load("folder", dir=folder, validation_fraction=0.25)
        assert loaded.validation is not None and len(loaded.validation.ids) == 2
        assert set(loaded.validation.ids) < set(names)

    def test_holding_out_images_beside_it_is_a_contradiction(self, tmp_path):
        line = refused("folder", photos(tmp_path, *self.VAL), validation_fraction=0.1)
        assert line == (
            "--config.data.validation_fraction=0.1 holds training images out, and ROOT has a "
            "validation split: set it to 0"
        )


class TestSizes:
    def test_pictures_of_several_sizes_need_one_and_the_error_proposes_it(self, tmp_path):
        put_all(tmp_path, *SPLIT, size=(70, 50))
        put(tmp_path / "test/cat/big.png", 9, size=(300, 200))
        put(tmp_path / "test/cat/small.png", 9, size=(70, 50))
        line = refused("folder", str(tmp_path))
        assert line == (
            "the images in ROOT have several sizes, from 70x50 to 300x200: bring them to one with "
            "--config.data.image_size=48 (half of them have a shorter side of 50 or more)"
        )
        assert load("folder", dir=str(tmp_path), image_size=48).test.images.shape[1:] == (48, 48, 3)
        with pytest.raises(CommandError, match="several sizes"):
            outline("folder", dir=str(tmp_path))

    def test_classes_and_size_are_known_before_a_picture_is_decoded(self, tmp_path, decoded):
        folder = photos(tmp_path, size=(9, 9))
        assert outline("folder", dir=folder) == (2, (9, 9))
        assert outline("folder", dir=folder, image_size=4) == (2, (4, 4))
        assert not decoded

    def test_the_size_is_that_of_the_upright_picture(self, tmp_path):
        put_all(tmp_path, *SPLIT, size=(14, 20))
        exif = Image.Exif()
        exif[0x0112] = 6
        draw(1, (20, 14)).save(tmp_path / "train" / "cat" / "turned.jpg", exif=exif)
        assert outline("folder", dir=str(tmp_path))[1] == (20, 14)
        assert load("folder", dir=str(tmp_path)).train.images.shape[1:] == (20, 14, 3)


class TestBadFiles:
    @pytest.fixture(params=["text", "empty", "cut off", "link to nowhere"])
    def bad(self, request, tmp_path):
        """Returns a folder with one bad picture among others, and the bad one's name."""
        put_all(tmp_path / "photos", *SPLIT, "train/cat/e.png", "train/dog/f.png", size=(9, 9))
        path = tmp_path / "photos" / "train" / "cat" / "bad.jpg"
        if request.param == "link to nowhere":
            path.symlink_to(tmp_path / "nowhere")
        else:
            draw(7, (9, 9)).save(path)
            whole = path.read_bytes()
            path.write_bytes({"text": b"no image", "empty": b""}.get(request.param, whole[:-40]))
        return str(tmp_path / "photos")

    @pytest.mark.parametrize("placement", ["device", "stream"])
    def test_one_is_named_with_what_to_do(self, bad, placement):
        line = refused("folder", bad, error=JaxcmpError, placement=placement)
        assert line.startswith("ROOT/train/cat/bad.jpg cannot be read: ")
        assert line.endswith(
            "; delete it, or leave such images out with --config.data.skip_bad=True"
        )

    @pytest.mark.parametrize("placement", ["device", "stream"])
    def test_one_may_be_skipped_and_is_counted(self, bad, placement):
        for _ in range(2):
            loaded = load("folder", dir=bad, skip_bad=True, placement=placement)
            assert loaded.train.ids.tolist() == [
                *("train/cat/a.png", "train/cat/e.png", "train/dog/b.png", "train/dog/f.png")
            ]
            expected = [np.asarray(Image.open(f"{bad}/{name}")) for name in loaded.train.ids]
            np.testing.assert_array_equal(loaded.train.images[:], expected)
            (note,) = loaded.notes
            assert note.replace(bad, "ROOT") == (
                "skipped 1 of 5 images in split train of ROOT that cannot be read, the first: "
                "train/cat/bad.jpg"
            )

    def test_a_class_of_bad_files_alone_is_refused(self, tmp_path):
        folder = photos(tmp_path)
        (tmp_path / "photos" / SPLIT[1]).write_bytes(b"no image")
        assert refused("folder", folder, skip_bad=True) == (
            "no training image of class dog in ROOT can be read: add some, or delete the class"
        )

    def test_a_picture_that_was_mended_is_taken(self, tmp_path):
        folder = photos(tmp_path)
        bad = tmp_path / "photos" / "train" / "cat" / "z.png"
        bad.symlink_to(tmp_path / "later.png")
        assert len(load("folder", dir=folder, skip_bad=True).train.ids) == 2
        put(tmp_path / "later.png", 5)
        assert len(load("folder", dir=folder, skip_bad=True).train.ids) == 3


class TestLeaks:
    def test_test_images_that_are_training_images_are_counted(self, tmp_path):
        folder = photos(tmp_path)
        root = tmp_path / "photos"
        shutil.copy(root / SPLIT[0], root / "test" / "dog" / "renamed.png")
        (note,) = load("folder", dir=folder).notes
        assert note.startswith(
            "warning: 1 of 3 test images are training images too (the same content), as "
            "test/dog/renamed.png: "
        )

    def test_so_are_those_that_are_held_out_and_validation_images(self, tmp_path):
        names = [f"{name}/{i}.png" for name in ("cat", "dog") for i in range(5)]
        folder = photos(tmp_path, *names)
        for name in names[:5]:
            shutil.copy(f"{folder}/{name}", f"{folder}/{name[:-4]} copy.png")
        loaded = load("folder", dir=folder, test_fraction=0.3)
        content = {name: name.replace(" copy", "") for name in (*names, *loaded.test.ids)}
        trained = {name.replace(" copy", "") for name in loaded.train.ids}
        shared = [name for name in loaded.test.ids if content[name] in trained]
        assert shared
        (note,) = loaded.notes
        assert f"warning: {len(shared)} of {len(loaded.test.ids)} test images" in note

    def test_files_of_equal_size_are_not_taken_for_equal(self, tmp_path):
        # A BMP's size depends on the number of pixels alone.
        names = [name.replace(".png", ".bmp") for name in SPLIT]
        folder = photos(tmp_path, *names)
        assert len({path.stat().st_size for path in (tmp_path / "photos").rglob("*.bmp")}) == 1
        assert load("folder", dir=folder).notes == ()

    def test_large_files_that_begin_alike_are_told_apart_by_their_ends(self, tmp_path):
        for name in SPLIT:
            path = put(tmp_path / name.replace("png", "bmp"), size=(90, 90))
        size = path.stat().st_size
        assert size > HEAD_BYTES
        path.write_bytes(path.read_bytes()[:-1] + b"\xfe")
        (note,) = load("folder", dir=str(tmp_path)).notes
        assert note.startswith("warning: 1 of 2 test images")


class TestVersion:
    def test_two_folders_with_the_same_classes_are_two_data_sets(self, tmp_path):
        one, other = (str(put_all(tmp_path / name, *SPLIT)) for name in ("one", "other"))
        put(tmp_path / "other" / SPLIT[0], 42)
        assert load("folder", dir=one).version != load("folder", dir=other).version
        images = [load("folder", dir=folder).train.images[:][0] for folder in (one, other)]
        assert (images[0] != images[1]).any()

    def test_a_copy_elsewhere_is_the_same_data_set(self, tmp_path):
        folder = photos(tmp_path)
        copy = shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copyfile)
        assert load("folder", dir=folder).version == load("folder", dir=str(copy)).version

    def test_a_changed_picture_is_decoded_anew(self, tmp_path, decoded):
        folder = photos(tmp_path)
        before = np.array(load("folder", dir=folder).train.images)
        num_decoded = len(decoded)
        load("folder", dir=folder)
        # The first picture tells the size in memory.
        assert len(decoded) == num_decoded + 1
        put(tmp_path / "photos" / SPLIT[0], 42)
        after = np.array(load("folder", dir=folder).train.images)
        assert (before[0] != after[0]).any() and (before[1] == after[1]).all()

    def test_a_new_class_gives_cached_test_images_other_labels(self, tmp_path):
        folder = photos(tmp_path)
        assert load("folder", dir=folder).test.labels.tolist() == [0, 1]
        put(tmp_path / "photos" / "train" / "bee" / "x.png", 9)
        assert load("folder", dir=folder).test.labels.tolist() == [1, 2]

    def test_images_fitted_in_two_ways_are_cached_apart(self, tmp_path):
        folder = photos(tmp_path, size=(12, 6))
        how = {"dir": folder, "image_size": 8}
        images = [
            np.array(load("folder", **how, fit=fit).train.images)
            for fit in ("crop", "pad", "stretch", "crop")
        ]
        assert (images[0] == images[3]).all()
        assert all((images[0] != each).any() for each in images[1:3])


def test_a_large_folder_is_listed_in_seconds(tmp_path):
    picture = put(tmp_path / "one.png").read_bytes()
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(2500):
            (tmp_path / "photos" / name / f"{number}.png").write_bytes(picture)
    start = time.process_time()
    source = Folder(str(tmp_path / "photos"))
    assert len(source.ids("train")) == 5000
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("folder", "the folder of your images"),
        ("npz", "your .npz file"),
        ("parquet", "your .parquet file or a folder of some"),
    ],
)
def test_data_of_ones_own_need_a_place(name, words):
    with pytest.raises(CommandError, match=f"^--config.data.name={name} needs --config.data.dir, "):
        load(name)
    with pytest.raises(CommandError, match=words):
        outline(name)
