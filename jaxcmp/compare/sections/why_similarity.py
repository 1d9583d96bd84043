"""The part of "Why" on layers: how alike those of two models are, beside those of two seeds."""

import itertools

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.document import Block, Figure, Heatmap, Text
from jaxcmp.compare.inspected import InspectedArm, State
from jaxcmp.compare.statistics.similarity import best_match, linear_cka

CAPTION = (
    "Linear CKA of all pairs of layers, in percent: 100 for two layers that are the same up to "
    "rotation and scale, 0 for independent ones (Kornblith et al. 2019), by the unbiased estimator "
    "over minibatches of at most 64 images (Nguyen et al. 2021). Mean over pairs of seeds."
)


def similarity_parts(
    first: InspectedArm, second: InspectedArm, suffix: str
) -> tuple[list[Block], list[Block]]:
    """Returns what is shown and what is folded; nothing where a run has no layers to compare."""
    if not all(len(arrays["layers"]) for each in (first, second) for arrays in each.arrays):
        return [], []
    panels = [
        _panel(one, two, found[0])
        for one, two in ((first, second), (first, first), (second, second))
        if (found := mean_cka(one, two))
    ]
    names = f"{first.arm.name} and {second.arm.name}"
    between = Figure(
        f"why-layers{suffix}", panels[:1], CAPTION, f"Similarity of the layers of {names}."
    )
    ceilings = Figure(
        f"why-layers-seeds{suffix}",
        panels[1:],
        "The same for two seeds of one arm, which show how similar layers can be at all.",
        f"Similarity of the layers of two seeds of {names}.",
    )
    return [Text(_sentence(first, second)), between], [ceilings] if panels[1:] else []


def mean_cka(
    first: InspectedArm, second: InspectedArm, state: State = "trained"
) -> tuple[np.ndarray, int] | None:
    """Returns the mean CKA of layers over pairs of seeds, and how many pairs there are.

    Of one arm, the pairs are of different seeds; None where it has only one.
    """
    own = [each[f"similarity_{state}"] for each in first.arrays]
    if first is second:
        pairs = list(itertools.permutations(own, 2))
        num = len(pairs) // 2
    else:
        pairs = list(itertools.product(own, [e[f"similarity_{state}"] for e in second.arrays]))
        num = len(pairs)
    return (np.mean([linear_cka(*pair) for pair in pairs], axis=0), num) if pairs else None


def _sentence(first: InspectedArm, second: InspectedArm) -> str:
    a, b = first.arm.name, second.arm.name
    between, untrained = mean_cka(first, second), mean_cka(first, second, "initial")
    assert between and untrained
    text = (
        f"A layer of {a} and the most similar layer of {b} have a CKA of {_number(between[0])}, "
        f"mean over layers of both and {_pairs(between[1])}; untrained {_number(untrained[0])}."
    )
    ceilings = [
        f"{_number(own[0])} for {each.arm.name} ({_pairs(own[1])})"
        for each in (first, second)
        if (own := mean_cka(each, each))
    ]
    if ceilings:
        text += f" Two seeds of one arm have {' and '.join(ceilings)}."
    return text


def _number(matrix: np.ndarray) -> str:
    return cells.two_digits(best_match(matrix))


def _pairs(num: int) -> str:
    return f"{num} {'pair' if num == 1 else 'pairs'} of seeds"


def _panel(one: InspectedArm, two: InspectedArm, matrix: np.ndarray) -> Heatmap:
    is_same = one is two
    rows, columns = ([str(name) for name in each.arrays[0]["layers"]] for each in (one, two))
    return Heatmap(
        f"Two seeds of {one.arm.name}" if is_same else f"{one.arm.name} and {two.arm.name}",
        _axis(one),
        _axis(two),
        rows,
        columns,
        (100 * matrix).tolist(),
        "%",
        runs=list(one.arm.runs) if is_same else [*one.arm.runs, *two.arm.runs],
    )


def _axis(arm: InspectedArm) -> str:
    is_staged = "." in str(arm.arrays[0]["layers"][0])
    return f"{'stage and block' if is_staged else 'block'} of {arm.arm.name}"
