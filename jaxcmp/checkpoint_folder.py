"""A folder of checkpoints as it lies on the disk: which are complete, newest, best or damaged."""

import json
import math
import shutil
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from absl import logging

from jaxcmp.errors import JaxcmpError

BEST_METRIC = "validation_accuracy"

# Where Orbax puts the items of a step.
STATE = "state"
INDEX = "index/metadata"
METRICS = "metrics/metrics"


def listed_steps(folder: Path) -> list[int]:
    """The steps that have a folder, ascending, whatever is in it."""
    return sorted(int(path.name) for path in folder.glob("[0-9]*") if path.name.isdecimal())


def complete_steps(folder: Path) -> list[int]:
    """The steps without a fault at first sight, ascending."""
    return [step for step in listed_steps(folder) if first_fault(folder / str(step)) is None]


def first_fault(path: Path) -> str | None:
    """What is wrong with a checkpoint at first sight; its arrays are not looked at."""
    if not (path / STATE / "_METADATA").is_file():
        return f"{STATE}/_METADATA is missing"
    for name in (INDEX, METRICS):
        try:
            if not isinstance(_read_json(path / name), dict):
                return f"{name} is not a JSON object"
        except FileNotFoundError:
            if name == INDEX:  # A run that keeps no best checkpoint records no metrics.
                return f"{name} is missing"
        except OSError as error:
            return f"{name} cannot be read: {error.strerror}"
        except ValueError:
            return f"{name} is not JSON"
    return None


def rank(metrics: dict[str, float] | None) -> float:
    """The validation accuracy, minus infinity if there is none; NaN is not the best of all."""
    value = (metrics or {}).get(BEST_METRIC, math.nan)
    return value if math.isfinite(value) else -math.inf


def best_step(folder: Path) -> int | None:
    """The complete step of highest rank, the later of equals; None if none has a metric."""
    return _best_of(folder, complete_steps(folder))


def choose(folder: Path, wanted: int | str | None, without: Collection[int]) -> int | None:
    """The next step to try for the newest (None), the "best" or a number; None if there is none.

    It may be one with a fault: what should have been read first is to be named, not passed over.
    Raises JaxcmpError if the wanted one cannot be there.
    """
    steps = [step for step in listed_steps(folder) if step not in without]
    if wanted is None:
        return max(steps, default=None)
    if wanted == "best":
        faulty = [step for step in steps if first_fault(folder / str(step))]
        best = max(faulty) if faulty else _best_of(folder, steps)
        if best is None and steps:
            raise JaxcmpError(
                f"no sound checkpoint in {folder} has a {BEST_METRIC}: ask for the newest, or "
                "train with data.validation_fraction above 0"
            )
        return best
    if wanted not in steps and wanted not in without:
        raise JaxcmpError(f"{folder} has no checkpoint of step {wanted}, only of {steps}")
    return int(wanted) if wanted in steps else None


def set_aside(path: Path, fault: str, *, read_only: bool) -> None:
    """Warns of a damaged checkpoint and, unless `read_only`, renames it, so that its step is free.

    One set aside before under the same step is deleted. Raises JaxcmpError if it cannot be renamed.
    """
    if read_only:
        logging.warning("checkpoint %s is damaged (%s) and not used", path, fault)
        return
    aside = path.with_name(f"damaged-{path.name}")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        path.rename(aside)
    except OSError as error:
        raise JaxcmpError(
            f"checkpoint {path} is damaged ({fault}) and cannot be renamed ({error.strerror}): "
            "delete it, or give another --workdir"
        ) from error
    logging.warning("checkpoint %s is damaged (%s) and lies in %s now", path, fault, aside)


def set_faulty_aside(folder: Path) -> None:
    """Sets aside every checkpoint with a fault at first sight."""
    for step in listed_steps(folder):
        if fault := first_fault(folder / str(step)):
            set_aside(folder / str(step), fault, read_only=False)


def delete_half_written(folder: Path) -> None:
    """Deletes what failed saves have left, which may fill the disk."""
    for path in folder.glob("*.orbax-checkpoint-tmp*"):
        # Threads of the save that failed may still be writing into it.
        deadline = time.monotonic() + 2
        while path.exists() and time.monotonic() < deadline:
            shutil.rmtree(path, ignore_errors=True)
            time.sleep(0.01)


def index(path: Path) -> dict[str, dict[str, Any]]:
    """The index of a checkpoint's leaves."""
    return _read_json(path / INDEX)


def _read_json(path: Path) -> Any:
    return json.loads(path.read_bytes())


def _best_of(folder: Path, steps: list[int]) -> int | None:
    ranks = {step: rank(_metrics(folder / str(step))) for step in steps}
    ranked = [step for step in steps if ranks[step] > -math.inf]
    return max(ranked, key=lambda step: (ranks[step], step), default=None)


def _metrics(path: Path) -> dict[str, float]:
    try:
        return _read_json(path / METRICS)
    except FileNotFoundError:
        return {}
