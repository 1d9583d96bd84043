"""Counts what the host launches: a CUDA graph as a whole, all else one by one.

XLA calls what it launches thunks, and writes their sequence among the files of a dump.
"""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

from hlo import Computation, Module

# The later file first. XLA does not write it where graphs are switched off.
FILES = ("thunk_sequence_after_thunk_passes", "thunk_sequence")
_THUNK = re.compile(r"^( *)\d+: (k\w+)")
# Thunks that launch nothing themselves, but the thunks that are indented below them.
_CONTAINERS = {"kWhile", "kConditional", "kSequential"}


@dataclasses.dataclass
class Enclosing:
    """A thunk, at its depth, and how often what is indented below it is launched.

    Of a loop, `loop` is how often it begins, and how often it runs each time.
    """

    depth: int
    times: int
    loop: tuple[int, int | None] | None = None

    def enter(self, label: str) -> None:
        """Begins a loop's condition or body."""
        assert self.loop is not None
        begins, trips = self.loop
        self.times = begins * (trips or 1) if label == "body:" else 0 if trips else begins


def read(folder: Path) -> str:
    """Returns the thunks of the only program in a dump; raises ValueError where there are none."""
    for name in FILES:
        if found := list(folder.glob(f"*.{name}.txt")):
            return found[0].read_text()
    raise ValueError(f"XLA wrote no {FILES[-1]}.txt")


def host_launches(thunks: str, module: Module) -> int:
    """Counts the launches of one call, from the text of its thunks and from its HLO module.

    A loop counts as often as it runs, and once where the compiler does not know how often: then the
    host launches the condition too. Of a conditional all branches count.
    """
    trips = loop_trips(module, module.entry)
    launches, enclosing = 0, [Enclosing(depth=-1, times=1)]
    for line in thunks.splitlines():
        if (label := line.strip()) in ("condition:", "body:"):
            while enclosing[-1].loop is None:
                enclosing.pop()
            enclosing[-1].enter(label)
        elif match := _THUNK.match(line):
            depth, kind = len(match[1]), match[2]
            while enclosing[-1].depth >= depth:
                enclosing.pop()
            times = enclosing[-1].times
            is_container = kind in _CONTAINERS
            launches += 0 if is_container else times
            loop = (times, next(trips)) if kind == "kWhile" else None
            enclosing.append(Enclosing(depth, times if is_container else 0, loop))
    return launches


def loop_trips(module: Module, computation: Computation) -> Iterator[int | None]:
    """Yields how often each loop runs, in the order of the thunks; None where it is unknown."""
    for instruction in computation.instructions.values():
        if instruction.opcode == "while":
            yield instruction.num_trips
        if instruction.opcode in ("while", "conditional", "call"):
            for names in instruction.called.values():
                for name in names:
                    yield from loop_trips(module, module.computations[name])
