"""Takes the measures that a run folder does not have yet, and writes each when it is done."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxcmp.errors import JaxcmpError
from jaxcmp.inspect.answers import count_answers, count_right
from jaxcmp.inspect.attention import measure_attention, measure_positions
from jaxcmp.inspect.changes import Change, arrangements, pastes, shifts
from jaxcmp.inspect.corruptions import corruptions
from jaxcmp.inspect.maps import measure_maps
from jaxcmp.inspect.similarity import measure_similarity
from jaxcmp.inspect.subject import Subject, load_subject
from jaxcmp.models import ViT
from jaxcmp.runs.inspections import (
    COUNTED,
    digest_of,
    read_arrays,
    read_inspection,
    write_arrays,
    write_inspection,
)
from jaxcmp.runtime.run_by_run import Report

# On a CPU; elsewhere all test images are used.
CPU_IMAGES = 1000
# With fewer, there are no distances to tell apart: the class token and 2x2 patches.
MIN_TOKENS = 5


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
    measures = _inner(folder, subject)
    inner = {name: measure for name, measure in measures.items() if name not in inspection}
    counted = {
        name: changes
        for name, changes in changes_of(subject.image_shape).items()
        if name not in inspection
    }
    total, done = len(inner) + sum(map(len, counted.values())), 0

    def advance(name: str) -> None:
        nonlocal done
        done += 1
        report(name, done, total)

    for name, measure in inner.items():
        report(name, done, total)
        inspection[name] = measure()
        write_inspection(folder, inspection)
        advance(name)
    for name, changes in counted.items():
        report(name, done, total)
        inspection[name] = count_answers(subject, changes, partial(advance, name))
        write_inspection(folder, inspection)
    return [*inner, *counted]


def _inner(folder: Path, subject: Subject) -> dict[str, Callable[[], dict[str, Any]]]:
    """Returns the measures of what happens inside the model; attention needs several patches."""
    model = subject.trained.model

    def write_both() -> dict[str, str]:
        return write_arrays(folder, measure_similarity(subject) | measure_maps(subject))

    measures: dict[str, Callable[[], dict[str, Any]]] = {"arrays": write_both}
    if not isinstance(model, ViT) or model.num_tokens < MIN_TOKENS:
        return measures
    return measures | {
        "attention": lambda: measure_attention(subject, model),
        "positions": lambda: measure_positions(subject, model),
    }


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
        return _without_lost_arrays(folder, before)
    unchanged = count_right(subject)
    return {"step": subject.trained.step, "images": images, "unchanged": unchanged}


def _without_lost_arrays(folder: Path, inspection: dict[str, Any]) -> dict[str, Any]:
    """Returns the inspection; without its arrays, which are made anew, if their file is damaged."""
    if "arrays" not in inspection:
        return inspection
    try:
        read_arrays(folder, inspection)
    except JaxcmpError:
        return {name: value for name, value in inspection.items() if name != "arrays"}
    return inspection
