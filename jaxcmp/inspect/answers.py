"""Counts of the answers that stay, and that are right, where images are changed."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxcmp.inspect.changes import Change
from jaxcmp.inspect.subject import Subject
from jaxcmp.runs.inspections import STATES


def count_answers(
    subject: Subject, changes: Sequence[Change], advance: Callable[[], None]
) -> list[dict[str, Any]]:
    """Counts by class, for changes of each kind and level, answers that are right or that stay.

    An answer stays if the unchanged image has the same one. Changes of one kind and level are
    `variants`, whose counts are added up. `advance` is called after each change.
    """
    before = _collect(subject, None)
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for change in changes:
        after = _collect(subject, change)
        entry = found.setdefault(
            (change.kind, change.level),
            {"kind": change.kind, "level": change.level, "variants": 0},
        )
        entry["variants"] += 1
        for state in STATES:
            counts = {
                "right": _by_class(subject, after[state] == subject.labels),
                "kept": _by_class(subject, after[state] == before[state]),
            }
            sums = entry.setdefault(state, {name: [0] * len(counts[name]) for name in counts})
            for name, added in counts.items():
                sums[name] = [x + y for x, y in zip(sums[name], added, strict=True)]
        advance()
    return list(found.values())


def count_right(subject: Subject) -> dict[str, list[int]]:
    """Counts by class the unchanged images that are answered rightly, by state."""
    answers = _collect(subject, None)
    return {state: _by_class(subject, answers[state] == subject.labels) for state in STATES}


def _collect(subject: Subject, change: Change | None) -> dict[str, np.ndarray]:
    """Returns the answers to all images, [n] by state; `None` changes nothing."""
    parts = [
        subject.answers(images if change is None else change.apply(images, rows))
        for images, rows in subject.batches
    ]
    num = len(subject.labels)
    return {s: np.concatenate([np.asarray(part[s]) for part in parts])[:num] for s in STATES}


def _by_class(subject: Subject, is_counted: np.ndarray) -> list[int]:
    num_classes = len(subject.trained.class_names)
    return np.bincount(subject.labels[is_counted], minlength=num_classes).tolist()
