"""Runs, the arms that their seeds make up, and the groups of arms that are compared."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from jaxcmp import files
from jaxcmp.compare.origin import Origin, origin_of
from jaxcmp.compare.recipe_keys import Settings, images_of, recipe_of
from jaxcmp.runs import Run
from jaxcmp.runs.evaluations import Evaluation, read_evaluations
from jaxcmp.runs.inspections import COUNTED, read_arrays, read_inspection
from jaxcmp.runs.predictions import Pictures, Predictions, Stored, bytes_of

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
# Steps or operations that differ by no more are equal: a run lasts for whole epochs.
EQUAL = 0.02


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A finished run. Accuracy is of the last epoch on the test split, in [0, 1]; times in s.

    `held_out` are predictions of the validation split, and `pictures` some of the test images.

    `predictions` are those of the test split in the order of their ids. `number` is the run's place
    in the report; `origin` is None of a run that began at random. `is_crossed` says that one model
    was trained with another's recipe, which takes the runs beside it to tell. `apart` are values
    that keep its arm apart beside the recipe. `averaged` [n] are the shares of right answers to
    each image, of a run on several sets of the same images.
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
    held_out: Predictions | None = None
    pictures: Pictures | None = None
    number: int = 0
    origin: Origin | None = None
    is_crossed: bool = False
    apart: Settings = ()
    averaged: np.ndarray | None = None

    @property
    def folder(self) -> str:
        return files.shown(self.run.folder)

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """The records of whole epochs, in their order."""
        return self.run.epochs

    @property
    def recipe_name(self) -> str:
        """Whose recipe it was trained with; older runs do not say, and have their own."""
        return self.run.config.get("recipe") or self.name

    @property
    def title(self) -> str:
        """The arm that it is of, where nothing else has to be told apart."""
        own = f"{self.name} with {self.recipe_name}'s recipe" if self.is_crossed else self.name
        told = ", ".join(f"{key}={value}" for key, value in self.apart)
        own = f"{own} ({told})" if told else own
        return f"{own}, {self.origin.title}" if self.origin else own

    @property
    def architecture(self) -> str:
        return self.run.config["model"]["name"]

    @property
    def num_epochs(self) -> int:
        return self.run.config["num_epochs"]

    @property
    def steps(self) -> int:
        return self.run.result["steps"]

    @functools.cached_property
    def is_right(self) -> np.ndarray:
        """Returns whether it answers each image rightly, [n]; of several sets, how often."""
        if self.averaged is not None:
            return self.averaged
        return self.predictions.logits.argmax(axis=1) == self.predictions.labels

    @functools.cached_property
    def evaluations(self) -> tuple[list[Evaluation], list[str]]:
        """The run's evaluations on other images, and what is wrong with those left out."""
        return read_evaluations(self.run.folder)

    @functools.cached_property
    def inspection(self) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        """The run's inspection and its arrays; None where a measure is missing.

        None too where the classes are others. Raises JaxcmpError where a file is damaged.
        """
        found = read_inspection(self.run.folder)
        if found is None or not all(found.get(name) for name in (*COUNTED, "arrays")):
            return None
        if len(found["images"]["class_sizes"]) != len(self.predictions.class_names):
            return None
        return found, read_arrays(self.run.folder, found)

    @property
    def training_flops(self) -> float:
        return self.run.cost["training_flops"]


