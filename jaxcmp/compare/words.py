"""Words that the whole report shares: how sure a difference is, counts, lists, and names."""

import re
from collections.abc import Sequence

from jaxcmp.text import printable

# Of a lead that is real, and of one that is not: see `Lead`.
CLEAR = "more than seeds alone explain"
UNCLEAR = "which seeds alone can explain"
# The same where there is no room for a sentence.
NOT_CLEAR = "not clear"
MAX_NAMED = 4


def count(num: int, noun: str) -> str:
    """Writes "1 run" or "1,000 runs"; the noun takes an s, or es after one."""
    ending = "" if num == 1 else "es" if noun.endswith("s") else "s"
    return f"{num:,} {noun}{ending}"


def listed(parts: Sequence[str]) -> str:
    """Writes "a", "a and b" or "a, b and c"."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def shortened(names: Sequence[str], most: int = MAX_NAMED) -> list[str]:
    """Returns the first few of these names, and as a last one how many more there are."""
    rest = len(names) - most
    return [*names[:most], f"{rest} more"] if rest > 0 else list(names)


def clean(text: str, limit: int | None = None) -> str:
    """Returns one line of visible letters; of a text beyond `limit`, its beginning and its end."""
    kept = printable(re.sub(r"[\t\n\r]", " ", text))
    if limit is None or len(kept) <= limit:
        return kept
    # What tells names apart is often at their end.
    tail = (limit - 1) // 3
    return f"{kept[: limit - 1 - tail].rstrip()}…{kept[len(kept) - tail :].lstrip()}"
