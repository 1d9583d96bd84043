"""Weights of a model hub: downloaded once, pinned, checked, and every refusal in one line."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hub_server import Hub, Repository, sha256
from safetensors.numpy import save

from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.pretrained.hub import fetch
from jaxcmp.settings.hub_address import HubAddress, parse_address

OLD, NEW = "a" * 40, "b" * 40
WEIGHTS, NEWER = (save({"w": np.full(50, value, np.float32)}) for value in (1.0, 2.0))
SMALL = b"fewer than a hundred bytes"
PARTS = {f"model-0000{i}-of-00002.safetensors": WEIGHTS for i in (1, 2)}


def repository(files, access="open"):
    return Repository({OLD: files}, {"main": OLD}, access)


@pytest.fixture
def hub():
    repositories = {
        "o/usual": Repository(
            {OLD: {"model.safetensors": WEIGHTS}, NEW: {"model.safetensors": NEWER}},
            {"main": OLD, "refs/pr/1": NEW},
        ),
        "o/only": repository({"vit.safetensors": WEIGHTS, "README.md": SMALL}),
        "o/several": repository({"a.safetensors": WEIGHTS, "b.safetensors": NEWER}),
        "o/small": repository({"deep/tiny.safetensors": SMALL}),
        "o/parts": repository({**PARTS, "model.safetensors.index.json": SMALL}),
        "o/pickle": repository({"pytorch_model.bin": WEIGHTS, "config.json": SMALL}),
        "o/nothing": repository({"README.md": SMALL}),
        "o/gated": repository({"model.safetensors": WEIGHTS}, "gated"),
        "o/private": repository({"model.safetensors": WEIGHTS}, "private"),
    }
    with Hub(repositories) as server:
        yield server


@pytest.fixture
def get(hub, tmp_path):
    return lambda text: fetch(parse_address(text), endpoint=hub.url, cache=tmp_path / "cache")


def refusal(get, text, kind=CommandError):
    with pytest.raises(kind, match="^[^\n]*$") as caught:
        get(text)
    assert text in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("hf:timm/vit_tiny.augreg", HubAddress("timm/vit_tiny.augreg")),
        ("hf:o/n@refs/pr/1", HubAddress("o/n", "refs/pr/1")),
        (f"hf:o/n@{OLD}:sub/w.safetensors", HubAddress("o/n", OLD, "sub/w.safetensors")),
        ("hf:o/n:w.safetensors", HubAddress("o/n", "", "w.safetensors")),
    ],
)
def test_an_address_is_read_and_written_alike(text, address):
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        *("hf:", "hf:name", "hf:a/b/c", "hf:a/b@", "hf:a/b:", "hf:../x", "hf:a/b:../w"),
        *("hf:a/b@..", "hf:a/b:/etc/w", "hf:a/b\n", "hf:a b/c"),
    ],
)
def test_an_address_of_another_form_is_refused_with_the_right_one(text):
    with pytest.raises(CommandError, match="must be hf:OWNER/NAME"):
        parse_address(text)


def test_weights_are_downloaded_once_and_named_by_commit_and_file(hub, get):
    first = get("hf:o/usual")
    assert str(first.address) == f"hf:o/usual@{OLD}:model.safetensors"
    assert first.path.read_bytes() == WEIGHTS
    num = len(hub.requests)
    # The branch has moved since: those who asked before have what they had.
    hub.repositories["o/usual"].branches["main"] = NEW
    for again in ("hf:o/usual", "hf:o/usual@main", str(first.address), f"hf:o/usual@{OLD}"):
        assert get(again) == first
    assert len(hub.requests) == num
    newer = get(f"hf:o/usual@{NEW}")
    assert (newer.address.revision, newer.path.read_bytes()) == (NEW, NEWER)


def test_a_branch_of_any_name_and_a_file_in_a_folder_are_found(hub, get):
    assert get("hf:o/usual@refs/pr/1").path.read_bytes() == NEWER
    assert get("hf:o/several:b.safetensors").path.read_bytes() == NEWER
    assert get("hf:o/small").address.file == "deep/tiny.safetensors"
    assert get("hf:o/only").address.file == "vit.safetensors"
    num = len(hub.requests)
    assert get("hf:o/only").address.file == "vit.safetensors"
    assert len(hub.requests) == num


def test_without_a_network_the_cache_answers_and_nothing_else(hub, get, tmp_path):
    found = get("hf:o/usual")
    nowhere = {"endpoint": "http://127.0.0.1:1", "cache": tmp_path / "cache"}
    assert fetch(HubAddress("o/usual"), **nowhere) == found
    for text in ("hf:o/only", "hf:o/only:vit.safetensors", f"hf:o/usual@{NEW}"):
        message = refusal(lambda text: fetch(parse_address(text), **nowhere), text, JaxcmpError)
        assert "download it once with a network" in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hf:o/missing", "is not found: check the name; for a private repository, set HF_TOKEN"),
        ("hf:o/private", "is not found: check the name; for a private repository, set HF_TOKEN"),
        ("hf:o/gated", "is gated: accept its terms on its page, and set HF_TOKEN"),
        ("hf:o/usual@v2", "no branch, tag or commit of that name"),
        ("hf:o/usual@v2:model.safetensors", "no branch, tag or commit of that name"),
        ("hf:o/usual:w.safetensors", "has no such file"),
        ("hf:o/several", "name one, as :a.safetensors, of a.safetensors, b.safetensors"),
        ("hf:o/parts", "has its weights in 2 parts, which are not read"),
        ("hf:o/pickle", "only pytorch_model.bin: a pickle, which can run any code"),
        ("hf:o/pickle:pytorch_model.bin", "a pickle, which can run any code when it is read"),
        ("hf:o/nothing", "has no .safetensors file"),
        ("hf:o/nothing:README.md", "must name a .safetensors file"),
    ],
)
def test_what_cannot_be_had_is_refused_in_a_line(get, text, words):
    assert words in refusal(get, text)


def test_a_file_that_is_not_what_the_hub_says_is_refused_and_can_be_had_again(hub, get):
    hub.damaged[sha256(WEIGHTS)] = WEIGHTS[:-4] + bytes(4)
    message = refusal(get, f"hf:o/usual@{OLD}:model.safetensors", JaxcmpError)
    assert f"its check sum is not {sha256(WEIGHTS)}" in message
    # It is refused again, and not taken from the cache.
    assert "is damaged" in refusal(get, f"hf:o/usual@{OLD}:model.safetensors", JaxcmpError)
    hub.damaged.clear()
    (path,) = [word for word in message.split() if word.startswith("/")]
    Path(path.rstrip(",")).unlink()
    assert get("hf:o/usual").path.read_bytes() == WEIGHTS


def test_a_small_file_that_changed_on_this_disk_is_refused(get):
    found = get("hf:o/small")
    found.path.resolve().write_bytes(SMALL.upper())
    assert "is damaged" in refusal(get, str(found.address), JaxcmpError)


def test_without_the_extra_the_line_says_how_to_install_it(get, monkeypatch):
    # So Python marks a package that cannot be imported.
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert "needs huggingface_hub: pip install 'jaxcmp[hub]'" in refusal(get, "hf:o/usual")
