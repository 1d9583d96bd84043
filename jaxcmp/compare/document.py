"""The report as data: every page is made from this, and report.json is nothing else.

Numbers stand in cells and series, each with the runs it was made from: `runs` holds indices into
`Report.runs`. An arm is given by its index into `Comparison.arms`, which also picks its colour.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal

SCHEMA = 1


@dataclasses.dataclass(frozen=True)
class Text:
    """A paragraph of plain text; a "note" is set smaller, an "answer" larger."""

    text: str
    style: Literal["plain", "note", "answer"] = "plain"
    kind: Literal["text"] = "text"


@dataclasses.dataclass(frozen=True)
class Commands:
    """Lines to be typed, one command each."""

    lines: list[str]
    kind: Literal["commands"] = "commands"


@dataclasses.dataclass(frozen=True)
class Cell:
    """What a table shows at one place.

    `text` is what is read, `value` what is sorted by: a number in the unit of the column, or None
    where there is none. `verdict` colours the cell as one that holds, fails, or is open.
    """

    text: str
    value: float | None = None
    interval: tuple[float, float] | None = None
    num: int | None = None
    runs: list[int] = dataclasses.field(default_factory=list)
    arm: int | None = None
    verdict: Literal["holds", "fails", "open"] | None = None


@dataclasses.dataclass(frozen=True)
class Column:
    """A heading; figures stand to the right, words to the left."""

    label: str
    is_numeric: bool = True
    arm: int | None = None


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of as many cells as there are columns; the first cell of a row is its name."""

    title: str
    columns: list[Column]
    rows: list[list[Cell]]
    note: str = ""
    kind: Literal["table"] = "table"


@dataclasses.dataclass(frozen=True)
class Axis:
    """`categories` name the places 0, 1, ... of a "category" axis, on `y` from the top."""

    label: str
    scale: Literal["linear", "log", "category"] = "linear"
    categories: list[str] = dataclasses.field(default_factory=list)
    limits: tuple[float, float] | None = None


@dataclasses.dataclass(frozen=True)
class Series:
    """Points (x, y), with an interval from low to high along the value axis where it is known.

    "thin" is the line of one run, "thick" a mean, "dashed" a fit, "reference" a guide without data,
    "points" are markers and "bars" bars. A missing value (None) leaves a gap.
    """

    label: str
    x: list[float]
    y: list[float | None]
    style: Literal["thin", "thick", "dashed", "reference", "points", "bars"]
    arm: int | None = None
    low: list[float | None] | None = None
    high: list[float | None] | None = None
    runs: list[int] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Plot:
    """Series over two axes; with categories on `y`, values lie along x, as do `low` and `high`."""

    title: str
    x: Axis
    y: Axis
    series: list[Series]
    kind: Literal["plot"] = "plot"


@dataclasses.dataclass(frozen=True)
class Heatmap:
    """A matrix [rows][columns]; `is_diverging` centres the colours on zero."""

    title: str
    row_label: str
    column_label: str
    rows: list[str]
    columns: list[str]
    values: list[list[float]]
    unit: str
    is_diverging: bool = False
    runs: list[int] = dataclasses.field(default_factory=list)
    kind: Literal["heatmap"] = "heatmap"


@dataclasses.dataclass(frozen=True)
class Figure:
    """Panels side by side, or one below the other where there is no room; `name` is its file's."""

    name: str
    panels: Sequence[Plot | Heatmap]
    caption: str
    alternative: str
    kind: Literal["figure"] = "figure"


@dataclasses.dataclass(frozen=True)
class Picture:
    """A test image as a PNG in base64, or None where no run has kept it, and lines below it."""

    png: str | None
    alternative: str
    lines: list[str]


@dataclasses.dataclass(frozen=True)
class Gallery:
    pictures: list[Picture]
    caption: str
    kind: Literal["gallery"] = "gallery"


Block = Text | Commands | Table | Figure | Gallery


@dataclasses.dataclass(frozen=True)
class Section:
    """`id` is unique within its comparison."""

    id: str
    title: str
    blocks: list[Block]


@dataclasses.dataclass(frozen=True)
class Fact:
    """One of the few figures at the top of a comparison."""

    text: str
    label: str
    arm: int | None = None


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The arms that were tested on the same images; `verdict` answers in a sentence or two.

    `runs` are behind the verdict, the facts, the texts and the galleries, which name none.
    """

    id: str
    data: str
    title: str
    arms: list[str]
    verdict: list[str]
    facts: list[Fact]
    sections: list[Section]
    runs: list[int] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Source:
    """A run that the report was made from."""

    folder: str
    arm: str
    seed: int
    config_hash: str


@dataclasses.dataclass(frozen=True)
class LeftOut:
    folder: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Report:
    """`left_out` are folders that were given; `missing` are runs of a study that has a plan."""

    comparisons: list[Comparison]
    runs: list[Source]
    left_out: list[LeftOut]
    schema: int = SCHEMA
    missing: list[LeftOut] = dataclasses.field(default_factory=list)

    @property
    def incomplete(self) -> str | None:
        """That runs of the study are missing, in a sentence; None where none is."""
        num, planned = len(self.missing), len(self.missing) + len(self.runs)
        if not num:
            return None
        runs = "run is" if planned == 1 else "runs is" if num == 1 else "runs are"
        return f"This study is not complete: {num:,} of {planned:,} {runs} missing."
