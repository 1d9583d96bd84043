"""Which runs belong together: seeds of a recipe are an arm, arms on the same images a group."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxcmp.predictions import Predictions
from jaxcmp.runs import FREE_KEYS, Run

Settings = tuple[tuple[str, str], ...]

# Parts of one training set of different size may share a figure, but never an average.
TRAIN_FRACTION = "data.train_fraction"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One finished run. Accuracy is of the last epoch on the test split, in [0, 1]; times in s.

    `predictions` are those of the test split in the order of their ids. `number` is the run's place
    in the report.
    """

    run: Run
    predictions: Predictions
    name: str
    seed: int
    recipe: Settings
    data: Settings
    train_fraction: float
    num_train: int
    test_accuracy: float
    parameters: int
    multiply_adds: int
    train_seconds: float
    device: str
    number: int = 0

    @property
    def folder(self) -> str:
        return str(self.run.folder)

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """The records of whole epochs, in their order."""
        return [record for record in self.run.metrics if record["kind"] == "epoch"]


@dataclasses.dataclass(frozen=True)
class Arm:
    """One recipe and its runs, each of another seed; `index` is its place in the group."""

    name: str
    outcomes: tuple[Outcome, ...]
    index: int = 0

    @property
    def accuracies(self) -> list[float]:
        return [outcome.test_accuracy for outcome in self.outcomes]

    @property
    def mean_accuracy(self) -> float:
        return float(np.mean(self.accuracies))

    @property
    def runs(self) -> list[int]:
        return [outcome.number for outcome in self.outcomes]

    @property
    def config(self) -> dict[str, Any]:
        """Of one of its runs: they differ in the seed, and where things lie."""
        return self.outcomes[0].run.config

    @property
    def logits(self) -> list[np.ndarray]:
        """Of each run, [n, classes]."""
        return [outcome.predictions.logits for outcome in self.outcomes]

    @functools.cached_property
    def answers(self) -> np.ndarray:
        """The class that each run gives to each image, [runs, n]."""
        return np.stack([logits.argmax(axis=1) for logits in self.logits])

    @functools.cached_property
    def is_right(self) -> np.ndarray:
        """Whether each run answers each image rightly, [runs, n]."""
        return self.answers == self.outcomes[0].predictions.labels


@dataclasses.dataclass(frozen=True)
class Group:
    """The arms that were tested on the same images, by name.

    `arms` trained on the same images too; `smaller` are those that trained on a smaller part of
    them, each with the index of the arm in `arms` that has the same recipe otherwise, if any.
    """

    data: str
    arms: tuple[Arm, ...]
    smaller: tuple[Arm, ...] = ()

    @property
    def labels(self) -> np.ndarray:
        return self.arms[0].outcomes[0].predictions.labels

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.arms[0].outcomes[0].predictions.class_names

    @property
    def ranked(self) -> list[Arm]:
        """The most accurate first."""
        return sorted(self.arms, key=lambda arm: -arm.mean_accuracy)

    @property
    def pairs(self) -> list[tuple[Arm, Arm]]:
        """The leader beside each other arm."""
        leader, *others = self.ranked
        return [(leader, other) for other in others]


def outcome_of(run: Run, predictions: Predictions) -> Outcome:
    """Raises KeyError, TypeError or ValueError where a run lacks what its files should say."""
    settings = flatten(run.config)
    result = run.result
    if result is None:
        raise ValueError("the run is not finished")
    if len(predictions.ids) != result["num_test"]:
        raise ValueError(f"{len(predictions.ids)} predictions for {result['num_test']} images")
    order = np.argsort(predictions.ids, kind="stable")
    predictions = Predictions(
        predictions.logits[order],
        predictions.labels[order],
        predictions.ids[order],
        predictions.class_names,
    )
    data = {key: value for key, value in settings.items() if key.startswith("data.")}
    data.pop(TRAIN_FRACTION, None)
    data["version"] = json.dumps(run.environment["data"]["version"])
    data["num_test"] = json.dumps(result["num_test"])
    data["test_images"] = _fingerprint(predictions)
    return Outcome(
        run=run,
        predictions=predictions,
        name=str(run.config["arm"]),
        seed=int(run.config["seed"]),
        recipe=tuple(settings.items()),
        data=tuple(data.items()),
        train_fraction=float(run.config["data"]["train_fraction"]),
        num_train=int(result["num_train"]),
        test_accuracy=float(result["test_accuracy"]),
        parameters=int(result["parameters"]),
        multiply_adds=int(result["multiply_adds"]),
        train_seconds=float(result["train_seconds"]),
        device=" and ".join(dict.fromkeys(_device(each) for each in run.sessions)),
    )


def _device(session: dict[str, Any]) -> str:
    device, count = session["device"], session["device_count"]
    return device if count == 1 else f"{count} x {device}"


def _fingerprint(predictions: Predictions) -> str:
    """Tells whether two runs answered the same questions, whatever their data set is called."""
    digest = hashlib.sha256(predictions.ids.tobytes() + predictions.labels.tobytes())
    digest.update(json.dumps(predictions.class_names).encode())
    return digest.hexdigest()[:8]


def flatten(config: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """The recipe as dotted keys and JSON values, without what does not belong to it."""
    flat: dict[str, str] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if name == "seed" or name in FREE_KEYS:
            continue
        flat |= flatten(value, f"{name}.") if isinstance(value, dict) else {name: json.dumps(value)}
    return flat


def group(outcomes: Sequence[Outcome]) -> list[Group]:
    """Runs on other images, or on another part of them, never share an average or a table."""
    datas = list(dict.fromkeys(outcome.data for outcome in outcomes))
    names = [json.loads(dict(data)["data.name"]) for data in datas]
    return [
        _group(label, [outcome for outcome in outcomes if outcome.data == data])
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


def _group(data: str, outcomes: Sequence[Outcome]) -> Group:
    largest = max(outcome.train_fraction for outcome in outcomes)
    whole = [outcome for outcome in outcomes if outcome.train_fraction == largest]
    recipes = list(dict.fromkeys(outcome.recipe for outcome in whole))
    named = zip(labels([_name(whole, recipe) for recipe in recipes], recipes), recipes, strict=True)
    arms = tuple(
        Arm(name, tuple(each for each in whole if each.recipe == recipe), index)
        for index, (name, recipe) in enumerate(sorted(named))
    )
    by_rest = {_rest(arm.outcomes[0].recipe): arm for arm in arms}
    smaller = []
    parts = [outcome for outcome in outcomes if outcome.train_fraction < largest]
    for recipe in dict.fromkeys(outcome.recipe for outcome in parts):
        runs = tuple(outcome for outcome in parts if outcome.recipe == recipe)
        arm = by_rest.get(_rest(recipe))
        name, index = (arm.name, arm.index) if arm else (runs[0].name, -1)
        smaller.append(Arm(name, runs, index))
    return Group(data, arms, tuple(smaller))


def _name(outcomes: Sequence[Outcome], recipe: Settings) -> str:
    return next(outcome.name for outcome in outcomes if outcome.recipe == recipe)


def _rest(recipe: Settings) -> Settings:
    return tuple(setting for setting in recipe if setting[0] != TRAIN_FRACTION)
