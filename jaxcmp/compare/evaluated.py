"""The arms of a group on other images: the evaluations in their run folders, and their gaps."""

import dataclasses
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from jaxcmp.compare.arms import Arm, Group, Outcome, arm_of, gathered, runs_of
from jaxcmp.compare.statistics.means import Difference, Lead, compare_runs, lead
from jaxcmp.compare.statistics.paired import holm, paired_difference
from jaxcmp.runs.evaluations import Evaluation


@dataclasses.dataclass(frozen=True)
class EvaluatedArm:
    """An arm with those of its runs that were evaluated on a set of images.

    `right` [runs, n] has the share of right answers to each image; `before` are the accuracies of
    these runs on their own test images of the same classes.
    """

    arm: Arm
    right: np.ndarray
    before: list[float]

    @property
    def name(self) -> str:
        return self.arm.name

    @property
    def index(self) -> int:
        return self.arm.index

    @property
    def runs(self) -> list[int]:
        return self.arm.runs

    @property
    def accuracies(self) -> list[float]:
        return self.right.mean(axis=1).tolist()

    @property
    def drops(self) -> list[float]:
        """Returns how much accuracy each run loses, in points."""
        pairs = zip(self.before, self.accuracies, strict=True)
        return [100 * (before - after) for before, after in pairs]


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """A set of other images, with the arms that were evaluated on it, or the mean of such sets.

    `evaluations` are by the number of the run, of the first set where there are several; `missing`
    are runs that were not evaluated, or on other images.
    """

    title: str
    arms: tuple[EvaluatedArm, ...]
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
        own = {o.run.config["data"]["name"] for o in runs_of([each.arm for each in self.arms])}
        is_training = result["data"]["split"] == "train" and result["data"]["name"] in own
        return result["checkpoint"]["which"] == "newest" and not is_training

    def arm(self, index: int) -> EvaluatedArm | None:
        return next((arm for arm in self.arms if arm.index == index), None)

    def among_present(self, arm: EvaluatedArm) -> list[float]:
        """Returns each run's accuracy over the outputs of the classes that are present."""
        found = []
        for evaluation in (self.evaluations[number] for number in arm.runs):
            predictions, present = evaluation.predictions, evaluation.present
            answers = present[predictions.logits[:, present].argmax(axis=1)]
            found.append(float(np.mean(answers == predictions.labels)))
        return found


@dataclasses.dataclass(frozen=True)
class Gap:
    """The gap of two arms on a set of images; the first is the more accurate on their own images.

    `over_seeds` is Welch's comparison, with its p value corrected by Holm for all gaps of all sets
    in `p_value`; `over_images` is that of the trained models, paired over the images.
    """

    images: ImageSet
    first: EvaluatedArm
    second: EvaluatedArm
    over_seeds: Difference
    over_images: Difference
    p_value: float | None

    @property
    def lead(self) -> Lead:
        return lead(self.over_seeds.mean, self.p_value)


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


def find_gaps(group: Group, sets: Sequence[ImageSet]) -> list[Gap]:
    """Compares the arms of each set as `group.pairs` does; Holm's correction is over all."""
    pairs = [
        (images, one, two)
        for images in sets
        for first, second in group.pairs
        if (one := images.arm(first.index)) and (two := images.arm(second.index))
    ]
    differences = [compare_runs(one.accuracies, two.accuracies, most=1) for _, one, two in pairs]
    corrected = holm([each.p_value for each in differences])
    return [
        Gap(images, one, two, difference, _over_images(one, two), p_value)
        for (images, one, two), difference, p_value in zip(
            pairs, differences, corrected, strict=True
        )
    ]


def _over_images(one: EvaluatedArm, two: EvaluatedArm) -> Difference:
    return paired_difference(one.right.mean(axis=0) - two.right.mean(axis=0))


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
    arms = []
    for arm in group.arms:
        mine = arm_of(arm, [outcome for outcome in arm.outcomes if outcome.number in used])
        if mine is None:
            continue
        predictions = [used[outcome.number].predictions for outcome in mine.outcomes]
        right = [each.logits.argmax(axis=1) == each.labels for each in predictions]
        present = used[mine.outcomes[0].number].present
        arms.append(EvaluatedArm(mine, np.array(right, np.float64), _before(mine, present)))
    missing = tuple(each for each in runs_of(group.arms) if each.number not in used)
    return ImageSet(next(iter(used.values())).title, tuple(arms), used, missing)


def _images(evaluation: Evaluation) -> Hashable:
    """Tells whether two evaluations asked the same questions about the same images."""
    predictions, result = evaluation.predictions, evaluation.result
    ids_and_labels = predictions.ids.tobytes(), predictions.labels.tobytes()
    return evaluation.title, result["data"]["digest"], *ids_and_labels


def _before(arm: Arm, present: np.ndarray) -> list[float]:
    """Returns the accuracy of each run on those of its own test images that are of some classes."""
    is_in = np.isin(arm.outcomes[0].predictions.labels, present)
    return arm.is_right[:, is_in].mean(axis=1).tolist() if is_in.any() else arm.accuracies


def _family(images: ImageSet) -> Hashable:
    """Tells which sets are configurations of one data set, of the same images changed otherwise."""
    evaluation = images.first
    name, predictions = evaluation.result["data"]["name"], evaluation.predictions
    if "/" not in name:
        return images.title
    rest = evaluation.title.removeprefix(name)
    return _stem(name), rest, predictions.ids.tobytes(), predictions.labels.tobytes()


def _stem(name: str) -> str:
    return name.partition("/")[0]


def _mean_of(members: Sequence[ImageSet]) -> ImageSet | None:
    """Averages over several sets, for the runs that have all of them; None without such runs.

    The images are the same in all, so that each counts once, with its share of right answers.
    """
    first = members[0]
    shared = set.intersection(*(set(each.evaluations) for each in members))
    if len({each.first.title for each in members}) < max(len(members), 2) or not shared:
        return None
    arms = []
    for arm in first.arms:
        mine = arm_of(arm.arm, [o for o in arm.arm.outcomes if o.number in shared])
        if mine is None:
            continue
        right = []
        for images in members:
            found = images.arm(arm.index)
            assert found is not None  # It has the shared runs.
            right.append(found.right[[found.runs.index(number) for number in mine.runs]])
        before = [arm.before[arm.runs.index(number)] for number in mine.runs]
        arms.append(EvaluatedArm(mine, np.mean(right, axis=0), before))
    name = first.first.result["data"]["name"]
    rest = first.first.title.removeprefix(name)
    title = f"{_stem(name)}{rest}, mean of {len(members):,} sets"
    evaluations = {number: first.evaluations[number] for number in sorted(shared)}
    return ImageSet(title, tuple(arms), evaluations, num_sets=len(members))


def _with_own_titles(group: Group, sets: Sequence[ImageSet]) -> list[ImageSet]:
    """Adds the name of the evaluation to titles that several sets have, or the runs' own images."""
    counts = Counter(each.title for each in sets)
    counts.update(each.run.config["data"]["name"] for each in runs_of(group.arms))
    return [
        dataclasses.replace(each, title=f"{each.title} ({each.first.name})")
        if counts[each.title] > 1
        else each
        for each in sets
    ]
