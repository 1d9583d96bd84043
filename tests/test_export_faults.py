"""What can be wrong with a run, a command or a disk, and what the export command says of it."""

import resource
import shutil
from functools import partial
from pathlib import Path

import pytest
from export_command import call_export


@pytest.fixture
def call(capsys):
    return partial(call_export, capsys)


@pytest.fixture
def copied(unbroken, tmp_path) -> Path:
    """A copy of a run, to be broken."""
    return Path(shutil.copytree(unbroken, tmp_path / "run"))


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
        (["run", "--format=pth"], "--format=pth is unknown; there are safetensors, npz, stablehlo"),
        (["run", "--format=npz", "--checkpoint=last"], "--checkpoint=last: newest, best, or the"),
        (["run", "--format=npz", "--platforms=cpu"], "--platforms is for --format=stablehlo"),
        (["run", "--format=stablehlo", "--platforms=cpu,gpu"], "--platforms: 'gpu' is unknown"),
        (["run", "--format=npz", "--output=x"], "unrecognized arguments: --output=x"),
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


def test_where_nothing_can_be_written_it_is_one_line(unbroken, call, tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file" / "model.npz", tmp_path):
        code, _, err = call(unbroken, "--format=npz", f"--out={out}")
        assert (code, err.count("\n")) == (1, 1)
        assert str(out) in err
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_leaves_nothing_half_written(unbroken, call, tmp_path):
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, unlimited[1]))
        code, _, err = call(unbroken, "--format=npz", f"--out={tmp_path / 'model.npz'}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert (code, err.count("\n")) == (1, 1)
    assert "model.npz cannot be written" in err
    assert not list(tmp_path.iterdir())
