"""Weights of a model hub: downloaded once, pinned, checked, and every refusal in one line."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hub_server import Repository, serving_hub, sha256
from huggingface_hub import close_session, constants
from safetensors.numpy import save
from sample_weights import VIT, published, shapes_of

from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.pretrained import fit, read
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
        "o/vit": Repository(
            {
                commit: {"model.safetensors": save(published("timm_vit", seed))}
                for seed, commit in enumerate((OLD, NEW))
            },
            {"main": OLD},
        ),
        "o/gated": repository({"model.safetensors": WEIGHTS}, "gated"),
        "o/forbidden": repository({"model.safetensors": WEIGHTS}, "403"),
        "o/broken": repository({"model.safetensors": WEIGHTS}, "503"),
        "o/private": repository({"model.safetensors": WEIGHTS}, "private"),
    }
    with serving_hub(repositories) as server:
        yield server


def use_endpoint(monkeypatch, url):
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", url)


@pytest.fixture(autouse=True)
def library(hub, tmp_path, monkeypatch):
    """The library as HF_ENDPOINT and HF_HOME make it, which it reads when it is imported."""
    use_endpoint(monkeypatch, hub.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))


def get(text):
    return fetch(parse_address(text))


def refusal(text, kind: type[JaxcmpError] = CommandError):
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


def test_weights_are_downloaded_once_and_named_by_commit_and_file(hub):
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


def test_a_branch_of_any_name_and_a_file_in_a_folder_are_found(hub):
    assert get("hf:o/usual@refs/pr/1").path.read_bytes() == NEWER
    assert get("hf:o/several:b.safetensors").path.read_bytes() == NEWER
    assert get("hf:o/small").address.file == "deep/tiny.safetensors"
    assert get("hf:o/only").address.file == "vit.safetensors"
    num = len(hub.requests)
    assert get("hf:o/only").address.file == "vit.safetensors"
    assert len(hub.requests) == num


def test_which_file_an_address_means_does_not_depend_on_what_was_downloaded_before(hub):
    hub.repositories["o/usual"].commits[OLD]["b.safetensors"] = NEWER
    assert get("hf:o/usual:b.safetensors").address.file == "b.safetensors"
    assert get("hf:o/usual").address.file == "model.safetensors"
    assert get("hf:o/several:b.safetensors").address.file == "b.safetensors"
    assert "has several files of weights" in refusal("hf:o/several")


def test_without_a_network_the_cache_answers_and_nothing_else(monkeypatch):
    found = get("hf:o/usual")
    use_endpoint(monkeypatch, "http://127.0.0.1:1")
    assert get("hf:o/usual") == found
    for text in ("hf:o/only", "hf:o/only:vit.safetensors", f"hf:o/usual@{NEW}"):
        assert "download it once with a network" in refusal(text, JaxcmpError)


def test_a_hub_that_is_broken_is_no_fault_of_the_command():
    message = refusal("hf:o/broken", JaxcmpError)
    assert "the hub does not serve it (Server error '503" in message


def test_a_cache_that_cannot_be_written_is_no_fault_of_the_hub(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file"))
    message = refusal("hf:o/usual:model.safetensors", JaxcmpError)
    assert "could not be downloaded: [Errno 20] Not a directory" in message
    assert "could not be downloaded: [Errno 20]" in refusal("hf:o/usual", JaxcmpError)


def test_a_download_that_ends_early_is_an_error(hub):
    hub.damaged[sha256(WEIGHTS)] = WEIGHTS[:-4]
    assert "could not be downloaded: Consistency check failed" in refusal("hf:o/usual", JaxcmpError)


def test_the_librarys_own_offline_mode_asks_nobody(hub, monkeypatch):
    found = get("hf:o/usual")
    num = len(hub.requests)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    close_session()
    assert get("hf:o/usual") == found
    assert "without HF_HUB_OFFLINE" in refusal("hf:o/only", JaxcmpError)
    assert len(hub.requests) == num
    close_session()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hf:o/missing", "is not found: check the name; for a private repository, set HF_TOKEN"),
        ("hf:o/private", "is not found: check the name; for a private repository, set HF_TOKEN"),
        ("hf:o/gated", "is gated: accept its terms on its page, and set HF_TOKEN"),
        ("hf:o/forbidden", "may not be read (403): set HF_TOKEN to a token that may"),
        ("hf:o/a--b", "is no address: Cannot have -- or .. in repo_id"),
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
def test_what_cannot_be_had_is_refused_in_a_line(text, words):
    assert words in refusal(text)


def test_a_file_that_is_not_what_the_hub_says_is_refused_and_can_be_had_again(hub):
    hub.damaged[sha256(WEIGHTS)] = WEIGHTS[:-4] + bytes(4)
    message = refusal(f"hf:o/usual@{OLD}:model.safetensors", JaxcmpError)
    assert f"its check sum is not {sha256(WEIGHTS)}" in message
    # It is refused again, and not taken from the cache.
    assert "is damaged" in refusal(f"hf:o/usual@{OLD}:model.safetensors", JaxcmpError)
    hub.damaged.clear()
    (path,) = [word for word in message.split() if word.startswith("/")]
    Path(path.rstrip(",")).unlink()
    assert get("hf:o/usual").path.read_bytes() == WEIGHTS


def test_a_small_file_that_changed_on_this_disk_is_refused():
    found = get("hf:o/small")
    found.path.resolve().write_bytes(SMALL.upper())
    assert "is damaged" in refusal(str(found.address), JaxcmpError)


def test_without_the_extra_the_line_says_how_to_install_it(monkeypatch):
    # So Python marks a package that cannot be imported.
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert "needs huggingface_hub: pip install 'jaxcmp[hub]'" in refusal("hf:o/usual")


def test_weights_of_another_layout_are_refused_by_their_address():
    with pytest.raises(JaxcmpError, match=f"^hf:o/usual@{OLD}:model.safetensors has names that"):
        read("hf:o/usual")


def test_a_run_that_begins_again_takes_the_commit_that_it_began_from(hub):
    first = read("hf:o/vit", seen="ImageNet-21k")
    _, said = fit(first, shapes_of(VIT), VIT)
    assert (said["path"], said["revision"]) == (f"hf:o/vit@{OLD}:model.safetensors", OLD)
    assert (said["kind"], said["sha256"]) == ("file", sha256(save(published("timm_vit"))))
    again = read(f"hf:o/vit@{NEW}", recorded=said)
    assert (again.path, again.sha256) == (first.path, first.sha256)
    with pytest.raises(JaxcmpError, match="in init.json of this run it is 0; give another --workd"):
        read("hf:o/vit", recorded=said | {"sha256": "0"})
    assert read(f"hf:o/vit@{NEW}", recorded={}).sha256 != first.sha256
