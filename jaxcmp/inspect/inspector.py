"""Takes the measures that a run folder does not have yet, and writes each when it is done."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxcmp.errors import JaxcmpError
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

# Called after each part of a measure.
Advance = Callable[[], None]
Measure = Callable[[Advance], Any]


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
    measures = {k: x for k, x in _measures(folder, subject).items() if k not in inspection}
    total, done = sum(num_parts for num_parts, _ in measures.values()), 0

    def advance(name: str) -> None:
        nonlocal done
        done += 1
        report(name, done, total)

    for name, (num_parts, measure) in measures.items():
        report(name, done, total)
        end = done + num_parts
        inspection[name] = measure(partial(advance, name))
        write_inspection(folder, inspection)
        while done < end:
            advance(name)
    return list(measures)


def _measures(folder: Path, subject: Subject) -> dict[str, tuple[int, Measure]]:
    """Returns the parts and the function of each measure; attention needs several patches."""
    model = subject.trained.model

    def write_both(_: Advance) -> dict[str, str]:
        return write_arrays(folder, measure_similarity(subject) | measure_maps(subject))

    measures: dict[str, tuple[int, Measure]] = {"arrays": (1, write_both)}
    if isinstance(model, ViT) and model.num_tokens >= MIN_TOKENS:
        measures["attention"] = (1, lambda _: measure_attention(subject, model))
        measures["positions"] = (1, lambda _: measure_positions(subject, model))
    for name, changes in changes_of(subject.image_shape).items():
        measures[name] = (len(changes), partial(count_answers, subject, changes))
    return measures


def changes_of(image_shape: tuple[int, int, int]) -> dict[str, Sequence[Change]]:
    """Returns the changes of each measure that counts answers."""
    height, width, channels = image_shape
    changes = (shifts(height, width), pastes(height, width), arrangements(height, width))
    return dict(zip(COUNTED, (*changes, corruptions(channels)), strict=True))


def count_answers(
    subject: Subject, changes: Sequence[Change], advance: Advance
) -> list[dict[str, Any]]:
    """Counts by class, for changes of each kind and level, answers that are right or that stay.

    An answer stays if the unchanged image has the same one. Changes of one kind and level are
    `variants`, whose counts are added up. `advance` is called after each change.
    """
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for change in changes:
        entry = found.setdefault(
            (change.kind, change.level),
            {"kind": change.kind, "level": change.level, "variants": 0},
        )
        entry["variants"] += 1
        for state, answers in subject.answers(change.apply).items():
            counts = {
                "right": subject.by_class(answers == subject.labels),
                "kept": subject.by_class(answers == subject.unchanged[state]),
            }
            sums = entry.setdefault(state, {name: [0] * len(counts[name]) for name in counts})
            for name, added in counts.items():
                sums[name] = [x + y for x, y in zip(sums[name], added, strict=True)]
        advance()
    return list(found.values())


def _begin(folder: Path, subject: Subject) -> dict[str, Any]:
    """Returns what the folder has of the same checkpoint and images, or a new inspection."""
    height, width, channels = subject.image_shape
    images = {
        "digest": digest_of(subject.ids),
        "height": height,
        "width": width,
        "channels": channels,
        "class_sizes": subject.by_class(np.full(len(subject.labels), True)),
    }
    try:
        before = read_inspection(folder)
    except JaxcmpError:
        # Whatever is wrong with it, it is made anew.
        before = None
    if before and (before["step"], before["images"]) == (subject.trained.step, images):
        return _without_lost_arrays(folder, before)
    unchanged = {s: subject.by_class(x == subject.labels) for s, x in subject.unchanged.items()}
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
