"""Commands that a reader can paste: the run again, or one that differs in a setting."""

import dataclasses
import shlex
from pathlib import Path

import pytest
from sample_runs import Sample, make_group, with_files

from jaxcmp import cli, main
from jaxcmp.compare.arms import Outcome
from jaxcmp.compare.sections.commands import (
    another_seed,
    at_length,
    fine_tune,
    from_random,
    on_runs,
    other_model,
    repeat_run,
    vary,
    whole_study,
)
from jaxcmp.settings.configuration import ConfigWords

MAIN, STUDY = "python -m jaxcmp.main --config=configs/", "python -m jaxcmp.study --config=configs/"
VIT = ConfigWords("configs/vit.py", "cpu")
# What `of_study` goes on with.
OF_STUDY = f"{STUDY}study.py:cpu --config.data.dir=/d"


@pytest.fixture(scope="module")
def outcome(tmp_path_factory) -> Outcome:
    return make_group(tmp_path_factory.mktemp("run"), Sample("vit", 3)).arms[0].outcomes[0]


def of(outcome: Outcome, overrides=None, *, folder: str = "f", **given) -> Outcome:
    """Gives a run the configuration that these words make, and a folder."""
    words = dataclasses.replace(VIT, overrides=overrides or {}, **given)
    return with_files(outcome, given=words, folder=Path(folder))


def of_study(outcome: Outcome, **overrides: str) -> Outcome:
    """Gives a run the folder of a study in runs/s."""
    given = {"file": "configs/study.py", "module": "jaxcmp.study", "folder": "runs/s/vit/seed-3"}
    return of(outcome, {"data.dir": "/d"} | overrides, **given)


def parse(line: str):
    python, module, name, *words = shlex.split(line)
    assert (python, module, name) == ("python", "-m", "jaxcmp.main")
    return cli.parse(main.make_parser(), words)


def test_a_run_is_repeated_by_what_began_it(outcome):
    def typed(*lines):
        *earlier, last = ({"command": line} for line in lines)
        return repeat_run(with_files(outcome, environment=last | {"earlier": earlier}).run)

    assert typed("first --x", "second") == "first --x"
    assert typed("only") == "only"
    assert typed(None, "second") == "second"


def test_a_run_from_a_hub_is_repeated_from_the_commit_that_it_began_from(outcome):
    pinned = f"hf:o/n@{'a' * 40}:model.safetensors"

    def begun(typed, overrides=None, **given):
        config = outcome.run.config | {"init": {"path": "hf:o/n"}}
        run = with_files(of(outcome, overrides, **given), config=config, init={"path": pinned})
        return with_files(run, environment={"command": typed} if typed else {})

    start = f"{MAIN}vit.py:cpu"
    for typed in ("--config.init.path=hf:o/n", "--config.init.path hf:o/n", "--config.seed=3"):
        words = shlex.split(repeat_run(begun(f"{start} {typed} --workdir=a").run))
        assert parse(shlex.join(words)).given.overrides["init.path"] == pinned
        assert "hf:o/n" not in words
    # A study has weights for each of its arms.
    typed = "python -m jaxcmp.study --config=s.py --config.arms.vit.init.path=hf:o/n"
    assert repeat_run(begun(typed, module="jaxcmp.study").run) == typed.replace("hf:o/n", pinned)
    task = begun(f"{typed} --task=3", module="jaxcmp.study")
    assert repeat_run(task.run) == typed.replace("hf:o/n", pinned)
    overrides = {"init.path": "hf:o/n"}
    assert f"--config.init.path={pinned} " in another_seed(begun("", overrides), 4)
    assert "init" not in from_random(begun("", overrides))


SVHN = {"model.width": "48", "data.name": "svhn", "seed": "3"}
PART = {"data.train_fraction": "0.9", "seed": "3"}
WEIGHTS = {"init.path": "a.npz", "init.allow_missing": "*", "seed": "1"}
TRANSFER = {"file": "configs/transfer.py", "variant": "vit_ti16"}
RESNET18 = f"{MAIN}transfer.py:resnet18 --config.init.path=resnet18.safetensors"
TI16 = f"{MAIN}transfer.py:vit_ti16 --config.init.path=Ti_16.npz"


