"""What a compiled step launches: kernels, library calls, bytes moved, waits of the host."""

import dataclasses
import re
from collections import Counter
from functools import partial

from jaxcmp.gpu.hlo import Computation, Instruction, Module, arrays, num_bytes, parse

# What costs nothing when it runs: names for memory that is there already.
FREE = {
    *("parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all"),
    *("add-dependency", "optimization-barrier", "opt-barrier", "partition-id", "replica-id"),
}
# What reads no more of its first operand than it gives.
SLICES = {"gather", "dynamic-slice", "slice"}
TRANSFERS = {"infeed", "outfeed", "send", "recv"}
LIBRARIES = {"__cudnn": "cuDNN", "__cublas": "cuBLAS", "__cub$": "CUB"}
# Memory space 5 of XLA's layouts is the host's.
HOST_MEMORY = re.compile(r"\{[^}]*S\(5\)")


@dataclasses.dataclass
class Launches:
    """Sums over one step.

    `kernels` counts every fusion, copy and library call as one launch; a library may launch several
    kernels for a call, so it is a lower bound. `bytes` are what these kernels read and write of the
    device's memory if no cache helps: an estimate from the shapes of operands and results, in which
    a gather or a slice reads as much as it gives, and a library's workspace does not count.
    `transfers` and `float64` name what must not be there, by the program's own names.
    """

    kernels: int = 0
    bytes: int = 0
    calls: Counter[str] = dataclasses.field(default_factory=Counter)
    transfers: list[str] = dataclasses.field(default_factory=list)
    float64: list[str] = dataclasses.field(default_factory=list)

    def add(self, other: "Launches", times: int = 1) -> None:
        self.kernels += times * other.kernels
        self.bytes += times * other.bytes
        self.calls.update({name: times * count for name, count in other.calls.items()})
        self.transfers += other.transfers


def count(text: str) -> Launches:
    """Counts the launches of an optimised HLO module."""
    module = parse(text)
    total = count_computation(module, module.entry)
    for computation in module.computations.values():
        for instruction in computation.instructions.values():
            if any(dtype in ("f64", "c128") for dtype, _ in arrays(instruction.shape)):
                total.float64.append(_place(instruction))
    return total


def count_computation(module: Module, computation: Computation) -> Launches:
    """Counts the launches of one computation, with all that it calls."""
    total = Launches()
    for instruction in computation.instructions.values():
        total.add(count_instruction(module, computation, instruction))
    return total


def count_instruction(
    module: Module, computation: Computation, instruction: Instruction
) -> Launches:
    """Counts the launches of one instruction.

    A loop counts as often as it runs. Where the compiler does not know how often, it counts once,
    and as a transfer: the host reads the condition before each turn. So it does before a
    conditional, of which the branch that moves more bytes counts.
    """
    opcode, called = instruction.opcode, instruction.called
    inside = {
        role: [count_computation(module, module.computations[name]) for name in names]
        for role, names in (called.items() if opcode not in ("fusion", "custom-call") else ())
        if role != "to_apply" or opcode in ("call", "async-start")
    }
    launches = Launches()
    if opcode == "while":
        for part in inside["body"] + inside["condition"]:
            launches.add(part, 1 if instruction.num_trips is None else instruction.num_trips)
        if instruction.num_trips is None:
            launches.transfers.append(f"the condition of a loop, {_place(instruction)}")
    elif opcode == "conditional":
        launches.add(max(sum(inside.values(), []), key=lambda branch: branch.bytes))
        launches.transfers.append(f"the choice of a branch, {_place(instruction)}")
    elif inside:
        for part in sum(inside.values(), []):
            launches.add(part)
    elif opcode not in FREE and not opcode.endswith(("-done", "-update")):
        launches.kernels = 1
        launches.bytes = traffic(module, computation, instruction)
        name = next(
            (n for start, n in LIBRARIES.items() if instruction.target.startswith(start)), ""
        )
        launches.calls.update([name] if name else [])
        if _is_transfer(instruction):
            launches.transfers.append(f"{instruction.opcode}, {_place(instruction)}")
    return launches


def traffic(module: Module, computation: Computation, instruction: Instruction) -> int:
    """Bytes that a kernel reads and writes, from the shapes of its operands and results."""
    shapes = [computation.instructions[name].shape for name in instruction.operands]
    if instruction.opcode == "fusion" and instruction.called.get("calls"):
        inner = module.computations[instruction.called["calls"][0]]
        reads = [_bytes_read(inner, inner.parameters[i], shape) for i, shape in enumerate(shapes)]
        return sum(reads) + _bytes_written(inner, inner.root)
    if instruction.opcode == "custom-call":
        results = [size for _, size in arrays(instruction.shape)]
        # A library's last result is its workspace.
        is_library = instruction.target.startswith("__cu") and len(results) > 1
        return sum(map(num_bytes, shapes)) + sum(results[:-1] if is_library else results)
    written = num_bytes(instruction.shape)
    if instruction.opcode in SLICES:
        return 2 * written + sum(map(num_bytes, shapes[1:]))
    if instruction.opcode == "dynamic-update-slice":
        return 2 * num_bytes(shapes[1])
    return written + sum(map(num_bytes, shapes))


def _bytes_read(inner: Computation, name: str, shape: str) -> int:
    """What a fusion reads of one parameter: all of it, unless only slices of it are used."""
    whole = num_bytes(shape)
    users = inner.users[name]
    if not users:
        return 0
    read = 0
    for user in users:
        if user.opcode == "bitcast":
            read += _bytes_read(inner, user.name, shape)
        elif user.opcode in SLICES and user.operands[0] == name:
            read += num_bytes(user.shape)
        elif user.opcode == "dynamic-update-slice" and user.operands[0] == name:
            # Written in place: what is not replaced is not touched.
            continue
        else:
            return whole
    return min(whole, read)


def _bytes_written(inner: Computation, result: Instruction) -> int:
    """What a fusion writes; of an array that is updated in place, the part replaced."""
    follow = partial(_bytes_written, inner)
    if result.opcode == "tuple":
        return sum(follow(inner.instructions[name]) for name in result.operands)
    if result.opcode == "bitcast":
        return follow(inner.instructions[result.operands[0]])
    if result.opcode == "dynamic-update-slice":
        return num_bytes(inner.instructions[result.operands[1]].shape)
    return num_bytes(result.shape)


def _is_transfer(instruction: Instruction) -> bool:
    is_callback = "callback" in instruction.target or instruction.target.startswith("MoveTo")
    is_host_memory = bool(HOST_MEMORY.search(instruction.shape))
    return instruction.opcode in TRANSFERS or is_callback or is_host_memory


def _place(instruction: Instruction) -> str:
    return instruction.source or instruction.name
