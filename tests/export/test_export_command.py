"""The export command on trained runs: what it writes, what it refuses, and what it says then."""

import hashlib
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import processes
import pytest
from jax import export as jax_export
from sample_files import change_json
from sample_models import draw_images

import jaxcmp
from jaxcmp import pretrained
from jaxcmp.checkpoint import trees
from jaxcmp.checkpoint.manager import read_only
from jaxcmp.export.__main__ import main
from jaxcmp.predict import Trained


@pytest.fixture(scope="module")
def averaged(tmp_path_factory) -> Path:
    """A finished ResNet whose averaged weights are what was evaluated."""
    folder = tmp_path_factory.mktemp("averaged") / "run"
    processes.train(
        folder,
        "--config.average_decay=0.9",
        "--config.data.validation_fraction=0.2",
        base=processes.TINY_RESNET,
    )
    return folder


@pytest.fixture
def folders(unbroken, averaged) -> dict[str, Path]:
    return {"vit": unbroken, "resnet": averaged}


@pytest.fixture
def copied(unbroken, tmp_path) -> Path:
    """A copy of a run, to be broken."""
    return Path(shutil.copytree(unbroken, tmp_path / "run"))


@pytest.fixture
def call(capsys) -> Callable[..., tuple[int, str, str]]:
    """The command in this process: its exit code, its output and its complaint."""

    def call_export(*arguments: str | Path) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return call_export


def load(path: Path, trained: Trained) -> dict:
    """The variables in a file, through the loader of this project."""
    template = {name: trained.variables[name] for name in ("params", "batch_stats")}
    variables, said = pretrained.fit(pretrained.read(path), template, trained.model)
    assert {row["what"] for row in said["rows"]} == {"loaded"}
    return variables


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
    ours, theirs = trees.to_host(trained.variables), trees.to_host(variables)
    assert {path: array.tobytes() for path, array in theirs.items()} == {
        path: array.tobytes() for path, array in ours.items()
    }


def test_the_program_has_the_probabilities_of_predict(averaged, call, tmp_path):
    path = tmp_path / "model.stablehlo"
    assert call(averaged, "--format=stablehlo", f"--out={path}")[0] == 0
    trained = jaxcmp.restore(averaged)
    images = draw_images(trained, 3)
    program = jax_export.deserialize(bytearray(path.read_bytes()))
    assert program.platforms == ("cpu", "cuda")
    expected = trained.predict(images)
    np.testing.assert_allclose(program.call(images), expected, rtol=0, atol=1e-6)


def test_averaged_weights_are_what_is_exported_since_they_were_evaluated(averaged, call, tmp_path):
    path = tmp_path / "model.safetensors"
    assert call(averaged, "--format=safetensors", f"--out={path}")[0] == 0
    _, found = read_only(averaged / "checkpoints")
    variables = trees.to_host(load(path, jaxcmp.restore(averaged)))
    kernel = variables["params/head/kernel"]
    np.testing.assert_array_equal(kernel, found["average/params/head/kernel"])
    assert not np.array_equal(kernel, found["params/head/kernel"])


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


@pytest.mark.parametrize(
    ("key", "value"),
    [("arm", "../../../x"), ("arm", "/tmp/x"), ("arm", "a\nb"), ("arm", "~")],
)
def test_without_a_name_nothing_is_written_elsewhere(
    unbroken, call, tmp_path, monkeypatch, key, value
):
    folder = shutil.copytree(unbroken, tmp_path / "from" / "elsewhere")
    change_json(folder / "config.json", lambda stored: stored["config"].update({key: value}))
    here = tmp_path / "a" / "b" / "c"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    before = sorted(tmp_path.rglob("*"))
    code, _, err = call(folder, "--format=npz")
    assert code == 2 and err.count("\n") == 1
    assert "is no name for a file" in err and "give --out" in err
    assert sorted(tmp_path.rglob("*")) == before
    assert call(folder, "--format=npz", "--out=vit.npz")[0] == 0


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
    assert (code, err) == (
        2,
        "jaxcmp: weights of a ResNet are not published as npz: give --format=safetensors\n",
    )
    assert not list(tmp_path.iterdir())


def test_an_unfinished_run_is_exported_and_said_to_be(copied, call, tmp_path):
    (copied / "result.json").unlink()
    path = tmp_path / "model.npz"
    code, out, _ = call(copied, "--format=npz", "--checkpoint=33", f"--out={path}")
    assert code == 0
    assert f"{copied} is not finished: the card says so\n" in out
    card = path.with_name("model.npz.md").read_text()
    assert "**The run is not finished**: these weights are of step 33, after epoch 3 of 4." in card


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: run, --format"),
        (["run"], "the following arguments are required: --format"),
        (["run", "--format=pth"], "argument --format: invalid choice: 'pth'"),
        (
            ["run", "--format=npz", "--checkpoint=last"],
            "argument --checkpoint: 'last' must be",
        ),
        (["run", "--format=npz", "--output=x"], "option --output is unknown; did you mean --out?"),
        (["run", "--format=npz", "--out=."], "--out=. is a folder: name a file in it"),
    ],
)
def test_a_wrong_command_is_one_line(call, arguments, message):
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"jaxcmp: {message}") and err.count("\n") == 1


def test_what_is_no_run_or_has_no_checkpoint_is_one_line(copied, call, tmp_path):
    code, _, err = call(tmp_path / "nothing", "--format=npz")
    assert (code, err.count("\n")) == (1, 1)
    assert "config.json" in err
    shutil.rmtree(copied / "checkpoints")
    code, _, err = call(copied, "--format=npz")
    assert (code, err.count("\n")) == (1, 1)
    assert "there is no checkpoint in" in err
    (copied / "environment.json").unlink()
    code, _, err = call(copied, "--format=npz")
    assert (code, err.count("\n")) == (1, 1)


def test_a_damaged_checkpoint_is_passed_over_and_the_card_is_of_the_one_before(
    copied, call, tmp_path, caplog
):
    shutil.rmtree(copied / "checkpoints" / "44" / "state")
    path = tmp_path / "model.npz"
    code, out, _ = call(copied, "--format=npz", f"--out={path}")
    assert code == 0
    assert "the weights of step 33 of" in out
    assert "damaged" in caplog.text
    card = path.with_name("model.npz.md").read_text()
    assert "after epoch 3 of 4" in card and "last epoch" not in card
    shutil.rmtree(copied / "checkpoints" / "33" / "state")
    code, _, err = call(copied, "--format=npz", f"--out={path}")
    assert (code, err.count("\n")) == (1, 1)
    assert "no sound checkpoint in" in err


def test_where_nothing_can_be_written_it_is_one_line_and_nothing_is_half_written(
    unbroken, call, tmp_path
):
    (tmp_path / "file").write_text("")
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    for out, limit in (
        (tmp_path / "file" / "model.npz", unlimited[0]),
        (tmp_path, unlimited[0]),
        # A full disk.
        (tmp_path / "model.npz", 1000),
    ):
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, unlimited[1]))
            code, _, err = call(unbroken, "--format=npz", f"--out={out}")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        assert (code, err.count("\n")) == (1, 1)
        assert str(out) in err and "cannot be" in err
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
