"""Results: who reaches which accuracy at which cost, and all that was measured of each arm."""

from collections.abc import Callable, Sequence

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.document import Block, Cell, Column, Fact, Suggestion, Table, Text
from jaxcmp.compare.evaluated import EvaluatedArm, find_gaps, read_evaluated
from jaxcmp.compare.origin import Origin
from jaxcmp.compare.sections import recipe
from jaxcmp.compare.sections.answer import Answer, answered
from jaxcmp.compare.sections.commands import another_seed
from jaxcmp.compare.sections.other_images import accuracy_rows
from jaxcmp.compare.several import Pair, pairs_of
from jaxcmp.compare.statistics.convergence import epochs_to_converge
from jaxcmp.compare.statistics.means import MIN_RUNS, Lead, compare_runs, estimate_mean
from jaxcmp.compare.statistics.paired import share_interval
from jaxcmp.compare.statistics.ratios import Ratio, compare_ratio
from jaxcmp.compare.verdict import same_images_sentence
from jaxcmp.compare.words import UNCLEAR

TITLE = "All results"
# More sets of other images do not fit the first screen.
MAX_OTHER = 3
# Labels, and the cells of an arm.
Rows = Sequence[tuple[str, Callable[[Arm], Cell]]]
BETTER = " ✓"
NOTE = (
    "± is half of the 95 % t-interval of the mean over seeds; with fewer than three seeds each is "
    "shown. The interval for test images is that of drawing other images, for these trained "
    "models. Training FLOPs: two for each multiply-add, a backward pass taken as two forward "
    "passes. Epochs to converge: the first epoch whose test accuracy, smoothed over 5 epochs, is "
    "within 0.5 points of its end."
)
PAIRS_NOTE = (
    "The arm with the higher mean stands first; that alone is no lead. Over seeds: Welch's "
    "interval and p value, for arms with three seeds or more; Holm's correction is over all pairs "
    "of this table, intervals are of each pair alone. Over images: paired over the test images, "
    "for these trained models."
)
TRADEOFF_NOTE = (
    "✓ marks the better value: of counts wherever they differ, of accuracy, time and memory where "
    "the difference is more than seeds alone explain. ± is half of a 95 % interval over seeds; "
    "brackets hold a whole one."
)


def results_section(group: Group) -> Answer:
    results = _table("Results", _result_rows(group), group.arms, NOTE)
    folded = [_table("Recipes", _recipe_rows(group), group.arms)]
    if len(group.arms) > 2:
        blocks: list[Block] = [pairs_table(group.arms), results]
        return answered("results", TITLE, blocks, details=folded, folded="recipes")
    sentences = [same_images_sentence(*pair) for pair in group.pairs]
    finding = sentences[0] if sentences else ""
    blocks = [*(Text(sentence) for sentence in sentences), results]
    more = [_more_seeds(*group.pairs[0])] if len(group.pairs) == 1 else []
    return answered(
        "results",
        TITLE,
        blocks,
        finding=finding,
        details=folded,
        folded="recipes",
        more=[each for each in more if each],
    )


def _table(title: str, rows: Rows, arms: Sequence[Arm], note: str = "") -> Table:
    columns = [Column("Quantity", is_numeric=False)]
    columns += [Column(arm.name, arm=arm.index) for arm in arms]
    shown = [[cells.words(label), *(cell(arm) for arm in arms)] for label, cell in rows]
    return Table(title, columns, shown, note)


def _more_seeds(leader: Arm, other: Arm) -> Suggestion | None:
    """Suggests another seed of the arm with fewer, where seeds can explain the gap."""
    if compare_runs(leader.accuracies, other.accuracies).lead.is_real:
        return None
    arm = min(leader, other, key=lambda each: len(each.runs))
    seed = max(outcome.seed for each in (leader, other) for outcome in each.outcomes) + 1
    text = (
        f"More seeds: {len(leader.runs)} of {leader.name} and {len(other.runs)} of {other.name} "
        f"leave a difference {UNCLEAR}. Seed by seed, of both arms:"
    )
    return Suggestion(text, another_seed(arm.outcomes[0], seed))


