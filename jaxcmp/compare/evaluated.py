"""The arms of a group on other images: the evaluations in their run folders, and their gaps."""

import dataclasses
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from jaxcmp.compare.arms import Arm, Group, Outcome, arms_with, gathered, runs_of
from jaxcmp.compare.gaps import Gap, gaps
from jaxcmp.runs.evaluations import Evaluation


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """A set of other images, with the arms that were evaluated on it, or the mean of such sets.

    The outcomes of `arms` have the predictions and the accuracy of these images. `evaluations` are
    by the number of the run, of the first set where there are several; `missing` are runs that were
    not evaluated, or on other images.
    """

    title: str
    arms: tuple[Arm, ...]
    evaluations: dict[int, Evaluation]
    missing: tuple[Outcome, ...] = ()
    num_sets: int = 1

    @property
    def first(self) -> Evaluation:
        return next(iter(self.evaluations.values()))

    @property
    def num_images(self) -> int:
        return len(self.first.predictions.labels)

    @property
    def is_part(self) -> bool:
        return len(self.first.present) < len(self.first.predictions.class_names)

    @property
    def is_by_position(self) -> bool:
        return any(each.result["matched_by"] == "position" for each in self.evaluations.values())

    @property
    def is_test(self) -> bool:
        """Returns whether it tests the trained models: after the last step, on no training images.

        Only of such a set the report says who leads.
        """
        result = self.first.result
        own = {o.run.data["name"] for o in runs_of(self.arms)}
        is_training = result["data"]["split"] == "train" and result["data"]["name"] in own
        return result["checkpoint"]["which"] == "newest" and not is_training

    def arm(self, own: Arm) -> Arm | None:
        """Returns an arm of the group as it does on these images."""
        return next((arm for arm in self.arms if arm.index == own.index), None)

    def drops(self, own: Arm) -> list[float]:
        """Returns by how many points each run is above this on its own images of these classes."""
        arm, is_in = self.arm(own), np.isin(own.outcomes[0].predictions.labels, self.first.present)
        before = {
            each.number: float(each.is_right[is_in].mean()) if is_in.any() else each.test_accuracy
            for each in own.outcomes
        }
        evaluated = arm.outcomes if arm else ()
        return [100 * (before[each.number] - each.test_accuracy) for each in evaluated]

    def among_present(self, arm: Arm) -> list[float]:
        """Returns each run's accuracy over the outputs of the classes that are present."""
        found, present = [], self.first.present
        for predictions in (outcome.predictions for outcome in arm.outcomes):
            answers = present[predictions.logits[:, present].argmax(axis=1)]
            found.append(float(np.mean(answers == predictions.labels)))
        return found


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """The sets of images of a group, repetitions of its runs' own evaluations, and damaged files.

    In `shown`, sets of the same images changed in several ways are one, their mean; `members` are
    those. `repetitions` are by the number of the run.
    """

    shown: list[ImageSet]
    members: list[ImageSet]
    repetitions: dict[int, Evaluation]
    faults: list[str]

    @property
    def single(self) -> list[ImageSet]:
        return [*(each for each in self.shown if each.num_sets == 1), *self.members]


def read_evaluated(group: Group) -> Evaluated:
    """Reads the evaluations of a group's arms; sets are in the order of their names."""
    found: dict[str, dict[int, Evaluation]] = {}
    repetitions: dict[int, Evaluation] = {}
    faults: list[str] = []
    for outcome in runs_of(group.arms):
        evaluations, own_faults = _fitting(outcome)
        faults += own_faults
        for each in evaluations:
            if not each.is_repetition:
                found.setdefault(each.name, {})[outcome.number] = each
            elif each.result["data"]["split"] == "test":
                repetitions[outcome.number] = each
    sets = _with_own_titles(group, [_image_set(group, found[name]) for name in sorted(found)])
    shown: list[ImageSet] = []
    members: list[ImageSet] = []
    for family in gathered(sets, _family).values():
        if mean := _mean_of(family):
            shown.append(mean)
            members += family
        else:
            shown += family
    return Evaluated(shown, members, repetitions, faults)


