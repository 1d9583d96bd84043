"""Parquet files as Hugging Face writes them as a data set, and what is wrong with some."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sample_data import load, outline, refused
from sample_photos import draw, encoded

from jaxcmp.errors import JaxcmpError

TRAIN, TEST = "data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"


def picture(number, *, size=(6, 6), mode="RGB"):
    return encoded(draw(number, size).convert(mode))


def write(path, numbers, labels, *, names=None, columns=("image", "label"), as_struct=True, **how):
    """Writes pictures as Hugging Face does, with several row groups."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = [each if isinstance(each, bytes) else picture(each, **how) for each in numbers]
    if as_struct:
        pictures = [{"bytes": each, "path": f"{i}.png"} for i, each in enumerate(pictures)]
    table = pa.table(dict(zip(columns, (pictures, labels), strict=True)))
    if names:
        features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
        described = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": described})
    pq.write_table(table, path, row_group_size=2)
    return path


def make(root, **how):
    write(root / TRAIN, range(6), [0, 1, 2] * 2, **how)
    write(root / TEST, range(10, 13), [2, 1, 0], **how)
    return str(root)


@pytest.mark.parametrize("placement", ["device", "stream"])
@pytest.mark.parametrize("as_struct", [True, False])
def test_pictures_and_labels_are_read(tmp_path, placement, as_struct):
    loaded = load("parquet", dir=make(tmp_path, as_struct=as_struct), placement=placement)
    for split, numbers in ((loaded.train, range(6)), (loaded.test, range(10, 13))):
        expected = [np.asarray(draw(number, (6, 6))) for number in numbers]
        np.testing.assert_array_equal(split.images[:], expected)
    assert loaded.test.labels.tolist() == [2, 1, 0] and loaded.class_names == ("0", "1", "2")
    np.testing.assert_array_equal(loaded.test.ids, np.arange(3))


def test_hugging_faces_description_names_the_classes(tmp_path):
    folder = make(tmp_path, names=["cat", "dog", "eel", "fly"])
    assert load("parquet", dir=folder).class_names == ("cat", "dog", "eel", "fly")
    assert outline("parquet", dir=folder) == (4, (6, 6))


def test_labels_may_be_words(tmp_path):
    write(tmp_path / TRAIN, range(3), ["eel", "cat", "dog"])
    write(tmp_path / TEST, range(3, 5), ["dog", "cat"])
    loaded = load("parquet", dir=str(tmp_path))
    assert loaded.class_names == ("cat", "dog", "eel") and loaded.test.labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    "kind",
    [pa.uint8(), pa.int64(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())],
    ids=str,
)
def test_labels_may_have_any_type_of_whole_numbers_or_words(tmp_path, kind):
    try:
        write(tmp_path / TRAIN, range(3), pa.array(["3", "1", "3"]).cast(kind))
    except pa.ArrowNotImplementedError:
        pytest.skip("this version of pyarrow writes no such column")
    write(tmp_path / TEST, range(3, 5), pa.array(["1", "3"]).cast(kind))
    loaded = load("parquet", dir=str(tmp_path))
    assert loaded.class_names == ("1", "3") and loaded.test.labels.tolist() == [0, 1]


@pytest.mark.parametrize("labels", [[True, False], [[1], [2]]])
def test_labels_of_another_type_are_refused(tmp_path, labels):
    write(tmp_path / TRAIN, range(2), labels)
    assert "labels must be whole numbers or words" in refused("parquet", str(tmp_path))


def test_files_of_a_split_follow_each_other_by_name(tmp_path):
    for part in (1, 0):
        write(tmp_path / f"train-0000{part}-of-00002.parquet", [part], [part])
    write(tmp_path / "test.parquet", [5], [0])
    train = load("parquet", dir=str(tmp_path)).train
    assert train.labels.tolist() == [0, 1]
    np.testing.assert_array_equal(train.images[:][1], np.asarray(draw(1, (6, 6))))


def test_a_folder_may_name_the_split(tmp_path):
    for number, split in enumerate(("train", "validation", "test")):
        write(tmp_path / "default" / split / "0000.parquet", [number, number + 9], [0, 1])
    loaded = load("parquet", dir=str(tmp_path))
    assert loaded.validation is not None
    np.testing.assert_array_equal(loaded.validation.images[:][0], np.asarray(draw(1, (6, 6))))


def test_one_file_alone_is_for_training_and_a_test_split_is_held_out(tmp_path):
    path = write(tmp_path / "pictures.parquet", range(10), [0, 1] * 5)
    assert "the split train alone" in refused("parquet", str(path))
    assert len(load("parquet", dir=str(path), test_fraction=0.2).test.labels) == 2


def test_a_test_split_without_labels_gives_way_to_validation(tmp_path):
    for split, labels in (("train", [0, 1]), ("validation", [1, 0]), ("test", [-1, -1])):
        write(tmp_path / f"{split}.parquet", range(2), labels)
    loaded = load("parquet", dir=str(tmp_path))
    assert loaded.test.labels.tolist() == [1, 0] and loaded.validation is None


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3)])
def test_pictures_that_are_all_grey_have_one_channel(tmp_path, mode, channels):
    assert load("parquet", dir=make(tmp_path, mode=mode)).train.images.shape[-1] == channels