def pairs_table(arms: Sequence[Arm]) -> Table:
    """Makes the table of all pairs of arms: a row each, the more accurate first."""
    columns = [Column("Higher mean", False), Column("Lower mean", False)]
    columns += [Column("by, points [95 % interval]"), Column("p, Holm"), Column("p")]
    columns += [Column("over images, points [95 % interval]")]
    rows = [_pair_row(pair) for pair in pairs_of(arms)]
    return Table(f"Every pair of the {len(arms)} arms, test accuracy", columns, rows, PAIRS_NOTE)


def _pair_row(pair: Pair) -> list[Cell]:
    runs, over_images = pair.ahead.runs + pair.behind.runs, pair.over_images
    is_known = over_images.interval is not None
    return [
        cells.words(pair.ahead.name, arm=pair.ahead.index),
        cells.words(pair.behind.name, arm=pair.behind.index),
        cells.difference(pair.over_seeds.mean, pair.over_seeds.interval, runs),
        cells.p_value(pair.holm, runs),
        cells.p_value(pair.over_seeds.p_value, runs),
        cells.difference(over_images.mean, over_images.interval, runs) if is_known else Cell("–"),
    ]


def facts(group: Group) -> list[Fact]:
    """The accuracies, and how the first two arms compare in size and in time."""
    found = []
    for arm in group.arms:
        cell = cells.percent(arm.accuracies, arm.runs)
        num = "1 seed" if cell.num == 1 else f"{cell.num} seeds"
        label = f"{arm.name}, test accuracy, {num}"
        found.append(Fact(cell.text, label, arm.index))
    if len(group.arms) == 2:
        one, two = group.ranked
        names = f"{one.name} to {two.name}"
        work = one.outcomes[0].multiply_adds / two.outcomes[0].multiply_adds
        found.append(Fact(f"{work:.2f}×", f"multiply-adds per image, {names}"))
        if ratio := time_ratio(one, two):
            found.append(Fact(cells.times(ratio), f"training time, {names}"))
    return found


def time_ratio(one: Arm, two: Arm) -> Ratio | None:
    """The training time of one arm over another's; None where devices differ."""
    (device, first, _), *more = cells.durations(one)
    (other, second, _), *others = cells.durations(two)
    is_same = device == other and not more and not others
    return compare_ratio(first, second) if is_same and min(first + second) > 0 else None


def tradeoff(group: Group) -> Table | None:
    """Makes the table of accuracy and cost of two arms; the better value is marked.

    Gap and ratios are of the arm with more accuracy to the other, and come early: on a phone the
    last columns are out of sight.
    """
    if len(group.arms) != 2:
        return None
    one, two = group.ranked
    lead = compare_runs(one.accuracies, two.accuracies).lead
    time = time_ratio(one, two)
    slower = time.lead if time else Lead.UNKNOWN
    rows = [
        ("Test accuracy", lambda arm: cells.percent(arm.accuracies, arm.runs), lead),
        ("Parameters", _parameters, _fewer(_parameters, one, two)),
        ("Training FLOPs", _training_flops, _fewer(_training_flops, one, two)),
        ("Training time", _training_time, _turned(slower)),
        ("Peak memory", _peak_memory, _turned(_memory_lead(one, two))),
    ]
    columns = [Column("", is_numeric=False), Column(f"{one.name} to {two.name}")]
    columns += [Column(arm.name, arm=arm.index) for arm in (one, two)]
    table = []
    for label, cell, better in rows:
        found = [cell(arm) for arm in (one, two)]
        if all(each.value is None for each in found):
            continue
        marked = [
            cells.with_text(each, each.text + BETTER) if side is better else each
            for each, side in zip(found, (Lead.FIRST, Lead.SECOND), strict=True)
        ]
        ratio = time if label == "Training time" else _exact_ratio(label, found)
        shown = "–" if ratio is None else cells.times(ratio)
        runs = one.runs + two.runs
        table.append([cells.words(label), cells.ratio(ratio, shown, runs), *marked])
    table[0][1] = _gap(one, two)
    table[1:1] = _on_other_images(group, one, two)
    return Table("Accuracy and cost", columns, table, TRADEOFF_NOTE)


