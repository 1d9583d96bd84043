"""The arms of a group on other images: the evaluations in their run folders, and their gaps."""

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np

from jaxcmp.compare.arms import Arm, Group, Outcome, arm_of
from jaxcmp.compare.statistics.means import Difference, Lead, compare_runs, lead
from jaxcmp.compare.statistics.paired import PairedDifference, holm, paired_difference
from jaxcmp.runs.evaluations import Evaluation


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """A set of other images, with the arms that were evaluated on it.

    `arms` have those of their runs that were, with accuracies and predictions of these images;
    `own` are the same runs on their own test images, as far as these are of the same classes:
    `present`, ascending. `missing` are runs that were not evaluated, or on other images.
    """

    name: str
    title: str
    arms: tuple[Arm, ...]
    own: tuple[Arm, ...]
    present: np.ndarray
    evaluations: dict[int, Evaluation]
    missing: tuple[Outcome, ...]

    @property
    def num_images(self) -> int:
        return len(self.arms[0].outcomes[0].predictions.labels)

    @property
    def is_part(self) -> bool:
        """Returns whether the images are of some of the classes alone."""
        return len(self.present) < len(self.arms[0].outcomes[0].predictions.class_names)

    @property
    def is_by_position(self) -> bool:
        return any(each.result["matched_by"] == "position" for each in self.evaluations.values())

    @property
    def is_test(self) -> bool:
        """Returns whether it tests the trained models: after the last step, on no training images.

        Only of such a set the report says who leads.
        """
        first = next(iter(self.evaluations.values())).result
        own = {o.run.config["data"]["name"] for arm in self.arms for o in arm.outcomes}
        is_training = first["data"]["split"] == "train" and first["data"]["name"] in own
        return first["checkpoint"]["which"] == "newest" and not is_training

    def arm(self, index: int) -> Arm | None:
        return next((arm for arm in self.arms if arm.index == index), None)

    def drops(self, index: int) -> list[float]:
        """Returns how much accuracy each run of an arm loses, in points."""
        pairs = ((own, arm) for own, arm in zip(self.own, self.arms, strict=True))
        (own, arm) = next(pair for pair in pairs if pair[1].index == index)
        pairs = zip(own.accuracies, arm.accuracies, strict=True)
        return [100 * (before - after) for before, after in pairs]

    def among_present(self, index: int) -> list[float]:
        """Returns each run's accuracy over the outputs of the classes that are present."""
        found = []
        for outcome in next(arm for arm in self.arms if arm.index == index).outcomes:
            predictions = outcome.predictions
            answers = self.present[predictions.logits[:, self.present].argmax(axis=1)]
            found.append(float(np.mean(answers == predictions.labels)))
        return found


@dataclasses.dataclass(frozen=True)
class Gap:
    """The gap of two arms on a set of images; the first is the more accurate on their own images.

    `over_seeds` is Welch's comparison, with its p value corrected by Holm for all gaps of all sets
    in `p_value`; `over_images` is that of the trained models, paired over the images.
    """

    images: ImageSet
    first: Arm
    second: Arm
    over_seeds: Difference
    over_images: PairedDifference
    p_value: float | None

    @property
    def lead(self) -> Lead:
        return lead(self.over_seeds.mean, self.p_value)


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """The sets of images of a group, repetitions of its runs' own evaluations, and damaged files.

    `repetitions` are by the number of the run.
    """

    sets: list[ImageSet]
    repetitions: dict[int, Evaluation]
    faults: list[str]


def read_evaluated(group: Group) -> Evaluated:
    """Reads the evaluations of a group's arms; sets are in the order of their names."""
    found: dict[str, dict[int, Evaluation]] = {}
    repetitions: dict[int, Evaluation] = {}
    faults: list[str] = []
    for outcome in (outcome for arm in group.arms for outcome in arm.outcomes):
        evaluations, own_faults = _fitting(outcome)
        faults += own_faults
        for each in evaluations:
            if not each.is_repetition:
                found.setdefault(each.name, {})[outcome.number] = each
            elif each.result["data"]["split"] == "test":
                repetitions[outcome.number] = each
    sets = [_image_set(group, name, found[name]) for name in sorted(found)]
    return Evaluated(_with_own_titles(group, sets), repetitions, faults)