def gaps_on(group: Group, sets: Sequence[ImageSet]) -> list[tuple[ImageSet, Gap]]:
    """Compares the arms of each set as `group.pairs` does; Holm's correction is over all."""
    both = [
        (images, (one, two))
        for images in sets
        for first, second in group.pairs
        if (one := images.arm(first)) and (two := images.arm(second))
    ]
    found = gaps(pair for _, pair in both)
    return [(images, each) for (images, _), each in zip(both, found, strict=True)]


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


def _image_set(group: Group, found: dict[int, Evaluation]) -> ImageSet:
    """Makes a set; of several choices of images, the one with the most runs counts."""
    chosen = Counter(map(_images, found.values())).most_common(1)[0][0]
    used = {number: each for number, each in found.items() if _images(each) == chosen}
    outcomes = runs_of(group.arms)
    on_these = {}
    for each in outcomes:
        if each.number in used:
            own = used[each.number].predictions
            on_these[each.number] = dataclasses.replace(
                each, predictions=own, test_accuracy=own.accuracy
            )
    missing = tuple(each for each in outcomes if each.number not in used)
    title, arms = next(iter(used.values())).title, arms_with(group.arms, on_these)
    return ImageSet(title, tuple(arms), used, missing)


def _images(evaluation: Evaluation) -> Hashable:
    """Tells whether two evaluations asked the same questions about the same images."""
    predictions, result = evaluation.predictions, evaluation.result
    ids_and_labels = predictions.ids.tobytes(), predictions.labels.tobytes()
    return evaluation.title, result["data"]["digest"], *ids_and_labels


def _family(images: ImageSet) -> Hashable:
    """Tells which sets are configurations of one data set, of the same images changed otherwise."""
    evaluation = images.first
    name, predictions = evaluation.result["data"]["name"], evaluation.predictions
    if "/" not in name:
        return images.title
    rest = evaluation.title.removeprefix(name)
    return name.partition("/")[0], rest, predictions.ids.tobytes(), predictions.labels.tobytes()


def _mean_of(members: Sequence[ImageSet]) -> ImageSet | None:
    """Averages over several sets, for the runs that have all of them; None without such runs.

    The images are the same in all, so that each counts once, with its share of right answers.
    """
    first = members[0]
    shared = set.intersection(*(set(each.evaluations) for each in members))
    if len({each.first.title for each in members}) < max(len(members), 2) or not shared:
        return None
    means = {o.number: _mean(o, members) for o in runs_of(first.arms) if o.number in shared}
    name = first.first.result["data"]["name"]
    rest = first.first.title.removeprefix(name)
    title = f"{name.partition('/')[0]}{rest}, mean of {len(members):,} sets"
    evaluations = {number: first.evaluations[number] for number in sorted(shared)}
    arms = tuple(arms_with(first.arms, means))
    return ImageSet(title, arms, evaluations, num_sets=len(members))


def _mean(outcome: Outcome, members: Sequence[ImageSet]) -> Outcome:
    """The outcome of a run on the mean of sets."""
    same = [o for images in members for o in runs_of(images.arms) if o.number == outcome.number]
    right = np.mean([each.is_right for each in same], axis=0)
    return dataclasses.replace(outcome, averaged=right, test_accuracy=float(right.mean()))


def _with_own_titles(group: Group, sets: Sequence[ImageSet]) -> list[ImageSet]:
    """Adds the name of the evaluation to titles that several sets have, or the runs' own images."""
    counts = Counter(each.title for each in sets)
    counts.update(each.run.data["name"] for each in runs_of(group.arms))
    return [
        dataclasses.replace(each, title=f"{each.title} ({each.first.name})")
        if counts[each.title] > 1
        else each
        for each in sets
    ]
