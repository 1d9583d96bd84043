"""Results: who reaches which accuracy at which cost, and all that was measured of each arm."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group, Outcome, all_devices, runs_of
from jaxcmp.compare.document import Block, Cell, Column, Fact, Suggestion, Table
from jaxcmp.compare.evaluated import gaps_on, read_evaluated
from jaxcmp.compare.gaps import Gap, every_gap, gap
from jaxcmp.compare.sections import columns, recipe
from jaxcmp.compare.sections.answer import Answer, answered
from jaxcmp.compare.sections.commands import another_seed
from jaxcmp.compare.statistics.convergence import epochs_to_converge
from jaxcmp.compare.statistics.means import (
    MIN_RUNS,
    Estimate,
    Lead,
    compare_ratio,
    compare_runs,
    estimate_mean,
)
from jaxcmp.compare.statistics.paired import share_interval
from jaxcmp.compare.words import UNCLEAR, count

TITLE = "All results"
# More sets of other images do not fit the first screen.
MAX_OTHER = 3
# Numbers beside the opening figure; more arms have one each.
MAX_FACTS = 4
# In fewer epochs, smoothed over 5, all are close to the end.
MIN_EPOCHS = 15
# Labels, and the cells of an arm.
Rows = Sequence[tuple[str, Callable[[Arm], Cell]]]
BETTER = " ✓"
# The better of two by their lead: of accuracies, and of costs.
MORE, LESS = (Lead.FIRST, Lead.SECOND), (Lead.SECOND, Lead.FIRST)
NOTE = (
    "± is half of the 95 % t-interval of the mean over seeds; with fewer than three seeds each is "
    "shown. The interval for test images is that of drawing other images, for these trained "
    "models. Training FLOPs: two for each multiply-add, a backward pass taken as two forward "
    "passes. Times depend on what else the machine does; where their interval would reach below 0, "
    "the range of the runs is shown."
)
CONVERGED = (
    " Epochs to converge: the first whose test accuracy, smoothed over 5 epochs, is within 0.5 "
    "points of its end."
)
PAIRS_NOTE = (
    "The arm with the higher mean stands first; that alone is no lead. Over seeds: Welch's "
    "interval and p value, for arms with three seeds or more; Holm's correction is over all pairs "
    "of this table, intervals are of each pair alone. Over images: paired over the test images, "
    "for these trained models."
)
TRADEOFF_NOTE = (
    "✓ marks the better value; of accuracy, time and memory only if the difference is more than "
    "seeds alone explain. ± is half of a 95 % interval over seeds; brackets hold a whole one."
)


def results_section(group: Group) -> Answer:
    pairs: list[Block] = [pairs_table(group.arms)] if len(group.arms) > 2 else []
    more = _more_seeds(*group.pairs[0]) if len(group.arms) == 2 else []
    note = NOTE + CONVERGED * _is_long(group)
    return answered(
        "results",
        TITLE,
        [*pairs, _table("Results", _result_rows(group), group.arms, note)],
        details=[_table("Recipes", _recipe_rows(group), group.arms)],
        folded="recipes",
        more=more,
    )


def _table(title: str, rows: Rows, arms: Sequence[Arm], note: str = "") -> Table:
    headings = columns.of_words("Quantity") + columns.of_arms(arms)
    shown = [[Cell(label), *(cell(arm) for arm in arms)] for label, cell in rows]
    return Table(title, headings, shown, note)


def _more_seeds(leader: Arm, other: Arm) -> list[Suggestion]:
    """Suggests another seed of the arm with fewer, or of both, where seeds can explain the gap."""
    if gap(leader, other).lead.is_real:
        return []
    fewest = min(len(leader.runs), len(other.runs))
    arms = [arm for arm in (leader, other) if len(arm.runs) == fewest]
    seed = max(outcome.seed for each in (leader, other) for outcome in each.outcomes) + 1
    difference = gap(leader, other).over_seeds
    leave = f"leave a difference {UNCLEAR}"
    if difference.lead is Lead.TIE:
        leave = "leave the two level"
    elif difference.p_value is None:
        leave = "are too few to tell whether seeds alone explain the difference"
    first = (
        f"More seeds: {len(leader.runs)} of {leader.name} and {len(other.runs)} of {other.name} "
        f"{leave}."
    )
    texts = [first, f"More seeds: the same of {arms[-1].name}."]
    # A study has one command for all of its arms.
    commands = dict.fromkeys(another_seed(arm.outcomes[0], seed) for arm in arms)
    return [Suggestion(text, command) for text, command in zip(texts, commands, strict=False)]


def pairs_table(arms: Sequence[Arm]) -> Table:
    """Makes the table of all pairs of arms: a row each, the more accurate first."""
    rows = [columns.gap(each) for each in every_gap(arms)]
    title = f"Every pair of the {len(arms)} arms, test accuracy"
    return Table(title, columns.of_gaps(), rows, PAIRS_NOTE)


def facts(group: Group) -> list[Fact]:
    """The accuracies, and how the two arms of findings compare in work and in time."""
    found = []
    for arm in group.arms:
        cell = columns.accuracy(arm)
        num = count(len(arm.outcomes), "seed")
        kind = f"mean of {num}, 95 % interval" if cell.interval else num
        found.append(Fact(cell.text, f"{arm.name}, test accuracy, {kind}", arm.index))
    pair = group.of_main_pair(group.pairs)
    if pair and len(group.arms) <= MAX_FACTS:
        one, two = pair
        names = f"{one.name} to {two.name}"
        work = one.outcomes[0].multiply_adds / two.outcomes[0].multiply_adds
        found.append(Fact(f"{work:.2f}×", f"multiply-adds per image, {names}"))
        ratio = time_ratio(one, two)
        if ratio and len(found) < MAX_FACTS:
            found.append(Fact(_times(ratio, []).text, f"training time, {names}"))
    return found


def _times(ratio: Estimate, runs: Sequence[int]) -> Cell:
    return cells.estimated(ratio, runs, unit="×")


def time_ratio(one: Arm, two: Arm) -> Estimate | None:
    """The training time of one arm over another's; None where devices differ."""
    first, second = cells.durations(one), cells.durations(two)
    if len(first) > 1 or first.keys() != second.keys():
        return None
    return compare_ratio(*first.values(), *second.values())


