"""Counts what a compiled step launches: kernels, library calls, bytes moved, waits of the host."""

import dataclasses
import re

from hlo import Computation, Instruction, Module, arrays, num_bytes

# Names for memory that is there already: no kernel runs for them.
FREE = {
    "add-dependency",
    "after-all",
    "bitcast",
    "constant",
    "get-tuple-element",
    "opt-barrier",
    "optimization-barrier",
    "parameter",
    "partition-id",
    "replica-id",
    "tuple",
}
# Operations that read no more of their first operand than they return.
SLICES = {"gather", "dynamic-slice", "slice"}
TRANSFERS = {"infeed", "outfeed", "send", "recv"}
# How the names of cuDNN's, cuBLAS's and CUB's calls begin.
LIBRARY = "__cu"
# Memory space 5 of XLA's layouts is the host's.
HOST_MEMORY = re.compile(r"\{[^}]*S\(5\)")


@dataclasses.dataclass
class Launches:
    """Sums over one step.

    `kernels` counts every fusion, copy and library call as one launch; a library may launch several
    kernels for a call, so it is a lower bound. `bytes` are what these kernels read and write of the
    device's memory if no cache helps: an estimate from the shapes of operands and results, in which
    a gather or a slice reads as much as it returns, and a library's workspace does not count.
    `transfers` and `float64` name the operations that should not be there, as JAX names them.
    """

    kernels: int = 0
    library_calls: int = 0
    bytes: int = 0
    transfers: list[str] = dataclasses.field(default_factory=list)
    float64: list[str] = dataclasses.field(default_factory=list)

    def add(self, other: "Launches", times: int = 1) -> None:
        self.kernels += times * other.kernels
        self.library_calls += times * other.library_calls
        self.bytes += times * other.bytes
        self.transfers += other.transfers


def count(module: Module) -> Launches:
    """Counts the launches of an optimised HLO module."""
    total = count_computation(module, module.entry)
    for computation in module.computations.values():
        for instruction in computation.instructions.values():
            if any(dtype in ("f64", "c128") for dtype, _ in arrays(instruction.shape)):
                total.float64.append(instruction.source or instruction.name)
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
    and as a transfer: the host reads the condition before each turn. The host also reads a
    conditional's choice; of its branches the one that moves most bytes counts.
    """
    opcode, place = instruction.opcode, instruction.source or instruction.name
    called = called_launches(module, instruction)
    launches = Launches()
    if opcode == "while":
        for part in called:
            launches.add(part, 1 if instruction.num_trips is None else instruction.num_trips)
        if instruction.num_trips is None:
            launches.transfers.append(f"the condition of a loop, {place}")
    elif opcode == "conditional":
        launches.add(max(called, key=lambda branch: branch.bytes))
        launches.transfers.append(f"the choice of a branch, {place}")
    elif called:
        for part in called:
            launches.add(part)
    elif opcode not in FREE and not opcode.endswith(("-done", "-update")):
        launches.kernels = 1
        launches.library_calls = int(instruction.target.startswith(LIBRARY))
        launches.bytes = traffic(module, computation, instruction)
        if is_transfer(instruction):
            launches.transfers.append(f"{opcode}, {place}")
    return launches


def called_launches(module: Module, instruction: Instruction) -> list[Launches]:
    """Counts the launches of each computation that an instruction runs as kernels of their own."""
    opcode = instruction.opcode
    if opcode in ("fusion", "custom-call"):
        return []
    return [
        count_computation(module, module.computations[name])
        for role, names in instruction.called.items()
        # Elsewhere "to_apply" is the function of a reduction or a sort, part of its kernel.
        if role != "to_apply" or opcode in ("call", "async-start")
        for name in names
    ]


def traffic(module: Module, computation: Computation, instruction: Instruction) -> int:
    """Estimates the bytes that a kernel reads and writes."""
    shapes = [computation.instructions[name].shape for name in instruction.operands]
    if instruction.opcode == "fusion" and instruction.called.get("calls"):
        inner = module.computations[instruction.called["calls"][0]]
        reads = [bytes_read(inner, inner.parameters[i], shape) for i, shape in enumerate(shapes)]
        return sum(reads) + bytes_written(inner, inner.root)
    if instruction.opcode == "custom-call":
        results = [size for _, size in arrays(instruction.shape)]
        # A library's last result is its workspace.
        has_workspace = instruction.target.startswith(LIBRARY) and len(results) > 1
        return sum(map(num_bytes, shapes)) + sum(results[:-1] if has_workspace else results)
    written = num_bytes(instruction.shape)
    if instruction.opcode in SLICES:
        return 2 * written + sum(map(num_bytes, shapes[1:]))
    if instruction.opcode == "dynamic-update-slice":
        return 2 * num_bytes(shapes[1])
    return written + sum(map(num_bytes, shapes))


def bytes_read(fused: Computation, name: str, shape: str) -> int:
    """Estimates what a fusion reads of one parameter: all, unless only slices of it are used.

    Elements outside of the slices are not converted either, so they are not read.
    """
    whole = num_bytes(shape)
    read = whole if name == fused.root.name else 0
    for user in fused.users[name]:
        if user.opcode in ("bitcast", "convert"):
            used = bytes_read(fused, user.name, user.shape)
            read += used * whole // num_bytes(user.shape)
        elif user.opcode in SLICES and user.operands[0] == name:
            read += num_bytes(user.shape)
        elif user.opcode == "dynamic-update-slice" and user.operands[0] == name:
            # Written in place: what is not replaced is not touched.
            continue
        else:
            return whole
    return min(whole, read)


def bytes_written(fused: Computation, result: Instruction) -> int:
    """Returns what a fusion writes; of an array that is updated in place, the part replaced."""
    if result.opcode == "tuple":
        return sum(bytes_written(fused, fused.instructions[name]) for name in result.operands)
    if result.opcode == "bitcast":
        return bytes_written(fused, fused.instructions[result.operands[0]])
    if result.opcode == "dynamic-update-slice":
        return num_bytes(fused.instructions[result.operands[1]].shape)
    return num_bytes(result.shape)


def is_transfer(instruction: Instruction) -> bool:
    is_callback = "callback" in instruction.target or instruction.target.startswith("MoveTo")
    is_host_memory = bool(HOST_MEMORY.search(instruction.shape))
    return instruction.opcode in TRANSFERS or is_callback or is_host_memory
