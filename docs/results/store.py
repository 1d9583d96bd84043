"""Copies finished runs into this folder, small enough for git.

python docs/results/store.py runs/cpu docs/results/cpu /home/me/data=data /home/me/runs=runs

A copy has everything that a report reads, with no checkpoints and no pictures. Logits stay as they
are; arrays are compressed, and ids and labels take the smallest type that holds them. OLD=NEW
replaces a path of the machine wherever it stands.
"""

import shutil
import sys
from pathlib import Path

import numpy as np

LEFT_OUT = ("checkpoints", ".lock", "output.log", "predictions.npz")
PICTURES = ("pictures", "picture_ids")


def store(source: Path, target: Path, paths: dict[str, str]) -> None:
    """Copies every finished run below `source` to the same place below `target`.

    `paths` has new paths by old ones.
    """
    for result in sorted(source.rglob("result.json")):
        run, copy = result.parent, target / result.parent.relative_to(source)
        shutil.copytree(run, copy, ignore=shutil.ignore_patterns(*LEFT_OUT), dirs_exist_ok=True)
        with np.load(run / "predictions.npz", allow_pickle=False) as stored:
            arrays = {name: smallest(stored[name]) for name in stored if name not in PICTURES}
        np.savez_compressed(copy / "predictions.npz", allow_pickle=False, **arrays)
        for file in (*copy.glob("*.json"), *copy.glob("*.jsonl")):
            text = file.read_text(encoding="utf-8")
            for old, new in paths.items():
                text = text.replace(old, new)
            file.write_text(text, encoding="utf-8")


def smallest(array: np.ndarray) -> np.ndarray:
    """Returns whole numbers in the smallest type that holds them, and anything else as it is."""
    if array.dtype.kind != "i" or not array.size:
        return array
    return array.astype(np.min_scalar_type(int(array.max())) if array.min() >= 0 else array.dtype)


if __name__ == "__main__":
    given_source, given_target, *given_paths = sys.argv[1:]
    replaced = dict(pair.split("=", 1) for pair in given_paths)
    store(Path(given_source), Path(given_target), replaced)
