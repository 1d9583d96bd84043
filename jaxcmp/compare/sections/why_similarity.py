"""The part of "Why" on layers: how alike those of two models are, beside those of two seeds."""

import itertools

import numpy as np
from sklearn.preprocessing import normalize

from jaxcmp.compare.document import Block, Figure, Heatmap, Text
from jaxcmp.compare.inspected import InspectedArm, State
from jaxcmp.compare.words import count

CAPTION = (
    "Linear CKA of all pairs of layers: 100 % for two layers that are the same up to "
    "rotation and scale, 0 for independent ones (Kornblith et al. 2019), by the unbiased estimator "
    "over minibatches of at most 64 images (Nguyen et al. 2021). Mean over pairs of seeds."
)


def similarity_parts(
    first: InspectedArm, second: InspectedArm, suffix: str
) -> tuple[list[Block], list[Block]]:
    """Returns what is shown and what is folded; nothing where a run has no layers to compare."""
    if not all(len(arrays["layers"]) for each in (first, second) for arrays in each.arrays):
        return [], []
    a, b = first.arm.name, second.arm.name
    between, num = _mean_cka(first, second)
    untrained, _ = _mean_cka(first, second, "initial")
    text = (
        f"A layer of {a} and the most similar layer of {b} have a CKA of {_number(between)}, "
        f"mean over layers of both and {count(num, 'pair')} of seeds; untrained "
        f"{_number(untrained)}."
    )
    ceilings, panels = [], []
    for each in (first, second):
        if len(each.arrays) > 1:
            own, num = _mean_cka(each, each)
            ceilings.append(f"{_number(own)} for {each.arm.name} ({count(num, 'pair')} of seeds)")
            panels.append(_panel(each, each, own))
    if ceilings:
        text += f" Between two seeds of one arm it is {' and '.join(ceilings)}."
    panel, alternative = _panel(first, second, between), f"Similarity of the layers of {a} and {b}."
    shown = [Text(text), Figure(f"why-layers{suffix}", [panel], CAPTION, alternative)]
    of_seeds = Figure(
        f"why-layers-seeds{suffix}",
        panels,
        "The same for two seeds of one arm, which show how similar layers can be at all.",
        f"Similarity of the layers of two seeds of {a} and {b}.",
    )
    return shown, [of_seeds] if panels else []


def _mean_cka(
    first: InspectedArm, second: InspectedArm, state: State = "trained"
) -> tuple[np.ndarray, int]:
    """Returns the mean CKA of layers over pairs of seeds, and how many pairs there are.

    Of one arm, the pairs are of different seeds. A layer is stored as the likeness of pairs of the
    same images, centred: the CKA of two is their cosine, and 0 of one of zeros.
    """
    # To length 1, which half precision has not kept exactly; zeros stay zeros.
    layers = [
        [np.asarray(normalize(np.float64(own[f"similarity_{state}"]))) for own in e.arrays]
        for e in (first, second)
    ]
    is_same = first is second
    pairs = list(itertools.permutations(layers[0], 2) if is_same else itertools.product(*layers))
    found = [one @ two.T for one, two in pairs]
    return np.mean(found, axis=0), len(found) // (1 + is_same)


def _number(matrix: np.ndarray) -> str:
    """Writes the CKA of a layer with the most similar one of the other model, mean over layers."""
    best = (matrix.max(axis=0).mean() + matrix.max(axis=1).mean()) / 2
    return f"{100 * best:.0f} %"


def _panel(one: InspectedArm, two: InspectedArm, matrix: np.ndarray) -> Heatmap:
    names = [[str(name) for name in each.arrays[0]["layers"]] for each in (one, two)]
    axes = [
        f"{'stage and block' if '.' in layers[0] else 'block'} of {each.arm.name}"
        for each, layers in zip((one, two), names, strict=True)
    ]
    title, runs = f"{one.arm.name} and {two.arm.name}", one.arm.runs + two.arm.runs
    if one is two:
        title, runs = f"Two seeds of {one.arm.name}", one.arm.runs
    (one_axis, two_axis), (rows, columns) = axes, names
    values = (100 * matrix).tolist()
    return Heatmap(title, one_axis, two_axis, rows, columns, values, "%", runs=runs)
