"""Runs that began from weights, beside runs of the same recipe that began at random."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

from sample_files import INIT, SEEN
from sample_runs import Sample, alter, make_group

from jaxcmp.compare.arms import Group, Outcome

# Classes that the sample runs are not about.
OTHERS = ["dog", "frog", "horse", "ship", "truck"]
ROWS = [
    {"name": "params/cls", "what": "loaded", "from": [1, 1, 96], "to": [1, 1, 96], "note": ""},
    {"name": "params/positions", "what": "resized", "from": [1, 50], "to": [1, 65], "note": ""},
    {"name": "params/head/kernel", "what": "new", "from": [96, 21843], "to": [96, 5], "note": ""},
    {"name": "pre_logits/kernel", "what": "unused", "from": [96, 96], "to": None, "note": ""},
]
SIZES = {50_000: 1.0, 5_000: 0.1}
# The mean of seeds that lie within half a point to either side, by model, start and images.
MEANS = {
    ("vit", "random", 50_000): 0.70,
    ("resnet", "random", 50_000): 0.80,
    ("vit", "pretrained", 50_000): 0.90,
    ("resnet", "pretrained", 50_000): 0.85,
    ("vit", "random", 5_000): 0.40,
    ("resnet", "random", 5_000): 0.60,
    ("vit", "pretrained", 5_000): 0.65,
    ("resnet", "pretrained", 5_000): 0.75,
}

# What a run says that it had itself begun from: a file, of which little is known.
IMAGENET = {"name": "ImageNet-21k, 14 million images", **SEEN}


def from_run(arm: str = "vit", seed: int = 0, sha256: str = "", **seen: Any) -> dict[str, Any]:
    """init.json of a run that began from a run folder."""
    told = {"name": "cifar10", "num_train": 25_000, "num_classes": 5, "class_names": OTHERS}
    told |= {"epochs": 10, "arm": arm, "seed": seed, "before": None}
    digest = sha256 or hashlib.sha256(f"{arm} {seed}".encode()).hexdigest()
    where = {"path": f"runs/source/{arm}/seed-{seed}", "kind": "run", "revision": None}
    rest = {"layout": "jaxcmp", "sha256": digest, "seen": told | seen, "rows": ROWS}
    return {"schema": 1, **where, **rest}


def from_file(name: str = "ImageNet-21k", path: str = "Ti_16.npz", **seen: Any) -> dict[str, Any]:
    """init.json of a run that began from a published file, which says little."""
    digest = hashlib.sha256(path.encode()).hexdigest()
    told = {"name": name, **SEEN, **seen}
    return INIT | {"path": f"/weights/{path}", "sha256": digest, "seen": told, "rows": ROWS}


def pretrained(
    arm: str, seed: int = 0, init: dict[str, Any] | None = None, /, **config: Any
) -> Sample:
    """Returns a sample that began from a run of the same seed, unless `init` says otherwise."""
    return Sample(arm, seed, config=config, init=init or from_run(arm, seed))


def both_ways(num_seeds: int = 2) -> list[Sample]:
    """Seeds of each model, from random and from pretrained weights, on two sizes."""
    samples = []
    for fraction in SIZES.values():
        part = {"data.train_fraction": fraction}
        for arm in ("vit", "resnet"):
            for seed in range(num_seeds):
                samples += [Sample(arm, seed, config=part), pretrained(arm, seed, **part)]
    return samples


def make_transfer(
    root: Path, means: dict[tuple[str, str, int], float] = MEANS, *, num_seeds: int = 2
) -> Group:
    """Gives the runs of `both_ways` these accuracies."""
    group = make_group(root, *both_ways(num_seeds))
    return with_means(group, means, num_seeds=num_seeds)


def with_means(group: Group, means: dict[tuple[str, str, int], float], *, num_seeds: int) -> Group:
    last = num_seeds - 1

    def change(outcome: Outcome) -> Outcome:
        start = "pretrained" if outcome.origin else "random"
        mean = means[outcome.name, start, outcome.num_train]
        return dataclasses.replace(outcome, test_accuracy=mean + (outcome.seed / last - 0.5) / 100)

    return alter(group, change)


def keep(group: Group, *architectures: str, sizes: tuple[int, ...] = tuple(SIZES)) -> Group:
    """Drops the pretrained arms of other architectures and sizes."""
    kept = tuple(
        arm
        for arm in group.pretrained
        if arm.outcomes[0].name in architectures and arm.outcomes[0].num_train in sizes
    )
    return dataclasses.replace(group, pretrained=kept)
