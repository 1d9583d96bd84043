"""Takes the measures that a run folder does not have yet, and writes each when it is done."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxcmp.errors import JaxcmpError
from jaxcmp.inspect.answers import count_answers, count_right
from jaxcmp.inspect.changes import Change, arrangements, pastes, shifts
from jaxcmp.inspect.corruptions import corruptions
from jaxcmp.inspect.subject import Subject, load_subject
from jaxcmp.runs.inspections import COUNTED, digest_of, read_inspection, write_inspection

# On a CPU; elsewhere all test images are used.
CPU_IMAGES = 1000
# Shows a name, and how many of how many changes are done.
Report = Callable[[str, int, int], None]


def default_num_images() -> int:
    """Returns how many test images are used where nobody says: 0 stands for all."""
    return CPU_IMAGES if jax.default_backend() == "cpu" else 0


def inspect_run(folder: Path, num_images: int, report: Report) -> list[str]:
    """Takes the missing measures of a finished run; returns their names.

    Raises JaxcmpError where the run is not finished, or a file of it is missing, damaged, or does
    not fit the others.
    """
    subject = load_subject(folder, num_images)
    inspection = _begin(folder, subject)
    missing = {
        name: changes
        for name, changes in changes_of(subject.image_shape).items()
        if name not in inspection
    }
    total, done = sum(map(len, missing.values())), 0

    for name, changes in missing.items():

        def advance(name: str = name) -> None:
            nonlocal done
            done += 1
            report(name, done, total)

        report(name, done, total)
        inspection[name] = count_answers(subject, changes, advance)
        write_inspection(folder, inspection)
    return list(missing)


def changes_of(image_shape: tuple[int, int, int]) -> dict[str, Sequence[Change]]:
    """Returns the changes of each measure that counts answers."""
    height, width, channels = image_shape
    changes = (shifts(height, width), pastes(height, width), arrangements(height, width))
    return dict(zip(COUNTED, (*changes, corruptions(channels)), strict=True))


def _begin(folder: Path, subject: Subject) -> dict[str, Any]:
    """Returns what the folder has of the same checkpoint and images, or a new inspection."""
    height, width, channels = subject.image_shape
    num_classes = len(subject.trained.class_names)
    images = {
        "digest": digest_of(subject.ids),
        "height": height,
        "width": width,
        "channels": channels,
        "class_sizes": np.bincount(subject.labels, minlength=num_classes).tolist(),
    }
    try:
        before = read_inspection(folder)
    except JaxcmpError:
        # Whatever is wrong with it, it is made anew.
        before = None
    if before and (before["step"], before["images"]) == (subject.trained.step, images):
        return before
    unchanged = count_right(subject)
    return {"step": subject.trained.step, "images": images, "unchanged": unchanged}
