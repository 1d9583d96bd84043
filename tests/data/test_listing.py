"""The pictures that a folder has, by split and class, and what is wrong with it."""

import os
import unicodedata
from collections import Counter

import pytest
from sample_photos import put, put_all

from jaxcmp.data.listing import describe_ignored, list_pictures
from jaxcmp.errors import CommandError, JaxcmpError

FLAT = ("cat/a.png", "dog/b.png")
SPLIT = ("train/cat/a.png", "train/dog/b.png", "test/cat/c.png", "test/dog/d.png")


def paths_of(listing):
    return {split: [each.path for each in found] for split, found in listing.pictures.items()}


def refused(root, *, error: type[Exception] = CommandError):
    with pytest.raises(error) as raised:
        list_pictures(str(root))
    line = str(raised.value)
    assert "\n" not in line
    return line.replace(str(root), "ROOT")


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        *(("test", "test"), ("TEST", "test"), ("val", "validation"), ("valid", "validation")),
        ("validation", "validation"),
    ],
)
def test_splits_are_folders_with_class_folders(tmp_path, folder, split):
    put_all(tmp_path, *SPLIT[:2], f"{folder}/cat/c.png")
    listing = list_pictures(str(tmp_path))
    assert paths_of(listing) == {
        "train": ["train/cat/a.png", "train/dog/b.png"],
        split: [f"{folder}/cat/c.png"],
    }
    assert listing.class_names == ("cat", "dog")


def test_without_splits_all_is_for_training(tmp_path):
    put_all(tmp_path, *FLAT)
    assert paths_of(list_pictures(str(tmp_path))) == {"train": list(FLAT)}


def test_a_class_may_be_called_train(tmp_path):
    put_all(tmp_path, "train/a.png", "plane/b.png", "test/c.png")
    assert list_pictures(str(tmp_path)).class_names == ("plane", "test", "train")


def test_pictures_are_sorted_by_path_and_found_at_any_depth(tmp_path):
    names = ["cat/b.png", "cat/B.png", "cat/a/z.png", "cat/a/x/y.JPG", "cat/é.png", "dog/1.png"]
    put_all(tmp_path, *names)
    assert paths_of(list_pictures(str(tmp_path)))["train"] == sorted(names)


def test_classes_that_are_numbers_are_sorted_by_value_before_words(tmp_path):
    put_all(tmp_path, *(f"{name}/a.png" for name in ("10", "9", "b", "A", "01", "2")))
    assert list_pictures(str(tmp_path)).class_names == ("01", "2", "9", "10", "A", "b")


@pytest.mark.parametrize("name", ["猫 и кошка", "with\nline", "😀", "été", "-x", "a'b\"c", "ملف"])
def test_classes_and_pictures_may_have_any_name(tmp_path, name):
    put_all(tmp_path, f"{name}/{name}.png", "other/a.png")
    listing = list_pictures(str(tmp_path))
    assert name in listing.class_names
    assert f"{name}/{name}.png" in [picture.id for picture in listing.pictures["train"]]


def test_a_name_that_is_not_utf8_is_escaped(tmp_path):
    put_all(tmp_path, "cat/a.png", "dog/b.png")
    odd = os.fsencode(tmp_path / "cat") + b"/\xff.png"
    os.rename(tmp_path / "cat" / "a.png", odd)
    (first, _) = list_pictures(str(tmp_path)).pictures["train"]
    assert first.id == "cat/\\xff.png"
    first.id.encode()


def test_a_class_whose_accents_are_spelled_in_two_ways_is_one_class(tmp_path):
    spelled = [unicodedata.normalize(form, "été") for form in ("NFC", "NFD")]
    put_all(tmp_path, f"train/{spelled[0]}/a.png", "train/dog/b.png", f"test/{spelled[1]}/c.png")
    listing = list_pictures(str(tmp_path))
    assert listing.class_names == ("dog", spelled[0])
    assert listing.pictures["test"][0].class_name == spelled[0]


def test_links_are_followed_once(tmp_path):
    put_all(tmp_path, "mine/cat/a.png", "mine/dog/b.png", "elsewhere/c.png")
    root = tmp_path / "mine"
    (root / "cat" / "more").symlink_to(tmp_path / "elsewhere")
    (root / "cat" / "more" / "back").symlink_to(root / "cat")
    assert paths_of(list_pictures(str(root)))["train"] == [
        *("cat/a.png", "cat/more/c.png", "dog/b.png")
    ]


def test_links_that_lead_nowhere_count_as_files(tmp_path):
    put_all(tmp_path, *FLAT)
    (tmp_path / "cat" / "loop.png").symlink_to(tmp_path / "cat" / "loop.png")
    (tmp_path / "cat" / "loop").symlink_to(tmp_path / "cat" / "loop")
    listing = list_pictures(str(tmp_path))
    sizes = {each.path: each.num_bytes for each in listing.pictures["train"]}
    assert sizes.keys() == {*FLAT, "cat/loop.png"} and sizes["cat/loop.png"] == -1
    assert +listing.ignored == {"without ending": 1}


