"""Colours and marks: an arm has one of each, the same in every figure, table and sentence.

Figures are drawn with stand-in colours, which are then replaced: on the page by CSS variables, so
that a figure follows the reader's light or dark mode, in a file by fixed colours.
"""

import re
from collections.abc import Callable

# Name -> colour in light and in dark mode. The arms start from Okabe and Ito 2008, darkened until
# they can be text on the page, then spread so that all eight stay apart in colour-blind eyes too.
COLOURS: dict[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#14161a"),
    "card": ("#f5f6f8", "#1d2026"),
    "ink": ("#1b1f27", "#e8eaee"),
    "soft": ("#5b616e", "#a2a8b3"),
    "line": ("#dfe3e8", "#32363f"),
    "holds": ("#18734a", "#4cc38a"),
    "fails": ("#b3261e", "#f2877f"),
    "open": ("#5f6673", "#9aa1ad"),
    "arm-0": ("#0072b2", "#56b4e9"),
    "arm-1": ("#b04a08", "#f0803c"),
    "arm-2": ("#155a3c", "#21e0a8"),
    "arm-3": ("#99527f", "#d97aac"),
    "arm-4": ("#572e03", "#f9cd0b"),
    "arm-5": ("#41008e", "#9a80f0"),
    "arm-6": ("#122e4b", "#b58a62"),
    "arm-7": ("#14161a", "#f3f4f6"),
    # A heatmap's cell is one of these over the paper, the more opaque the larger its value, and its
    # number is written in whichever of the last two is easier to read there.
    "heat": ("#26385f", "#90a0c3"),
    "more": ("#4f2774", "#b493d0"),
    "less": ("#09432c", "#6fad8d"),
    "cell-ink": ("#000000", "#ffffff"),
    "cell-paper": ("#ffffff", "#000000"),
}
NUM_ARMS = 8
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
SIGNS = "●■▲◆▼✚✖★"

_NAMES = tuple(COLOURS)
_STAND_IN = re.compile("#0a0b([0-9a-f]{2})")


def arm_name(arm: int | None) -> str:
    """The colour of an arm, by name; a ninth looks as the first, and what is no arm's is soft."""
    return "soft" if arm is None else f"arm-{arm % NUM_ARMS}"


def stand_in(name: str) -> str:
    """The colour to draw with for `name`, one of COLOURS."""
    return f"#0a0b{_NAMES.index(name):02x}"


def paint(style: str, colour: Callable[[str], str]) -> str:
    """The style with every stand-in colour replaced by what `colour` gives for its name."""
    return _STAND_IN.sub(lambda match: colour(_NAMES[int(match[1], 16)]), style)


def as_variable(name: str) -> str:
    return f"var(--{name})"


def as_light(name: str) -> str:
    return COLOURS[name][0]


def style_sheet() -> str:
    """CSS that defines the variables: light, unless a screen (never paper) asks for dark."""
    light, dark = (
        "".join(f"--{name}:{pair[mode]};" for name, pair in COLOURS.items()) for mode in (0, 1)
    )
    arms = "".join(f".arm-{arm}{{color:var(--arm-{arm})}}\n" for arm in range(NUM_ARMS))
    return (
        f":root{{color-scheme:light;{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark)"
        f"{{:root{{color-scheme:dark;{dark}}}}}\n{arms}"
    )
