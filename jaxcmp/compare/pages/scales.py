"""Numbers and names along an axis: scales, ticks, and values as a reader would write them."""

import math
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.axis import Axis as Drawn

from jaxcmp.compare.document import Axis
from jaxcmp.compare.pages.palette import stand_in

MAX_NAME = 22
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_UNIT = re.compile(r"\s*\(([^()]*)\)$|,\s*([^,()]+)$")


def clean(text: str, limit: int | None = None) -> str:
    """One line that XML can hold, of at most `limit` characters: both ends of a longer one."""
    kept = "".join(
        " " if letter in "\t\n\r" else "\N{REPLACEMENT CHARACTER}" if _is_unfit(letter) else letter
        for letter in text
    )
    if limit is None or len(kept) <= limit:
        return kept
    # What tells names apart is often at their end.
    tail = (limit - 1) // 3
    return f"{kept[: limit - 1 - tail].rstrip()}…{kept[len(kept) - tail :].lstrip()}"


def _is_unfit(letter: str) -> bool:
    # Control characters, halves of surrogate pairs, those that turn the direction of what follows,
    # and the two that XML 1.0 forbids by name.
    is_control = unicodedata.category(letter) in {"Cc", "Cs"}
    return (
        is_control
        or "\u202a" <= letter <= "\u202e"
        or "\u2066" <= letter <= "\u2069"
        or (letter in "\ufffe\uffff")
    )


def split_unit(label: str) -> tuple[str, str]:
    """A label in two: "accuracy (%)" and "accuracy, %" give "accuracy" and "%"."""
    match = _UNIT.search(label)
    return (label[: match.start()], match[1] or match[2] or "") if match else (label, "")


def tick_text(value: float) -> str:
    """A short number for a tick or a scale."""
    size = abs(value)
    if size and (size >= 1e9 or size < 1e-4):
        return _powers(value, 3)
    if size >= 1e6:
        return f"{value / 1e6:.6g}M".replace("-", "−")
    return (f"{value:,.6g}" if size < 1e4 else f"{value:,.0f}").replace("-", "−")


def value_text(value: float, label: str = "") -> str:
    """A number as a reader wants it, with the unit that ends the axis label."""
    unit = split_unit(label)[1]
    size = abs(value)
    if unit == "%" or unit.startswith("point"):
        text = f"{value:.2f}"
    elif size and (size >= 1e9 or size < 1e-4):
        text = _powers(value, 4)
    elif value == round(value):
        text = f"{value:,.0f}"
    else:
        text = f"{value:,.1f}" if size >= 1000 else f"{value:.4g}"
    return f"{text} {unit}".strip().replace("-", "−", 1 if value < 0 else 0)


def _powers(value: float, digits: int) -> str:
    mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    tens = f"10{str(int(power)).translate(_SUPERSCRIPTS)}"
    text = tens if mantissa == "1" else f"{mantissa}×{tens}"
    return text.replace("-", "−", 1)


def numbers(values: Sequence[float | None]) -> np.ndarray:
    """Floats with NaN for what is missing or not finite."""
    array = np.array([np.nan if value is None else value for value in values], dtype=float)
    array[~np.isfinite(array)] = np.nan
    return array


def set_scale(axis: Drawn, spec: Axis, values: np.ndarray) -> None:
    """Sets scale, limits and ticks of a drawn axis; a log scale needs a positive value to show."""
    set_ends = getattr(axis.axes, f"set_{_name(axis)}lim")
    if spec.scale == "category":
        _set_categories(axis, spec)
        return
    positive = values[values > 0]
    is_log = spec.scale == "log" and positive.size > 0
    if is_log:
        getattr(axis.axes, f"set_{_name(axis)}scale")("log", nonpositive="mask")
        # Fewer than two decades show few powers of ten, so that steps between them are named too.
        decades = math.log10(positive.max() / positive.min())
        steps = (1, 1.5, 2, 3, 4, 5, 6, 8) if decades < 0.9 else (1, 2, 5) if decades <= 2 else (1,)
        axis.set_major_locator(ticker.LogLocator(subs=steps, numticks=8))
        axis.set_minor_locator(ticker.NullLocator())
    else:
        # Where only whole numbers were measured, as of epochs, none between is named.
        is_whole = _name(axis) == "x" and bool(np.all(np.mod(values[np.isfinite(values)], 1) == 0))
        locator = ticker.MaxNLocator(
            5, steps=[1, 2, 2.5, 5, 10], integer=is_whole, min_n_ticks=1 if is_whole else 2
        )
        axis.set_major_locator(locator)
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: tick_text(value)))
    if spec.limits is not None:
        low, high = spec.limits
        if low < high and (low > 0 or not is_log):
            set_ends(low, high)


def _name(axis: Drawn) -> str:
    return "x" if axis is axis.axes.xaxis else "y"


def _set_categories(axis: Drawn, spec: Axis) -> None:
    names = [clean(name, MAX_NAME) for name in spec.categories]
    last = max(len(names) - 1, 0)
    # More names than fit below an axis: every second, third, ... is written, the rest on hover.
    step = 1 if _name(axis) == "y" else math.ceil(max(len(names), 1) / 30)
    axis.set_major_locator(ticker.FixedLocator(list(range(0, last + 1, step))))
    axis.set_major_formatter(ticker.FixedFormatter(names[::step]))
    if _name(axis) == "y":
        axis.axes.set_ylim(last + 0.6, -0.6)
        return
    low, high = spec.limits or (-0.6, last + 0.6)
    axis.axes.set_xlim(low, high)
    if sum(len(name) for name in names[::step]) > 42:
        is_slanted = len(names) <= 12
        axis.set_tick_params(rotation=40 if is_slanted else 90)
        for label in axis.get_ticklabels():
            label.set(ha="right", va="top" if is_slanted else "center", rotation_mode="anchor")


def set_look(axes: Axes) -> None:
    """Quiet axes: no frame, no tick marks, soft text."""
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set(color=stand_in("line"), linewidth=1)
    axes.tick_params(length=0, pad=4, labelcolor=stand_in("soft"), color=stand_in("line"))
    axes.set_axisbelow(True)
