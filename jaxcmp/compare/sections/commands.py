"""Commands that repeat a run, or make one that differs from it."""

import dataclasses
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from jaxcmp.compare.arms import Outcome
from jaxcmp.compare.recipe_keys import TRAIN_FRACTION
from jaxcmp.runs import Run
from jaxcmp.settings.configuration import ConfigWords
from jaxcmp.settings.hub_address import is_hub_address

STUDY = "jaxcmp.study"
STUDY_VARIANTS = ("cpu", "digits")
# The settings that say which images there are; a run may have them from its own file.
OF_IMAGES = (
    "name",
    "dir",
    "image_size",
    "fit",
    "skip_bad",
    "classes",
    "test_fraction",
    "validation_fraction",
)
# The variants that both models have.
BOTH_VARIANTS = (*STUDY_VARIANTS, "strong")
# What fine-tunes published weights, by architecture: a variant, and a file as it is published.
TRANSFER = "configs/transfer.py"
PUBLISHED = {"vit": ("vit_ti16", "Ti_16.npz"), "resnet": ("resnet18", "resnet18.safetensors")}


def repeat_run(run: Run) -> str:
    """Returns what was typed to start the run, or what starts one of the same configuration.

    Weights of a model hub are those of the same commit; of a study, all runs are repeated.
    """
    typed = [str(session["command"]) for session in run.sessions if session.get("command")]
    if not typed:
        return _line(_given(run))
    words = shlex.split(typed[0])
    is_task = run.given.module == STUDY and any(word.startswith("--task=") for word in words)
    kept = [word for word in words if not word.startswith("--task=")]
    return _with_commit(shlex.join(kept) if is_task else typed[0], run)


def on_runs(module: str, outcomes: Iterable[Outcome], words: Iterable[str] = ()) -> str:
    """Returns the command of a module that takes run folders, then these words."""
    return shlex.join(["python", "-m", module, *(outcome.folder for outcome in outcomes), *words])


def vary(outcome: Outcome, settings: Mapping[str, object], *, suffix: str) -> str:
    """Returns the command for a run with other settings, in a folder beside the run's own.

    `settings` are dotted keys of the configuration; the folder's name ends in `suffix`. Parts of
    the images and lengths are in the plan of a study: for a run of it, all of the study is named.
    Other settings of the data hold for all of its runs.
    """
    given = _given(outcome.run)
    if given.module != STUDY:
        return _line(_with(given, settings), f"{_workdir(outcome)}{suffix}")
    of_data = {
        key: value
        for key, value in settings.items()
        if key.startswith("data.") and key != TRAIN_FRACTION
    }
    if not of_data:
        return whole_study(outcome)
    return _line(_with(given, of_data), f"{_workdir(outcome)}{suffix}")


def another_seed(outcome: Outcome, seed: int) -> str:
    """Returns the command for the same run with this seed; in a study, for all seeds up to it."""
    given, folder = _given(outcome.run), Path(_workdir(outcome))
    if given.module == STUDY:
        num_seeds = seed + 1
        # In its own folder: what is finished there is not trained again.
        return _line(_with(given, {"grids.seeds.seeds": num_seeds}), str(folder))
    usual = f"seed-{outcome.seed}"
    name = f"seed-{seed}" if folder.name == usual else f"{folder.name}-seed-{seed}"
    return _line(_with(given, {"seed": seed}), str(folder.with_name(name)))


def has_a_batch(outcome: Outcome, fraction: float) -> bool:
    """Returns whether this part of a run's training images fills one of its batches."""
    return round(fraction * outcome.num_train) >= outcome.run.config["batch_size"]


def at_length(outcome: Outcome, num_epochs: int) -> dict[str, object]:
    """The settings of a run's recipe for so many epochs: warm-up and mixing keep their shares."""
    config = outcome.run.config
    factor = num_epochs / outcome.num_epochs
    settings: dict[str, object] = {"num_epochs": num_epochs}
    warmup = config.get("schedule", {}).get("warmup_epochs")
    if warmup:
        settings["schedule.warmup_epochs"] = f"{warmup * factor:.6g}"
    mixing = config.get("augment", {}).get("mixing_epochs")
    if mixing:
        settings["augment.mixing_epochs"] = max(1, round(mixing * factor))
    return settings


def whole_study(outcome: Outcome) -> str:
    """Returns the command that trains the whole study of this run's variant and data."""
    given = _given(outcome.run)
    if given.module == STUDY:
        return _line(given, _workdir(outcome))
    variant = given.variant if given.variant in STUDY_VARIANTS else ""
    of_data = _of_data(outcome, variant)
    of_data.pop(TRAIN_FRACTION, None)
    return _line(ConfigWords("configs/study.py", variant, of_data, STUDY))


