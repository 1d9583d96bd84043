"""The inspections of a group's arms: shares of answers, one for each seed."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from jaxcmp.compare.arms import Arm, Group, Outcome, arms_with, gathered, runs_of
from jaxcmp.errors import JaxcmpError
from jaxcmp.runs.inspections import COUNTED

State = Literal["trained", "initial"]
Count = Literal["right", "kept"]
Inspection = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class InspectedArm:
    """An arm with those of its runs that were inspected on the same images, and what was found.

    `arrays` are the contents of inspect.npz.
    """

    arm: Arm
    inspections: tuple[Inspection, ...]
    arrays: tuple[Mapping[str, np.ndarray], ...]

    @property
    def num_images(self) -> int:
        return sum(self.inspections[0]["images"]["class_sizes"])

    @property
    def class_sizes(self) -> np.ndarray:
        return np.array(self.inspections[0]["images"]["class_sizes"])

    @property
    def side(self) -> int:
        """The shorter side of the images, in pixels."""
        images = self.inspections[0]["images"]
        return min(images["height"], images["width"])

    @property
    def chance(self) -> float:
        """The accuracy of who always names the largest class, in percent."""
        return 100 * float(self.class_sizes.max()) / self.num_images

    def unchanged(self, state: State = "trained") -> list[float]:
        """Returns each seed's accuracy on the unchanged images, in percent."""
        return [100 * sum(each["unchanged"][state]) / self.num_images for each in self.inspections]

    def shares(
        self, measure: str, kind: str, level: int, count: Count, state: State = "trained"
    ) -> list[float]:
        """Returns the share of answers, in percent, of each seed."""
        found = []
        for each in self.inspections:
            entry = _entry(each, measure, kind, level)
            num = entry["variants"] * self.num_images
            found.append(100 * sum(entry[state][count]) / num)
        return found

    def class_losses(self, measure: str, kind: str, level: int) -> np.ndarray:
        """Returns the accuracy that a change costs in each class, in points, mean over seeds.

        It is NaN in classes without images.
        """
        sizes = np.where(self.class_sizes > 0, self.class_sizes, np.nan)
        losses = []
        for each in self.inspections:
            entry = _entry(each, measure, kind, level)
            before = np.array(each["unchanged"]["trained"])
            after = np.array(entry["trained"]["right"]) / entry["variants"]
            losses.append(100 * (before - after) / sizes)
        return np.mean(losses, axis=0)

    def levels(self, measure: str, kind: str) -> list[int]:
        return [e["level"] for e in self.inspections[0][measure] if e["kind"] == kind]

    def kinds(self, measure: str) -> list[str]:
        return list(dict.fromkeys(e["kind"] for e in self.inspections[0][measure]))


def mean_over(values: Sequence[Sequence[float]]) -> list[float]:
    """Returns each seed's mean over several values [values][seeds]."""
    return np.mean(np.asarray(values, np.float64), axis=0).tolist()


def _entry(inspection: Inspection, measure: str, kind: str, level: int) -> dict[str, Any]:
    (entry,) = (
        each for each in inspection[measure] if (each["kind"], each["level"]) == (kind, level)
    )
    return entry


@dataclasses.dataclass(frozen=True)
class Inspected:
    """The inspected arms of a group by index, the runs that were not, and files that are damaged.

    All inspections here are of the same images, changed in the same ways.
    """

    arms: dict[int, InspectedArm]
    missing: list[Outcome]
    faults: list[str]


def read_inspected(group: Group) -> Inspected:
    """Reads the inspections of a group's arms that are whole.

    Of several choices of images, or of changes to them, the one with the most runs counts.
    """
    found: dict[int, tuple[Inspection, Mapping[str, np.ndarray]]] = {}
    faults = []
    outcomes = runs_of(group.arms)
    for outcome in outcomes:
        try:
            if (inspection := outcome.inspection) is not None:
                found[outcome.number] = inspection
        except JaxcmpError as error:
            faults.append(str(error))
    alike = gathered(found, lambda number: _images_and_changes(found[number][0]))
    used = max(alike.values(), key=len, default=[])
    missing = [each for each in outcomes if each.number not in used]
    arms = {}
    for arm in arms_with(group.arms, {o.number: o for o in outcomes if o.number in used}):
        inspections, arrays = zip(*(found[number] for number in arm.runs), strict=True)
        arms[arm.index] = InspectedArm(arm, inspections, arrays)
    return Inspected(arms, missing, faults)


def _images_and_changes(inspection: Inspection) -> tuple[object, ...]:
    """Other versions of the program may have changed the same images in other ways."""
    changes = [
        (name, entry["kind"], entry["level"]) for name in COUNTED for entry in inspection[name]
    ]
    return inspection["images"]["digest"], *changes
