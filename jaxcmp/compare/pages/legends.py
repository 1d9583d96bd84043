"""Which line is whose: names at the ends of lines, or a legend where they would collide."""

import dataclasses

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from jaxcmp.compare.pages.marks import Placed, bar_look, line_look
from jaxcmp.compare.pages.palette import stand_in
from jaxcmp.compare.pages.scales import clean

MAX_NAMES = 5
MAX_NAME_WIDTH = 84
MAX_LEGEND_NAME = 34
# Heights in points: a line of text, and how far a name may stand from the end of its line.
LINE_HEIGHT = 12
MAX_SHIFT = 14


@dataclasses.dataclass(frozen=True)
class Name:
    """A name beside the end of its line, which is (x, y) in the data."""

    text: Text
    end: tuple[float, float]


def named(placed: list[Placed]) -> list[Placed]:
    """The series whose names are shown: once each, and single runs only where there is no mean."""
    means = {each.series.arm for each in placed if each.series.style == "thick"}
    names = {}
    for each in placed:
        is_run = each.series.style == "thin" and each.series.arm in means
        if each.series.label.strip() and not is_run:
            names.setdefault((each.series.label, each.series.arm), each)
    runs = [each for each in names.values() if each.series.style == "thin"]
    are_few = len(runs) <= MAX_NAMES
    kept = [each for each in names.values() if are_few or each.series.style != "thin"]
    # Guides are told last.
    return sorted(kept, key=lambda each: each.series.style == "reference")


def name_ends(axes: Axes, placed: list[Placed]) -> list[Name]:
    """Writes names at the right ends of lines; returns none where some line does not end there."""
    shown = named(placed)
    if len(shown) > MAX_NAMES or any(each.series.style in {"points", "bars"} for each in shown):
        return []
    # Limits follow the data only when they are next asked for; until then, places are wrong.
    axes.autoscale_view()
    ends = [_end(axes, each) for each in shown]
    if any(end is None for end in ends):
        return []
    return [
        Name(
            axes.text(
                1.015, 0.5, clean(each.series.label), transform=axes.transAxes, va="center",
                color=each.colour,
            ),
            end,
        )
        for each, end in zip(shown, ends, strict=True)
        if end is not None
    ]  # fmt: skip


def add_legend(figure: Figure, placed: list[Placed], title: str = "") -> None:
    """A legend above the axes, in as many columns as fit; many rows make the figure taller."""
    shown = named(placed)
    if not shown:
        return
    # What the title or the axes speak of needs no legend.
    only = shown[0].series if len(shown) == 1 else None
    if only is not None and (only.arm is None or only.label in title):
        return
    handles = [_handle(each) for each in shown]
    num_columns = _num_columns(figure, shown)
    num_rows = -(-len(shown) // num_columns)
    figure.set_figheight(figure.get_figheight() + max(num_rows - 2, 0) * LINE_HEIGHT * 1.1 / 72)
    legend = figure.legend(
        handles, ["-"] * len(shown), loc="outside upper left", ncols=num_columns,
        frameon=False, borderpad=0, borderaxespad=0.2, handlelength=1.6, handletextpad=0.5,
        columnspacing=1.2, labelspacing=0.25, labelcolor=stand_in("ink"),
    )  # fmt: skip
    # A legend leaves out labels that start with "_", but not texts that are set afterwards.
    for text, each in zip(legend.get_texts(), shown, strict=True):
        text.set_text(clean(each.series.label, MAX_LEGEND_NAME))


def part(axes: Axes, names: list[Name]) -> bool:
    """Moves names apart once the layout is known; False where they would stray from their lines."""
    if not names:
        return True
    names = sorted(names, key=lambda name: name.end[1])
    wanted = np.array([axes.transData.transform(name.end)[1] for name in names])
    steps = np.arange(len(names)) * LINE_HEIGHT
    # Names that are LINE_HEIGHT apart at least and move least in all: isotonic regression.
    moved = _isotonic(wanted - steps) + steps
    if np.abs(moved - wanted).max() > MAX_SHIFT:
        return False
    for name, height in zip(names, moved, strict=True):
        fraction = axes.transAxes.inverted().transform((0, height))[1]
        name.text.set_y(float(fraction))
    return True


def _isotonic(values: np.ndarray) -> np.ndarray:
    """The closest values that never fall, by pooling those that do (Ayer et al. 1955)."""
    pools: list[list[float]] = []
    for value in values:
        pools.append([float(value)])
        while len(pools) > 1 and np.mean(pools[-2]) > np.mean(pools[-1]):
            last = pools.pop()
            pools[-1] += last
    return np.concatenate([np.full(len(pool), np.mean(pool)) for pool in pools])


def text_width(figure: Figure, text: str) -> float:
    """In points, at the size of the figure's text."""
    artist = figure.text(0, 0, text)
    width = artist.get_window_extent().width
    artist.remove()
    return width


def _end(axes: Axes, placed: Placed) -> tuple[float, float] | None:
    """Where a line ends, or None where there is no room for its name."""
    (known,) = np.nonzero(~np.isnan(placed.x) & ~np.isnan(placed.y))
    figure = axes.get_figure(root=True)
    if figure is None or not known.size:
        return None
    end = (float(placed.x[known[-1]]), float(placed.y[known[-1]]))
    across, up = axes.transAxes.inverted().transform(axes.transData.transform(end))
    is_at_right = 0.85 <= across <= 1.001 and -0.001 <= up <= 1.001
    is_short = text_width(figure, clean(placed.series.label)) <= MAX_NAME_WIDTH
    return end if is_at_right and is_short else None


def _handle(placed: Placed) -> Artist:
    if placed.series.style == "bars":
        return Patch(**bar_look(placed))
    look = line_look(placed)
    if placed.series.style == "thick" and not placed.repeat:
        look |= {"marker": placed.marker, "markersize": 5}
    return Line2D([], [], color=placed.colour, markeredgewidth=0, **look)


def _num_columns(figure: Figure, shown: list[Placed]) -> int:
    """As many columns of equal width as fit beside each other."""
    widest = max(text_width(figure, clean(each.series.label, MAX_LEGEND_NAME)) for each in shown)
    room = figure.get_figwidth() * 72
    return int(np.clip(room // (widest + 36), 1, len(shown)))
