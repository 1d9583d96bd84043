"""Images/s and memory against the size of the work, as one SVG of small panels."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

TITLES = {
    "batch_size": "batch size",
    "image_size": "image size, pixels",
    "depth": "depth, blocks",
    "width": "width",
    "steps_per_dispatch": "steps per dispatch",
}
# The colours of arms in the report; the marker says the same again.
COLOURS, MARKERS = ("#0072b2", "#b04a08", "#155a3c", "#99527f"), "osD^"
PANEL_WIDTH, PANEL_HEIGHT = 2.3, 2.1
MEBIBYTE = 2**20

Series = Mapping[str, Sequence[Mapping[str, Any]]]


def draw(series: Mapping[str, Series]) -> bytes:
    """An SVG of a column an axis: images/s above, memory below; the same data, the same bytes.

    `series` are points by axis for each name, as a record of kind "scale" holds them. A line goes
    through medians, bars from the slowest to the fastest sample.
    """
    axes_names = [name for name in TITLES if any(name in each for each in series.values())]
    settings: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "jaxcmp", "font.size": 8}
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(settings)
        size = (PANEL_WIDTH * max(1, len(axes_names)), 2 * PANEL_HEIGHT)
        figure = Figure(size, layout="constrained")
        panels = figure.subplots(2, max(1, len(axes_names)), squeeze=False)
        for column, axis in enumerate(axes_names):
            speed, memory = panels[0][column], panels[1][column]
            for i, (name, points) in enumerate(series.items()):
                style = {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
                done = [each for each in points.get(axis, ()) if "images_per_second" in each]
                draw_speed(speed, done, {**style, "label": name})
                draw_memory(memory, done, style)
            finish(speed, memory, axis, is_first=column == 0)
        handles, labels = panels[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=len(labels), frameon=False)
        stored = io.BytesIO()
        # Without the date and matplotlib's version the bytes repeat.
        FigureCanvasSVG(figure).print_svg(stored, metadata={"Date": None, "Creator": "jaxcmp"})
    return stored.getvalue()


def draw_speed(panel: Axes, points: Sequence[Mapping[str, Any]], style: Mapping[str, Any]) -> None:
    medians = [each["images_per_second"] for each in points]
    # Images/s are highest where a step took least.
    lower = [m - _rate(p, "max") for m, p in zip(medians, points, strict=True)]
    upper = [_rate(p, "min") - m for m, p in zip(medians, points, strict=True)]
    values = [each["value"] for each in points]
    panel.errorbar(values, medians, (lower, upper), markersize=4, linewidth=1.2, **style)


def draw_memory(panel: Axes, points: Sequence[Mapping[str, Any]], style: Mapping[str, Any]) -> None:
    # Peak memory has the compiler's in it, whose own differs from run to run.
    known = [(p["value"], p["memory"]["step_temporary_bytes"]) for p in points]
    known = [(value, num_bytes) for value, num_bytes in known if num_bytes is not None]
    values, sizes = [value for value, _ in known], [x / MEBIBYTE for _, x in known]
    panel.plot(values, sizes, markersize=4, linewidth=1.2, **style)


def peak(memory: Mapping[str, Any]) -> int:
    """The fullest device's bytes, or on a CPU, where there are none, the process's."""
    return memory["device_bytes"] or memory["host_bytes"]


def finish(speed: Axes, memory: Axes, axis: str, *, is_first: bool) -> None:
    values = sorted({float(x) for line in memory.get_lines() for x in np.asarray(line.get_xdata())})
    for panel in (speed, memory):
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        panel.set_xticks(values, tick_labels(values))
        panel.minorticks_off()
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="y", color="#e4e4e4", linewidth=0.6)
        low, high = panel.get_ylim()
        marks = [m * 10.0**e for e in range(-3, 9) for m in (1, 2, 5)]
        # From a mark to a mark, so that each axis has two at least.
        bottom, top = max(x for x in marks if x <= low), min(x for x in marks if x >= high)
        panel.set_ylim(bottom, top)
        ticks = [x for x in marks if bottom <= x <= top]
        panel.set_yticks(ticks, [f"{tick:,g}" for tick in ticks])
    memory.set_xlabel(TITLES[axis])
    if is_first:
        speed.set_ylabel("images/s")
        memory.set_ylabel("memory of a step, MiB")


def tick_labels(values: Sequence[float]) -> list[str]:
    """Of ascending values on a logarithmic axis; empty where one would run into that before it."""
    room = 0.15 * np.log(values[-1] / values[0]) if values else 0
    labels, last = [], 0.0
    for value in values:
        is_apart = last == 0 or np.log(value / last) >= room
        labels.append(f"{value:g}" if is_apart else "")
        last = value if is_apart else last
    return labels


def _rate(point: Mapping[str, Any], end: str) -> float:
    """Images/s of the slowest or fastest sample, from the step's seconds."""
    step = point["step_seconds"]
    return point["images_per_second"] * step["median"] / step[end]
