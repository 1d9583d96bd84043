"""A section's part of the report: itself, its findings, and the run that would fill it."""

import dataclasses
from collections.abc import Sequence

from jaxcmp.compare.document import Block, Finding, Section, Suggestion, Text


@dataclasses.dataclass(frozen=True)
class Answer:
    """A section, None if no run has data, and its `findings` for the first screen."""

    section: Section | None = None
    findings: tuple[Finding, ...] = ()
    more: tuple[Suggestion, ...] = ()


def answered(
    name: str,
    title: str,
    blocks: Sequence[Block],
    *,
    findings: Sequence[str | None] = (),
    details: Sequence[Block] = (),
    folded: str = "",
    more: Sequence[Suggestion] = (),
) -> Answer:
    """A section with data; `folded` names its `details` in six words at most.

    The more important of its `findings` come first; an empty one is none.
    """
    section = Section(name, title, list(blocks), list(details), folded if details else "")
    return Answer(section, tuple(Finding(f, name, title) for f in findings if f), tuple(more))


def unanswered(text: str, command: str) -> Answer:
    """A missing answer, with the command whose runs would give it."""
    return Answer(more=(Suggestion(text, command),))


def texts(*said: str) -> list[Block]:
    return [Text(each) for each in said if each]


def notes(*said: str) -> list[Block]:
    """Small paragraphs; an empty text is none."""
    return [Text(each, "note") for each in said if each]