def test_test_images_that_are_training_images_are_counted(tmp_path):
    write(tmp_path / TRAIN, range(4), [0, 1] * 2)
    write(tmp_path / TEST, [3, 9], [1, 0])
    (note,) = load("parquet", dir=str(tmp_path)).notes
    assert note.startswith("warning: 1 of 2 test images are training images too")


def test_the_version_depends_on_the_content(tmp_path):
    one, same = (make(tmp_path / name) for name in ("one", "same"))
    other = make(tmp_path / "other", names=["cat", "dog", "eel"])
    first, second, third = (load("parquet", dir=folder).version for folder in (one, same, other))
    assert first == second != third


@pytest.mark.parametrize("row_groups", [0, 1])
def test_an_empty_split_is_none(tmp_path, row_groups):
    make(tmp_path)
    schema = pq.read_schema(tmp_path / TEST)
    with pq.ParquetWriter(tmp_path / TEST, schema) as writer:
        for _ in range(row_groups):
            writer.write_table(schema.empty_table())
    assert "has the split train alone, and nothing to test on" in refused("parquet", str(tmp_path))
    assert len(load("parquet", dir=str(tmp_path), test_fraction=0.5).test.labels) == 3


def test_pictures_of_several_sizes_need_one(tmp_path):
    make(tmp_path)
    write(tmp_path / TEST, range(3), [0, 1, 2], size=(60, 40))
    assert "from 6x6 to 60x40: bring them to one with --config.data.image_size=" in refused(
        "parquet", str(tmp_path)
    )
    assert load("parquet", dir=str(tmp_path), image_size=5).train.images.shape == (6, 5, 5, 3)


def test_a_picture_that_cannot_be_read_is_named_and_may_be_skipped(tmp_path):
    make(tmp_path)
    write(tmp_path / TRAIN, [0, b"no image", 2, 3], [0, 1, 1, 2])
    line = refused("parquet", str(tmp_path), error=JaxcmpError)
    assert line.startswith("image 1 of split train in ROOT cannot be read: it is no image")
    assert line.endswith("--config.data.skip_bad=True")
    loaded = load("parquet", dir=str(tmp_path), skip_bad=True)
    assert loaded.train.labels.tolist() == [0, 1, 2]
    (note,) = loaded.notes
    assert note.startswith("skipped 1 of 4 images in split train")


def test_a_row_without_a_picture_is_one_that_cannot_be_read(tmp_path):
    make(tmp_path)
    table = pa.table({"image": pa.array([picture(1), None, picture(2)]), "label": [0, 1, 1]})
    pq.write_table(table, tmp_path / TRAIN)
    write(tmp_path / TEST, range(2), [0, 1])
    assert "image 1 of split train" in refused("parquet", str(tmp_path), error=JaxcmpError)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (("picture", "label"), "ROOT has the columns picture, label: image and label are needed"),
        (("image", "kind"), "ROOT has the columns image, kind: image and label are needed"),
    ],
)
def test_missing_columns_are_refused_with_those_that_are_there(tmp_path, columns, message):
    write(tmp_path / TRAIN, range(2), [0, 1], columns=columns)
    assert refused("parquet", str(tmp_path)) == message


def test_a_column_of_something_else_is_refused(tmp_path):
    pq.write_table(pa.table({"image": [1.5, 2.5], "label": [0, 1]}), tmp_path / "train.parquet")
    assert refused("parquet", str(tmp_path)).startswith(
        "column image of ROOT is double: encoded images are"
    )


def test_a_place_without_parquet_files_is_refused(tmp_path):
    assert "does not exist: name a .parquet file" in refused("parquet", str(tmp_path / "no"))
    assert refused("parquet", str(tmp_path)).endswith(
        "has no .parquet files: name a folder of some"
    )


def test_a_file_of_no_split_beside_others_is_refused(tmp_path):
    make(tmp_path)
    write(tmp_path / "extra.parquet", [1], [0])
    assert refused("parquet", str(tmp_path)) == (
        "ROOT/extra.parquet belongs to no split: begin its name with train, test or validation"
    )


def test_two_data_sets_in_one_folder_are_refused(tmp_path):
    make(tmp_path / "fine")
    make(tmp_path / "coarse")
    line = refused("parquet", str(tmp_path))
    assert "has files of split test in several folders, as ROOT/coarse/data and ROOT/fine" in line


@pytest.mark.parametrize("change", [lambda whole: whole[:-20], lambda whole: b"no Parquet"])
def test_a_damaged_file_is_named(tmp_path, change):
    make(tmp_path)
    path = tmp_path / TRAIN
    path.write_bytes(change(path.read_bytes()))
    line = refused("parquet", str(tmp_path), error=JaxcmpError)
    assert line.startswith(f"ROOT/{TRAIN} cannot be read as Parquet: ")