def tradeoff(group: Group) -> Table | None:
    """Makes the table of accuracy and cost of the two arms of findings; marks the better value.

    Gap and ratios are of the arm with more accuracy to the other, and come early: on a phone the
    last columns are out of sight.
    """
    pair = group.of_main_pair(group.pairs)
    if pair is None:
        return None
    one, two = pair
    # Level arms may stand in the other order there.
    (own,) = (
        replace(each, first=one, second=two)
        for each in every_gap(group.arms)
        if {each.first.index, each.second.index} == {one.index, two.index}
    )
    rows = [_accuracy_row("Test accuracy", own), *_on_other_images(group, pair)]
    for (label, cell), ratio in (
        (("Parameters", _parameters), _counted(_parameters, one, two)),
        (("Training FLOPs", _training_flops), _counted(_training_flops, one, two)),
        (_time_row(pair), time_ratio(one, two)),
        (_memory_row(pair), _memory_ratio(one, two)),
    ):
        found = [cell(one), cell(two)]
        if found[0].value is None and found[1].value is None:
            continue
        shown = _times(ratio, one.runs + two.runs) if ratio else Cell("–")
        lead = ratio.lead if ratio else Lead.UNKNOWN
        rows.append([Cell(label), shown, *_mark(found, lead, LESS)])
    headings = [*columns.of_words(""), Column(f"{one.name} to {two.name}")]
    headings += columns.of_arms([one, two])
    names = f": {one.name} and {two.name}" if len(group.arms) > 2 else ""
    return Table(f"Accuracy and cost{names}", headings, rows, TRADEOFF_NOTE)


def _mark(found: Sequence[Cell], lead: Lead, better: Sequence[Lead] = MORE) -> list[Cell]:
    return [
        cells.with_text(cell, cell.text + BETTER) if side is lead else cell
        for cell, side in zip(found, better, strict=True)
    ]


def _accuracy_row(label: str, found: Gap) -> list[Cell]:
    shown = cells.as_cell(found.over_seeds, found.runs)
    shown = cells.with_text(shown, f"{shown.text} points")
    accuracies = [columns.accuracy(arm) for arm in (found.first, found.second)]
    return [Cell(label), shown, *_mark(accuracies, found.lead)]


