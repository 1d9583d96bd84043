"""The export command on trained runs: what it writes, and what it never overwrites."""

import hashlib
from functools import partial
from pathlib import Path

import jax
import numpy as np
import processes
import pytest
from export_command import call_export
from jax import export as jax_export
from sample_models import draw_images

import jaxcmp
from jaxcmp import leaves, pretrained
from jaxcmp.checkpoint import Checkpoints
from jaxcmp.predict import Trained


@pytest.fixture(scope="module")
def averaged(tmp_path_factory) -> Path:
    """A finished ResNet whose averaged weights are what was evaluated."""
    folder = tmp_path_factory.mktemp("averaged") / "run"
    code, _, err = processes.run(
        *processes.TINY_RESNET,
        "--config.average_decay=0.9",
        "--config.data.validation_fraction=0.2",
        f"--workdir={folder}",
    )
    assert code == 0, err
    return folder


@pytest.fixture
def folders(unbroken, averaged) -> dict[str, Path]:
    return {"vit": unbroken, "resnet": averaged}


@pytest.fixture
def call(capsys):
    return partial(call_export, capsys)


def load(path: Path, trained: Trained) -> dict:
    """The variables in a file, through the loader of this project."""
    template = {name: trained.variables[name] for name in ("params", "batch_stats")}
    found = pretrained.load(
        path, template, trained.model, checkpoint="newest", allow_missing="", allow_unused=""
    )
    assert {row.what for row in found.rows} == {"loaded"}
    return found.variables


@pytest.mark.parametrize(
    ("name", "format"), [("vit", "safetensors"), ("vit", "npz"), ("resnet", "safetensors")]
)
def test_what_is_exported_and_loaded_has_the_same_logits_to_the_bit(
    folders, call, tmp_path, name, format
):
    path = tmp_path / f"model.{format}"
    code, out, err = call(folders[name], f"--format={format}", f"--out={path}")
    assert (code, err) == (0, "")
    trained = jaxcmp.restore(folders[name])
    variables = load(path, trained)
    images = draw_images(trained, 5) / np.float32(255)
    apply = jax.jit(trained.model.apply)
    expected = np.asarray(apply(trained.variables, images))
    np.testing.assert_array_equal(np.asarray(apply(variables, images)), expected)
    ours, theirs = leaves.to_host(trained.variables), leaves.to_host(variables)
    assert {path: array.tobytes() for path, array in theirs.items()} == {
        path: array.tobytes() for path, array in ours.items()
    }


@pytest.mark.parametrize("name", ["vit", "resnet"])
def test_the_program_has_the_probabilities_of_predict(folders, call, tmp_path, name):
    path = tmp_path / "model.stablehlo"
    assert call(folders[name], "--format=stablehlo", f"--out={path}")[0] == 0
    trained = jaxcmp.restore(folders[name])
    images = draw_images(trained, 3)
    program = jax_export.deserialize(bytearray(path.read_bytes()))
    assert program.platforms == ("cpu", "cuda")
    expected = trained.predict(images)
    np.testing.assert_allclose(program.call(images), expected, rtol=0, atol=1e-6)


def test_averaged_weights_are_what_is_exported_since_they_were_evaluated(averaged, call, tmp_path):
    path = tmp_path / "model.safetensors"
    assert call(averaged, "--format=safetensors", f"--out={path}")[0] == 0
    with Checkpoints(
        averaged / "checkpoints", keep_every=0, keep_best=False, read_only=True
    ) as checkpoints:
        found = checkpoints.read()
    assert found is not None
    variables = leaves.to_host(load(path, jaxcmp.restore(averaged)))
    kernel = variables["params/head/kernel"]
    np.testing.assert_array_equal(kernel, found[1]["average/params/head/kernel"])
    assert not np.array_equal(kernel, found[1]["params/head/kernel"])


def test_a_user_gets_the_file_and_its_card(unbroken, tmp_path):
    path = tmp_path / "made" / "here" / "digits.safetensors"
    code, out, err = processes.run(
        str(unbroken), "--format=safetensors", f"--out={path}", module="jaxcmp.export"
    )
    assert (code, err) == (0, "")
    assert f"{path}: {path.stat().st_size:,} bytes, the weights of step 44 of {unbroken}" in out
    card = path.with_name("digits.safetensors.md").read_text()
    assert hashlib.sha256(path.read_bytes()).hexdigest() in card
    assert "# vit on digits, seed 0" in card
    assert "after the last epoch (4)" in card
    assert sorted(each.name for each in path.parent.iterdir()) == [
        "digits.safetensors",
        "digits.safetensors.md",
    ]


def test_without_a_name_it_is_the_arms_and_the_seeds(unbroken, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call(unbroken, "--format=npz")[0] == 0
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        *("vit-seed-0.npz", "vit-seed-0.npz.md")
    ]


def test_any_checkpoint_can_be_had_and_its_card_says_which(averaged, call, tmp_path):
    for which in ("best", "8"):
        path = tmp_path / f"{which}.safetensors"
        code, out, err = call(
            averaged, "--format=safetensors", f"--checkpoint={which}", f"--out={path}"
        )
        assert code == 0, err
        step = jaxcmp.restore(averaged, int(which) if which.isdecimal() else which).step
        assert f"| checkpoint | step {step} |" in path.with_name(f"{path.name}.md").read_text()


def test_nothing_is_overwritten_but_by_itself(unbroken, call, tmp_path):
    path = tmp_path / "model.npz"
    arguments = (unbroken, "--format=npz", f"--out={path}")
    assert call(*arguments)[0] == 0
    before = {each: each.stat().st_mtime_ns for each in tmp_path.iterdir()}
    assert call(*arguments)[0] == 0
    assert {each: each.stat().st_mtime_ns for each in tmp_path.iterdir()} == before
    card = path.with_name("model.npz.md")
    card.write_text("what somebody added")
    code, _, err = call(*arguments)
    assert (code, err) == (
        2,
        f"jaxcmp: {card} exists and holds something else: give another --out, or delete it\n",
    )
    path.write_bytes(b"weights of somebody else")
    assert call(*arguments)[0] == 2
    assert path.read_bytes() == b"weights of somebody else"
    assert card.read_text() == "what somebody added"


def test_a_resnet_has_no_npz(averaged, call, tmp_path):
    code, _, err = call(averaged, "--format=npz", f"--out={tmp_path / 'model.npz'}")
    assert (code, err.count("\n")) == (2, 1)
    assert "--format=safetensors" in err
    assert not list(tmp_path.iterdir())