def _fitting(outcome: Outcome) -> tuple[list[Evaluation], list[str]]:
    """Returns the evaluations of a run's own model, and what is wrong with the others."""
    evaluations, faults = outcome.evaluations
    found, faults = [], list(faults)
    for each in evaluations:
        checkpoint, steps = each.result["checkpoint"], outcome.steps
        where = f"{outcome.folder}: the evaluation {each.name}"
        if each.predictions.class_names != outcome.predictions.class_names:
            faults.append(f"{where} is of a model with other classes")
        elif checkpoint["which"] == "newest" and steps not in (None, checkpoint["step"]):
            faults.append(f"{where} is of step {checkpoint['step']:,}, and the run took {steps:,}")
        else:
            found.append(each)
    return found, faults


def find_gaps(group: Group, sets: Sequence[ImageSet]) -> list[Gap]:
    """Compares the arms of each set as `group.pairs` does; Holm's correction is over all."""
    pairs = [
        (images, one, two)
        for images in sets
        for first, second in group.pairs
        if (one := images.arm(first.index)) and (two := images.arm(second.index))
    ]
    differences = [compare_runs(one.accuracies, two.accuracies, most=1) for _, one, two in pairs]
    corrected = iter(holm([each.p_value for each in differences if each.p_value is not None]))
    return [
        Gap(
            images,
            one,
            two,
            difference,
            paired_difference(one.is_right.mean(axis=0) - two.is_right.mean(axis=0)),
            None if difference.p_value is None else next(corrected),
        )
        for (images, one, two), difference in zip(pairs, differences, strict=True)
    ]


def _image_set(group: Group, name: str, found: dict[int, Evaluation]) -> ImageSet:
    """Makes the set of a name; of several choices of images, the one with the most runs counts."""
    chosen = Counter(map(_images, found.values())).most_common(1)[0][0]
    used = {number: each for number, each in found.items() if _images(each) == chosen}
    first = next(iter(used.values()))
    arms, own = [], []
    for arm in group.arms:
        mine = arm_of(arm, [outcome for outcome in arm.outcomes if outcome.number in used])
        if mine is None:
            continue
        arms.append(_on(mine, [used[outcome.number] for outcome in mine.outcomes]))
        own.append(_of_classes(mine, first.present))
    missing = [
        outcome for arm in group.arms for outcome in arm.outcomes if outcome.number not in used
    ]
    return ImageSet(name, first.title, tuple(arms), tuple(own), first.present, used, tuple(missing))


def _images(evaluation: Evaluation) -> tuple[object, ...]:
    """Tells whether two evaluations asked the same questions about the same images."""
    predictions, result = evaluation.predictions, evaluation.result
    ids_and_labels = predictions.ids.tobytes(), predictions.labels.tobytes()
    return evaluation.title, result["data"]["digest"], *ids_and_labels


def _on(arm: Arm, evaluations: Sequence[Evaluation]) -> Arm:
    """Returns the arm with the accuracies and predictions of its evaluations."""
    outcomes = [
        dataclasses.replace(
            outcome, predictions=each.predictions, test_accuracy=each.predictions.accuracy
        )
        for outcome, each in zip(arm.outcomes, evaluations, strict=True)
    ]
    return dataclasses.replace(arm, outcomes=tuple(outcomes))


def _of_classes(arm: Arm, present: np.ndarray) -> Arm:
    """Returns the arm with the accuracies on those of its own test images of some classes."""
    is_in = np.isin(arm.outcomes[0].predictions.labels, present)
    if not is_in.any() or is_in.all():
        return arm
    outcomes = [
        dataclasses.replace(outcome, test_accuracy=float(is_right[is_in].mean()))
        for outcome, is_right in zip(arm.outcomes, arm.is_right, strict=True)
    ]
    return dataclasses.replace(arm, outcomes=tuple(outcomes))


def _with_own_titles(group: Group, sets: Sequence[ImageSet]) -> list[ImageSet]:
    """Adds the name of the evaluation to titles that several sets have, or the runs' own images."""
    counts = Counter(each.title for each in sets)
    counts.update(o.run.config["data"]["name"] for arm in group.arms for o in arm.outcomes)
    return [
        dataclasses.replace(each, title=f"{each.title} ({each.name})")
        if counts[each.title] > 1
        else each
        for each in sets
    ]
