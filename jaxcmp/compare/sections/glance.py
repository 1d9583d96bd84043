"""Results at a glance: one row per quantity, one column per arm."""

from collections.abc import Callable

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.document import Cell, Column, Fact, Section, Table, Text
from jaxcmp.compare.origin import Origin
from jaxcmp.compare.sections import recipe
from jaxcmp.compare.statistics.convergence import epochs_to_converge
from jaxcmp.compare.statistics.means import Estimate, estimate_mean
from jaxcmp.compare.statistics.paired import wilson_interval
from jaxcmp.compare.verdict import same_images_sentence

NOTE = (
    "± is half of the 95 % t-interval of the mean over seeds, taken because runs are independent "
    "and few; n is the number of runs. Training FLOPs: two per multiply-add, a backward pass taken "
    "as two forward passes. Epochs to converge: the first epoch whose test accuracy, smoothed over "
    "5 epochs, is within 0.5 points of the smoothed accuracy at the end."
)


def glance_section(group: Group) -> Section:
    columns = [Column("", is_numeric=False)]
    columns += [Column(arm.name, arm=arm.index) for arm in group.arms]
    rows = [
        [cells.words(label), *(cell(arm) for arm in group.arms)] for label, cell in _rows(group)
    ]
    table = Table("Results at a glance", columns, rows, NOTE)
    sampling = [Text(same_images_sentence(*pair), "note") for pair in group.pairs]
    return Section("glance", "Results at a glance", [table, *sampling])


def facts(group: Group) -> list[Fact]:
    """The accuracies, and how the first two arms compare in size and in time."""
    found = []
    for arm in group.arms:
        cell = cells.percent(arm.accuracies, arm.runs)
        seeds = "1 seed" if cell.num == 1 else f"mean of {cell.num} seeds, ± 95 % interval"
        found.append(Fact(cell.text, f"{arm.name}, test accuracy, last epoch, {seeds}", arm.index))
    if len(group.arms) == 2:
        one, two = group.arms
        names = f"{one.name} to {two.name}"
        work = one.outcomes[0].multiply_adds / two.outcomes[0].multiply_adds
        found.append(Fact(f"{work:.2f}×", f"multiply-adds per image, {names}"))
        times = [cells.durations(arm) for arm in (one, two)]
        if all(len(each) == 1 for each in times) and times[0][0][0] == times[1][0][0]:
            ratio = float(np.mean(times[0][0][1]) / np.mean(times[1][0][1]))
            found.append(Fact(f"{ratio:.2f}×", f"training time, {names}"))
    return found


def _rows(group: Group) -> list[tuple[str, Callable[[Arm], Cell]]]:
    num_test = len(group.labels)
    begun = [("Began from", _began_from)] if any(map(_origin, group.arms)) else []
    measured = [("Peak memory", _peak_memory)] if any(map(_peaks, group.arms)) else []
    return [
        ("Test accuracy, last epoch", lambda arm: cells.percent(arm.accuracies, arm.runs)),
        ("Runs (n)", lambda arm: cells.count(len(arm.outcomes), arm.runs)),
        (f"Its 95 % interval from {num_test:,} test images alone", _sampling),
        ("Best over epochs (selected on the test set)", _best),
        ("Parameters", lambda arm: cells.count(arm.outcomes[0].parameters, arm.runs)),
        (
            "Multiply-adds per image, forward",
            lambda arm: cells.count(arm.outcomes[0].multiply_adds, arm.runs),
        ),
        ("Training FLOPs", _training_flops),
        ("Training time, on", _training_time),
        ("Images per second, in training", _images_per_second),
        *measured,
        ("Epochs to converge", _epochs_to_converge),
        ("Epochs", lambda arm: cells.count(arm.config["num_epochs"], arm.runs)),
        ("Training images", lambda arm: cells.count(arm.outcomes[0].num_train, arm.runs)),
        ("Batch size", lambda arm: cells.count(arm.config["batch_size"], arm.runs)),
        ("Optimizer", lambda arm: cells.words(recipe.optimizer(arm.config))),
        ("Schedule", lambda arm: cells.words(recipe.schedule(arm.config))),
        ("Augmentation", lambda arm: cells.words(recipe.augmentation(arm.config))),
        ("Regularisation", lambda arm: cells.words(recipe.regularisation(arm.config))),
        *begun,
    ]


def _origin(arm: Arm) -> Origin | None:
    return arm.outcomes[0].origin


def _began_from(arm: Arm) -> Cell:
    origin = _origin(arm)
    return cells.words(f"weights that had seen {origin.words}" if origin else "random weights")


def _sampling(arm: Arm) -> Cell:
    num = arm.is_right.shape[1]
    low, high = (100 * bound for bound in wilson_interval(arm.mean_accuracy * num, num))
    return Cell(f"{low:.2f} to {high:.2f} %", interval=(low, high), runs=arm.runs)


def _test_accuracies(arm: Arm) -> dict[int, list[float]]:
    """By epoch, of each run that recorded epochs."""
    return {
        outcome.number: [epoch["test_accuracy"] for epoch in outcome.epochs]
        for outcome in arm.outcomes
        if outcome.epochs
    }


def _best(arm: Arm) -> Cell:
    rows = _test_accuracies(arm)
    return cells.percent([max(row) for row in rows.values()], list(rows))


def _training_flops(arm: Arm) -> Cell:
    costs = {o.number: o.run.cost.get("training_flops") for o in arm.outcomes}
    known = {number: flops for number, flops in costs.items() if flops is not None}
    if not known:
        return Cell("–")
    # One recipe takes the same operations, whatever the seed.
    flops = next(iter(known.values()))
    return cells.number(flops, f"{cells.powers(flops)}FLOP", list(known))


def _training_time(arm: Arm) -> Cell:
    by_device = [(device, estimate_mean(each)) for device, each, _ in cells.durations(arm)]
    parts = [f"{_say_seconds(estimate)} on {device}" for device, estimate in by_device]
    if len(by_device) > 1:
        return Cell("; ".join(parts), num=len(arm.outcomes), runs=arm.runs)
    estimate = by_device[0][1]
    return Cell(parts[0], estimate.mean, estimate.interval, estimate.num, arm.runs)


def _say_seconds(estimate: Estimate) -> str:
    text = cells.duration(estimate.mean)
    if estimate.interval is None:
        return text
    return f"{text} ± {cells.duration(estimate.interval[1] - estimate.mean)}"


def _images_per_second(arm: Arm) -> Cell:
    rates = {o.number: (o.run.result or {}).get("images_per_second") for o in arm.outcomes}
    known = {number: rate for number, rate in rates.items() if rate is not None}
    if len(cells.durations(arm)) > 1:
        return Cell("several machines: see how it was measured", runs=arm.runs)
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
    if not peaks:
        return Cell("–")
    gigabytes = max(peaks.values()) / 1e9
    return cells.number(gigabytes, f"{gigabytes:.2f} GB of {place}", list(peaks))


def _epochs_to_converge(arm: Arm) -> Cell:
    found = {}
    for outcome in arm.outcomes:
        if records := outcome.epochs:
            accuracy, epochs = (
                np.array([record[key] for record in records]) for key in ("test_accuracy", "epoch")
            )
            found[outcome.number] = float(epochs_to_converge(accuracy, epochs))
    return cells.mean(list(found.values()), list(found), digits=1)
