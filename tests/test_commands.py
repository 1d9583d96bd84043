"""Commands that a reader can paste: the run again, or one that differs in a setting."""

import dataclasses
import shlex

import pytest
from sample_runs import Sample, make_group, with_files

from jaxcmp.compare.arms import Outcome
from jaxcmp.compare.sections.commands import other_model, repeat, vary
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
    line = vary(run, "data.train_fraction", 0.5, suffix="-half")
    assert line == (
        f"{start} --config.seed=3 --config.data.train_fraction=0.5 --workdir={outcome.folder}-half"
    )


def test_the_command_understands_a_variation(outcome):
    line = vary(outcome, "data.validation_fraction", 0.1, suffix="-held-out")
    python, module, name, *flags = shlex.split(line)
    assert (python, module, name) == ("python", "-m", "jaxcmp.main")
    options = parse([name, *flags])
    assert options.config.data.validation_fraction == 0.1
    assert options.workdir == f"{outcome.folder}-held-out"
