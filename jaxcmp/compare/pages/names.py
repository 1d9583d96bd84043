"""Names as they are shown: one line of letters that can be seen, no longer than there is room."""

import re

from jaxcmp.text import printable


def clean(text: str, limit: int | None = None) -> str:
    """Returns one line of visible letters; of a text beyond `limit`, its beginning and its end."""
    kept = printable(re.sub(r"[\t\n\r]", " ", text))
    if limit is None or len(kept) <= limit:
        return kept
    # What tells names apart is often at their end.
    tail = (limit - 1) // 3
    return f"{kept[: limit - 1 - tail].rstrip()}…{kept[len(kept) - tail :].lstrip()}"
