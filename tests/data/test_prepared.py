"""Data sets, found or prepared; missing ones are one-line errors within seconds."""

import hashlib
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds
from servers import serving
from test_cifar10 import CLASS_NAMES, make_official, write_archive
from tiny_tfds import examples, image_features, make

from jaxcmp.data import cifar10, network
from jaxcmp.data.prepared import find_or_prepare
from jaxcmp.errors import CommandError, JaxcmpError


@pytest.fixture(autouse=True)
def requested(monkeypatch):
    """Replaces the network; returns the list of requested addresses."""
    urls = []

    def is_reachable(url):
        urls.append(url)
        return False

    monkeypatch.setattr(network, "is_reachable", is_reachable)
    return urls


def make_tiny(data_dir, **options):
    rows = examples(0, 3)
    return make(image_features(), {"train": rows, "test": rows}, data_dir=data_dir, **options)


def find(name, data_dir, manual_dir=None) -> Any:
    return find_or_prepare(name, data_dir=str(data_dir), manual_dir=manual_dir and str(manual_dir))


@pytest.fixture
def by_hand(tmp_path, monkeypatch):
    """Returns a small archive in the folder `manual`, taken for the official one."""
    archive, _ = write_archive(tmp_path / "manual")
    make_official(monkeypatch, archive)
    return archive


def test_a_prepared_set_that_tfds_does_not_know_is_found_by_its_files(tmp_path, requested):
    make_tiny(tmp_path)
    for name in ("tiny", "tiny:1.2.3"):
        assert find(name, tmp_path).info.full_name == "tiny/1.2.3"
    assert requested == []


def test_another_version_than_tfds_would_prepare_is_found(tmp_path, requested):
    make_tiny(tmp_path, name="cifar10")
    assert str(find("cifar10", tmp_path).version) == "1.2.3"
    assert requested == []


@pytest.mark.parametrize("place", ["manual", "data/downloads/manual"])
def test_cifar10_is_prepared_from_an_archive_found_by_hand(
    tmp_path, monkeypatch, capfd, caplog, place
):
    archive, records = write_archive(tmp_path / place)
    make_official(monkeypatch, archive)
    builder = find("cifar10", tmp_path / "data", tmp_path / "manual")
    assert capfd.readouterr().out == "" and caplog.record_tuples == []
    assert tuple(builder.info.features["label"].names) == CLASS_NAMES
    train, test = builder.as_data_source("train"), builder.as_data_source("test")
    assert (len(train), len(test)) == (20, 4)
    of_test = {example["id"].decode(): example for example in test}
    for index, record in enumerate(records["test_batch.bin"]):
        example = of_test[f"test_{index:05d}"]
        assert example["label"] == record[0]
        np.testing.assert_array_equal(
            example["image"], record[1:].reshape(3, 32, 32).transpose(1, 2, 0)
        )
    of_train = {example["id"].decode(): example["label"] for example in train}
    in_order = np.concatenate([records[f"data_batch_{i}.bin"][:, 0] for i in range(1, 6)])
    assert [of_train[f"train_{index:05d}"] for index in range(20)] == in_order.tolist()
    assert "tensorflow" not in sys.modules


def test_cifar10_once_prepared_needs_neither_archive_nor_network(tmp_path, by_hand, requested):
    find("cifar10", tmp_path, tmp_path / "manual")
    by_hand.unlink()
    assert find("cifar10", tmp_path).is_prepared()
    assert requested == []


def test_a_missing_archive_without_a_network_is_named_with_its_folder(tmp_path, requested):
    expected = r"unreachable: fetch https://.*cifar-10-binary.tar.gz elsewhere.* into .*/by-hand"
    with pytest.raises(JaxcmpError, match=expected) as caught:
        find("cifar10", tmp_path / "data", tmp_path / "by-hand")
    assert len(requested) == 1 and "\n" not in str(caught.value) and caught.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_archive_is_refused_and_nothing_is_prepared(tmp_path, requested):
    archive, _ = write_archive(tmp_path / "manual")
    actual = hashlib.sha256(archive.read_bytes()).hexdigest()[:12]
    with pytest.raises(JaxcmpError, match=f"^{archive} [^\n]*{actual}[^\n]*c4a38c50a1bc[^\n]*$"):
        find("cifar10", tmp_path / "data", tmp_path / "manual")
    assert requested == [] and not (tmp_path / "data").exists()


