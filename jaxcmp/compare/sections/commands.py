"""What to type: a run once more, or one that differs from it."""

import shlex
from collections.abc import Iterator, Sequence

from jaxcmp.compare.arms import Outcome


def repeat(outcome: Outcome) -> str:
    """What was typed to start the run, else what would start one of the same configuration."""
    typed = [str(each["command"]) for each in outcome.run.sessions if each.get("command")]
    if typed:
        return typed[0]
    flags = [f"--config.{override}" for override in outcome.run.overrides]
    file = f"--config=configs/{outcome.name}.py"
    return shlex.join(["python", "-m", "jaxcmp.main", file, *flags])


def vary(outcome: Outcome, setting: str, value: object, *, suffix: str) -> str:
    """What starts a run that differs in one setting, in a folder of its own beside the run's.

    `setting` is a dotted key of the configuration; the folder's name ends in `suffix`.
    """
    flag = f"--config.{setting}"
    words = _without(shlex.split(repeat(outcome)), [flag, "--workdir"])
    return shlex.join([*words, f"{flag}={value}", f"--workdir={outcome.folder}{suffix}"])


def other_model(outcome: Outcome) -> str:
    """What trains the other model on the same data, with the same seed."""
    name = "resnet" if outcome.run.config["model"]["name"] == "vit" else "vit"
    kept = ("--config.data.", "--config.seed")
    words = shlex.split(repeat(outcome))
    file = next((word for word in words if word.startswith("--config=")), "--config=")
    _, colon, variant = file.partition(":")
    command = ["python", "-m", "jaxcmp.main", f"--config=configs/{name}.py{colon}{variant}"]
    return shlex.join([*command, *(word for word in words if word.startswith(kept))])


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
