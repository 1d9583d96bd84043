"""Results: who reaches which accuracy at which cost, and all that was measured of each arm."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group, Outcome
from jaxcmp.compare.document import Block, Cell, Column, Fact, Suggestion, Table, Text
from jaxcmp.compare.evaluated import EvaluatedArm, find_gaps, read_evaluated
from jaxcmp.compare.sections import columns, recipe
from jaxcmp.compare.sections.answer import Answer, answered
from jaxcmp.compare.sections.commands import another_seed
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
# In fewer epochs, smoothed over 5, all are close to the end.
MIN_EPOCHS = 15
# Labels, and the cells of an arm.
Rows = Sequence[tuple[str, Callable[[Arm], Cell]]]
BETTER = " ✓"
NOTE = (
    "± is half of the 95 % t-interval of the mean over seeds; with fewer than three seeds each is "
    "shown. The interval for test images is that of drawing other images, for these trained "
    "models. Training FLOPs: two for each multiply-add, a backward pass taken as two forward "
    "passes. Times depend on what else the machine does; where their interval would reach below 0, "
    "the range of the runs is shown. Epochs to converge, in runs of 15 epochs or more: the first "
    "whose test accuracy, smoothed over 5 epochs, is within 0.5 points of its end."
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
    shown: list[Block] = [results]
    more, finding = [], ""
    if len(group.arms) > 2:
        shown = [pairs_table(group.arms), results]
    elif len(group.arms) == 2:
        (pair,) = group.pairs
        finding, more = same_images_sentence(*pair), _more_seeds(*pair)
        shown = [Text(finding), results]
    return answered(
        "results",
        TITLE,
        shown,
        finding=finding,
        details=[_table("Recipes", _recipe_rows(group), group.arms)],
        folded="recipes",
        more=more,
    )


def _table(title: str, rows: Rows, arms: Sequence[Arm], note: str = "") -> Table:
    headings = columns.of_words("Quantity") + columns.of_arms(arms)
    shown = [[cells.words(label), *(cell(arm) for arm in arms)] for label, cell in rows]
    return Table(title, headings, shown, note)


def _more_seeds(leader: Arm, other: Arm) -> list[Suggestion]:
    """Suggests another seed of the arm with fewer, where seeds can explain the gap."""
    if compare_runs(leader.accuracies, other.accuracies).lead.is_real:
        return []
    arm = min(leader, other, key=lambda each: len(each.runs))
    seed = max(outcome.seed for each in (leader, other) for outcome in each.outcomes) + 1
    text = (
        f"More seeds: {len(leader.runs)} of {leader.name} and {len(other.runs)} of {other.name} "
        f"leave a difference {UNCLEAR}. Seed by seed, of both arms:"
    )
    return [Suggestion(text, another_seed(arm.outcomes[0], seed))]


def pairs_table(arms: Sequence[Arm]) -> Table:
    """Makes the table of all pairs of arms: a row each, the more accurate first."""
    headings = columns.of_words("Higher mean", "Lower mean")
    headings += columns.of_numbers("by, points [95 % interval]", "p, Holm", "p")
    headings += columns.of_numbers("over images, points [95 % interval]")
    rows = [_pair_row(pair) for pair in pairs_of(arms)]
    return Table(f"Every pair of the {len(arms)} arms, test accuracy", headings, rows, PAIRS_NOTE)


def _pair_row(pair: Pair) -> list[Cell]:
    runs, over_images = pair.ahead.runs + pair.behind.runs, pair.over_images
    is_known = over_images.interval is not None
    return [
        columns.name(pair.ahead),
        columns.name(pair.behind),
        cells.difference(pair.over_seeds.mean, pair.over_seeds.interval, runs),
        cells.p_value(pair.holm, runs),
        cells.p_value(pair.over_seeds.p_value, runs),
        cells.difference(over_images.mean, over_images.interval, runs) if is_known else Cell("–"),
    ]


def facts(group: Group) -> list[Fact]:
    """The accuracies, and how the first two arms compare in size and in time."""
    found = []
    for arm in group.arms:
        cell = columns.accuracy(arm)
        num = "1 seed" if cell.num == 1 else f"{cell.num} seeds"
        found.append(Fact(cell.text, f"{arm.name}, test accuracy, {num}", arm.index))
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
    time = time_ratio(one, two)
    less = {
        "Training time": time.lead if time else Lead.UNKNOWN,
        "Peak memory": _memory_lead(one, two),
    }
    lead = compare_runs(one.accuracies, two.accuracies).lead
    rows = [_marked("Test accuracy", _gap(one, two), [one, two], lead)]
    rows += _on_other_images(group, one, two)
    for label, cell in (
        ("Parameters", _parameters),
        ("Training FLOPs", _training_flops),
        ("Training time", _training_time),
        ("Peak memory", _peak_memory),
    ):
        first, second = found = [cell(one), cell(two)]
        if first.value is None and second.value is None:
            continue
        ratio = time if label == "Training time" else None
        if label != "Training time" and first.value and second.value:
            ratio = Ratio(first.value / second.value, None, Lead.UNKNOWN)
        shown = "–" if ratio is None else cells.times(ratio)
        more = less.get(label, _more(first.value, second.value))
        shared = cells.ratio(ratio, shown, one.runs + two.runs)
        rows.append([cells.words(label), shared, *_mark(found, _other_side(more))])
    headings = [*columns.of_words(""), Column(f"{one.name} to {two.name}")]
    headings += columns.of_arms([one, two])
    return Table("Accuracy and cost", headings, rows, TRADEOFF_NOTE)


def _mark(found: Sequence[Cell], better: Lead) -> list[Cell]:
    return [
        cells.with_text(cell, cell.text + BETTER) if side is better else cell
        for cell, side in zip(found, (Lead.FIRST, Lead.SECOND), strict=True)
    ]


def _marked(label: str, gap: Cell, arms: Sequence[Arm | EvaluatedArm], better: Lead) -> list[Cell]:
    return [cells.words(label), gap, *_mark([columns.accuracy(arm) for arm in arms], better)]


def _gap(one: Arm | EvaluatedArm, two: Arm | EvaluatedArm) -> Cell:
    gap = compare_runs(one.accuracies, two.accuracies, most=1)
    cell = cells.difference(gap.mean, gap.interval, one.runs + two.runs)
    return cells.with_text(cell, f"{cell.text} points")


def _on_other_images(group: Group, one: Arm, two: Arm) -> list[list[Cell]]:
    """Makes a row for each set of other images that both arms have; none where they are many."""
    rows = []
    for gap in find_gaps(group, read_evaluated(group).shown):
        if gap.images.is_test:
            arms, lead = [gap.first, gap.second], gap.lead
            if gap.first.index != one.index:
                arms, lead = arms[::-1], _other_side(lead)
            rows.append(_marked(f"Accuracy on {gap.images.title}", _gap(*arms), arms, lead))
    return rows if len(rows) <= MAX_OTHER else []


def _more(one: float | None, two: float | None) -> Lead:
    """Returns which of two has more of what is counted exactly."""
    if one is None or two is None or one == two:
        return Lead.UNKNOWN
    return Lead.FIRST if one > two else Lead.SECOND


def _memory_lead(one: Arm, two: Arm) -> Lead:
    """Returns which of two arms needs more memory, where seeds cannot explain the difference."""
    (place, first), (other, second) = _peaks(one), _peaks(two)
    if place != other or not first:
        return Lead.UNKNOWN
    return compare_runs(list(first.values()), list(second.values())).lead


def _other_side(lead: Lead) -> Lead:
    return {Lead.FIRST: Lead.SECOND, Lead.SECOND: Lead.FIRST}.get(lead, lead)


def _result_rows(group: Group) -> Rows:
    num_test = len(group.labels)
    has_peaks = any(_peaks(arm)[1] for arm in group.arms)
    is_long = any(len(o.epochs) >= MIN_EPOCHS for arm in group.arms for o in arm.outcomes)

    def on(images) -> Callable[[Arm], Cell]:
        return lambda arm: columns.accuracy(own) if (own := images.arm(arm.index)) else Cell("–")

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
        ("Training time", _training_time),
        ("Images per second in training", _images_per_second),
        *([("Peak memory", _peak_memory)] if has_peaks else []),
        *([("Epochs to converge", _epochs_to_converge)] if is_long else []),
    ]


def _recipe_rows(group: Group) -> Rows:
    def in_words(say: Callable[[Mapping], str]) -> Callable[[Arm], Cell]:
        return lambda arm: cells.words(say(arm.config))

    has_origin = any(arm.outcomes[0].origin for arm in group.arms)
    return [
        ("Epochs", lambda arm: cells.count(arm.config["num_epochs"], arm.runs)),
        ("Training images", lambda arm: cells.count(arm.outcomes[0].num_train, arm.runs)),
        ("Batch size", lambda arm: cells.count(arm.config["batch_size"], arm.runs)),
        ("Optimizer", in_words(recipe.optimizer)),
        ("Schedule", in_words(recipe.schedule)),
        ("Augmentation", in_words(recipe.augmentation)),
        ("Regularisation", in_words(recipe.regularisation)),
        *([("Began from", _began_from)] if has_origin else []),
    ]


def _parameters(arm: Arm) -> Cell:
    return cells.count(arm.outcomes[0].parameters, arm.runs)


def _began_from(arm: Arm) -> Cell:
    origin = arm.outcomes[0].origin
    return cells.words(f"weights pretrained on {origin.words}" if origin else "random weights")


def _sampling(arm: Arm) -> Cell:
    answers = np.full(arm.is_right.shape[1], len(arm.outcomes))
    low, high = (100 * bound for bound in share_interval(arm.is_right.sum(axis=0), answers))
    return Cell(f"{low:.2f} to {high:.2f} %", interval=(low, high), runs=arm.runs)


def _known(arm: Arm, value: Callable[[Outcome], float | None]) -> dict[int, float]:
    """A value of each run that has one, by the run's number."""
    found = {outcome.number: value(outcome) for outcome in arm.outcomes}
    return {number: each for number, each in found.items() if each is not None}