def test_ignored_files_are_counted_by_kind(tmp_path):
    put_all(tmp_path, *SPLIT, "train/.hidden.png", "train/x.png", "extra/cat/a.png")
    for name in ("a.txt", "b.TXT", "c.heic", ".DS_Store", "noending"):
        (tmp_path / "train" / "cat" / name).write_bytes(b"x")
    put(tmp_path / "train" / ".thumbs" / "t.png")
    put(tmp_path / "__MACOSX" / "t.png")
    os.mkfifo(tmp_path / "train" / "dog" / "pipe.png")
    ignored = list_pictures(str(tmp_path)).ignored
    assert +ignored == {
        **{".txt": 2, ".heic": 1, "hidden": 4, "without ending": 1, "outside of class folders": 1},
        **{"folder beside the splits": 1, "pipe or device": 1},
    }


def test_ignored_files_are_described_in_one_line():
    assert describe_ignored(Counter(), "here") == ""
    many = Counter({".txt": 1200, ".heic": 30, "hidden": 4, ".pdf": 3, ".doc": 2, ".xls": 1})
    assert describe_ignored(many, "here") == (
        "ignored in here: 1,200 .txt, 30 .heic, 4 hidden, 3 .pdf, 3 others; convert .heic files "
        "to JPEG to use them"
    )


def test_a_folder_that_is_missing_or_no_folder_is_refused(tmp_path):
    assert refused(tmp_path / "no").endswith("does not exist: name the folder of your images")
    picture = put(tmp_path / "a.png")
    assert refused(picture).endswith("is a file: name the folder of your images")
    for name in ("photos.zip", "photos.tar.gz", "photos.TAR"):
        (tmp_path / name).write_bytes(b"x")
        assert "is an archive: unpack it, and name the folder" in refused(tmp_path / name)


@pytest.mark.parametrize("names", [(), ("a.png",), ("train/a.png", "test/b.png"), (".hid/a.png",)])
def test_a_folder_without_class_folders_is_refused(tmp_path, names):
    put_all(tmp_path, *names)
    where = "ROOT/train" if "train/a.png" in names else "ROOT"
    assert refused(tmp_path) == (
        f"{where} has no class folders: put the images of each class into a folder of its own, "
        f"{where}/CLASS/"
    )


def test_one_class_alone_is_refused(tmp_path):
    put_all(tmp_path, "cat/a.png", "cat/b.png")
    assert refused(tmp_path) == ("ROOT has one class folder, cat: it takes two classes or more")


def test_an_empty_class_is_refused_with_what_its_folder_has(tmp_path):
    put_all(tmp_path, *FLAT)
    (tmp_path / "eel" / "deep" / "er").mkdir(parents=True)
    assert refused(tmp_path) == (
        "class folder ROOT/eel has no images: add some, or delete the folder"
    )
    for number in range(3):
        (tmp_path / "eel" / "deep" / f"{number}.HEIC").write_bytes(b"x")
    assert refused(tmp_path) == (
        "class folder ROOT/eel has no images (ignored in ROOT/eel: 3 .heic; convert .heic files to "
        "JPEG to use them): add some, or delete the folder"
    )


@pytest.mark.parametrize("split", ["test", "val"])
def test_a_held_out_class_that_training_lacks_is_refused(tmp_path, split):
    put_all(tmp_path, *SPLIT[:2], f"{split}/cat/c.png", f"{split}/eel/d.png")
    assert refused(tmp_path) == (
        f"ROOT/{split} has the class eel, and ROOT/train has not: add it there, or delete the "
        "folder"
    )


def test_held_out_images_without_training_images_are_refused(tmp_path):
    put_all(tmp_path, "test/cat/a.png", "val/dog/b.png")
    assert refused(tmp_path) == (
        "ROOT has test and val and no train: put the images to train on into ROOT/train/CLASS/"
    )


def test_two_folders_for_one_split_are_refused(tmp_path):
    put_all(tmp_path, *SPLIT, "val/cat/a.png", "valid/cat/b.png")
    assert refused(tmp_path) == "ROOT has both val and valid: keep one of them"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every folder")
def test_a_folder_that_may_not_be_read_is_named(tmp_path):
    put_all(tmp_path, *FLAT)
    (tmp_path / "cat").chmod(0)
    try:
        assert "ROOT/cat cannot be read: Permission denied" in refused(tmp_path, error=JaxcmpError)
    finally:
        (tmp_path / "cat").chmod(0o700)


def test_for_tests_neither_training_images_nor_a_second_class_are_needed(tmp_path):
    put_all(tmp_path, "test/cat/c.png")
    assert refused(tmp_path).startswith("ROOT has test and no train")
    listing = list_pictures(str(tmp_path), for_tests=True)
    assert listing.class_names == ("cat",) and paths_of(listing) == {"test": ["test/cat/c.png"]}


def test_for_tests_a_class_that_training_lacks_is_one_more(tmp_path):
    put_all(tmp_path, *SPLIT, "test/emu/e.png")
    assert "emu" in refused(tmp_path)
    assert list_pictures(str(tmp_path), for_tests=True).class_names == ("cat", "dog", "emu")
