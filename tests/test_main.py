"""The command line: every mistake is one line and an exit code, as a user meets them."""

import subprocess
import sys

import processes
import pytest
from PIL import Image

from jaxcmp import main

VIT = "--config=configs/vit.py"


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Runs the command in this process; what is refused may leave no trace in the workdir."""
    monkeypatch.chdir(processes.ROOT)
    monkeypatch.setattr(sys, "path", list(sys.path))
    # It is for the process as a whole; other tests read the log too.
    monkeypatch.setattr(main, "show_messages", lambda: None)
    # ml_collections would load the next configuration on top of the one before.
    monkeypatch.delitem(sys.modules, "config_config", raising=False)

    def run(*arguments):
        argv = ["jaxcmp.main", *arguments]
        if arguments:
            argv.append(f"--workdir={tmp_path / 'run'}")
        code = main.main(argv)
        err = capsys.readouterr().err
        assert not (tmp_path / "run").exists()
        return code, err

    return run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no configuration given; for example --config=configs/vit.py"),
        (["--config=configs/nix.py"], "configuration 'configs/nix.py' is not a file"),
        ([f"{VIT}:nix"], "variant 'nix' is unknown; there are digits, cpu, strong"),
        ([VIT, "--config.sed=1"], "configuration key 'sed' is unknown; did you mean 'seed'?"),
        ([VIT, "--config.model.widht=1"], "'model.widht' is unknown; did you mean 'model.width'?"),
        ([VIT, "--config.seed=one"], "flag --config.seed=one: invalid literal"),
        ([VIT, "--wrokdir=x"], "Unknown command line flag 'wrokdir'. Did you mean: workdir"),
        ([VIT, "seed=1"], "'seed=1' is not a flag; an override is --config.key=value"),
        ([f"{VIT}:digits", "--config.data.name=cifar11"], "did you mean"),
        ([f"{VIT}:digits", "--config.model.num_heads=3"], "does not divide model.width=64"),
        ([f"{VIT}:digits", "--config.model.patch_size=3"], "does not divide model.image_size=8"),
        (
            [f"{VIT}:digits", "--config.model.num_classes=9"],
            "has 10 classes and the model 9",
        ),
        ([f"{VIT}:digits", "--config.data.classes=0,1,0"], "data.classes has 0 twice"),
        ([f"{VIT}:digits", "--config.data.classes=(0, 10)"], "whole numbers from 0 to 9"),
        ([f"{VIT}:digits", "--config.data.classes=3"], "has 3 alone: name at least two"),
        ([f"{VIT}:digits", "--config.data.classes=0;1"], "has '0;1': it takes whole numbers"),
        ([f"{VIT}:digits", "--config.data.std=1,1,1"], "data.mean has 0 values and the images 1"),
        ([f"{VIT}:digits", "--config.optimizer.layer_decay=0"], "must be above 0 and at most 1"),
        (["--config=configs/transfer.py"], "a variant is missing; there are vit_ti16, vit_s16"),
        ([f"{VIT}:digits", "--config.batch_size=12"], "not divisible by 8 devices"),
        ([f"{VIT}:digits", "--config.batch_size=2048"], "larger than the 1438 training images"),
        ([f"{VIT}:digits", "--config.compute_dtype=half"], "must be one of float32, bfloat16"),
        ([f"{VIT}:digits", "--config.label_smoothing=1.0"], "must be at least 0 and below 1"),
        ([f"{VIT}:digits", "--config.augment.mixing_epochs=99"], "up to num_epochs=40"),
        ([f"{VIT}:digits", "--config.schedule.warmup_epochs=40"], "does not fit into"),
        ([f"{VIT}:digits", "--config.optimizer.name=sgd"], "optimizer 'sgd' takes"),
        ([f"{VIT}:digits", "--config.seed=4294967296"], "below 2**32"),
        ([f"{VIT}:digits", "--config.schedule.warmup_epochs=inf"], "warmup_epochs=inf must be"),
        ([f"{VIT}:digits", "--config.schedule.peak_learning_rate=nan"], "must be above 0"),
        ([f"{VIT}:digits", "--config.checkpoint.every_epochs=-1"], "must be at least 0"),
        ([f"{VIT}:digits", "--config.log.every_steps=-1"], "log.every_steps=-1 must be at least 0"),
        ([f"{VIT}:digits", "--preview="], "no PNG file name"),
        ([f"{VIT}:digits", "--config.eval_batch_size=0"], "eval_batch_size=0 must be at least 1"),
    ],
)
def test_a_wrong_command_is_one_line_exit_code_2_and_leaves_nothing(call, arguments, message):
    code, err = call(*arguments)
    assert code == 2
    assert err.startswith("jaxcmp: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def get_config(:\n", "cannot be loaded: SyntaxError"),
        ("import nothing_of_that_name\n", "cannot be loaded: ModuleNotFoundError"),
        ("seed = 1\n", "cannot be loaded: KeyError: 'get_config'"),
    ],
)
def test_a_config_file_that_cannot_be_loaded_is_one_line(call, tmp_path, text, message):
    (tmp_path / "mine.py").write_text(text)
    code, err = call(f"--config={tmp_path / 'mine.py'}")
    assert code == 2
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--config.data.classes=0,1,4"], (0, 1, 4)),
        (["--config.data.classes=(0, 1, 4)"], (0, 1, 4)),
        (["--config.data.classes=(0,1,4)"], (0, 1, 4)),
        (["--config.data.classes", "4,0"], (4, 0)),
        (["--config.data.classes=[4, 0]"], (4, 0)),
        (["--config.data.classes=()"], ()),
        ([], ()),
    ],
)
def test_a_tuple_takes_as_many_values_as_are_given(parsed, given, expected):
    assert parsed(f"{VIT}:digits", *given).config.data.classes == expected


@pytest.fixture
def parsed(monkeypatch):
    monkeypatch.chdir(processes.ROOT)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "config_config", raising=False)
    return lambda *arguments: main.parse(["jaxcmp.main", *arguments])


@pytest.mark.parametrize(
    "given",
    [
        [VIT, "--config.data.classes=0,1", "--config.data.classes=2,3"],
        [VIT, "--config.data.classes", "0,1", "--config.data.classes=2,3"],
        [VIT, "--config.data.classes=0,1", "--workdir", "x", "-config.data.classes", "2,3"],
        [VIT, "--config.seed", "-1", "--config.seed=0", "--config.data.classes=2,3"],
        ["--config=configs/resnet.py:cpu", VIT, "--config.data.classes=2,3"],
        ["--config", "configs/resnet.py", VIT, "--config.data.classes=2,3"],
    ],
)
def test_of_what_is_given_twice_the_last_counts(parsed, given):
    config = parsed(*given).config
    assert (config.arm, config.seed, config.data.classes) == ("vit", 0, (2, 3))


def test_a_run_of_another_config_is_refused_with_the_first_difference(tmp_path):
    (tmp_path / "run").mkdir()
    arguments = [*processes.TINY, f"--workdir={tmp_path / 'run'}"]
    (tmp_path / "run" / "config.json").write_text('{"config": {"arm": "resnet"}, "overrides": []}')
    code, _, err = processes.run(*arguments)
    assert code == 2
    assert "run holds a run of another config: accumulation is 1 here and not set there" in err
    assert err.count("\n") == 1


def test_a_workdir_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = processes.run(*processes.TINY, f"--workdir={tmp_path / 'file' / 'run'}")
    assert code == 1
    assert "cannot be written" in err
    assert err.count("\n") == 1


def test_help_names_the_flags_and_two_commands():
    code, out, _ = processes.run("--help")
    assert code == 0
    for word in (
        "--workdir",
        "distributed",
        "--preview",
        "configs/resnet.py",
        "JAX_COMPILATION_CACHE_DIR",
    ):
        assert word in out


def test_a_config_file_outside_the_project_may_import_what_it_shares(tmp_path):
    folder = tmp_path / "settings"
    folder.mkdir()
    (folder / "mine.py").write_text(
        "from configs import vit\n\n"
        "def get_config(variant=''):\n    return vit.get_config('digits')\n"
    )
    command = [sys.executable, "-m", "jaxcmp.main", f"--config={folder / 'mine.py'}"]
    sheet = tmp_path / "sheets" / "digits.png"
    done = subprocess.run(
        [*command, f"--preview={sheet}"],
        cwd=processes.ROOT,
        env=processes.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    with Image.open(sheet) as picture:
        assert picture.width > picture.height / 3
