"""The report as data: every page is made from this, and report.json is nothing else.

Numbers stand in cells and series, each with the runs it was made from: `runs` holds indices into
`Report.runs`. An arm is given by its index into `Comparison.arms`, which also picks its colour.
A value that is not finite is stored as null.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

SCHEMA = 2

Numbers = Sequence[float | None]
Interval = tuple[float, float]


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a report; a block says in its `kind` which part it is."""


class Text(Part, frozen=True, tag_field="kind", tag="text"):
    """A paragraph of plain text; a "note" is set smaller, an "answer" larger."""

    text: str
    style: Literal["plain", "note", "answer"] = "plain"


class Commands(Part, frozen=True, tag_field="kind", tag="commands"):
    """Lines to be typed, one command each."""

    lines: list[str]


class Cell(Part, frozen=True):
    """A cell of a table.

    `text` is what is read, `value` what is sorted by: a number in the unit of the column, or None
    where there is none. `verdict` colours the cell as one that holds, fails, or is open.
    """

    text: str
    value: float | None = None
    interval: Interval | None = None
    num: int | None = None
    runs: list[int] = []
    arm: int | None = None
    verdict: Literal["holds", "fails", "open"] | None = None


class Column(Part, frozen=True):
    """A heading; figures stand to the right, words to the left."""

    label: str
    is_numeric: bool = True
    arm: int | None = None


class Table(Part, frozen=True, tag_field="kind", tag="table"):
    """Rows of as many cells as there are columns; the first cell of a row is its name."""

    title: str
    columns: list[Column]
    rows: list[list[Cell]]
    note: str = ""


class Axis(Part, frozen=True):
    """`categories` name the places 0, 1, ... of a "category" axis, on `y` from the top."""

    label: str
    scale: Literal["linear", "log", "category"] = "linear"
    categories: list[str] = []
    limits: tuple[float, float] | None = None


Style = Literal["thin", "thick", "dashed", "reference", "points", "bars"]


class Series(Part, frozen=True):
    """Points (x, y), with an interval from low to high along the value axis where it is known.

    "thin" is the line of one run, "thick" a mean, "dashed" a fit, "reference" a guide without data,
    "points" are markers and "bars" bars. A missing value (None) leaves a gap.
    """

    label: str
    x: Sequence[float]
    y: Numbers
    style: Style
    arm: int | None = None
    low: Numbers | None = None
    high: Numbers | None = None
    runs: list[int] = []


class Plot(Part, frozen=True, tag_field="kind", tag="plot"):
    """Series over two axes; with categories on `y`, values lie along x, as do `low` and `high`."""

    title: str
    x: Axis
    y: Axis
    series: list[Series]


class Heatmap(Part, frozen=True, tag_field="kind", tag="heatmap"):
    """A matrix [rows][columns]; `is_diverging` centres the colours on zero."""

    title: str
    row_label: str
    column_label: str
    rows: list[str]
    columns: list[str]
    values: Sequence[Numbers]
    unit: str
    is_diverging: bool = False
    runs: list[int] = []


class Figure(Part, frozen=True, tag_field="kind", tag="figure"):
    """Panels side by side, or one below the other where there is no room; `name` is its file's."""

    name: str
    panels: Sequence[Plot | Heatmap]
    caption: str
    alternative: str


class Picture(Part, frozen=True):
    """A test image as a PNG in base64, or None where no run has kept it, and lines below it."""

    png: str | None
    alternative: str
    lines: list[str]


class Gallery(Part, frozen=True, tag_field="kind", tag="gallery"):
    """Test images with what the arms answered; wide pictures have several images in a row."""

    pictures: list[Picture]
    caption: str
    is_wide: bool = False


Block = Text | Commands | Table | Figure | Gallery


class Section(Part, frozen=True):
    """A section: a question and its answer; `id` is unique within its comparison.

    `details` are for readers who want more: a page folds them away under the few words of `folded`.
    """

    id: str
    title: str
    blocks: list[Block]
    details: list[Block] = []
    folded: str = ""


class Fact(Part, frozen=True):
    """A number at the top of a comparison."""

    text: str
    label: str
    arm: int | None = None


class Finding(Part, frozen=True):
    """A sentence that a reader takes away, and the section that shows it."""

    text: str
    section: str
    label: str = "Details"


class Suggestion(Part, frozen=True):
    """A question that no run here answers, and the command that would."""

    text: str
    command: str


class Comparison(Part, frozen=True):
    """The arms that were tested on the same images; `verdict` answers in a sentence or two.

    What stands first are the answer, the `opening` figure, facts, findings and the trade-off; then
    come the sections that have data, and what more runs would add. `notes` say what the answer
    leaves unsaid. `runs` are behind the verdict, the facts, the texts and the galleries, which
    name none.
    """

    id: str
    data: str
    title: str
    arms: list[str]
    verdict: list[str]
    facts: list[Fact]
    sections: list[Section]
    runs: list[int] = []
    opening: Figure | None = None
    findings: list[Finding] = []
    tradeoff: Table | None = None
    notes: list[str] = []
    more: list[Suggestion] = []


class Source(Part, frozen=True):
    """A run that the report was made from."""

    folder: str
    arm: str
    seed: int
    config_hash: str


class LeftOut(Part, frozen=True):
    """A folder that the report leaves out, and the reason."""

    folder: str
    reason: str


class Report(Part, frozen=True):
    """`left_out` are folders that were given; `missing` are runs of a study that has a plan."""

    comparisons: list[Comparison]
    runs: list[Source]
    left_out: list[LeftOut]
    schema: int = SCHEMA
    missing: list[LeftOut] = field(default_factory=list)

    @property
    def incomplete(self) -> str | None:
        """Says in a sentence that runs of the study are missing; None where none is."""
        num, planned = len(self.missing), len(self.missing) + len(self.runs)
        if not num:
            return None
        runs = "run is" if planned == 1 else "runs is" if num == 1 else "runs are"
        return f"This study is not complete: {num:,} of {planned:,} {runs} missing."


def to_json(report: Report) -> bytes:
    """Encodes the report; a folder's name may hold bytes that are no text, which are escaped."""
    plain = msgspec.to_builtins(report, enc_hook=float)
    content = msgspec.json.encode(_writable(plain))
    return msgspec.json.format(content, indent=1) + b"\n"


def from_json(content: bytes | str) -> Report:
    """Reads what `to_json` wrote; raises msgspec.DecodeError or ValueError for anything else."""
    report = msgspec.json.decode(content, type=Report)
    if report.schema != SCHEMA:
        raise ValueError(f"its schema is {report.schema}, this program reads {SCHEMA}")
    return report


def _writable(value: Any) -> Any:
    """Replaces halves of surrogate pairs, which UTF-8 has no bytes for, by their escapes."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _writable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_writable(item) for item in value]
    return value
