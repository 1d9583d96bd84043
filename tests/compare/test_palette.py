"""Colours that everyone can tell apart and read, in light and in dark mode."""

import itertools
import re

import numpy as np
import pytest

from jaxcmp.compare.document import Figure, Heatmap
from jaxcmp.compare.pages.figures import draw
from jaxcmp.compare.pages.palette import (
    COLOURS,
    MARKERS,
    NUM_ARMS,
    SIGNS,
    arm_name,
    as_light,
    as_variable,
    paint,
    stand_in,
    style_sheet,
)

# How a dichromat sees linear RGB (Machado, Oliveira and Fernandes 2009, severity 1).
VISIONS = {
    "full": np.eye(3),
    "protan": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deutan": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritan": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def lab(linear: np.ndarray) -> np.ndarray:
    """CIELAB of linear sRGB."""
    ratio = XYZ @ np.clip(linear, 0, 1) / np.array([0.95047, 1, 1.08883])
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def channels(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def linear(rgb: np.ndarray) -> np.ndarray:
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the contrast of two colours with channels in [0, 1], as WCAG 2.2 defines it."""
    low, high = sorted(float(linear(rgb) @ XYZ[1]) for rgb in (first, second))
    return (high + 0.05) / (low + 0.05)


def read_variables() -> list[dict[str, str]]:
    """The variables of the style sheet, light and dark."""
    blocks = re.findall(r":root\{([^}]*)\}", style_sheet())
    return [dict(re.findall(r"--([\w-]+):(#[0-9a-f]{6});", block)) for block in blocks]


MODES = dict(zip(("light", "dark"), read_variables(), strict=True))


@pytest.mark.parametrize("mode", MODES)
def test_every_colour_of_text_has_the_contrast_that_wcag_aa_asks_for(mode):
    colours = {name: channels(colour) for name, colour in MODES[mode].items()}
    texts = ["ink", "soft", "holds", "fails", "open", *(arm_name(arm) for arm in range(NUM_ARMS))]
    for text, ground in itertools.product(texts, ("paper", "card")):
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("mode", MODES)
def test_all_arms_stay_apart_in_every_kind_of_colour_vision(mode, vision):
    arms = [linear(channels(MODES[mode][f"arm-{arm}"])) for arm in range(NUM_ARMS)]
    seen = [lab(VISIONS[vision] @ arm) for arm in arms]
    # A difference of 2 is just visible side by side; lines are thin and apart.
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 15


def test_light_and_dark_define_the_same_variables_and_paper_is_never_dark():
    assert set(MODES["light"]) == set(MODES["dark"]) == set(COLOURS)
    assert "@media screen and (prefers-color-scheme:dark)" in style_sheet()


def test_each_arm_has_a_mark_of_its_own_and_a_ninth_looks_as_the_first():
    assert len(set(MARKERS)) == len(set(SIGNS)) == NUM_ARMS
    assert arm_name(NUM_ARMS) == arm_name(0) and arm_name(None) == "soft"


def test_stand_ins_come_back_as_variables_or_as_fixed_colours():
    style = f"fill: {stand_in('arm-3')}; stroke: {stand_in('ink')}"
    assert paint(style, as_variable) == "fill: var(--arm-3); stroke: var(--ink)"
    assert paint(style, as_light) == "fill: #99527f; stroke: #1b1f27"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("hue", ["heat", "more", "less"])
def test_the_number_of_a_cell_has_the_contrast_that_wcag_aa_asks_for_on_every_shade(mode, hue):
    # From the palest shade to the deepest; the first few round to a zero, which is written softly.
    sign = -1 if hue == "less" else 1
    values = [[sign * 0.01 * i**2 / 2] for i in range(20)]
    names = [str(i) for i in range(20)]
    matrix = Heatmap("", "", "", names, ["a"], values, "", is_diverging=hue != "heat")
    (drawing,) = draw(Figure("f", [matrix], "", ""))
    svg = re.sub(
        r"#0a0b[0-9a-f]{2}",
        lambda found: paint(found[0], lambda name: MODES[mode][name]),
        drawing.svg,
    )
    colours = {name: channels(colour) for name, colour in MODES[mode].items()}
    cells = re.findall(r'd="M ([^"]*)" clip[^>]*fill: (#\w+)(?:; opacity: ([\d.]+))?', svg)
    found = []
    for ink, y in re.findall(r'size: 9px;[^"]*fill: (#\w+)" x="[^"]*" y="([\d.]+)"', svg):
        ground = colours["paper"]
        for path, colour, opacity in cells:
            heights = [float(point.split()[1]) for point in re.findall(r"[\d.]+ [\d.]+", path)]
            if min(heights) < float(y) < max(heights):
                share = float(opacity or 1)
                ground = share * channels(colour) + (1 - share) * ground
        found.append(contrast(channels(ink), ground))
    assert len(found) == 20 and len(cells) >= 15
    assert min(found) >= 4.5