@pytest.mark.parametrize(
    ("make", "overrides", "given", "line"),
    [
        # The other model trains on the same data with the same seed, and begins as it is told.
        (
            *(other_model, SVHN, {}),
            f"{MAIN}resnet.py:cpu --config.data.name=svhn --config.seed=3",
        ),
        (
            *(lambda run: other_model(run, "c.npz", "d"), WEIGHTS, {}),
            f"{MAIN}resnet.py:cpu --config.seed=1 --config.init.path=c.npz --workdir=d",
        ),
        (other_model, {"init.path": "Ti_16.npz"}, TRANSFER, RESNET18),
        # A variation has one setting and a folder of its own.
        (
            *(lambda run: vary(run, {"data.train_fraction": 0.5}, suffix="-half"), PART, {}),
            f"{MAIN}vit.py:cpu --config.seed=3 --config.data.train_fraction=0.5 --workdir=f-half",
        ),
        # Weights are left out with all that is said of them.
        (
            *(from_random, WEIGHTS, {}),
            f"{MAIN}vit.py:cpu --config.seed=1 --workdir=f-random-weights",
        ),
        # Published weights are fine-tuned on the data of the run.
        (lambda run: fine_tune(run, "vit"), {}, {}, TI16),
        (
            *(lambda run: fine_tune(run, "vit"), {"data.classes": "0,1", "seed": "1"}, {}),
            f"{TI16} --config.data.classes=0,1",
        ),
        # A study is of the variant and the data of the run.
        (whole_study, {}, {"variant": ""}, f"{STUDY}study.py"),
        (whole_study, {"seed": "1"}, {"variant": "strong"}, f"{STUDY}study.py"),
        (whole_study, {"data.dir": "/d", "data.train_fraction": "0.1"}, {}, OF_STUDY),
    ],
)
def test_a_command_keeps_what_it_is_not_to_change(outcome, make, overrides, given, line):
    assert make(of(outcome, overrides, **given)) == line


@pytest.mark.parametrize(
    ("make", "line"),
    [
        # What is in its plan, or another seed, the study makes in its folder.
        (whole_study, f"{OF_STUDY} --workdir=runs/s"),
        (
            lambda run: vary(run, {"data.train_fraction": 0.1}, suffix="-0.1"),
            f"{OF_STUDY} --workdir=runs/s",
        ),
        (lambda run: vary(run, {"num_epochs": 7}, suffix="-7"), f"{OF_STUDY} --workdir=runs/s"),
        # What is not, is a study of its own.
        (
            lambda run: vary(run, {"data.validation_fraction": 0.1}, suffix="-held-out"),
            f"{OF_STUDY} --config.data.validation_fraction=0.1 --workdir=runs/s-held-out",
        ),
        (
            lambda run: another_seed(run, 7),
            f"{OF_STUDY} --config.grids.seeds.seeds=8 --workdir=runs/s",
        ),
        (from_random, f"{OF_STUDY} --workdir=runs/s-random-weights"),
    ],
)
def test_a_command_for_a_run_of_a_study_names_the_study(outcome, make, line):
    assert (
        make(of_study(outcome, **{"arms.vit.init.path": "a.npz"} if make is from_random else {}))
        == line
    )


def test_another_seed_of_a_run_has_a_folder_of_its_own(outcome):
    run = of(outcome, {"seed": "3", "model.width": "48"}, folder="runs/wide/seed-3")
    options = parse(another_seed(run, 7))
    assert (options.config.seed, options.config.model.width) == (7, 48)
    assert options.workdir == "runs/wide/seed-7"
    assert parse(another_seed(of(outcome, folder="mine"), 7)).workdir == "mine-seed-7"


def test_a_run_that_kept_no_command_is_repeated_by_its_overrides(outcome):
    overrides = {"seed": "3", "data.dir": "/with space"}
    run = with_files(of(outcome, overrides, file="", variant=""), environment={}).run
    assert repeat_run(run) == f"{MAIN}vit.py --config.seed=3 '--config.data.dir=/with space'"
    assert (
        on_runs("jaxcmp.x", [of(outcome, folder="a b")], ["--y"]) == "python -m jaxcmp.x 'a b' --y"
    )


def test_another_length_keeps_the_shares_of_warm_up_and_mixing(outcome):
    # The ViT warms up in 1 of 6 epochs; mixing never stops, at no length.
    assert at_length(outcome, 60) == {"num_epochs": 60, "schedule.warmup_epochs": "10"}
    config = outcome.run.config
    mixing = config | {"augment": config["augment"] | {"mixing_epochs": 3}}
    assert at_length(with_files(outcome, config=mixing), 15)["augment.mixing_epochs"] == 8
    # 0 would mix to the end.
    assert at_length(with_files(outcome, config=mixing), 1)["augment.mixing_epochs"] == 1
    options = parse(vary(of(outcome), at_length(outcome, 60), suffix="-long"))
    assert (options.config.num_epochs, options.config.schedule.warmup_epochs) == (60, 10)
    assert options.workdir == "f-long"


def test_another_data_set_is_named_even_if_a_variant_chose_it(outcome):
    config = outcome.run.config
    other = config | {"data": config["data"] | {"name": "digits"}}
    assert "--config.data.name=digits" in fine_tune(with_files(outcome, config=other), "resnet")