@pytest.fixture
def download(tmp_path, monkeypatch):
    """Serves the folder `server` in place of the official address."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format, *args):
            pass

    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(network, "is_reachable", lambda url: True)
    serve = partial(Handler, directory=str(tmp_path / "server"))
    with serving(serve) as url:
        monkeypatch.setattr(cifar10, "URL", f"{url}/{cifar10.ARCHIVE}")
        yield


def test_cifar10_is_downloaded_where_there_is_a_network(tmp_path, monkeypatch, download):
    archive, _ = write_archive(tmp_path / "server")
    make_official(monkeypatch, archive)
    assert len(find("cifar10", tmp_path / "data").as_data_source("train")) == 20


def test_a_download_with_a_wrong_checksum_is_refused(tmp_path, monkeypatch, download):
    archive, _ = write_archive(tmp_path / "server", per_batch=3)
    make_official(monkeypatch, archive)
    write_archive(tmp_path / "server")
    with pytest.raises(JaxcmpError, match="cifar10 is not the official archive") as caught:
        find("cifar10", tmp_path / "data")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "data" / "cifar10" / "3.0.2").exists()


def test_another_set_without_a_network_is_refused_at_once(tmp_path, requested):
    with pytest.raises(JaxcmpError, match=r"mnist is not prepared in .*data: |mnist.*and 3 more"):
        find("mnist", tmp_path / "data")
    assert len(requested) == 1 and list(tmp_path.iterdir()) == []


def test_a_set_that_needs_tensorflow_names_the_command_that_prepares_it(tmp_path, monkeypatch):
    class NeedsTensorFlow(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = tfds.features.FeaturesDict(image_features())
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, dl_manager):
            raise ImportError("No module named 'tensorflow'")

        def _generate_examples(self):
            raise NotImplementedError

    monkeypatch.setattr(tfds, "builder", lambda name, **kwargs: NeedsTensorFlow(**kwargs))
    monkeypatch.setattr(network, "is_reachable", lambda url: True)
    expected = f"tfds build needs_tensor_flow --data_dir={tmp_path} --file_format=array_record"
    with pytest.raises(JaxcmpError, match=expected):
        find("needs_tensor_flow", tmp_path)


@pytest.mark.parametrize(
    ("name", "near"), [("cifr10", "cifar10"), ("digit", "digits"), ("tinny", "tiny")]
)
def test_a_wrong_name_is_refused_with_the_nearest_right_one(tmp_path, requested, name, near):
    make_tiny(tmp_path)
    with pytest.raises(CommandError, match=rf"no data set '{name}'.*did you mean .*\b{near}\b"):
        find(name, tmp_path)
    assert requested == []


@pytest.mark.parametrize("name", ["", "huggingface:mnist", "../mnist", "a b", "mnist,x=1"])
def test_a_name_that_would_download_code_is_refused(tmp_path, requested, name):
    with pytest.raises(CommandError, match="there is no data set"):
        find(name, tmp_path)
    assert requested == []


@pytest.mark.parametrize("name", ["cifar10/corrupted", "cifar10:9.9.9"])
def test_an_unknown_config_or_version_is_one_line(tmp_path, name):
    with pytest.raises(CommandError, match=f"'{name}' cannot be opened: ") as caught:
        find(name, tmp_path)
    assert "\n" not in str(caught.value) and "builder_kwargs" not in str(caught.value)


def test_a_text_data_set_is_refused_before_anything_is_downloaded(tmp_path, requested):
    with pytest.raises(CommandError, match="not one of image classification"):
        find("ag_news_subset", tmp_path)
    assert requested == []


def test_a_broken_description_is_one_line(tmp_path):
    builder = make_tiny(tmp_path)
    (Path(builder.data_dir) / "dataset_info.json").write_text("{")
    with pytest.raises(JaxcmpError, match="'tiny' cannot be opened: ") as caught:
        find("tiny", tmp_path)
    assert "\n" not in str(caught.value) and caught.value.exit_code == 1


def test_an_unwritable_folder_is_one_line(tmp_path, by_hand):
    (tmp_path / "data").write_text("a file, not a folder")
    with pytest.raises(JaxcmpError, match="cifar10 cannot be prepared in .*data: Not a dir"):
        find("cifar10", tmp_path / "data", tmp_path / "manual")


def test_a_set_that_another_process_prepares_meanwhile_is_used(tmp_path, monkeypatch, by_hand):
    read_archive, others = cifar10.read_archive, []

    def overtaken(path):
        monkeypatch.setattr(cifar10, "read_archive", read_archive)
        others.append(find("cifar10", tmp_path / "data", tmp_path / "manual"))
        return read_archive(path)

    monkeypatch.setattr(cifar10, "read_archive", overtaken)
    builder = find("cifar10", tmp_path / "data", tmp_path / "manual")
    assert len(others) == 1 and len(builder.as_data_source("train")) == 20
    # Neither leaves an unfinished folder behind.
    assert [path.name for path in (tmp_path / "data" / "cifar10").iterdir()] == ["3.0.2"]
