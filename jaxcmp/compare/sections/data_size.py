"""More data: accuracy against the number of training images, at equal epochs and equal steps."""

from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group, Outcome, is_equal
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
from jaxcmp.compare.sections.answer import Answer, answered, notes
from jaxcmp.compare.sections.commands import at_length, vary
from jaxcmp.compare.sections.crossing import Sized, crossing_sentences, law_text
from jaxcmp.compare.sections.over_seeds import accuracies

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


def data_size_section(group: Group) -> Answer:
    by_budget = {budget: _sized(group, budget) for budget in MEANING}
    found = {budget: each for budget, each in by_budget.items() if each}
    if not found:
        return Answer(more=tuple(_other_sizes(group)))
    blocks: list[Block] = []
    details: list[Block] = []
    for budget, each in found.items():
        by_arm = {sized.arm.index: sized for sized in each}
        pairs = [[by_arm.get(arm.index) for arm in pair] for pair in group.pairs]
        both = [(one, two) for one, two in pairs if one and two]
        blocks += [Text(text) for pair in both for text in crossing_sentences(*pair, budget)]
        blocks.append(_figure(each, budget))
        details += [Text(MEANING[budget]), _table(each, budget), *notes(*map(law_text, each))]
    first = blocks[0]
    return answered(
        "data-size",
        TITLE,
        blocks,
        finding=first.text if isinstance(first, Text) and len(group.pairs) == 1 else "",
        details=[*details, *notes(_left_out(group, found))],
        folded="accuracies in tables, power laws",
        more=_missing_steps(found[EPOCHS]) if [*found] == [EPOCHS] else [],
    )


def _sized(group: Group, budget: str) -> list[Sized]:
    """The arms that were trained on several numbers of images at this budget."""
    found = [Sized(arm, _parts(group, arm, budget)) for arm in group.arms]
    return [each for each in found if len(each.parts) > 1]


def _parts(group: Group, arm: Arm, budget: str) -> tuple[Arm, ...]:
    """Chooses one recipe for each size of training set: of several, the one with most runs."""
    whole = arm.outcomes[0]
    fitting = [
        each
        for each in group.smaller
        if each.index == arm.index and _is_at(budget, each.outcomes[0], whole)
    ]
    fitting.sort(key=lambda each: len(each.runs))
    by_size = {each.outcomes[0].num_train: each for each in (*fitting, arm)}
    return tuple(by_size[size] for size in sorted(by_size))


def _is_at(budget: str, part: Outcome, whole: Outcome) -> bool:
    if budget == STEPS:
        return is_equal(part.steps, whole.steps)
    return unsized(part.recipe) == unsized(whole.recipe)


def _figure(found: Sequence[Sized], budget: str) -> Figure:
    images = Axis("training images", "log")
    means, errors = [], []
    for each in found:
        x = list(map(float, each.sizes))
        means += accuracies(each.arm.name, x, each.parts, "thick", each.arm.index)
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
        x = list(map(float, sized.sizes))
        fit = [100 * law.coefficient * size**-law.exponent for size in x]
        series.append(Series(f"{name}, power law", x, list(fit), "dashed", index, runs=runs))
    return series


def _table(found: Sequence[Sized], budget: str) -> Table:
    rows = []
    for size in sorted({size for each in found for size in each.sizes}):
        own = [each.part(size) for each in found]
        runs = [run for part in own if part for run in part.runs]
        shown = [columns.accuracy_and_num(part) if part else Cell("–") for part in own]
        rows.append([cells.count(size, runs), *shown])
    headings = [Column("training images"), *columns.of_arms([each.arm for each in found])]
    title = f"Test accuracy by training images, at {budget}"
    return Table(title, headings, rows, "n is the number of seeds.")


def _other_sizes(group: Group) -> list[Suggestion]:
    """Suggests another number of images for each arm, of many arms for one of each architecture."""
    models = {arm.outcomes[0].architecture: arm for arm in reversed(group.arms)}
    arms = group.arms if len(group.arms) <= len(models) else list(models.values())[::-1]
    found = [_another_size(arm) for arm in arms]
    if len({each.command for each in found}) < len(found):
        text = "Less data: what more images are worth shows in runs on parts of them."
        return [Suggestion(text, found[0].command)]
    return found


def _another_size(arm: Arm) -> Suggestion:
    """Suggests all images for an arm that had a part of them, and a part for one that had all."""
    run = arm.outcomes[0]
    if run.train_fraction < 1:
        share = f"{100 * run.train_fraction:g} %"
        text = f"More data: {arm.name} had {share} of the training images; all of them:"
        return Suggestion(text, vary(run, {TRAIN_FRACTION: 1.0}, suffix="-all-images"))
    text = f"Less data: what more images are worth to {arm.name} shows in runs on a tenth of them."
    return Suggestion(text, vary(run, {TRAIN_FRACTION: PART}, suffix=f"-{PART}"))


def _missing_steps(found: Sequence[Sized]) -> list[Suggestion]:
    """A run as long as the one on all images, on the smallest part."""
    small, whole = found[0].parts[0].outcomes[0], found[0].arm.outcomes[0]
    if not small.steps or not whole.steps:
        return []
    num_epochs = round(small.num_epochs * whole.steps / small.steps)
    settings = {TRAIN_FRACTION: f"{small.train_fraction:g}"}
    suffix = f"-{small.train_fraction:g}-equal-steps"
    command = vary(whole, settings | at_length(whole, num_epochs), suffix=suffix)
    return [Suggestion("Less data or less training: as many steps on fewer images.", command)]


def _left_out(group: Group, found: dict[str, list[Sized]]) -> str:
    """Names the runs on fewer images that neither series has."""
    shown = {run for sized in found.values() for each in sized for run in each.runs}
    runs = [o for arm in group.smaller for o in arm.outcomes if o.number not in shown]
    folders = ", ".join(outcome.folder for outcome in runs)
    return folders and (
        "Not shown here, because no arm on all images has the same recipe and as many epochs or "
        f"steps: {folders}."
    )