def _best(arm: Arm) -> Cell:
    best = _known(arm, lambda o: max((e["test_accuracy"] for e in o.epochs), default=None))
    return cells.percent(list(best.values()), list(best))


def _training_flops(arm: Arm) -> Cell:
    known = _known(arm, lambda outcome: outcome.training_flops)
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
    if estimate.interval and estimate.interval[0] < 0:
        return f"{cells.duration(min(seconds))} to {cells.duration(max(seconds))}"
    half = estimate.interval and f" ± {cells.duration(estimate.interval[1] - estimate.mean)}"
    return f"{cells.duration(estimate.mean)}{half or ''}"


def _images_per_second(arm: Arm) -> Cell:
    if len(cells.durations(arm)) > 1:
        return Cell("on several machines, see the runs", runs=arm.runs)
    known = _known(arm, lambda outcome: (outcome.run.result or {}).get("images_per_second"))
    cell = cells.mean(list(known.values()), list(known), digits=0)
    if cell.interval and cell.interval[0] < 0:
        text = f"{min(known.values()):,.0f} to {max(known.values()):,.0f}"
        return cells.with_text(cell, text)
    return cell


def _peaks(arm: Arm) -> tuple[str, dict[int, float]]:
    """Returns where memory was measured, on the device if it was, and the bytes by run."""
    for place, key in (("the device", "device_bytes"), ("the process", "host_bytes")):
        if peaks := _known(arm, lambda o, k=key: o.run.cost.get("peak_memory", {}).get(k)):
            return place, peaks
    return "", {}


def _peak_memory(arm: Arm) -> Cell:
    """The highest of all runs: what a machine has to have; a CPU has no memory of its own."""
    place, peaks = _peaks(arm)
    gigabytes = max(peaks.values()) / 1e9 if peaks else None
    return cells.number(gigabytes, f"{gigabytes or 0:.2f} GB of {place}", list(peaks))


def _epochs_to_converge(arm: Arm) -> Cell:
    def epochs_of(outcome: Outcome) -> float | None:
        if len(outcome.epochs) < MIN_EPOCHS:
            return None
        keys = ("test_accuracy", "epoch")
        return float(epochs_to_converge(*(np.array([e[k] for e in outcome.epochs]) for k in keys)))

    found = _known(arm, epochs_of)
    return cells.mean(list(found.values()), list(found), digits=1)
