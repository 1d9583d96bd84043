"""What to type: a run once more, or one that differs from it."""

import shlex
from collections.abc import Iterator, Mapping, Sequence

from jaxcmp.compare.arms import Outcome
from jaxcmp.compare.settings import TRAIN_FRACTION
from jaxcmp.runs import Run

STUDY = "jaxcmp.study"
STUDY_VARIANTS = ("cpu", "digits")
# What fine-tunes published weights, by architecture: a variant, and a file as it is published.
TRANSFER = "configs/transfer.py"
PUBLISHED = {"vit": ("vit_ti16", "Ti_16.npz"), "resnet": ("resnet18", "resnet18.safetensors")}


def repeat(outcome: Outcome) -> str:
    """As `repeat_run`."""
    return repeat_run(outcome.run)


def repeat_run(run: Run) -> str:
    """What was typed to start the run, else what would start one of the same configuration."""
    typed = [str(each["command"]) for each in run.sessions if each.get("command")]
    if typed:
        return typed[0]
    flags = [f"--config.{override}" for override in run.overrides]
    file = f"--config=configs/{run.config['arm']}.py"
    return shlex.join(["python", "-m", "jaxcmp.main", file, *flags])


def vary(outcome: Outcome, settings: Mapping[str, object], *, suffix: str) -> str:
    """What starts a run that differs in these settings, in a folder of its own beside the run's.

    `settings` are dotted keys of the configuration; the folder's name ends in `suffix`. A run of a
    study is told by the whole study: parts of the images and lengths are in its plan, and what else
    there is to say of the data holds for all of it.
    """
    words, folder = shlex.split(repeat(outcome)), outcome.folder
    if STUDY in words:
        settings = {
            key: value
            for key, value in settings.items()
            if key.startswith("data.") and key != TRAIN_FRACTION
        }
        if not settings:
            return whole_study(outcome)
        words, folder = shlex.split(whole_study(outcome)), _workdir(words)
    flags = [f"--config.{setting}" for setting in settings]
    given = [f"{flag}={value}" for flag, value in zip(flags, settings.values(), strict=True)]
    kept = _without(words, [*flags, "--workdir"])
    return shlex.join([*kept, *given, f"--workdir={folder}{suffix}"])


def _workdir(words: Sequence[str]) -> str:
    given = [word.partition("=")[2] for word in words if word.startswith("--workdir=")]
    return given[0] if given else "runs/study"


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
        settings["augment.mixing_epochs"] = round(mixing * factor)
    return settings


def whole_study(outcome: Outcome) -> str:
    """What trains all that a study of this run's variant and data has, or goes on with it."""
    words = shlex.split(repeat(outcome))
    if STUDY in words:
        return shlex.join(_without(words, ["--task"]))
    file = next((word for word in words if word.startswith("--config=")), "")
    variant = file.partition(":")[2]
    chosen = f":{variant}" if variant in STUDY_VARIANTS else ""
    fraction = f"--config.{TRAIN_FRACTION}"
    data = [word for word in words if word.startswith("--config.data.")]
    data = [word for word in data if not word.startswith(fraction)]
    return shlex.join(["python", "-m", STUDY, f"--config=configs/study.py{chosen}", *data])


def other_model(outcome: Outcome) -> str:
    """What trains the other model on the same data, with the same seed."""
    name = "resnet" if outcome.architecture == "vit" else "vit"
    words = shlex.split(repeat(outcome))
    file = next((word for word in words if word.startswith("--config=")), "--config=")
    if file.startswith(f"--config={TRANSFER}"):
        return fine_tune(outcome, name)
    kept = ("--config.data.", "--config.seed", "--config.model.num_classes")
    _, colon, variant = file.partition(":")
    command = ["python", "-m", "jaxcmp.main", f"--config=configs/{name}.py{colon}{variant}"]
    return shlex.join([*command, *_only(words, kept)])


def fine_tune(outcome: Outcome, architecture: str) -> str:
    """What fine-tunes "vit" or "resnet" on the data of a run, from published weights."""
    variant, weights = PUBLISHED[architecture]
    words = list(_only(shlex.split(repeat(outcome)), ("--config.data.",)))
    name = outcome.run.config["data"]["name"]
    if name != "cifar10" and not any(word.startswith("--config.data.name") for word in words):
        words.append(f"--config.data.name={name}")
    num_classes = len(outcome.predictions.class_names)
    words += [f"--config.model.num_classes={num_classes}"] if num_classes != 10 else []
    command = ["python", "-m", "jaxcmp.main", f"--config={TRANSFER}:{variant}"]
    return shlex.join([*command, f"--config.init.path={weights}", *words])


def begin_from(line: str, weights: str, workdir: str) -> str:
    """The same command, from these weights and into this folder."""
    given = {"--config.init.path": weights, "--workdir": workdir}
    kept = _without(shlex.split(line), list(given))
    return shlex.join([*kept, *(f"{flag}={value}" for flag, value in given.items())])


def from_random(outcome: Outcome) -> str:
    """What trains a run that began from weights once more, from random ones."""
    words = shlex.split(repeat(outcome))
    given = [word.partition("=")[0] for word in words if word.startswith("--config.init.")]
    kept = _without(words, [*given, "--workdir"])
    return shlex.join([*kept, f"--workdir={outcome.folder}-random-weights"])


def _only(words: Sequence[str], starts: tuple[str, ...]) -> Iterator[str]:
    """The flags that start so, given as --flag=value or as --flag value."""
    is_value = False
    for word in words:
        if is_value or word.startswith(starts):
            yield word
        is_value = word.startswith(starts) and "=" not in word


def _without(words: Sequence[str], flags: Sequence[str]) -> Iterator[str]:
    """Leaves out what is given twice otherwise, as --flag=value or as --flag value."""
    is_value = False
    for word in words:
        name, equals, _ = word.partition("=")
        if f"--{name.lstrip('-')}" in flags and word.startswith("-"):
            is_value = not equals
        elif is_value:
            is_value = False
        else:
            yield word
