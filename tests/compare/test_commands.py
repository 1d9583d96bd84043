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
    other_model,
    repeat_run,
    vary,
    whole_study,
)
from jaxcmp.settings.configuration import ConfigWords


@pytest.fixture(scope="module")
def outcome(tmp_path_factory) -> Outcome:
    return make_group(tmp_path_factory.mktemp("run"), Sample("vit", 3)).arms[0].outcomes[0]


VIT = ConfigWords("configs/vit.py", "cpu")


def of(outcome: Outcome, **given) -> Outcome:
    """Gives a run the configuration that these words make."""
    return with_files(outcome, given=dataclasses.replace(VIT, **given))


def of_study(outcome: Outcome) -> Outcome:
    """Gives a run the folder of a study in runs/s."""
    given = ConfigWords("configs/study.py", "cpu", {"data.dir": "/d"}, "jaxcmp.study")
    return with_files(outcome, given=given, folder=Path("runs/s/vit/seed-3"))


def parse(line: str):
    python, module, name, *words = shlex.split(line)
    assert (python, module, name) == ("python", "-m", "jaxcmp.main")
    return cli.parse(main.make_parser(), words)


def test_a_run_is_repeated_by_what_began_it(outcome):
    def typed(*lines):
        *earlier, last = ({"command": line} for line in lines)
        return with_files(outcome, environment=last | {"earlier": earlier})

    assert repeat_run(typed("first --x", "second").run) == "first --x"
    assert repeat_run(typed("only").run) == "only"
    assert repeat_run(typed(None, "second").run) == "second"


def test_a_run_from_a_hub_is_repeated_from_the_commit_that_it_began_from(outcome):
    pinned = f"hf:o/n@{'a' * 40}:model.safetensors"

    def begun(typed, **given):
        config = outcome.run.config | {"init": {"path": "hf:o/n"}}
        run = with_files(of(outcome, **given), config=config, init={"path": pinned})
        return with_files(run, environment={"command": typed} if typed else {})

    start = "python -m jaxcmp.main --config=configs/vit.py:cpu"
    for typed in ("--config.init.path=hf:o/n", "--config.init.path hf:o/n", "--config.seed=3"):
        words = shlex.split(repeat_run(begun(f"{start} {typed} --workdir=a").run))
        assert parse(shlex.join(words)).given.overrides["init.path"] == pinned
        assert "hf:o/n" not in words
    # A study has weights for each of its arms.
    typed = "python -m jaxcmp.study --config=s.py --config.arms.vit.init.path=hf:o/n"
    assert repeat_run(begun(typed, module="jaxcmp.study").run) == typed.replace("hf:o/n", pinned)
    overrides = {"init.path": "hf:o/n"}
    assert f"--config.init.path={pinned} " in another_seed(begun("", overrides=overrides), 4)
    assert "init" not in from_random(begun("", overrides=overrides))


def test_another_seed_of_a_run_has_a_folder_of_its_own(outcome):
    run = of(outcome, overrides={"seed": "3", "model.width": "48"})
    options = parse(another_seed(with_files(run, folder=Path("runs/wide/seed-3")), 7))
    assert (options.config.seed, options.config.model.width) == (7, 48)
    assert options.workdir == "runs/wide/seed-7"
    assert parse(another_seed(with_files(run, folder=Path("mine")), 7)).workdir == "mine-seed-7"


def test_another_seed_of_a_study_is_a_plan_with_all_seeds_up_to_it(outcome):
    assert another_seed(of_study(outcome), 7) == (
        "python -m jaxcmp.study --config=configs/study.py:cpu --config.data.dir=/d "
        "--config.grids.seeds.seeds=8 --workdir=runs/s-8-seeds"
    )


def test_the_other_model_trains_on_the_same_data_with_the_same_seed(outcome):
    overrides = {"model.width": "48", "data.name": "svhn", "seed": "3"}
    assert other_model(of(outcome, overrides=overrides)) == (
        "python -m jaxcmp.main --config=configs/resnet.py:cpu --config.data.name=svhn "
        "--config.seed=3"
    )


def test_a_run_that_kept_no_command_is_repeated_by_its_overrides(outcome):
    overrides = {"seed": "3", "data.dir": "/with space"}
    run = of(with_files(outcome, environment={}), file="", variant="", overrides=overrides)
    assert repeat_run(run.run) == (
        "python -m jaxcmp.main --config=configs/vit.py --config.seed=3 "
        "'--config.data.dir=/with space'"
    )


