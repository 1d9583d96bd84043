"""What a section gives to the report: itself, what to take away, and what is missing."""

import dataclasses
from collections.abc import Sequence

from jaxcmp.compare.document import Block, Finding, Section, Suggestion


@dataclasses.dataclass(frozen=True)
class Answer:
    """Without data there is no section; `finding` is its sentence on the first screen, if any."""

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
    more: Sequence[Suggestion] = (),
) -> Answer:
    section = Section(name, title, list(blocks), list(details))
    return Answer(section, Finding(finding, name, title) if finding else None, tuple(more))


def unanswered(text: str, command: str) -> Answer:
    """No run says anything yet; this command would make runs that do."""
    return Answer(more=(Suggestion(text, command),))
