"""The classes of a data set among the outputs of a model: by name, or by position if asked."""

import difflib
from collections.abc import Sequence

import numpy as np

from jaxcmp.errors import CommandError

# More classes than these are not all listed.
MAX_LISTED = 5


def match_classes(
    data: str,
    theirs: Sequence[str],
    ours: Sequence[str],
    *,
    by_position: bool,
    numbers: Sequence[int] = (),
) -> np.ndarray:
    """Returns the model's output for each class of a data set, int32 [classes].

    `numbers` are those of `theirs` in the data set, where they are a part of its classes. Names
    have to be equal, letter by letter; their order does not matter, and `theirs` may be a
    part of `ours`, the model's. `by_position` takes equal numbers of classes in the order they are
    in. Raises CommandError that names the classes that the model does not know.
    """
    if by_position:
        if len(theirs) != len(ours):
            raise CommandError(
                f"--by_position: {data} has {len(theirs)} classes and the model {len(ours)}; "
                "equal numbers are needed"
            )
        return np.arange(len(ours), dtype=np.int32)
    for where, names in ((data, theirs), ("the model", ours)):
        if twice := sorted({name for name in names if list(names).count(name) > 1}):
            raise CommandError(
                f"{where} has two classes named {twice[0]!r}: --by_position takes classes in order"
            )
    place = {name: index for index, name in enumerate(ours)}
    unknown = [name for name in theirs if name not in place]
    if unknown:
        raise CommandError(_explain(data, unknown, theirs, ours, numbers or range(len(theirs))))
    return np.array([place[name] for name in theirs], np.int32)


def is_numbered(names: Sequence[str]) -> bool:
    """Returns whether classes have numbers for names, as in data sets that have none."""
    return list(names) == [str(index) for index in range(len(names))]


def _explain(
    data: str,
    unknown: Sequence[str],
    theirs: Sequence[str],
    ours: Sequence[str],
    numbers: Sequence[int],
) -> str:
    if is_numbered(theirs) and len(theirs) == len(ours):
        return (
            f"{data} numbers its classes and does not name them: if they are in the order of the "
            f"run's, {_listed(ours)}, give --by_position"
        )
    known = [n for n, name in zip(numbers, theirs, strict=True) if name not in unknown]
    hint = "it shares no class with the run" if not known else "a single class is no choice"
    if len(known) > 1:
        hint = f"--config.data.classes={','.join(map(str, known))} leaves them out"
    near = [_with_near(name, ours) for name in unknown]
    return f"the model does not know these classes of {data}: {_listed(near)}; {hint}"


def _with_near(name: str, ours: Sequence[str]) -> str:
    """Adds the class of the model that is written nearly the same, whatever the case."""
    by_lower = {each.lower(): each for each in ours}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.7)
    return f"{name} (near {by_lower[near[0]]})" if near else name


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MAX_LISTED])
    more = len(names) - MAX_LISTED
    return f"{shown} and {more} more" if more > 0 else shown