def _on_other_images(group: Group, pair: tuple[Arm, Arm]) -> list[list[Cell]]:
    """Makes a row for each set of other images that both arms have; none where they are many."""
    indices = {arm.index for arm in pair}
    rows = [
        _accuracy_row(f"Accuracy on {images.title}", each)
        for images, each in gaps_on(group, read_evaluated(group).shown)
        if images.is_test and {each.first.index, each.second.index} == indices
    ]
    return rows if len(rows) <= MAX_OTHER else []


def _counted(cell: Callable[[Arm], Cell], one: Arm, two: Arm) -> Estimate:
    """The ratio of what is counted exactly, without any chance in it."""
    first, second = cell(one).value or 0.0, cell(two).value or 1.0
    return Estimate(first / second, p_value=0.0, null=1.0)


def _memory_ratio(one: Arm, two: Arm) -> Estimate | None:
    """The ratio of the highest peaks; None where memory was not measured in the same place."""
    (place, first), (other, second) = _peaks(one), _peaks(two)
    if place != other or not first:
        return None
    return memory_ratio_of(list(first.values()), list(second.values()))


def memory_ratio_of(first: Sequence[float], second: Sequence[float]) -> Estimate:
    """The ratio of the highest of two arms' peaks."""
    ratio, means = max(first) / max(second), compare_runs(first, second)
    # The p value is of the means: where the highest peaks are the other way round, none is clear.
    p_value = means.p_value if (ratio - 1) * means.mean > 0 else None
    return Estimate(ratio, None, p_value, null=1.0)


def _result_rows(group: Group) -> Rows:
    num_test = len(group.labels)

    def on(images) -> Callable[[Arm], Cell]:
        return lambda arm: columns.accuracy(own) if (own := images.arm(arm)) else Cell("–")

    return [
        ("Test accuracy, last epoch", columns.accuracy),
        ("Runs (n)", lambda arm: cells.count(len(arm.outcomes), arm.runs)),
        (f"Accuracy, 95 % interval for the choice of {num_test:,} test images", _sampling),
        *((f"Accuracy on {each.title}", on(each)) for each in read_evaluated(group).shown),
        ("Accuracy of the best epoch, chosen on the test images", _best),
        ("Parameters", _parameters),
        (
            "Multiply-adds per image, forward",
            lambda arm: cells.count(arm.outcomes[0].multiply_adds, arm.runs),
        ),
        ("Training FLOPs", _training_flops),
        _time_row(group.arms),
        ("Images per second in training", _images_per_second),
        *([_memory_row(group.arms)] if any(_peaks(arm)[1] for arm in group.arms) else []),
        *([("Epochs to converge", _epochs_to_converge)] if _is_long(group) else []),
    ]


def _is_long(group: Group) -> bool:
    return any(len(o.epochs) >= MIN_EPOCHS for arm in group.arms for o in arm.outcomes)


def _time_row(arms: Sequence[Arm]) -> tuple[str, Callable[[Arm], Cell]]:
    """Names the device once where all runs share one, else in each cell."""
    devices = all_devices(runs_of(arms))
    if len(devices) == 1:
        return f"Training time on {devices[0]}", lambda arm: _training_time(arm, "")
    return "Training time", _training_time


def _memory_row(arms: Sequence[Arm]) -> tuple[str, Callable[[Arm], Cell]]:
    """Names the place once where memory of all runs was measured in one, else in each cell."""
    places = {place for arm in arms if (place := _peaks(arm)[0])}
    if len(places) == 1:
        return f"Peak memory of {places.pop()}", lambda arm: _peak_memory(arm, "")
    return "Peak memory", _peak_memory


def _recipe_rows(group: Group) -> Rows:
    def in_words(say: Callable[[Mapping], str]) -> Callable[[Arm], Cell]:
        return lambda arm: Cell(say(arm.config))

    has_origin = any(arm.outcomes[0].origin for arm in group.arms)
    return [
        ("Epochs", lambda arm: cells.count(arm.config["num_epochs"], arm.runs)),
        ("Training images", lambda arm: cells.count(arm.outcomes[0].num_train, arm.runs)),
        ("Batch size", lambda arm: cells.count(arm.config["batch_size"], arm.runs)),
        ("Optimizer", in_words(recipe.optimizer)),
        ("Schedule", in_words(recipe.schedule)),
        ("Augmentation", in_words(recipe.augmentation)),
        ("Other regularisation", in_words(recipe.regularisation)),
        *([("Began from", _began_from)] if has_origin else []),
    ]


