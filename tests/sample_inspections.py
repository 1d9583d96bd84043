"""Inspections as the command writes them, with counts drawn around given shares."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxcmp.inspect.inspector import changes_of
from jaxcmp.runs import read_run
from jaxcmp.runs.inspections import write_inspection

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


def inspect_sample(folder: Path, shares: Shares, digest: str = "0123") -> dict[str, Any]:
    """Writes an inspection into a sample run's folder, of its own seed, and returns it."""
    config = read_run(folder).config
    found = make_inspection(100 * len(config["arm"]) + config["seed"], shares, digest)
    write_inspection(folder, found)
    return found
