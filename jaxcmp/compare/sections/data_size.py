"""More data: accuracy against the number of training images, at equal epochs and equal steps."""

import itertools
from collections.abc import Sequence

from msgspec import structs

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group, Outcome, is_equal
from jaxcmp.compare.document import (
    Axis,
    Block,
    Column,
    Figure,
    Plot,
    Series,
    Suggestion,
    Table,
    Text,
)
from jaxcmp.compare.recipe_keys import TRAIN_FRACTION, unsized
from jaxcmp.compare.sections.answer import Answer, answered
from jaxcmp.compare.sections.commands import at_length, vary
from jaxcmp.compare.sections.crossing import Sized, crossing_sentences, law_text
from jaxcmp.compare.sections.over_seeds import over_seeds

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
    by_budget = {budget: _sized(group, budget) for budget in (EPOCHS, STEPS)}
    found = {budget: each for budget, each in by_budget.items() if each}
    if not found:
        return Answer(more=tuple(_other_sizes(group)))
    crossings = {budget: _crossings(group, budget, each) for budget, each in found.items()}
    blocks: list[Block] = []
    details: list[Block] = []
    for budget, each in found.items():
        figure = _figure(each, budget)
        blocks += [*(Text(each) for each in crossings[budget]), figure]
        details += [Text(MEANING[budget]), _table(each, budget), *map(law_text, each)]
    more = _missing_steps(found[EPOCHS]) if EPOCHS in found and STEPS not in found else []
    first = next(iter(crossings.values()))
    finding = first[0] if first and len(group.pairs) == 1 else ""
    details += _left_out(group, found)
    folded = "accuracies in tables, power laws"
    return answered(
        "data-size", TITLE, blocks, finding=finding, details=details, folded=folded, more=more
    )


def _sized(group: Group, budget: str) -> list[Sized]:
    """The arms that were trained on several numbers of images at this budget."""
    found = [Sized(arm, _parts(group, arm, budget)) for arm in group.arms]
    return [each for each in found if len({p.outcomes[0].num_train for p in each.parts}) > 1]


def _parts(group: Group, arm: Arm, budget: str) -> tuple[Arm, ...]:
    """Chooses one recipe for each size of training set: of several, the one with most runs."""
    fitting = [each for each in group.smaller if each.index == arm.index]
    fitting = [each for each in fitting if _is_at(budget, each.outcomes[0], arm.outcomes[0])]
    by_size = {each.outcomes[0].num_train: each for each in sorted(fitting, key=_num_runs)}
    by_size[arm.outcomes[0].num_train] = arm
    return tuple(by_size[size] for size in sorted(by_size))


def _num_runs(arm: Arm) -> int:
    return len(arm.outcomes)


def _is_at(budget: str, part: Outcome, whole: Outcome) -> bool:
    if budget == STEPS:
        return is_equal(part.steps, whole.steps)
    return unsized(part.recipe) == unsized(whole.recipe)


def _crossings(group: Group, budget: str, found: Sequence[Sized]) -> list[str]:
    by_arm = {each.arm.index: each for each in found}
    return [
        sentence
        for leader, other in group.pairs
        if leader.index in by_arm and other.index in by_arm
        for sentence in crossing_sentences(by_arm[leader.index], by_arm[other.index], budget)
    ]


def _figure(found: Sequence[Sized], budget: str) -> Figure:
    accuracy, error = [], []
    for each in found:
        accuracy += _accuracies(each)
        error += _errors(each)
    images = Axis("training images", "log")
    return Figure(
        "data-size" if budget == EPOCHS else "data-size-steps",
        [
            Plot(f"Accuracy, {budget}", images, Axis("test accuracy, %"), accuracy),
            Plot(f"Error, {budget}", images, Axis("test error, %", "log"), error),
        ],
        "Accuracy: mean over seeds with its 95 % t-interval, or each of fewer than three. Error: "
        "every run, and the fitted power law.",
        f"Test accuracy and test error against the number of training images, at {budget}.",
    )


def _accuracies(sized: Sized) -> list[Series]:
    x = [float(part.outcomes[0].num_train) for part in sized.parts]
    percents = [[100 * accuracy for accuracy in part.accuracies] for part in sized.parts]
    return over_seeds(sized.arm.name, x, percents, "thick", sized.arm.index, sized.runs)


def _errors(sized: Sized) -> list[Series]:
    """Draws every run as a point, and the line of the power law."""
    name, index, runs = sized.arm.name, sized.arm.index, sized.runs
    sizes, errors = sized.points.T.tolist()
    # A run without an error has no place on a logarithmic axis.
    y = [100 * each or None for each in errors]
    series = [Series(name, sizes, y, "points", index, runs=runs)]
    law = sized.law
    if law is not None:
        x = [float(part.outcomes[0].num_train) for part in sized.parts]
        fit = [100 * law.coefficient * size**-law.exponent for size in x]
        series.append(Series(f"{name}, power law", x, list(fit), "dashed", index, runs=runs))
    return series


def _table(found: Sequence[Sized], budget: str) -> Table:
    parts = [part for each in found for part in each.parts]
    rows = []
    for size in sorted({part.outcomes[0].num_train for part in parts}):
        at_size = [part for part in parts if part.outcomes[0].num_train == size]
        row = [cells.count(size, [run for part in at_size for run in part.runs])]
        for each in found:
            own = [part for part in each.parts if part.outcomes[0].num_train == size]
            runs = [run for part in own for run in part.runs]
            cell = cells.percent(each.accuracies(size), runs)
            text = f"{cell.text}, n = {cell.num}" if cell.num else cell.text
            row.append(structs.replace(cell, text=text))
        rows.append(row)
    columns = [Column("training images")]
    columns += [Column(each.arm.name, arm=each.arm.index) for each in found]
    title = f"Test accuracy by training images, at {budget}"
    return Table(title, columns, rows, "n is the number of seeds.")


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


def _left_out(group: Group, found: dict[str, list[Sized]]) -> list[Block]:
    """Runs on fewer images that neither series has."""
    series = itertools.chain.from_iterable(found.values())
    shown = {run for each in series for run in each.runs}
    runs = [o for arm in group.smaller for o in arm.outcomes if o.number not in shown]
    if not runs:
        return []
    folders = ", ".join(outcome.folder for outcome in runs)
    text = (
        "Not shown here, because no arm on all images has the same recipe and as many epochs or "
        f"steps: {folders}."
    )
    return [Text(text, "note")]
