"""Commands that a reader can paste: the run again, or one that differs in a setting."""

import dataclasses
import shlex

import pytest
from sample_runs import Sample, make_group, with_files

from jaxcmp.compare.arms import Outcome
from jaxcmp.compare.sections.commands import (
    at_length,
    begin_from,
    fine_tune,
    from_random,
    other_model,
    repeat,
    vary,
    whole_study,
)
from jaxcmp.main import parse


@pytest.fixture(scope="module")
def outcome(tmp_path_factory) -> Outcome:
    return make_group(tmp_path_factory.mktemp("run"), Sample("vit", 3)).arms[0].outcomes[0]


def typed(outcome: Outcome, *lines: str | None) -> Outcome:
    """As if these had been typed, one after the other: the first began the run."""
    *earlier, last = ({"command": line} for line in lines)
    return with_files(outcome, environment=last | {"earlier": earlier})


def test_a_run_is_repeated_by_what_began_it(outcome):
    assert repeat(typed(outcome, "first --x", "second")) == "first --x"
    assert repeat(typed(outcome, "only")) == "only"
    assert repeat(typed(outcome, None, "second")) == "second"


def test_the_other_model_trains_on_the_same_data_with_the_same_seed(outcome):
    line = "python -m jaxcmp.main --config=configs/vit.py:cpu --config.model.width=48"
    line += " --config.data.name=svhn --config.seed=3 --workdir=a"
    assert other_model(typed(outcome, line)) == (
        "python -m jaxcmp.main --config=configs/resnet.py:cpu --config.data.name=svhn "
        "--config.seed=3"
    )


def test_a_run_that_kept_no_command_is_repeated_by_its_overrides(outcome):
    line = repeat(
        dataclasses.replace(
            outcome,
            run=dataclasses.replace(
                outcome.run, environment={}, overrides=["seed=3", "data.dir=/with space"]
            ),
        )
    )
    assert line == (
        "python -m jaxcmp.main --config=configs/vit.py --config.seed=3 "
        "'--config.data.dir=/with space'"
    )


@pytest.mark.parametrize(
    "rest",
    [
        "--workdir=runs/a --config.seed=3",
        "--workdir runs/a --config.seed=3 --config.data.train_fraction=0.9",
        "--config.seed=3 --config.data.train_fraction 0.9 --workdir runs/a",
    ],
)
def test_a_variation_has_one_setting_and_a_folder_of_its_own(outcome, rest):
    start = "python -m jaxcmp.main --config=configs/vit.py:digits"
    run = typed(outcome, f"{start} {rest}")
    line = vary(run, {"data.train_fraction": 0.5}, suffix="-half")
    assert line == (
        f"{start} --config.seed=3 --config.data.train_fraction=0.5 --workdir={outcome.folder}-half"
    )


def test_the_command_understands_a_variation(outcome):
    line = vary(outcome, {"data.validation_fraction": 0.1}, suffix="-held-out")
    python, module, name, *flags = shlex.split(line)
    assert (python, module, name) == ("python", "-m", "jaxcmp.main")
    options = parse([name, *flags])
    assert options.config.data.validation_fraction == 0.1
    assert options.workdir == f"{outcome.folder}-held-out"


def test_another_length_keeps_the_shares_of_warm_up_and_mixing(outcome):
    # The ViT warms up in 1 of 6 epochs; mixing never stops, at no length.
    assert at_length(outcome, 60) == {"num_epochs": 60, "schedule.warmup_epochs": "10"}
    config = outcome.run.config
    mixing = config | {"augment": config["augment"] | {"mixing_epochs": 3}}
    stopping = dataclasses.replace(outcome, run=dataclasses.replace(outcome.run, config=mixing))
    assert at_length(stopping, 15)["augment.mixing_epochs"] == 8
    line = vary(outcome, at_length(outcome, 60), suffix="-long")
    options = parse(shlex.split(line)[2:])
    assert (options.config.num_epochs, options.config.schedule.warmup_epochs) == (60, 10)


@pytest.mark.parametrize(
    ("line", "study"),
    [
        ("--config=configs/vit.py", "--config=configs/study.py"),
        ("--config=configs/vit.py:strong --config.seed=1", "--config=configs/study.py"),
        (
            "--config=configs/vit.py:cpu --config.data.dir=/d --config.data.train_fraction=0.1",
            "--config=configs/study.py:cpu --config.data.dir=/d",
        ),
    ],
)
def test_a_study_is_of_the_variant_and_the_data_of_the_run(outcome, line, study):
    run = typed(outcome, f"python -m jaxcmp.main {line}")
    assert whole_study(run) == f"python -m jaxcmp.study {study}"


def test_what_a_study_has_in_its_plan_is_made_by_the_study(outcome):
    start = "python -m jaxcmp.study --config=configs/study.py:cpu"
    run = typed(outcome, f"{start} --workdir=runs/s --task=5")
    goes_on = f"{start} --workdir=runs/s"
    assert whole_study(run) == goes_on
    assert vary(run, {"data.train_fraction": 0.1}, suffix="-0.1") == goes_on
    assert vary(run, {"num_epochs": 7}, suffix="-7") == goes_on


def test_what_a_study_has_not_is_a_study_of_its_own(outcome):
    start = "python -m jaxcmp.study --config=configs/study.py:cpu"
    for workdir, folder in ((" --workdir=runs/s", "runs/s"), ("", "runs/study")):
        run = typed(outcome, f"{start}{workdir} --task=5")
        assert vary(run, {"data.validation_fraction": 0.1}, suffix="-held-out") == (
            f"{start} --config.data.validation_fraction=0.1 --workdir={folder}-held-out"
        )


def test_published_weights_are_fine_tuned_on_the_data_of_the_run(outcome):
    start = "python -m jaxcmp.main --config=configs/transfer.py:vit_ti16"
    weights = "--config.init.path=Ti_16.npz"
    # The sample has five classes of cifar10.
    rest = "--config.model.num_classes=5"
    assert fine_tune(outcome, "vit") == f"{start} {weights} {rest}"
    line = "python -m jaxcmp.main --config=configs/vit.py:cpu --config.data.classes 0,1 --workdir=a"
    run = typed(outcome, line)
    assert fine_tune(run, "vit") == f"{start} {weights} --config.data.classes 0,1 {rest}"


def test_another_data_set_is_named_even_if_a_variant_chose_it(outcome):
    config = outcome.run.config
    other = config | {"data": config["data"] | {"name": "digits"}}
    run = dataclasses.replace(outcome, run=dataclasses.replace(outcome.run, config=other))
    assert "--config.data.name=digits" in fine_tune(run, "resnet")


def test_the_other_model_of_a_fine_tuned_one_is_fine_tuned(outcome):
    line = (
        "python -m jaxcmp.main --config=configs/transfer.py:vit_ti16 --config.init.path=Ti_16.npz"
    )
    assert other_model(typed(outcome, line)) == fine_tune(typed(outcome, line), "resnet")


def test_a_run_from_weights_is_also_told_without_them_or_with_others(outcome):
    start = "python -m jaxcmp.main --config=configs/vit.py:cpu"
    line = f"{start} --config.init.path=a.npz --config.init.allow_missing '*' --workdir=b"
    assert from_random(typed(outcome, line)) == (
        f"{start} --workdir={outcome.folder}-random-weights"
    )
    assert begin_from(line, "c.npz", "d") == (
        f"{start} --config.init.allow_missing '*' --config.init.path=c.npz --workdir=d"
    )
