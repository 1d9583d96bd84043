"""Inspections as the command writes them, with counts drawn around given shares."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sample_runs import Sample, make_group

from jaxcmp.compare.arms import Group, runs_of
from jaxcmp.inspect.inspector import changes_of
from jaxcmp.runs import read_run
from jaxcmp.runs.inspections import STATES, write_arrays, write_inspection
from jaxcmp.runs.predictions import Predictions

SIZES = (20, 20, 20, 20, 20)
SHAPE = (32, 32, 3)
Shares = Mapping[str, float]


def make_inspection(seed: int, shares: Shares, digest: str = "0123") -> dict[str, Any]:
    """Makes an inspection of 100 images whose answers are right, or stay, with these shares.

    `shares` are by kind of change, "unchanged" or, for all others, "else"; the untrained model is
    right in a fifth of all cases, and keeps all of its answers.
    """
    rng = np.random.default_rng(seed)

    def counts(share: float, variants: int = 1) -> list[int]:
        return [int(rng.binomial(size * variants, share)) for size in SIZES]

    images = {"digest": digest, "height": 32, "width": 32, "channels": 3, "class_sizes": SIZES}
    found: dict[str, Any] = {
        "step": 10,
        "images": images,
        "unchanged": {"trained": counts(shares["unchanged"]), "initial": counts(0.2)},
    }
    for measure, changes in changes_of(SHAPE).items():
        keys = [(change.kind, change.level) for change in changes]
        found[measure] = [
            {
                "kind": kind,
                "level": level,
                "variants": (n := keys.count((kind, level))),
                "trained": {
                    "right": counts(shares.get(kind, shares["else"]), n),
                    "kept": counts(shares.get(kind, shares["else"]), n),
                },
                "initial": {"right": counts(0.2, n), "kept": [size * n for size in SIZES]},
            }
            for kind, level in dict.fromkeys(keys)
        ]
    return found


def make_attention(seed: int) -> dict[str, Any]:
    """Makes attention of two blocks with three heads, and positions of 2x2 patches."""
    rng = np.random.default_rng(seed)

    def heads(low: float) -> dict[str, Any]:
        return {
            "distance": (low * 10 + rng.random((2, 3))).tolist(),
            "entropy": (low + 0.1 * rng.random((2, 3))).tolist(),
        }

    def cosines(correlation: float) -> dict[str, Any]:
        found = rng.random((4, 4)).round(3)
        return {"correlation": correlation + 0.1 * rng.random(), "cosines": found.tolist()}

    marks = {
        "uniform": {"distance": 15.0, "entropy": 1.0},
        "window": {"distance": 4.0, "entropy": 0.5},
    }
    attention = {"patch_size": 4, **marks, "trained": heads(0.6), "initial": heads(0.8)}
    positions = {"side": 2, "trained": cosines(-0.7), "initial": cosines(0.0)}
    return {"attention": attention, "positions": positions}


def make_arrays(seed: int, is_vit: bool, predictions: Predictions) -> dict[str, np.ndarray]:
    """Makes two layers of a ViT or three of a ResNet, and maps and pictures of all test images.

    A layer is half of what all models share, and half its own.
    """
    rng = np.random.default_rng((seed, is_vit))
    layers = ["1", "2"] if is_vit else ["1.1", "1.2", "2.1"]
    shared = np.random.default_rng(0).standard_normal(200)
    rows = [shared + rng.standard_normal(200) for _ in layers]
    rows = [(row / np.sqrt(np.mean(row**2))).astype(np.float16) for row in rows]
    num, side = len(predictions.ids), 8 if is_vit else 4
    wrong = np.flatnonzero(predictions.logits.argmax(axis=1) != predictions.labels)
    found = {
        "layers": np.array(layers),
        "map_ids": predictions.ids,
        "picture_ids": predictions.ids[wrong],
        "pictures": rng.integers(0, 256, (len(wrong), 8, 8, 3), dtype=np.uint8),
    }
    for state in STATES:
        found[f"similarity_{state}"] = np.stack(rows)
        found[f"maps_{state}"] = rng.integers(0, 256, (num, side, side), dtype=np.uint8)
    return found


def inspect_sample(folder: Path, shares: Shares, digest: str = "0123") -> dict[str, Any]:
    """Writes an inspection into a sample run's folder, of its own seed, and returns it."""
    config = read_run(folder).config
    found = make_inspection(100 * len(config["arm"]) + config["seed"], shares, digest)
    is_vit = config["model"]["name"] == "vit"
    if is_vit:
        found |= make_attention(config["seed"])
    predictions = read_run(folder).load_predictions().test
    found["arrays"] = write_arrays(folder, make_arrays(config["seed"], is_vit, predictions))
    write_inspection(folder, found)
    return found


def inspect_group(
    root: Path, shares: Mapping[str, Shares], seeds: Iterable[int] = (0, 1, 2)
) -> Group:
    """Writes runs of each arm, by default three seeds, all inspected with the arm's shares."""
    group = make_group(root, *(Sample(arm, seed) for arm in shares for seed in seeds))
    for outcome in runs_of(group.arms):
        inspect_sample(outcome.run.folder, shares[outcome.name])
    return group
