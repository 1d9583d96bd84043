"""The report to JSON and back, so that pages can be made from report.json alone."""

import dataclasses
import math
from typing import Any

from jaxcmp.compare.document import (
    SCHEMA,
    Axis,
    Block,
    Cell,
    Column,
    Commands,
    Comparison,
    Fact,
    Figure,
    Gallery,
    Heatmap,
    LeftOut,
    Picture,
    Plot,
    Report,
    Section,
    Series,
    Source,
    Table,
    Text,
)


def to_json(report: Report) -> dict[str, Any]:
    """Plain values; what is not finite becomes None, which JSON can say."""
    return _plain(dataclasses.asdict(report))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def from_json(stored: dict[str, Any]) -> Report:
    """What `to_json` wrote; raises KeyError, TypeError or ValueError for anything else."""
    if stored["schema"] != SCHEMA:
        raise ValueError(f"its schema is {stored['schema']}, this program reads {SCHEMA}")
    return Report(
        comparisons=[_comparison(each) for each in stored["comparisons"]],
        runs=[Source(**each) for each in stored["runs"]],
        left_out=[LeftOut(**each) for each in stored["left_out"]],
        # Reports from before there were studies have none.
        missing=[LeftOut(**each) for each in stored.get("missing", [])],
    )


def _comparison(stored: dict[str, Any]) -> Comparison:
    facts = [Fact(**each) for each in stored["facts"]]
    sections = [
        Section(each["id"], each["title"], [_block(block) for block in each["blocks"]])
        for each in stored["sections"]
    ]
    return Comparison(**stored | {"facts": facts, "sections": sections})


def _block(stored: dict[str, Any]) -> Block:
    parts: dict[str, Any] = dict(stored)
    match stored["kind"]:
        case "text":
            return Text(**parts)
        case "commands":
            return Commands(**parts)
        case "table":
            parts["columns"] = [Column(**each) for each in stored["columns"]]
            parts["rows"] = [[Cell(**cell) for cell in row] for row in stored["rows"]]
            return Table(**parts)
        case "figure":
            parts["panels"] = [_panel(each) for each in stored["panels"]]
            return Figure(**parts)
        case "gallery":
            parts["pictures"] = [Picture(**each) for each in stored["pictures"]]
            return Gallery(**parts)
    raise ValueError(f"there is no block of kind {stored['kind']!r}")


def _panel(stored: dict[str, Any]) -> Plot | Heatmap:
    if stored["kind"] == "heatmap":
        return Heatmap(**stored)
    parts: dict[str, Any] = {name: Axis(**stored[name]) for name in ("x", "y")}
    parts["series"] = [Series(**each) for each in stored["series"]]
    return Plot(**stored | parts)
