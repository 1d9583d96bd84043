"""Limits of axes: one scale for all panels of a figure that show one quantity."""

from collections.abc import Sequence

import numpy as np
from msgspec import structs

from jaxcmp.compare.document import Axis, Heatmap, Numbers, Plot


def array(values: Numbers) -> np.ndarray:
    """Floats with NaN for what is missing or not finite."""
    found = np.array(values, np.float64)
    return np.where(np.isfinite(found), found, np.nan)


def share_limits(panels: Sequence[Plot | Heatmap]) -> list[Plot | Heatmap]:
    """Gives panels of one quantity the same limits, so that the same length means as much."""
    return [_with_limits(panel, panels) for panel in panels]


def _with_limits(panel: Plot | Heatmap, panels: Sequence[Plot | Heatmap]) -> Plot | Heatmap:
    alike = [each for each in panels if _quantity(each) == _quantity(panel)]
    if isinstance(panel, Heatmap) or len(alike) < 2:
        return panel
    name = "x" if panel.y.scale == "category" else "y"
    axis: Axis = getattr(panel, name)
    series = [each for plot in alike if isinstance(plot, Plot) for each in plot.series]
    values = [array(v) for s in series for v in (getattr(s, name), s.low, s.high) if v is not None]
    known = np.concatenate([[], *values])
    known = known[np.isfinite(known) & ((known > 0) | (axis.scale != "log"))]
    if axis.limits or axis.scale == "category" or not known.size or known.min() == known.max():
        return panel
    if axis.scale == "log":
        limits = known.min() / 1.1, known.max() * 1.1
    else:
        start = 0.0 if any(each.style == "bars" for each in series) else known.min()
        room = 0.05 * (known.max() - start)
        limits = (start - room if start else 0.0), known.max() + room
    limited = structs.replace(axis, limits=(float(limits[0]), float(limits[1])))
    return structs.replace(panel, **{name: limited})


def _quantity(panel: Plot | Heatmap) -> object:
    if isinstance(panel, Heatmap):
        return panel.unit, panel.is_diverging
    return panel.x.label, panel.x.scale, panel.y.label, panel.y.scale
