"""The command line: every mistake is one line and an exit code."""

import subprocess
import sys
from pathlib import Path

import processes
import pytest
from PIL import Image

import jaxcmp
from configs import vit
from jaxcmp import cli, main
from jaxcmp.runs import open_run, read_run
from jaxcmp.settings.configuration import settings_of

VIT = "--config=configs/vit.py"


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Runs the command in this process; a refused command must leave no trace in the workdir."""
    monkeypatch.chdir(processes.ROOT)
    monkeypatch.setattr(sys, "path", list(sys.path))
    # It is for the process as a whole; other tests read the log too.
    monkeypatch.setattr(main, "show_messages", lambda: None)

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
        (
            [VIT, "--config.seed=one"],
            "--config.seed='one' must be a whole number, at least 0 and below 2**32",
        ),
        ([VIT, "--wrokdir=x"], "option --wrokdir is unknown; did you mean --workdir?"),
        (
            [VIT, "seed=1"],
            "'seed=1' is not an option; a key of the configuration is --config.key=value",
        ),
        ([f"{VIT}:digits", "--config.data.name=cifar11"], "did you mean"),
        ([f"{VIT}:digits", "--config.model.num_heads=3"], "does not divide model.width=64"),
        ([f"{VIT}:digits", "--config.model.patch_size=3"], "does not divide model.image_size=8"),
        (
            [f"{VIT}:digits", "--config.model.num_classes=9"],
            "has 10 classes and the model 9",
        ),
        ([f"{VIT}:digits", "--config.data.classes=0,1,0"], "data.classes has 0 twice"),
        ([f"{VIT}:digits", "--config.data.classes=3"], "has 3 alone: name at least two"),
        ([f"{VIT}:digits", "--config.data.classes=0;1"], "has '0;1': it takes whole numbers"),
        (["--config=configs/transfer.py"], "a variant is missing; there are vit_ti16, vit_s16"),
        ([f"{VIT}:digits", "--config.batch_size=12"], "not divisible by 8 devices"),
        ([f"{VIT}:digits", "--config.batch_size=2048"], "larger than the 1438 training images"),
        ([f"{VIT}:digits", "--config.augment.mixing_epochs=99"], "up to num_epochs=40"),
        ([f"{VIT}:digits", "--config.schedule.warmup_epochs=40"], "must be below num_epochs=40"),
        ([f"{VIT}:digits", "--config.optimizer.name=sgd"], "optimizer 'sgd' takes"),
        ([f"{VIT}:digits", "--preview="], "not the name of a PNG file"),
        (
            # Missing data would be reported later.
            [VIT, "--config.data.name=none", "--preview=sheet.txt"],
            "sheet.txt is not the name of a PNG file",
        ),
        ([f"{VIT}:digits", "--workdir"], "argument --workdir: expected one argument"),
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
        ("seed = 1\n", "cannot be loaded: it has no get_config"),
        ("import sys\nsys.exit()\n", "cannot be loaded: SystemExit"),
        ("def get_config():\n    raise SystemExit(0)\n", "cannot be loaded: SystemExit: 0"),
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
    return lambda *arguments: cli.parse(main.make_parser(), arguments)


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
def test_the_last_of_repeated_options_counts(parsed, given):
    config = parsed(*given).config
    assert (config.arm, config.seed, config.data.classes) == ("vit", 0, (2, 3))


def test_a_run_of_another_config_is_refused_with_the_first_difference(tmp_path):
    arguments = [*processes.TINY, f"--workdir={tmp_path / 'run'}"]
    other = vit.get_config("digits").to_dict() | {"accumulation": 3}
    open_run(tmp_path / "run", other).close()
    code, _, err = processes.run(*arguments)
    assert code == 2
    assert "run holds a run of another config: accumulation is 1 here and 3 there" in err
    assert err.count("\n") == 1


def test_a_workdir_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = processes.run(*processes.TINY, f"--workdir={tmp_path / 'file' / 'run'}")
    assert code == 1
    assert "cannot be written" in err
    assert err.count("\n") == 1


def test_a_config_file_outside_the_project_may_import_its_shared_module(tmp_path):
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


def test_without_a_workdir_a_run_lies_in_a_folder_of_its_arm_and_seed():
    config = vit.get_config("digits")
    config.update({"arm": "my_vit", "seed": 3})
    assert main.default_workdir(settings_of(config)) == Path("runs/my_vit/seed-3")


@pytest.mark.parametrize(
    ("given", "warmup", "lines"),
    [
        ([], 10, 0),
        (["--config.num_epochs=5"], 0.5, 1),
        (["--config.num_epochs=50"], 5, 1),
        (["--config.num_epochs=200"], 10, 0),
        (["--config.num_epochs=5", "--config.schedule.warmup_epochs=2"], 2, 0),
        (["--config.schedule.warmup_fraction=0.2"], 20, 0),
        (["--config.num_epochs=5", "--config.schedule.warmup_fraction=0.2"], 1, 0),
    ],
)
def test_a_shorter_run_keeps_its_share_of_warm_up_unless_overridden(
    parsed, capsys, given, warmup, lines
):
    settings = settings_of(parsed(VIT, *given).config)
    assert settings.schedule.warmup_epochs == pytest.approx(warmup)
    assert settings.schedule.warmup_fraction == 0
    err = capsys.readouterr().err
    assert err.count("schedule.warmup_epochs=") == err.count("\n") == lines


def test_mixing_and_the_arms_of_a_study_shrink_too(parsed, capsys, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from configs import vit\n\n"
        "def get_config():\n    config = vit.get_config()\n"
        "    config.augment.mixing_epochs = 80\n    return config\n"
    )
    config = parsed(f"--config={tmp_path / 'mine.py'}", "--config.num_epochs=10").config
    assert (config.schedule.warmup_epochs, config.augment.mixing_epochs) == (1.0, 8)
    assert "augment.mixing_epochs=8 in place of 80, for 10 of 100 epochs" in capsys.readouterr().err


def test_a_study_shrinks_the_arm_that_is_shorter(parsed, capsys):
    config = parsed("--config=configs/study.py", "--config.arms.vit.num_epochs=10").config
    assert config.arms.vit.schedule.warmup_epochs == 1.0
    assert capsys.readouterr().err.startswith("arms.vit.schedule.warmup_epochs=1 in place of 10")


@pytest.mark.parametrize(
    "text",
    [
        *("c.label_smothing = 0.1", "c.schedule.peak_lr = 1.0", "c.log.every = 1"),
        *("c.init.pth = 'a'", "c.data.clases = (0, 1)"),
    ],
)
def test_an_unknown_key_of_ones_own_file_is_refused(call, tmp_path, text):
    (tmp_path / "mine.py").write_text(
        f"from configs import vit\n\ndef get_config():\n"
        f"    c = vit.get_config('digits')\n    {text}\n    return c\n"
    )
    code, err = call(f"--config={tmp_path / 'mine.py'}")
    assert (code, err.count("\n")) == (2, 1)
    assert f"configuration key '{text.split(' ')[0][2:]}' is unknown; did you mean '" in err


@pytest.mark.parametrize("text", ["config.arms = 3", "config.grids = None", "config.log = 3"])
def test_a_study_without_valid_sections_is_one_line(call, tmp_path, text):
    (tmp_path / "mine.py").write_text(
        "from configs import study\n\ndef get_config():\n    config = study.get_config('digits')\n"
        f"    with config.ignore_type():\n        {text}\n    return config\n"
    )
    code, err = call(f"--config={tmp_path / 'mine.py'}", "--config.log.every_steps=2")
    assert (code, err.count("\n")) == (2, 1), err


@pytest.mark.parametrize("text", ["return None", "return {'arm': 'vit'}", "pass"])
def test_a_file_that_gives_no_configuration_is_one_line(call, tmp_path, text):
    (tmp_path / "mine.py").write_text(f"def get_config():\n    {text}\n")
    code, err = call(f"--config={tmp_path / 'mine.py'}")
    assert (code, err.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--config.model.image_size=100000", "training takes at least"),
        ("--config.num_epochs=1000000000000000000", "must be at least 1 and below 2**31"),
        ("--config.num_epochs=2000000000", "2,147,483,647 can be counted"),
        ("--config.data.image_size=1000000", "must be at least 0 and at most 8192"),
        ("--config.augment.crop_padding=1000000000", "must be at least 0 and at most 1024"),
        ("--config.arm=../../x", "is no name for a file"),
        (f"--config.data.dir={'x' * 300}", "contains a name of 300 bytes"),
        ("--config.init.path=~no-such-user/a", "the home folder of ~no-such-user is not known"),
    ],
)
def test_absurd_values_are_one_line_before_anything_is_allocated(call, argument, message):
    code, err = call(f"{VIT}:digits", argument)
    assert (code, message in err) == (2, True), err
    assert [line for line in err.splitlines() if " in place of " not in line] == [
        err.splitlines()[-1]
    ]


def test_a_study_is_referred_to_its_own_command(call):
    code, err = call("--config=configs/study.py")
    assert code == 2 and "python -m jaxcmp.study trains it" in err


def test_the_workdir_may_begin_with_the_home_folder(tmp_path):
    arguments = [*processes.TINY_RESNET, "--config.num_epochs=1", "--workdir=~/run"]
    code, _, err = processes.run(*arguments, HOME=str(tmp_path))
    assert code == 0, err
    assert (tmp_path / "run" / "result.json").exists()
    assert not (processes.ROOT / "~").exists()


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ((), ("0", "1", "4")),
        (("--config.model.num_classes=3",), ("0", "1", "4")),
        (("--config.model.num_classes=5",), ("0", "1", "4", "class 3", "class 4")),
    ],
)
def test_outputs_follow_from_the_classes_and_more_are_allowed(tmp_path, given, names):
    folder = tmp_path / "run"
    arguments = (*processes.TINY_RESNET, "--config.num_epochs=1", "--config.data.classes=0,1,4")
    for _ in range(2):
        processes.train(folder, *given, base=arguments)
    run = read_run(folder)
    predictions = run.load_predictions().test
    assert run.config["model"]["num_classes"] == len(names)
    assert predictions.class_names == names == jaxcmp.restore(folder).class_names
    assert predictions.logits.shape[1] == len(names)
    right = predictions.logits.argmax(axis=1) == predictions.labels
    assert right.mean() == pytest.approx(run.result["test_accuracy"])
    # The folder goes on with the number said or left to the data.
    (folder / "result.json").unlink()
    said = f"--config.model.num_classes={len(names)}"
    processes.train(folder, said, base=arguments)
    if len(names) == 5:
        done = processes.run(str(folder), f"--out={tmp_path / 'report'}", module="jaxcmp.compare")
        assert done[0] == 0, done[2]


def test_the_first_message_comes_before_the_heavy_libraries():
    command = [sys.executable, "-X", "importtime", "-m", "jaxcmp.main", f"{VIT}:digits"]
    done = subprocess.run(
        [*command, "--config.data.name=cifar11"],
        cwd=processes.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    before, message, after = done.stdout.partition("vit, seed 0: loading JAX and the images\n")
    assert message
    for library in ("jax", "flax", "optax"):
        assert f" {library}\n" in after and f" {library}\n" not in before
    # They come with the first checkpoint and the first evaluation.
    for library in ("orbax.checkpoint", "scipy.special"):
        assert f" {library}\n" not in done.stdout