@dataclasses.dataclass(frozen=True)
class Arm:
    """A recipe and its runs, each with its own seed; `index` is its place in the group."""

    name: str
    outcomes: tuple[Outcome, ...]
    index: int = 0

    @property
    def accuracies(self) -> list[float]:
        return [outcome.test_accuracy for outcome in self.outcomes]

    @property
    def percents(self) -> list[float]:
        return [100 * accuracy for accuracy in self.accuracies]

    @property
    def mean_accuracy(self) -> float:
        return float(np.mean(self.accuracies))

    @functools.cached_property
    def held_out_accuracies(self) -> list[float] | None:
        """Returns each run's accuracy on held-out images; None where a run held none out."""
        shares = [each.held_out.accuracy for each in self.outcomes if each.held_out]
        return shares if len(shares) == len(self.outcomes) else None

    @functools.cached_property
    def held_out_accuracy(self) -> float | None:
        shares = self.held_out_accuracies
        return None if shares is None else float(np.mean(shares))

    @property
    def runs(self) -> list[int]:
        return [outcome.number for outcome in self.outcomes]

    @property
    def architecture(self) -> str:
        return self.outcomes[0].architecture

    @property
    def config(self) -> dict[str, Any]:
        """Returns the configuration of one run: the others differ in the seed and in folders."""
        return self.outcomes[0].run.config

    @property
    def logits(self) -> list[np.ndarray]:
        """Returns the logits of each run, [n, classes]."""
        return [outcome.predictions.logits for outcome in self.outcomes]

    def by_epoch(self, values: Callable[[Outcome], Sequence[float]]) -> dict[int, list[float]]:
        """Applies `values` to each epoch that all runs recorded, [runs] for each.

        How often a run is evaluated may differ between seeds.
        """
        found = [
            dict(zip((epoch["epoch"] for epoch in each.epochs), values(each), strict=True))
            for each in self.outcomes
        ]
        shared = [epoch for epoch in found[0] if all(epoch in each for each in found)]
        return {epoch: [each[epoch] for each in found] for epoch in shared}

    @functools.cached_property
    def answers(self) -> np.ndarray:
        """The class that each run gives to each image, [runs, n]."""
        return np.stack([logits.argmax(axis=1) for logits in self.logits])

    @functools.cached_property
    def is_right(self) -> np.ndarray:
        """Returns whether each run answers each image rightly, [runs, n]."""
        return np.stack([outcome.is_right for outcome in self.outcomes])


def runs_of(arms: Sequence[Arm]) -> list[Outcome]:
    return [outcome for arm in arms for outcome in arm.outcomes]


