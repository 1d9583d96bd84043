"""More data: accuracy against the number of training images, and where arms change places.

At equal epochs and at equal steps.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group, Outcome, gathered, is_equal, runs_of
from jaxcmp.compare.document import (
    Axis,
    Block,
    Cell,
    Column,
    Figure,
    Plot,
    Series,
    Suggestion,
    Table,
    Text,
)
from jaxcmp.compare.recipe_keys import TRAIN_FRACTION, unsized
from jaxcmp.compare.sections import columns
from jaxcmp.compare.sections.answer import Answer, answered, notes, texts
from jaxcmp.compare.sections.commands import at_length, has_a_batch, vary
from jaxcmp.compare.sections.over_seeds import accuracies
from jaxcmp.compare.statistics.means import Estimate, Lead, compare_runs
from jaxcmp.compare.statistics.scaling import (
    PowerLaw,
    changes_of_lead,
    changes_of_mean,
    fit_power_law,
)
from jaxcmp.compare.words import CLEAR, UNCLEAR

TITLE = "More data"
# Of the training images, where a command is for fewer of them.
PART = 0.1
EPOCHS, STEPS = "equal epochs", "equal steps"
MEANING = {
    EPOCHS: "Equal epochs: each image is seen as often as in the run on all images, so that fewer "
    "images also mean fewer steps.",
    STEPS: "Equal steps: every run takes as many steps as the run on all images, so that fewer "
    "images are each seen more often.",
}


@dataclasses.dataclass(frozen=True)
class Sized:
    """An arm of the group, with its runs by number of training images, the smallest first."""

    arm: Arm
    parts: Mapping[int, Arm]

    @property
    def points(self) -> np.ndarray:
        """Training images and test error of every run, [m, 2]."""
        points = [(size, 1 - a) for size, part in self.parts.items() for a in part.accuracies]
        return np.array(points, np.float64)

    @property
    def runs(self) -> list[int]:
        return [run for part in self.parts.values() for run in part.runs]

    @property
    def law(self) -> PowerLaw | None:
        """Returns the power law; None where a run without an error allows none."""
        try:
            return fit_power_law(*self.points.T)
        except ValueError:
            return None


def data_size_section(group: Group) -> Answer:
    by_budget = {budget: _sized(group, budget) for budget in MEANING}
    found = {budget: each for budget, each in by_budget.items() if each}
    if not found:
        return Answer(more=tuple(_other_sizes(group)))
    blocks: list[Block] = []
    details: list[Block] = []
    findings = []
    for budget, each in found.items():
        by_arm = {sized.arm.index: sized for sized in each}
        pairs = [[by_arm.get(arm.index) for arm in pair] for pair in group.pairs]
        sentences = [crossing_sentence(o, t, budget) if o and t else "" for o, t in pairs]
        findings.append(group.of_main_pair(sentences))
        blocks += texts(*sentences)
        blocks.append(_figure(each, budget))
        details += [Text(MEANING[budget]), _table(each, budget), *notes(*map(law_text, each))]
    return answered(
        "data-size",
        TITLE,
        blocks,
        findings=findings[:1],
        details=[*details, *notes(_left_out(group, found))],
        folded="accuracies in tables, power laws",
        more=_missing_steps(found[EPOCHS]) if [*found] == [EPOCHS] else [],
    )


def _sized(group: Group, budget: str) -> list[Sized]:
    """The arms that were trained on several numbers of images at this budget."""
    found = [Sized(arm, _parts(group, arm, budget)) for arm in group.arms]
    return [each for each in found if len(each.parts) > 1]


def _parts(group: Group, arm: Arm, budget: str) -> dict[int, Arm]:
    """Chooses one recipe for each size of training set: of several, the one with most runs."""
    whole = arm.outcomes[0]
    fitting = [
        each
        for each in group.smaller
        if each.index == arm.index and _is_at(budget, each.outcomes[0], whole)
    ]
    fitting.sort(key=lambda each: len(each.runs))
    by_size = {each.outcomes[0].num_train: each for each in (*fitting, arm)}
    return dict(sorted(by_size.items()))


def _is_at(budget: str, part: Outcome, whole: Outcome) -> bool:
    if budget == STEPS:
        return is_equal(part.steps, whole.steps)
    return unsized(part.recipe) == unsized(whole.recipe)


def _figure(found: Sequence[Sized], budget: str) -> Figure:
    images = Axis("training images", "log")
    means, errors = [], []
    for each in found:
        x, parts = list(map(float, each.parts)), list(each.parts.values())
        means += accuracies(each.arm.name, x, parts, "thick", each.arm.index)
        errors += _errors(each)
    return Figure(
        "data-size" if budget == EPOCHS else "data-size-steps",
        [
            Plot(f"Accuracy, {budget}", images, Axis("test accuracy, %"), means),
            Plot(f"Error, {budget}", images, Axis("test error, %", "log"), errors),
        ],
        "Accuracy: mean over seeds with its 95 % t-interval, or each of fewer than three. Error: "
        "every run, and the fitted power law.",
        f"Test accuracy and test error against the number of training images, at {budget}.",
    )


def _errors(sized: Sized) -> list[Series]:
    """Draws every run as a point, and the line of the power law."""
    name, index, runs, law = sized.arm.name, sized.arm.index, sized.runs, sized.law
    sizes, errors = sized.points.T.tolist()
    # A run without an error has no place on a logarithmic axis.
    y = [100 * each or None for each in errors]
    series = [Series(name, sizes, y, "points", index, runs=runs)]
    if law is not None:
        x = list(map(float, sized.parts))
        fit = (100 * law.error(np.array(x))).tolist()
        series.append(Series(f"{name}, power law", x, fit, "dashed", index, runs=runs))
    return series


def _table(found: Sequence[Sized], budget: str) -> Table:
    rows = []
    for size in sorted({size for each in found for size in each.parts}):
        own = [each.parts.get(size) for each in found]
        runs = [run for part in own if part for run in part.runs]
        shown = [columns.accuracy_and_num(part) if part else Cell("–") for part in own]
        rows.append([cells.count(size, runs), *shown])
    headings = [Column("training images"), *columns.of_arms([each.arm for each in found])]
    title = f"Test accuracy by training images, at {budget}"
    return Table(title, headings, rows, "n is the number of seeds.")


def _other_sizes(group: Group) -> list[Suggestion]:
    """Suggests another number of images for the first arm of each architecture."""
    models = gathered(group.arms, lambda arm: arm.architecture)
    found = [each for arms in models.values() for each in _another_size(arms[0])]
    if len({each.command for each in found}) < len(found):
        text = "Less data: runs on parts of the images show what more images are worth."
        return [Suggestion(text, found[0].command)]
    return found


def _another_size(arm: Arm) -> list[Suggestion]:
    """Suggests all images for an arm that had a part of them, and a part for one that had all.

    Nothing where that part would not fill a batch.
    """
    run = arm.outcomes[0]
    if run.train_fraction < 1:
        share = f"{100 * run.train_fraction:g} %"
        text = f"More data: {arm.name} had {share} of the training images; all of them:"
        return [Suggestion(text, vary(run, {TRAIN_FRACTION: 1.0}, suffix="-all-images"))]
    if not has_a_batch(run, PART):
        return []
    text = f"Less data: runs on a tenth of the images show what more images give {arm.name}."
    return [Suggestion(text, vary(run, {TRAIN_FRACTION: PART}, suffix=f"-{PART}"))]


def _missing_steps(found: Sequence[Sized]) -> list[Suggestion]:
    """A run as long as the one on all images, on the smallest part."""
    whole, (smallest, *_) = found[0].arm.outcomes[0], found[0].parts.values()
    small = smallest.outcomes[0]
    num_epochs = round(small.num_epochs * whole.steps / small.steps)
    settings = {TRAIN_FRACTION: f"{small.train_fraction:g}"}
    suffix = f"-{small.train_fraction:g}-equal-steps"
    command = vary(whole, settings | at_length(whole, num_epochs), suffix=suffix)
    return [Suggestion("Less data or less training: as many steps on fewer images.", command)]


def _left_out(group: Group, found: dict[str, list[Sized]]) -> str:
    """Names the runs on fewer images that neither series has."""
    shown = {run for sized in found.values() for each in sized for run in each.runs}
    runs = [outcome for outcome in runs_of(group.smaller) if outcome.number not in shown]
    folders = ", ".join(outcome.folder for outcome in runs)
    return folders and (
        "Not shown here, because no arm on all images has the same recipe and as many epochs or "
        f"steps: {folders}."
    )


def law_text(sized: Sized) -> str:
    law, name = sized.law, sized.arm.name
    if law is None:
        return f"{name}: a run without an error leaves no power law to fit."
    exponent = cells.decimal(-law.exponent, sized.runs, digits=3).text
    return (
        f"{name}: error = {law.coefficient:.3g} × images^{exponent}; twice the images divide "
        f"the error by {2**law.exponent:.2f}."
    )


def crossing_sentence(leader: Sized, other: Sized, budget: str) -> str:
    """Says who leads at which sizes that both arms were measured at; "" without any."""
    leads = {
        size: compare_runs(part.accuracies, other.parts[size].accuracies, most=1)
        for size, part in leader.parts.items()
        if size in other.parts
    }
    if not leads:
        return ""
    names = f"{leader.arm.name} and {other.arm.name}"

    def at(size: int) -> str:
        return _ahead(leader, other, size, leads[size])

    def between(changes: list[tuple[int, int]]) -> str:
        return "; and ".join(
            f"between {low:,} images, where {at(low)}, and {high:,}, where {at(high)}"
            for low, high in changes
        )

    if changes := changes_of_lead(leads):
        return f"At {budget}, {names} change places as measured {between(changes)}."
    if changes := changes_of_mean(leads):
        return f"At {budget}, the means of {names} change places, {UNCLEAR}: {between(changes)}."
    smallest, *rest = leads
    if not rest:
        return f"At {budget}, both were measured on {smallest:,} images only: {at(smallest)}."
    return (
        f"At {budget}, {_one_sided(leader, other, leads)}: at {smallest:,} images, "
        f"{at(smallest)}; at {rest[-1]:,}, {at(rest[-1])}."
    )


def _one_sided(leader: Sized, other: Sized, leads: Mapping[int, Estimate]) -> str:
    """Says who leads, for arms whose means do not change places."""
    widest = max((each.mean for each in leads.values()), key=abs)
    ahead, behind = (leader, other) if widest >= 0 else (other, leader)
    num = sum(each.lead.is_real for each in leads.values())
    if num == len(leads):
        return f"{ahead.arm.name} is ahead of {behind.arm.name} at all {num} sizes measured"
    start = (
        f"{ahead.arm.name} scored no less than {behind.arm.name} at any of the {len(leads)} sizes "
        "measured"
    )
    if all(each.p_value is None for each in leads.values()):
        return f"{start}, but with fewer than three seeds their spread is unknown"
    return f"{start}, and is ahead by {CLEAR} at {num or 'none'}"


def _ahead(leader: Sized, other: Sized, size: int, gap: Estimate) -> str:
    """Says who leads at one size, by how much, how surely, and from how many runs."""
    first, second = (leader, other) if gap.mean >= 0 else (other, leader)
    nums = dict.fromkeys(str(len(each.parts[size].runs)) for each in (first, second))
    num = f"n = {' and '.join(nums)}"
    if gap.lead is Lead.TIE:
        return f"they are level ({num})"
    verb = "leads" if gap.lead.is_real else "scored more"
    by = cells.in_words(gap.times(100), also=num)
    surely = "" if gap.lead.is_real or gap.interval is None else f", {UNCLEAR}"
    return f"{first.arm.name} {verb} by {by}{surely}"
