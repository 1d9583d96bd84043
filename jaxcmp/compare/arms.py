"""Which runs belong together: seeds of a recipe are an arm, arms on the same data a comparison."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Any

from jaxcmp.runs import FREE_KEYS, Run

Settings = tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One finished run. Accuracy is of the last epoch on the test split, in [0, 1]; times in s."""

    folder: str
    name: str
    seed: int
    recipe: Settings
    data: Settings
    test_accuracy: float
    parameters: int
    multiply_adds: int
    train_seconds: float
    device: str


@dataclasses.dataclass(frozen=True)
class Arm:
    """One recipe and its runs, each of another seed."""

    name: str
    outcomes: tuple[Outcome, ...]

    @property
    def accuracies(self) -> list[float]:
        return [outcome.test_accuracy for outcome in self.outcomes]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The arms that trained and were tested on the same images, the most accurate first."""

    data: str
    arms: tuple[Arm, ...]


def outcome_of(run: Run) -> Outcome:
    """Raises KeyError, TypeError or ValueError where a run lacks what its files should say."""
    settings = flatten(run.config)
    result = run.result
    if result is None:
        raise ValueError("the run is not finished")
    device, count = run.environment["device"], run.environment["device_count"]
    data = {key: value for key, value in settings.items() if key.startswith("data.")}
    data["version"] = json.dumps(run.environment["data"]["version"])
    data["num_test"] = json.dumps(result["num_test"])
    return Outcome(
        folder=str(run.folder),
        name=str(run.config["arm"]),
        seed=int(run.config["seed"]),
        recipe=tuple(settings.items()),
        data=tuple(data.items()),
        test_accuracy=float(result["test_accuracy"]),
        parameters=int(result["parameters"]),
        multiply_adds=int(result["multiply_adds"]),
        train_seconds=float(result["train_seconds"]),
        device=device if count == 1 else f"{count} x {device}",
    )


def flatten(config: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """The recipe as dotted keys and JSON values, without what does not belong to it."""
    flat: dict[str, str] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if name == "seed" or name in FREE_KEYS:
            continue
        flat |= flatten(value, f"{name}.") if isinstance(value, dict) else {name: json.dumps(value)}
    return flat


def drop_repeats(
    outcomes: Iterable[Outcome],
) -> tuple[list[Outcome], list[tuple[Outcome, Outcome]]]:
    """The first run of each seed of a recipe, and each later one with the run that it repeats.

    A copied folder, or a seed run again, is no independent run: it would narrow the interval.
    """
    first: dict[tuple[Settings, Settings, int], Outcome] = {}
    repeats = []
    for outcome in outcomes:
        key = (outcome.recipe, outcome.data, outcome.seed)
        if key in first:
            repeats.append((outcome, first[key]))
        first.setdefault(key, outcome)
    return list(first.values()), repeats


def compare(outcomes: Sequence[Outcome]) -> list[Comparison]:
    """Runs on other images, or on another part of them, never share an average or a table."""
    datas = list(dict.fromkeys(outcome.data for outcome in outcomes))
    names = [json.loads(dict(data)["data.name"]) for data in datas]
    return [
        Comparison(label, _arms([outcome for outcome in outcomes if outcome.data == data]))
        for data, label in zip(datas, labels(names, datas), strict=True)
    ]


def labels(names: Sequence[str], settings: Sequence[Settings]) -> list[str]:
    """Names that tell apart: equal ones are followed by as many settings as it takes."""
    result = []
    for name, own in zip(names, settings, strict=True):
        others = [dict(each) for i, each in enumerate(settings) if names[i] == name and each != own]
        told = []
        for key, value in own:
            if any(other.get(key) != value for other in others):
                told.append(f"{key}={value}")
                others = [other for other in others if other.get(key) == value]
        result.append(f"{name} ({', '.join(told)})" if told else name)
    return result


def _arms(outcomes: Sequence[Outcome]) -> tuple[Arm, ...]:
    recipes = list(dict.fromkeys(outcome.recipe for outcome in outcomes))
    groups = [tuple(each for each in outcomes if each.recipe == recipe) for recipe in recipes]
    names = labels([group[0].name for group in groups], recipes)
    arms = [Arm(name, group) for name, group in zip(names, groups, strict=True)]
    return tuple(sorted(arms, key=lambda arm: -sum(arm.accuracies) / len(arm.accuracies)))