def _gap(one: Arm | EvaluatedArm, two: Arm | EvaluatedArm) -> Cell:
    gap = compare_runs(one.accuracies, two.accuracies, most=1)
    cell = cells.difference(gap.mean, gap.interval, one.runs + two.runs)
    return cells.with_text(cell, f"{cell.text} points")


def _on_other_images(group: Group, one: Arm, two: Arm) -> list[list[Cell]]:
    """Makes a row for each set of other images that both arms have; none where they are many."""
    rows = []
    for gap in find_gaps(group, read_evaluated(group).shown):
        if not gap.images.is_test:
            continue
        found = [gap.first, gap.second] if gap.first.index == one.index else [gap.second, gap.first]
        shown = [cells.percent(arm.accuracies, arm.runs) for arm in found]
        better = {Lead.FIRST: gap.first, Lead.SECOND: gap.second}.get(gap.lead)
        marked = [
            cells.with_text(cell, cell.text + BETTER) if arm is better else cell
            for arm, cell in zip(found, shown, strict=True)
        ]
        rows.append([cells.words(f"Accuracy on {gap.images.title}"), _gap(*found), *marked])
    return rows if len(rows) <= MAX_OTHER else []


def _exact_ratio(label: str, found: Sequence[Cell]) -> Ratio | None:
    one, two = (cell.value for cell in found)
    if label == "Test accuracy" or label == "Training time" or not one or not two:
        return None
    return Ratio(one / two, None, Lead.UNKNOWN)


def _fewer(cell: Callable[[Arm], Cell], one: Arm, two: Arm) -> Lead:
    """Returns which of two arms has less of what is counted exactly."""
    first, second = cell(one).value, cell(two).value
    if first is None or second is None or first == second:
        return Lead.UNKNOWN
    return Lead.FIRST if first < second else Lead.SECOND


def _memory_lead(one: Arm, two: Arm) -> Lead:
    """Returns which of two arms needs more memory, where seeds cannot explain the difference."""
    (place, first), (other, second) = (
        next(iter(_peaks(arm).items()), ("", {})) for arm in (one, two)
    )
    if place != other or not first:
        return Lead.UNKNOWN
    return compare_runs(list(first.values()), list(second.values())).lead


def _turned(lead: Lead) -> Lead:
    return {Lead.FIRST: Lead.SECOND, Lead.SECOND: Lead.FIRST}.get(lead, lead)


def _result_rows(group: Group) -> Rows:
    num_test = len(group.labels)
    measured = [("Peak memory", _peak_memory)] if any(map(_peaks, group.arms)) else []
    return [
        ("Test accuracy, last epoch", lambda arm: cells.percent(arm.accuracies, arm.runs)),
        ("Runs (n)", lambda arm: cells.count(len(arm.outcomes), arm.runs)),
        (f"Accuracy, 95 % interval for the choice of {num_test:,} test images", _sampling),
        *(
            (f"Accuracy on {title}", lambda arm, found=found: found.get(arm.index, Cell("–")))
            for title, found in accuracy_rows(group)
        ),
        ("Accuracy of the best epoch, chosen on the test images", _best),
        ("Parameters", _parameters),
        (
            "Multiply-adds per image, forward",
            lambda arm: cells.count(arm.outcomes[0].multiply_adds, arm.runs),
        ),
        ("Training FLOPs", _training_flops),
        ("Training time", _training_time),
        ("Images per second in training", _images_per_second),
        *measured,
        ("Epochs to converge", _epochs_to_converge),
    ]


def _recipe_rows(group: Group) -> Rows:
    begun = [("Began from", _began_from)] if any(map(_origin, group.arms)) else []
    return [
        ("Epochs", lambda arm: cells.count(arm.config["num_epochs"], arm.runs)),
        ("Training images", lambda arm: cells.count(arm.outcomes[0].num_train, arm.runs)),
        ("Batch size", lambda arm: cells.count(arm.config["batch_size"], arm.runs)),
        ("Optimizer", lambda arm: cells.words(recipe.optimizer(arm.config))),
        ("Schedule", lambda arm: cells.words(recipe.schedule(arm.config))),
        ("Augmentation", lambda arm: cells.words(recipe.augmentation(arm.config))),
        ("Regularisation", lambda arm: cells.words(recipe.regularisation(arm.config))),
        *begun,
    ]