def _parameters(arm: Arm) -> Cell:
    return cells.count(arm.outcomes[0].parameters, arm.runs)


def _began_from(arm: Arm) -> Cell:
    origin = arm.outcomes[0].origin
    return Cell(f"weights pretrained on {origin.words}" if origin else "random weights")


def _sampling(arm: Arm) -> Cell:
    answers = np.full(arm.is_right.shape[1], len(arm.outcomes))
    low, high = (100 * bound for bound in share_interval(arm.is_right.sum(axis=0), answers))
    return Cell(f"{low:.2f} to {high:.2f} %", interval=(low, high), runs=arm.runs)


def _known(arm: Arm, value: Callable[[Outcome], float | None]) -> dict[int, float]:
    """A value of each run that has one, by the run's number."""
    found = {outcome.number: value(outcome) for outcome in arm.outcomes}
    return {number: each for number, each in found.items() if each is not None}


def _best(arm: Arm) -> Cell:
    best = [max(epoch["test_accuracy"] for epoch in outcome.epochs) for outcome in arm.outcomes]
    return cells.percent(best, arm.runs)


def _training_flops(arm: Arm) -> Cell:
    # One recipe takes the same operations, whatever the seed.
    flops = arm.outcomes[0].training_flops
    return cells.number(flops, f"{cells.powers(flops)}FLOP", arm.runs)


def _training_time(arm: Arm, on: str = " on {}") -> Cell:
    by_device = cells.durations(arm)
    parts = [f"{_say_seconds(own)}{on.format(device)}" for device, own in by_device.items()]
    if len(by_device) > 1:
        return Cell("; ".join(parts), num=len(arm.outcomes), runs=arm.runs)
    estimate = estimate_mean(*by_device.values())
    return Cell(parts[0], estimate.mean, estimate.interval, len(arm.outcomes), arm.runs)


def _say_seconds(seconds: list[float]) -> str:
    if len(seconds) < MIN_RUNS:
        return " and ".join(map(cells.duration, seconds))
    estimate = estimate_mean(seconds)
    if estimate.interval and estimate.interval[0] < 0:
        return f"{cells.duration(min(seconds))} to {cells.duration(max(seconds))}"
    half = estimate.interval and estimate.interval[1] - estimate.mean
    return cells.duration(estimate.mean, half)


def _images_per_second(arm: Arm) -> Cell:
    if len(cells.durations(arm)) > 1:
        return Cell("on several machines, see the runs", runs=arm.runs)
    known = _known(arm, lambda outcome: outcome.run.result["images_per_second"])
    cell = cells.mean(list(known.values()), list(known), digits=0)
    if cell.interval and cell.interval[0] < 0:
        text = f"{min(known.values()):,.0f} to {max(known.values()):,.0f}"
        return cells.with_text(cell, text)
    return cell


def _peaks(arm: Arm) -> tuple[str, dict[int, float]]:
    """Returns where memory was measured, on the device if it was, and the bytes by run."""
    for place, key in (("the device", "device_bytes"), ("the process", "host_bytes")):
        if peaks := _known(arm, lambda o, k=key: o.run.cost["peak_memory"][k]):
            return place, peaks
    return "", {}


def _peak_memory(arm: Arm, of: str = " of {}") -> Cell:
    """The highest of all runs: what a machine has to have; a CPU has no memory of its own."""
    place, peaks = _peaks(arm)
    gigabytes = max(peaks.values()) / 1e9 if peaks else None
    return cells.number(gigabytes, f"{gigabytes or 0:.2f} GB{of.format(place)}", list(peaks))


def _epochs_to_converge(arm: Arm) -> Cell:
    def epochs_of(outcome: Outcome) -> float | None:
        if len(outcome.epochs) < MIN_EPOCHS:
            return None
        keys = ("test_accuracy", "epoch")
        return float(epochs_to_converge(*(np.array([e[k] for e in outcome.epochs]) for k in keys)))

    found = _known(arm, epochs_of)
    return cells.mean(list(found.values()), list(found), digits=1)
