"""Numbers as they are shown: with a unit, an interval, an n, and the runs they come from."""

import math
from collections.abc import Iterable, Sequence

from msgspec import structs

from jaxcmp.compare.arms import Arm, gathered
from jaxcmp.compare.document import Cell
from jaxcmp.compare.statistics.means import MIN_RUNS, Estimate, estimate_mean
from jaxcmp.compare.words import CLEAR, UNCLEAR

MINUS = "−"
# An interval of more points leaves no meaning to a second decimal.
WIDE = 10


def number(value: float | None, text: str, runs: Sequence[int] = ()) -> Cell:
    return Cell("–" if value is None else text, value, runs=list(runs))


def decimal(value: float | None, runs: Sequence[int], *, digits: int) -> Cell:
    text = "" if value is None else decimals(value, digits)
    return number(value, text, runs)


def percent(values: Sequence[float], runs: Sequence[int]) -> Cell:
    """The mean of shares over runs, in percent."""
    return mean([100 * value for value in values], runs, digits=2, unit=" %", most=100)


def mean(
    values: Sequence[float],
    runs: Sequence[int],
    *,
    digits: int,
    unit: str = "",
    most: float = math.inf,
) -> Cell:
    """The mean over runs with its 95 % t-interval; of fewer runs than three, each is shown."""
    if not values:
        return Cell("–")
    estimate = estimate_mean(values, most=most)
    text = over_runs(values, estimate, digits=digits, unit=unit)
    return Cell(text, estimate.mean, estimate.interval, len(values), list(runs))


def over_runs(values: Sequence[float], estimate: Estimate, *, digits: int, unit: str = "") -> str:
    """Writes the values of runs: few of them one by one, else their mean and its interval."""
    mean = decimals(estimate.mean, digits)
    if len(values) < MIN_RUNS:
        return " and ".join(decimals(value, digits) for value in values) + unit
    if estimate.interval is None:
        return f"{mean}{unit} (all {len(values)} runs)"
    low, high = estimate.interval
    half = max(high - estimate.mean, estimate.mean - low)
    if half - min(high - estimate.mean, estimate.mean - low) > 1e-9 * half:
        # Cut off at what can be, it is no longer as wide on either side.
        return f"{mean} [{decimals(low, digits)}, {decimals(high, digits)}]{unit}"
    shown = f"{half:,.{digits}f}"
    least = f"{10.0**-digits:.{digits}f}"
    return f"{mean} ± {shown if float(shown.replace(',', '')) else f'< {least}'}{unit}"


def estimated(
    found: Estimate,
    runs: Sequence[int] = (),
    *,
    digits: int = 2,
    unit: str = "",
    is_signed: bool = False,
) -> Cell:
    """An estimate with both ends of its interval: 12.35 % [10.00, 20.00]."""
    write = points if is_signed else decimals
    text = f"{write(found.mean, digits)}{unit}"
    if found.interval is not None:
        text += f" [{', '.join(write(end, digits) for end in found.interval)}]"
    return Cell(text, found.mean, found.interval, runs=list(runs))


def share(value: float, runs: Sequence[int]) -> Cell:
    """A share in percent, without an interval."""
    return estimated(Estimate(100 * value), runs, unit=" %")


def with_text(cell: Cell, text: str) -> Cell:
    return structs.replace(cell, text=text)


def decimals(value: float, digits: int = 2) -> str:
    """Writes a minus sign only where the rounded number is below zero."""
    text = f"{abs(value):,.{digits}f}"
    return f"{MINUS}{text}" if value < 0 and text.strip("0.") else text


def p_value(value: float | None, runs: Sequence[int] = ()) -> Cell:
    return number(value, short_p(value), runs)


def count(value: int, runs: Sequence[int] = ()) -> Cell:
    return Cell(f"{value:,}", value, runs=list(runs))


def points(value: float, digits: int = 2) -> str:
    """Writes a number with so many decimals, and with its sign where it is not zero."""
    text = decimals(value, digits)
    return text if text.startswith(MINUS) or not text.strip("0.") else f"+{text}"


def short_p(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.2g}"


def say_p(value: float) -> str:
    return f"p {short_p(value)}" if value < 0.001 else f"p = {short_p(value)}"


def duration(seconds: float, half: float | None = None) -> str:
    """Rounded to what a reader can use: seconds, minutes or hours; with half of its interval."""
    if seconds < 120:
        size, unit, digits = 1, "s", 0
    elif seconds < 7200:
        size, unit, digits = 60, "min", 0
    else:
        size, unit, digits = 3600, "h", 1
    if half is None:
        return f"{seconds / size:.{digits}f} {unit}"
    # Less than half of the last decimal would be written as zero.
    digits += half / size < 0.5 * 10**-digits
    return f"{seconds / size:.{digits}f} ± {half / size:.{digits}f} {unit}"


def powers(value: float) -> str:
    """A large number to three digits, ending in the prefix that its unit is to follow."""
    # Rounded before the prefix is chosen: 999.9 G is 1 T.
    rounded = float(f"{value:.3g}")
    for prefix, size in (("E", 1e18), ("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6)):
        if rounded >= size:
            return f"{rounded / size:g} {prefix}"
    return f"{value:,.0f} "


def durations(arm: Arm) -> dict[str, list[float]]:
    """Seconds by device: times on different machines have no common mean."""
    by_device = gathered(arm.outcomes, lambda each: each.device)
    return {device: [each.train_seconds for each in own] for device, own in by_device.items()}


def digits_of(found: Iterable[Estimate]) -> int:
    """Returns how many decimals tell anything beside the widest interval, in percent or points."""
    intervals = [each.interval for each in found if each.interval]
    return 1 if any(high - low > WIDE for low, high in intervals) else 2


def in_words(
    found: Estimate,
    unit: str = "points",
    *,
    is_signed: bool = False,
    of: str = "",
    also: str = "",
) -> str:
    """Writes the size, its interval and its p value: 5.29 points (95 % interval 4.90 to 5.68, ...).

    A size without a sign is that of the lead, whichever arm has it. `of` names what Holm's
    correction is over: "classes". `also` follows the rest.
    """
    if not is_signed and found.mean < 0:
        found = found.times(-1)
    write = points if is_signed else decimals
    said = []
    if found.interval is not None:
        said.append(f"95 % interval {' to '.join(map(write, found.interval))}")
    elif found.p_value is None:
        said.append("fewer than three seeds, or equal ones: no interval")
    else:
        said.append("seeds equal within each arm")
    if found.p_value is not None:
        said.append(say_p(found.p_value) + f" after Holm's correction for all {of}" * bool(of))
    return (
        f"{write(found.mean)} {unit}".rstrip() + f" ({', '.join([*said, *filter(None, [also])])})"
    )


def surely(found: Estimate) -> str:
    """Says after a size how sure it is; nothing where it has no interval."""
    return f", {CLEAR if found.lead.is_real else UNCLEAR}" if found.interval else ""


def as_text(found: Estimate) -> str:
    """Writes +5.29 [+4.90, +5.68]."""
    return as_cell(found, []).text


def as_cell(found: Estimate, runs: Sequence[int], digits: int = 2) -> Cell:
    """A difference of two arms, with its sign."""
    return estimated(found, runs, digits=digits, is_signed=True)
