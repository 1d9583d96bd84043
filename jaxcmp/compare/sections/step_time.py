"""Whether multiply-adds and measured seconds tell the same story about two arms."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from jaxcmp.compare import cells
from jaxcmp.compare.document import Block, Cell, Column, Table, Text
from jaxcmp.compare.statistics.ratios import Ratio, compare_ratio

TIME_NOTE = (
    "A step is augmentation, forward pass, backward pass and update. Per image: the median step of "
    "a run divided by its batch, then the mean over runs and its 95 % t-interval. Multiply-adds "
    "are those of the forward pass alone. Ratios are to the first arm, those of seconds to its "
    "geometric mean with Welch's 95 % interval, on the same device only."
)


@dataclasses.dataclass(frozen=True)
class ArmSizes:
    """What the runs of one arm say about its size and speed.

    `index` is into Comparison.arms, `runs` into Report.runs. `model` is config["model"];
    `parameters` and `multiply_adds` are by component, as in cost.json. `step_seconds` is the
    median of each of `runs`, None where it was not recorded.
    """

    index: int
    name: str
    model: dict[str, Any]
    num_channels: int
    parameters: dict[str, int]
    multiply_adds: dict[str, int]
    step_seconds: list[float | None]
    batch_size: int
    device: str
    runs: list[int]


def time_blocks(arms: Sequence[ArmSizes]) -> list[Block]:
    """A table of counts beside seconds, and a sentence for each arm that the first is timed with.

    There is at least one arm, and each has multiply-adds.
    """
    sentences = [_time_sentence(arm, arms[0]) for arm in arms[1:]]
    return [_time_table(arms), *(Text(sentence) for sentence in sentences if sentence)]


def _milliseconds(arm: ArmSizes) -> list[float]:
    """One training step per image, of each run that recorded it."""
    return [1000 * each / arm.batch_size for each in arm.step_seconds if each is not None]


def _time_ratio(arm: ArmSizes, first: ArmSizes) -> Ratio | None:
    """Seconds per image over those of the first arm; None if they were not measured alike."""
    times, base = _milliseconds(arm), _milliseconds(first)
    if arm.device != first.device or not times or not base:
        return None
    return compare_ratio(times, base)


def _time_table(arms: Sequence[ArmSizes]) -> Table:
    columns = [Column("Arm", is_numeric=False), Column("Multiply-adds per image, forward")]
    columns += [Column("Ratio"), Column("Training step per image, ms"), Column("Ratio")]
    columns += [Column("n"), Column("Batch"), Column("Device", is_numeric=False)]
    base = sum(arms[0].multiply_adds.values())
    rows = []
    for arm in arms:
        work, times = sum(arm.multiply_adds.values()), _milliseconds(arm)
        # Three digits tell, whatever the size of the model.
        digits = max(0, 2 - math.floor(math.log10(sum(times) / len(times)))) if times else 0
        measured = [i for i, s in zip(arm.runs, arm.step_seconds, strict=True) if s is not None]
        ratio = _time_ratio(arm, arms[0])
        rows.append(
            [
                Cell(arm.name, arm=arm.index),
                cells.count(work, arm.runs),
                cells.number(work / base, f"{work / base:.2f}", arm.runs),
                cells.mean(times, measured, digits=digits),
                _ratio_cell(ratio, measured),
                cells.count(len(times)),
                cells.count(arm.batch_size),
                cells.words(arm.device),
            ]
        )
    return Table("Multiply-adds beside seconds", columns, rows, TIME_NOTE)


def _ratio_cell(ratio: Ratio | None, runs: list[int]) -> Cell:
    if ratio is None:
        return cells.number(None, "")
    return Cell(_say(ratio), ratio.mean, ratio.interval, runs=runs)


def _say(ratio: Ratio) -> str:
    if ratio.interval is None:
        return f"{ratio.mean:.2f}"
    return f"{ratio.mean:.2f} [{ratio.interval[0]:.2f}, {ratio.interval[1]:.2f}]"


def _time_sentence(arm: ArmSizes, first: ArmSizes) -> str | None:
    """Whether multiply-adds and seconds rank this arm and the first alike."""
    time = _time_ratio(arm, first)
    if time is None:
        return None
    work = sum(arm.multiply_adds.values()) / sum(first.multiply_adds.values())
    low, high = time.interval or (time.mean, time.mean)
    if work == 1:
        meaning = "the counts are equal"
    elif low <= 1 <= high:
        meaning = "the seconds do not tell the two apart"
    elif (work > 1) == (time.mean > 1):
        meaning = "counts and seconds rank the two alike"
    else:
        meaning = "counts and seconds do not rank the two alike"
    return (
        f"{arm.name} does {work:.2f} times the multiply-adds of {first.name}, and its training "
        f"step takes {_say(time)} times as long per image, on {arm.device}: {meaning}."
    )
