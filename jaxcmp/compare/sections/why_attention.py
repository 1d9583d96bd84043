"""The part of "Why" on Vision Transformers alone: what attention and positions have learned."""

import math
from collections.abc import Sequence

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.document import Axis, Block, Figure, Heatmap, Plot, Series, Text
from jaxcmp.compare.inspected import InspectedArm, State
from jaxcmp.compare.sections.over_seeds import over_seeds
from jaxcmp.compare.statistics.means import Estimate, estimate_mean
from jaxcmp.compare.words import count
from jaxcmp.runs.inspections import STATES

LABELS = {"distance": "mean distance, pixels", "entropy": "entropy, % of uniform attention"}
MARKS = {"uniform": "uniform attention, above", "window": "3x3 patches, below"}
# Entropy is shown in percent.
SCALES = {"distance": 1.0, "entropy": 100.0}


def attention_parts(arms: Sequence[InspectedArm]) -> tuple[list[Block], list[Block]]:
    """Returns what is shown and what is folded for each arm whose runs all have attention."""
    blocks: list[Block] = []
    details: list[Block] = []
    measured = [
        each
        for each in arms
        if all(i.get("attention") and i.get("positions") for i in each.inspections)
    ]
    for number, each in enumerate(measured, start=1):
        suffix = "" if len(measured) == 1 else f"-{number}"
        blocks += [Text(_distance_text(each)), Text(_position_text(each))]
        details += [_attention_figure(each, suffix), _position_figure(each, suffix)]
    return blocks, details


def head_values(arm: InspectedArm, quantity: str, state: State) -> np.ndarray:
    """Returns a quantity of attention, [seeds, blocks, heads]."""
    found = [each["attention"][state][quantity] for each in arm.inspections]
    return SCALES[quantity] * np.array(found)


def _distance_text(arm: InspectedArm) -> str:
    trained, initial = (head_values(arm, "distance", state) for state in STATES)
    uniform = arm.inspections[0]["attention"]["uniform"]["distance"]
    entropy = head_values(arm, "entropy", "trained").mean(axis=(1, 2))
    first = trained.mean(axis=0)[0]
    change = _change(trained.mean(axis=(1, 2)) - initial.mean(axis=(1, 2)), "pixels")
    return (
        f"The attention of {arm.arm.name} reaches {trained.mean():.2f} pixels, mean over patches, "
        f"blocks and heads; untrained {initial.mean():.2f}, uniform attention {uniform:.2f}. "
        f"Training changes it by {change}. The heads of the first block lie between "
        f"{first.min():.1f} and {first.max():.1f} pixels; the entropy is {entropy.mean():.0f} % of "
        "uniform attention's."
    )


def _position_text(arm: InspectedArm) -> str:
    found = [
        [each["positions"][state]["correlation"] for each in arm.inspections] for state in STATES
    ]
    if None in found[0] + found[1]:
        return f"The position embeddings of {arm.arm.name} are all alike."
    trained, initial = np.array(found, np.float64)
    return (
        f"The cosine of two position embeddings of {arm.arm.name} has a rank correlation of "
        f"{cells.decimals(float(trained.mean()))} with the distance of their patches, untrained "
        f"{cells.decimals(float(initial.mean()))}: training changes it by "
        f"{_change(trained - initial, '')}."
    )


def _change(by_seed: np.ndarray, unit: str) -> str:
    """A change within each seed, with its interval over seeds."""
    estimate = estimate_mean(by_seed.tolist())
    found = Estimate(estimate.mean, estimate.interval)
    return cells.in_words(found, unit, is_signed=True, also=count(len(by_seed), "seed"))


def _attention_figure(arm: InspectedArm, suffix: str) -> Figure:
    return Figure(
        f"why-attention{suffix}",
        [_attention_panel(arm, quantity) for quantity in LABELS],
        "Softmax weights from patch to patch, without the class token, scaled to add up to 1: mean "
        "Euclidean distance between patch centres (Dosovitskiy et al. 2021), and entropy over the "
        "logarithm of the number of patches. Points: each head, mean over seeds; line: mean over "
        "heads, with 95 % t-intervals over seeds. Dashed: the same models untrained; dotted: "
        f"attention to all patches alike, and to 3x3 patches alike. n = {arm.num_images:,} images.",
        f"Distance and entropy of attention by block for {arm.arm.name}.",
    )


def _attention_panel(arm: InspectedArm, quantity: str) -> Plot:
    own, trained = arm.arm, head_values(arm, quantity, "trained")
    num_blocks, num_heads = trained.shape[1:]
    x = [float(block) for block in range(1, num_blocks + 1)]
    means = trained.mean(axis=2).T.tolist()
    series = over_seeds(own.name, x, means, "thick", own.index, own.runs, most=math.inf)
    heads = trained.mean(axis=0).ravel().tolist()
    places = np.repeat(x, num_heads).tolist()
    series.append(Series("one head", places, heads, "points", own.index, runs=own.runs))
    initial = head_values(arm, quantity, "initial").mean(axis=(0, 2)).tolist()
    name = f"{own.name}, untrained"
    series.append(Series(name, x, initial, "dashed", own.index, runs=own.runs))
    for mark, label in MARKS.items():
        value = SCALES[quantity] * arm.inspections[0]["attention"][mark][quantity]
        series.append(Series(label, [x[0], x[-1]], [value] * 2, "reference"))
    title = f"{own.name}: {quantity} of attention"
    return Plot(title, Axis("block"), Axis(LABELS[quantity]), series)


def _position_figure(arm: InspectedArm, suffix: str) -> Figure:
    side, name = arm.inspections[0]["positions"]["side"], arm.arm.name
    found = [each["positions"]["trained"]["cosines"] for each in arm.inspections]
    # A grid of maps: the map at a place is of the cosines with the position there.
    maps = 100 * np.mean(found, axis=0).reshape(side, side, side, side).swapaxes(1, 2)
    maps = maps.reshape(side**2, side**2).tolist()
    places = [f"{i // side + 1}: {i % side + 1}" for i in range(side**2)]
    title = f"{name}: cosine of position embeddings"
    labels = ("row of the patch: in its map", "column of the patch: in its map", places, places)
    return Figure(
        f"why-positions{suffix}",
        [Heatmap(title, *labels, maps, "%", is_diverging=True, runs=arm.arm.runs)],
        "Each small map belongs to one patch, at its place in the image, and shows the cosine of "
        "its position embedding with those of all patches, in percent (Dosovitskiy et al. 2021); "
        "mean over seeds.",
        f"Cosines between all position embeddings of {name}.",
    )
