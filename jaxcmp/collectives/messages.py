"""The collectives of a compiled program: kinds, numbers, and bytes on the wire."""

import dataclasses
from collections.abc import Iterator, Sequence

from jaxcmp.gpu.hlo import Instruction, num_bytes, parse

KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")


@dataclasses.dataclass(frozen=True)
class Message:
    """One collective: what each device puts in, in bytes and arrays, and where it comes from."""

    kind: str
    bytes: int
    num_arrays: int
    source: str


def read(text: str) -> list[Message]:
    """The collectives of an optimised HLO module, each once, whatever computation it stands in.

    A step has no loop around its collectives, so each runs once a step.
    """
    return [
        Message(kind, sum(sizes), len(sizes), instruction.source)
        for instruction, kind, sizes in _collectives(text)
    ]


def _collectives(text: str) -> Iterator[tuple[Instruction, str, list[int]]]:
    for computation in parse(text).computations.values():
        for instruction in computation.instructions.values():
            kind = instruction.opcode.removesuffix("-start")
            if kind in KINDS:
                shapes = [computation.instructions[name].shape for name in instruction.operands]
                yield instruction, kind, [num_bytes(shape) for shape in shapes]


def total_bytes(messages: Sequence[Message], kind: str) -> int:
    return sum(each.bytes for each in messages if each.kind == kind)
