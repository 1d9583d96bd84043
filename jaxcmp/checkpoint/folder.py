"""A folder of checkpoints on the disk: which of them are complete, newest, best or damaged.

`first_fault` decides what is damaged without reading arrays. A checkpoint that cannot be read is
not damaged: that is an error that names the file, and the checkpoint stays as it is.
"""

import contextlib
import hashlib
import json
import math
import os
import shutil
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from absl import logging

from jaxcmp.errors import JaxcmpError

BEST_METRIC = "validation_accuracy"

# Orbax's file names for the items of a step.
STATE = "state"
INDEX = "index/metadata"
METRICS = "metrics/metrics"


# Orbax moves a step here before deleting it, so a half-deleted folder never has a step's name.
DELETED = "deleted"


def listed_steps(folder: Path) -> list[int]:
    """Returns the steps that have a folder, ascending, whatever it contains; none without a folder.

    Raises JaxcmpError if the folder cannot be read.
    """
    return sorted(int(name) for name in _names(folder) if _is_step(name))


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _unreadable(folder, error) from error


def _is_step(name: str) -> bool:
    """Returns whether a name is a step as Orbax writes it: 7, not 007."""
    return name.isdecimal() and name == str(int(name))


def complete_steps(folder: Path) -> list[int]:
    """Returns the steps for which `first_fault` finds nothing, ascending."""
    return [step for step in listed_steps(folder) if first_fault(folder / str(step)) is None]


def first_fault(path: Path) -> str | None:
    """Describes what is wrong with a checkpoint, without reading its arrays; None if nothing is.

    Raises JaxcmpError if it cannot be read.
    """
    for name in (f"{STATE}/_METADATA", f"{STATE}/manifest.ocdbt", INDEX, METRICS):
        try:
            content = (path / name).read_bytes()
            if name.startswith(STATE):
                continue
            value = json.loads(content)
        except FileNotFoundError:
            if name != METRICS:  # A run that keeps no best checkpoint records no metrics.
                return f"{name} is missing"
        except (NotADirectoryError, IsADirectoryError):
            return f"{name} is not a file"
        except OSError as error:
            raise _unreadable(path / name, error) from error
        except (ValueError, RecursionError):
            return f"{name} is not JSON"
        else:
            if not isinstance(value, dict):
                return f"{name} is not a JSON object"
            if name == METRICS and not all(map(_is_number, value.values())):
                return f"{name} contains a value that is not a number"
    return None


def check_readable(path: Path) -> None:
    """Reads all files of a checkpoint; raises JaxcmpError that names the first unreadable one."""

    def refuse(error: OSError) -> None:
        raise error

    try:
        for folder, _, names in os.walk(path, onerror=refuse):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    while file.read(1 << 24):
                        pass
    except FileNotFoundError:
        return  # Deleted meanwhile.
    except OSError as error:
        raise _unreadable(error.filename or path, error) from error


def _unreadable(path: Path | str, error: OSError) -> JaxcmpError:
    return JaxcmpError(
        f"{path} cannot be read ({error.strerror}), so its content is unknown: make it readable"
    )


def _is_number(value: Any) -> bool:
    try:
        # NaN counts as a number, though it is never the best accuracy.
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return type(value) in (int, float)


def rank(metrics: dict[str, float] | None) -> float:
    """Returns the validation accuracy; minus infinity if there is none or it is NaN."""
    value = (metrics or {}).get(BEST_METRIC, math.nan)
    return value if math.isfinite(value) else -math.inf


def choose(folder: Path, wanted: int | str, without: Collection[int]) -> int | None:
    """Returns the next step to try for "newest", "best" or a number; None if none is left.

    It may be a damaged one: the reader should report that, not skip it. Raises JaxcmpError if the
    wanted checkpoint cannot exist.
    """
    steps = [step for step in listed_steps(folder) if step not in without]
    if wanted == "newest":
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


def identify(folder: Path, wanted: int | str) -> tuple[int, str] | None:
    """Returns the step of the "newest", the "best" or a numbered checkpoint, and its `digest`.

    Arrays are not read. Returns None if there is none; raises as `choose` does.
    """
    step = choose(folder, wanted, ())
    return None if step is None else (step, digest(folder / str(step)))


def digest(path: Path) -> str:
    """Identifies a checkpoint by the digests of its arrays; "" if it has none."""
    try:
        return hashlib.sha256((path / INDEX).read_bytes()).hexdigest()[:16]
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise _unreadable(path / INDEX, error) from error


def set_aside(path: Path, fault: str, *, read_only: bool) -> None:
    """Warns about a damaged checkpoint and, unless `read_only`, renames it to free its step.

    An earlier one that was set aside under the same step is deleted. Raises JaxcmpError if it
    cannot be renamed.
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
    logging.warning("checkpoint %s is damaged (%s) and was renamed to %s", path, fault, aside)


def set_faulty_aside(folder: Path, fault_of: Callable[[Path], str | None]) -> None:
    """Sets aside all damaged checkpoints, and other folders that Orbax would take for one."""
    for name in sorted(_names(folder)):
        if _is_step(name):
            fault = fault_of(folder / name)
        else:
            fault = "its name is not a step" if name.isdecimal() else None
        if fault is not None:
            set_aside(folder / name, fault, read_only=False)


def clear_deleted(folder: Path) -> None:
    """Frees the space of deleted checkpoints."""
    shutil.rmtree(folder / DELETED, ignore_errors=True)


def delete_half_written(folder: Path) -> None:
    """Deletes the remains of failed saves, which may fill the disk."""
    for path in folder.glob("*.orbax-checkpoint-tmp*"):
        # Threads of the failed save may still be writing into it.
        deadline = time.monotonic() + 2
        while path.exists() and time.monotonic() < deadline:
            shutil.rmtree(path, ignore_errors=True)
            time.sleep(0.01)


def index(path: Path) -> dict[str, dict[str, Any]]:
    """Reads the index of a checkpoint's arrays."""
    return json.loads((path / INDEX).read_bytes())


def _best_of(folder: Path, steps: list[int]) -> int | None:
    """Returns the step of highest rank, the later of equals; None if none has a metric."""
    ranks = {step: rank(_metrics(folder / str(step))) for step in steps}
    ranked = [step for step in steps if ranks[step] > -math.inf]
    return max(ranked, key=lambda step: (ranks[step], step), default=None)


def _metrics(path: Path) -> dict[str, float]:
    with contextlib.suppress(FileNotFoundError):
        return json.loads((path / METRICS).read_bytes())
    return {}