def gathered(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Gathers what has the same key, in the order of the first of each."""
    found: dict[K, list[T]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found


def arms_with(arms: Iterable[Arm], found: Mapping[int, Outcome]) -> list[Arm]:
    """The arms with these of their runs, by number, and without those that have none."""
    kept = [(arm, [found[number] for number in arm.runs if number in found]) for arm in arms]
    return [dataclasses.replace(arm, outcomes=tuple(own)) for arm, own in kept if own]


def firsts(alike: Iterable[list[T]]) -> tuple[list[T], list[tuple[T, T]]]:
    """The first of each list, and each other item with the first of its list."""
    alike = list(alike)
    return [own[0] for own in alike], [(each, own[0]) for own in alike for each in own[1:]]


@dataclasses.dataclass(frozen=True)
class Group:
    """The arms that were tested on the same images, by name.

    `arms` are the plain question: each model with its own recipe, on all images, at one length.
    Beside them stand `smaller`, trained on a part of the images, whatever their length;
    `other_lengths`, an arm's recipe for more or fewer epochs; `crossed`, one model with another's
    recipe; and `pretrained`, whose runs began from weights, on any part of the images, where `arms`
    began at random. Their index is that of the arm in `arms` that is the same otherwise, or -1.
    `by` are the keys by which arms were to be kept apart. `repeated` are runs that count nowhere,
    each with the earlier run of the same arm and seed.
    """

    data: str
    arms: tuple[Arm, ...]
    smaller: tuple[Arm, ...] = ()
    other_lengths: tuple[Arm, ...] = ()
    crossed: tuple[Arm, ...] = ()
    pretrained: tuple[Arm, ...] = ()
    by: tuple[str, ...] = ()
    repeated: tuple[tuple[Outcome, Outcome], ...] = ()

    @property
    def all_arms(self) -> tuple[Arm, ...]:
        """Returns all arms; every run that counts is in one of them."""
        beside = (*self.other_lengths, *self.crossed, *self.smaller, *self.pretrained)
        return (*self.arms, *beside)

    @property
    def labels(self) -> np.ndarray:
        return self.arms[0].outcomes[0].predictions.labels

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.arms[0].outcomes[0].predictions.class_names

    @property
    def class_labels(self) -> tuple[str, ...]:
        """The names of classes as they stand in words: “2” is no number."""
        return tuple(
            f"“{name}”" if name.replace(".", "").isdigit() else name for name in self.class_names
        )

    @property
    def ranked(self) -> list[Arm]:
        return ranked(self.arms)

    @property
    def pairs(self) -> list[tuple[Arm, Arm]]:
        """The first of the ranked arms and each other, the more accurate of the two first."""
        first, *others = self.ranked
        return [by_accuracy(first, other) for other in others]

    def of_main_pair(self, items: Sequence[T]) -> T | None:
        """Returns, of items in the order of `pairs`, that of the pair that findings are about.

        It is the only pair, or the first one of two architectures that has an item; an empty text
        is none. None where there is no such pair, and where several settings of one arm compete
        without held-out images to choose between them.
        """
        if has_settings_of_one_arm(self.arms) and len(items) > 1 and not by_held_out(self.arms):
            return None
        found = list(zip(self.pairs, items, strict=True))
        between = [item for (a, b), item in found if item and a.architecture != b.architecture]
        return next(iter(between or (items if len(items) == 1 else [])), None)


def has_settings_of_one_arm(arms: Sequence[Arm]) -> bool:
    """Returns whether some arms share a name, so that only a setting tells them apart."""
    return len({arm.outcomes[0].name for arm in arms}) < len(arms)


def by_accuracy(one: Arm, two: Arm) -> tuple[Arm, Arm]:
    """Puts the more accurate arm first; arms that are level stay as they are."""
    return (one, two) if one.mean_accuracy >= two.mean_accuracy else (two, one)


def ranked(arms: Sequence[Arm]) -> list[Arm]:
    """Sorts two arms by test accuracy; more by held-out accuracy, else leaves them as they are.

    The best of several on the test images is no fair choice: it would be taken for its luck.
    """
    if len(arms) <= 2:
        return sorted(arms, key=lambda arm: -arm.mean_accuracy)
    return by_held_out(arms) or list(arms)


def by_held_out(arms: Sequence[Arm]) -> list[Arm]:
    """Sorts arms by their accuracy on held-out images; none where some arm had none."""
    known = [(arm, arm.held_out_accuracy) for arm in arms if arm.held_out_accuracy is not None]
    is_known = len(known) == len(arms)
    return [arm for arm, _ in sorted(known, key=lambda each: -each[1])] if is_known else []


def outcome_of(run: Run, stored: Stored) -> Outcome:
    """Describes a finished run, whose files agree, with its predictions.

    Raises CommandError as `origin_of` does.
    """
    origin, config, result = origin_of(run.init), run.config, run.result
    recipe = recipe_of(config) + (origin.settings if origin else ())
    predictions = stored.test.by_id()
    data = dict(images_of(recipe))
    data["version"] = json.dumps(run.data["version"])
    data["num_test"] = json.dumps(result["num_test"])
    data["test_images"] = _fingerprint(predictions)
    return Outcome(
        run=run,
        predictions=predictions,
        name=config["arm"],
        seed=config["seed"],
        recipe=recipe,
        data=tuple(data.items()),
        train_fraction=config["data"]["train_fraction"],
        num_train=result["num_train"],
        test_accuracy=result["test_accuracy"],
        parameters=result["parameters"],
        multiply_adds=result["multiply_adds"],
        train_seconds=result["train_seconds"],
        device=devices_of(run),
        held_out=stored.validation,
        pictures=stored.pictures,
        origin=origin,
    )


def devices_of(run: Run) -> str:
    """Returns the devices that a run was trained on, in the order of its sessions."""
    devices = [(session["device"], session["device_count"]) for session in run.sessions]
    named = [device if count == 1 else f"{count} x {device}" for device, count in devices]
    return " and ".join(dict.fromkeys(named))


def all_devices(outcomes: Iterable[Outcome]) -> list[str]:
    """Returns each device that these runs were trained on; one run may have had several."""
    return list(dict.fromkeys(name for each in outcomes for name in each.device.split(" and ")))


def _fingerprint(predictions: Predictions) -> str:
    """Tells whether two runs answered the same questions, whatever their data set is called."""
    digest = hashlib.sha256(bytes_of(predictions.ids) + predictions.labels.tobytes())
    digest.update(json.dumps(predictions.class_names).encode())
    return digest.hexdigest()[:8]


def is_equal(first: float, second: float) -> bool:
    """Returns whether two costs are equal within 2 % of the larger."""
    return abs(first - second) <= EQUAL * max(first, second)