def other_model(outcome: Outcome, weights: str = "", folder: str = "") -> str:
    """Returns the command that trains the other model on the same data, with the same seed.

    That run begins from `weights` and writes to `folder`, where these are given.
    """
    name = "resnet" if outcome.architecture == "vit" else "vit"
    given = _given(outcome.run)
    if given.file == TRANSFER:
        return fine_tune(outcome, name, weights, folder)
    variant = given.variant if given.variant in BOTH_VARIANTS else ""
    kept = _of_data(outcome, variant) | _only(given, ["seed", "model.num_classes"])
    other = ConfigWords(f"configs/{name}.py", variant, kept)
    return _line(_with(other, {"init.path": weights} if weights else {}), folder)


def fine_tune(outcome: Outcome, architecture: str, weights: str = "", folder: str = "") -> str:
    """Returns the command that fine-tunes "vit" or "resnet" on the data of a run.

    It begins from `weights`, by default from published ones.
    """
    variant, published = PUBLISHED[architecture]
    settings = {"init.path": weights or published, **_of_data(outcome)}
    return _line(ConfigWords(TRANSFER, variant, settings), folder)


def _of_data(outcome: Outcome, variant: str = "") -> dict[str, str]:
    """Returns settings for the images of a run, for a file of ours in a variant."""
    settings, data = _only(_given(outcome.run), ["data."]), outcome.run.config["data"]
    if variant != "digits" and data["name"] != "cifar10":
        given = {key: data[key] for key in OF_IMAGES if data.get(key) and data[key] != "crop"}
        for key, value in given.items():
            text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            settings.setdefault(f"data.{key}", text)
    return settings


def from_random(outcome: Outcome) -> str:
    """Returns the command that trains a run that began from weights from random ones."""
    given = _given(outcome.run)
    kept = {k: text for k, text in given.overrides.items() if "init" not in k.split(".")}
    random = dataclasses.replace(given, overrides=kept)
    return _line(random, f"{_workdir(outcome)}-random-weights")


def _given(run: Run) -> ConfigWords:
    """Returns what the run was made from; if no command line started it, its arm's file.

    The address of a model hub names the commit that the run began from.
    """
    given, (configured, pinned) = run.given, _addresses(run)
    file = given.file or f"configs/{run.config['arm']}.py"
    overrides = {k: pinned if v == configured else v for k, v in given.overrides.items()}
    if pinned and given.module != STUDY:
        overrides["init.path"] = pinned
    return dataclasses.replace(given, file=file, overrides=overrides)


def _addresses(run: Run) -> tuple[str | None, str]:
    """Returns the weights of a model hub as configured and with their commit; None and "" else."""
    configured, pinned = run.config.get("init", {}).get("path", ""), str(run.init.get("path", ""))
    return (configured, pinned) if is_hub_address(pinned) else (None, "")


def _with_commit(command: str, run: Run) -> str:
    """Returns a command whose weights of a model hub, if any, are those of the run's commit."""
    configured, pinned = _addresses(run)
    if configured in (None, pinned):
        return command
    words = shlex.split(command)
    named = []
    for word in words:
        start, equals, value = word.rpartition("=")
        named.append(f"{start}{equals}{pinned}" if value == configured else word)
    is_in_file = named == words and run.given.module != STUDY
    return shlex.join([*named, *([f"--config.init.path={pinned}"] if is_in_file else [])])


def _with(given: ConfigWords, settings: Mapping[str, object]) -> ConfigWords:
    """Returns the words with other values of these keys, which come last."""
    kept = {key: text for key, text in given.overrides.items() if key not in settings}
    added = {key: str(value) for key, value in settings.items()}
    return dataclasses.replace(given, overrides=kept | added)


def _only(given: ConfigWords, starts: Iterable[str]) -> dict[str, str]:
    """Returns the overrides of keys that start so."""
    return {k: text for k, text in given.overrides.items() if k.startswith(tuple(starts))}


def _workdir(outcome: Outcome) -> str:
    """Returns the folder that the command was given; a study's holds a run in <run>/seed-<n>."""
    is_of_study = outcome.run.given.module == STUDY
    return str(Path(outcome.folder).parent.parent) if is_of_study else str(outcome.folder)


def _line(given: ConfigWords, folder: str = "") -> str:
    workdir = [f"--workdir={folder}"] if folder else []
    return shlex.join(["python", "-m", given.module, *given.words(), *workdir])