def test_a_variation_has_one_setting_and_a_folder_of_its_own(outcome):
    run = of(outcome, overrides={"data.train_fraction": "0.9", "seed": "3"})
    assert vary(run, {"data.train_fraction": 0.5}, suffix="-half") == (
        "python -m jaxcmp.main --config=configs/vit.py:cpu --config.seed=3 "
        f"--config.data.train_fraction=0.5 --workdir={outcome.folder}-half"
    )


def test_the_command_understands_a_variation(outcome):
    options = parse(vary(of(outcome), {"data.validation_fraction": 0.1}, suffix="-held-out"))
    assert options.config.data.validation_fraction == 0.1
    assert options.workdir == f"{outcome.folder}-held-out"


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


@pytest.mark.parametrize(
    ("given", "study"),
    [
        ({"variant": ""}, "--config=configs/study.py"),
        ({"variant": "strong", "overrides": {"seed": "1"}}, "--config=configs/study.py"),
        (
            {"overrides": {"data.dir": "/d", "data.train_fraction": "0.1"}},
            "--config=configs/study.py:cpu --config.data.dir=/d",
        ),
    ],
)
def test_a_study_is_of_the_variant_and_the_data_of_the_run(outcome, given, study):
    assert whole_study(of(outcome, **given)) == f"python -m jaxcmp.study {study}"


def test_what_a_study_has_in_its_plan_is_made_by_the_study(outcome):
    run = of_study(outcome)
    goes_on = (
        "python -m jaxcmp.study --config=configs/study.py:cpu --config.data.dir=/d --workdir=runs/s"
    )
    assert whole_study(run) == goes_on
    assert vary(run, {"data.train_fraction": 0.1}, suffix="-0.1") == goes_on
    assert vary(run, {"num_epochs": 7}, suffix="-7") == goes_on


def test_what_a_study_has_not_is_a_study_of_its_own(outcome):
    changed = vary(of_study(outcome), {"data.validation_fraction": 0.1}, suffix="-held-out")
    assert changed == (
        "python -m jaxcmp.study --config=configs/study.py:cpu --config.data.dir=/d "
        "--config.data.validation_fraction=0.1 --workdir=runs/s-held-out"
    )


def test_a_study_from_weights_is_repeated_without_them_in_a_folder_of_its_own(outcome):
    run = of_study(outcome)
    overrides = {"data.dir": "/d", "arms.vit.init.path": "a.npz"}
    run = with_files(run, given=dataclasses.replace(run.run.given, overrides=overrides))
    assert from_random(run) == (
        "python -m jaxcmp.study --config=configs/study.py:cpu --config.data.dir=/d "
        "--workdir=runs/s-random-weights"
    )


def test_published_weights_are_fine_tuned_on_the_data_of_the_run(outcome):
    start = "python -m jaxcmp.main --config=configs/transfer.py:vit_ti16"
    weights = "--config.init.path=Ti_16.npz"
    assert fine_tune(outcome, "vit") == f"{start} {weights}"
    run = of(outcome, overrides={"data.classes": "0,1", "seed": "1"})
    assert fine_tune(run, "vit") == f"{start} {weights} --config.data.classes=0,1"


def test_another_data_set_is_named_even_if_a_variant_chose_it(outcome):
    config = outcome.run.config
    other = config | {"data": config["data"] | {"name": "digits"}}
    run = with_files(outcome, config=other)
    assert "--config.data.name=digits" in fine_tune(run, "resnet")


def test_the_other_model_of_a_fine_tuned_one_is_fine_tuned(outcome):
    given = {"file": "configs/transfer.py", "variant": "vit_ti16"}
    run = of(outcome, **given, overrides={"init.path": "Ti_16.npz"})
    assert other_model(run) == fine_tune(run, "resnet")


def test_a_run_from_weights_is_also_told_without_them_or_with_others(outcome):
    run = of(outcome, overrides={"init.path": "a.npz", "init.allow_missing": "*", "seed": "1"})
    assert from_random(run) == (
        "python -m jaxcmp.main --config=configs/vit.py:cpu --config.seed=1 "
        f"--workdir={outcome.folder}-random-weights"
    )
    assert other_model(run, "c.npz", "d") == (
        "python -m jaxcmp.main --config=configs/resnet.py:cpu --config.seed=1 "
        "--config.init.path=c.npz --workdir=d"
    )
