"""A section's part of the report: itself, its finding, and the run that would fill it."""

import dataclasses
from collections.abc import Sequence

from jaxcmp.compare.document import Block, Finding, Section, Suggestion, Text


@dataclasses.dataclass(frozen=True)
class Answer:
    """A section, None if no run has data, and its `finding` for the first screen, if any."""

    section: Section | None = None
    finding: Finding | None = None
    more: tuple[Suggestion, ...] = ()


def answered(
    name: str,
    title: str,
    blocks: Sequence[Block],
    *,
    finding: str = "",
    details: Sequence[Block] = (),
    folded: str = "",
    more: Sequence[Suggestion] = (),
) -> Answer:
    """A section with data; `folded` names its `details` in six words at most."""
    section = Section(name, title, list(blocks), list(details), folded if details else "")
    return Answer(section, Finding(finding, name, title) if finding else None, tuple(more))


def unanswered(text: str, command: str) -> Answer:
    """A missing answer, with the command whose runs would give it."""
    return Answer(more=(Suggestion(text, command),))


def texts(*said: str) -> list[Block]:
    return [Text(each) for each in said if each]


def notes(*said: str) -> list[Block]:
    """Small paragraphs; an empty text is none."""
    return [Text(each, "note") for each in said if each]