def _parameters(arm: Arm) -> Cell:
    return cells.count(arm.outcomes[0].parameters, arm.runs)


def _origin(arm: Arm) -> Origin | None:
    return arm.outcomes[0].origin


def _began_from(arm: Arm) -> Cell:
    origin = _origin(arm)
    return cells.words(f"weights pretrained on {origin.words}" if origin else "random weights")


def _sampling(arm: Arm) -> Cell:
    answers = np.full(arm.is_right.shape[1], len(arm.outcomes))
    low, high = (100 * bound for bound in share_interval(arm.is_right.sum(axis=0), answers))
    return Cell(f"{low:.2f} to {high:.2f} %", interval=(low, high), runs=arm.runs)


def _best(arm: Arm) -> Cell:
    best = {o.number: max(e["test_accuracy"] for e in o.epochs) for o in arm.outcomes if o.epochs}
    return cells.percent(list(best.values()), list(best))


def _training_flops(arm: Arm) -> Cell:
    costs = {o.number: o.training_flops for o in arm.outcomes}
    known = {number: flops for number, flops in costs.items() if flops is not None}
    # One recipe takes the same operations, whatever the seed.
    flops = next(iter(known.values()), None)
    return cells.number(flops, f"{cells.powers(flops or 0)}FLOP", list(known))


def _training_time(arm: Arm) -> Cell:
    by_device = [(device, each) for device, each, _ in cells.durations(arm)]
    parts = [f"{_say_seconds(seconds)} on {device}" for device, seconds in by_device]
    if len(by_device) > 1:
        return Cell("; ".join(parts), num=len(arm.outcomes), runs=arm.runs)
    estimate = estimate_mean(by_device[0][1])
    return Cell(parts[0], estimate.mean, estimate.interval, estimate.num, arm.runs)


def _say_seconds(seconds: list[float]) -> str:
    if len(seconds) < MIN_RUNS:
        return " and ".join(map(cells.duration, seconds))
    estimate = estimate_mean(seconds)
    text = cells.duration(estimate.mean)
    if estimate.interval is None:
        return text
    return f"{text} ± {cells.duration(estimate.interval[1] - estimate.mean)}"


def _images_per_second(arm: Arm) -> Cell:
    rates = {o.number: (o.run.result or {}).get("images_per_second") for o in arm.outcomes}
    known = {number: rate for number, rate in rates.items() if rate is not None}
    if len(cells.durations(arm)) > 1:
        return Cell("on several machines, see the runs", runs=arm.runs)
    return cells.mean(list(known.values()), list(known), digits=0)


def _peaks(arm: Arm) -> dict[str, dict[int, int]]:
    """Bytes by run, of each place where memory was measured; of the devices' first."""
    found: dict[str, dict[int, int]] = {}
    for place, key in (("the device", "device_bytes"), ("the process", "host_bytes")):
        for outcome in arm.outcomes:
            peak = outcome.run.cost.get("peak_memory", {}).get(key)
            if peak is not None:
                found.setdefault(place, {})[outcome.number] = peak
    return found


def _peak_memory(arm: Arm) -> Cell:
    """The highest of all runs: what a machine has to have; a CPU has no memory of its own."""
    place, peaks = next(iter(_peaks(arm).items()), ("", {}))
    gigabytes = max(peaks.values()) / 1e9 if peaks else None
    return cells.number(gigabytes, f"{gigabytes or 0:.2f} GB of {place}", list(peaks))


def _epochs_to_converge(arm: Arm) -> Cell:
    found = {}
    for outcome in arm.outcomes:
        if records := outcome.epochs:
            accuracy, epochs = (
                np.array([record[key] for record in records]) for key in ("test_accuracy", "epoch")
            )
            found[outcome.number] = float(epochs_to_converge(accuracy, epochs))
    return cells.mean(list(found.values()), list(found), digits=1)
