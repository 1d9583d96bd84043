"""Reads the text of an optimised HLO module: computations, their instructions, their shapes."""

import dataclasses
import math
import re
from collections.abc import Iterator
from functools import cached_property

_HEADER = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\{$")
_NAME = re.compile(r"^\s+(ROOT )?%?([\w.\-]+) = ")
_ARRAY = re.compile(r"\b(pred|token|opaque|[a-z]+\d+\w*)\[([\d,]*)\]")
_CALLED = re.compile(
    r"\b(calls|body|condition|to_apply|true_computation|false_computation|called_computations|"
    r"branch_computations)=(\{[^}]*\}|%?[\w.\-]+)"
)
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"')


@dataclasses.dataclass(frozen=True)
class Instruction:
    """An instruction: `shape` as written, `operands` by name, `attributes` the text after them."""

    name: str
    shape: str
    opcode: str
    operands: tuple[str, ...]
    attributes: str
    is_root: bool

    @property
    def source(self) -> str:
        """The JAX operation that it comes from; empty if unknown."""
        match = re.search(r'op_name="([^"]*)"', self.attributes)
        return match[1] if match else ""

    @property
    def target(self) -> str:
        """The target of a custom call or a library's fusion; empty for others."""
        match = re.search(r'(?:custom_call_target|"kind")[=:]"([^"]*)"', self.attributes)
        return match[1] if match else ""

    @property
    def called(self) -> dict[str, list[str]]:
        """The names of the computations that it calls, by role."""
        roles = _CALLED.findall(self.attributes)
        return {role: re.findall(r"[\w.\-]+", names) for role, names in roles}

    @property
    def num_trips(self) -> int | None:
        """The number of times a loop runs; None where the compiler does not know it."""
        match = _TRIPS.search(self.attributes)
        return int(match[1]) if match else None


@dataclasses.dataclass(frozen=True)
class Computation:
    """The instructions of one computation by name, in their order."""

    name: str
    instructions: dict[str, Instruction]

    @property
    def root(self) -> Instruction:
        return next(x for x in self.instructions.values() if x.is_root)

    @cached_property
    def parameters(self) -> dict[int, str]:
        """The names of the parameters by number."""
        parameters = (x for x in self.instructions.values() if x.opcode == "parameter")
        return {int(x.operands[0]): x.name for x in parameters}

    @cached_property
    def users(self) -> dict[str, list[Instruction]]:
        """The instructions that read each value."""
        users: dict[str, list[Instruction]] = {name: [] for name in self.instructions}
        for instruction in self.instructions.values():
            for operand in dict.fromkeys(instruction.operands):
                users.setdefault(operand, []).append(instruction)
        return users


@dataclasses.dataclass(frozen=True)
class Module:
    entry: Computation
    computations: dict[str, Computation]


def parse(text: str) -> Module:
    """Reads the text of a compiled program; raises ValueError where it has no entry."""
    computations: dict[str, Computation] = {}
    entry = current = None
    for line in text.splitlines():
        if header := _HEADER.match(line):
            current = Computation(header[2], {})
            computations[header[2]] = current
            entry = current if header[1] else entry
        elif current is not None and (instruction := _parse_instruction(line)):
            current.instructions[instruction.name] = instruction
    if entry is None:
        raise ValueError("the text has no ENTRY computation")
    return Module(entry, computations)


def num_bytes(shape: str) -> int:
    """Returns the bytes of an array, or of all arrays of a tuple."""
    return sum(size for _, size in arrays(shape))


def arrays(shape: str) -> Iterator[tuple[str, int]]:
    """Yields type and bytes of each array in a shape."""
    for dtype, dimensions in _ARRAY.findall(shape):
        bits = 8 if dtype == "pred" else int((re.findall(r"\d+", dtype) or [0])[0])
        yield dtype, math.prod(int(n) for n in dimensions.split(",") if n) * bits // 8


def _parse_instruction(line: str) -> Instruction | None:
    name = _NAME.match(line)
    if not name:
        return None
    rest = re.sub(r"/\*.*?\*/", "", line[name.end() :])
    end = _closing(rest) if rest.startswith("(") else rest.index(" ")
    shape, rest = rest[:end], rest[end:].lstrip()
    opcode, bracket, _ = rest.partition("(")
    if not bracket:
        return None
    end = len(opcode) + _closing(rest[len(opcode) :])
    inside, attributes = rest[len(opcode) + 1 : end - 1], rest[end:]
    if opcode in ("parameter", "constant"):
        operands = (inside,) if opcode == "parameter" else ()
    else:
        # Only names have a percent sign; the types before them have none.
        operands = tuple(re.findall(r"%([\w.\-]+)", inside))
    return Instruction(name[2], shape, opcode, operands, attributes, bool(name[1]))


def _closing(text: str) -> int:
    """Returns the place behind the bracket that closes the first one."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return place + 1
    raise ValueError(f"a bracket is not closed: {text[:80]}")
