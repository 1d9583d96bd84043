"""What compiling a step tells about it: launches, memory, and the least time it can take."""

import dataclasses
from collections.abc import Callable

from jaxcmp.gpu import launches
from jaxcmp.gpu.compiler import Compiled, compile_for
from jaxcmp.gpu.gpus import Gpu
from jaxcmp.gpu.programs import Step

SMALLEST_BATCH, LARGEST_BATCH = 128, 8192


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One step of one model at one precision for one GPU.

    Seconds, bytes and FLOPs are those of one call. `memory_seconds` and `compute_seconds` are
    `bytes` and `flops` over what the card's datasheet states; the roofline's step time is the
    larger one (Williams et al. 2009), a bound and not a prediction. `largest_batch` is the largest
    power of two from 128 to 8,192 whose memory fits into the share of the card that JAX reserves, 0
    for none; unless `is_confirmed` by compiling at that size and the next, it is an estimate that
    takes temporary memory as proportional to the batch. Near the limit the compiler computes some
    values twice to save memory, so a batch that fits need not be as quick per image.
    """

    arm: str
    step: str
    precision: str
    gpu: str
    batch_size: int
    compile_seconds: float
    temporary_bytes: int
    total_bytes: int
    kernels: int
    cudnn_calls: int
    cublas_calls: int
    bytes: int
    flops: int
    memory_seconds: float
    compute_seconds: float
    transfers: tuple[str, ...]
    float64: tuple[str, ...]
    largest_batch: int
    is_confirmed: bool

    @property
    def name(self) -> str:
        return f"{self.arm} {self.step} {self.precision} {self.gpu}"

    @property
    def roofline_seconds(self) -> float:
        return max(self.memory_seconds, self.compute_seconds)


def measure(
    step_at: Callable[[int | None], Step],
    gpu: Gpu,
    *,
    arm: str,
    step: str,
    precision: str,
    is_confirming: bool,
) -> Measurement:
    """Compiles a step for a GPU; `step_at` makes it for a batch size, or the configuration's.

    With `is_confirming` it is compiled at other batch sizes too, to be sure of the largest. Raises
    JaxcmpError where it cannot be compiled.
    """
    program = step_at(None)

    def compile_step(program: Step) -> Compiled:
        return compile_for(gpu, program.function, program.arguments, donated=program.donated)

    compiled = compile_step(program)
    counts = launches.count(compiled.text)
    fixed = compiled.total_bytes - compiled.temporary_bytes
    largest = estimate_batch(
        fixed, compiled.temporary_bytes / program.batch_size, limit=gpu.usable_memory
    )
    if is_confirming:

        def does_fit(batch_size: int) -> bool:
            return compile_step(step_at(batch_size)).total_bytes <= gpu.usable_memory

        largest = confirm_batch(largest, does_fit)
    return Measurement(
        arm=arm,
        step=step,
        precision=precision,
        gpu=gpu.name,
        batch_size=program.batch_size,
        compile_seconds=compiled.seconds,
        temporary_bytes=compiled.temporary_bytes,
        total_bytes=compiled.total_bytes,
        kernels=counts.kernels,
        cudnn_calls=counts.calls["cuDNN"],
        cublas_calls=counts.calls["cuBLAS"],
        bytes=counts.bytes,
        flops=program.flops,
        memory_seconds=counts.bytes / gpu.bandwidth,
        compute_seconds=program.flops / gpu.peak_flops[precision],
        transfers=tuple(counts.transfers),
        float64=tuple(counts.float64),
        largest_batch=largest,
        is_confirmed=is_confirming,
    )


def estimate_batch(fixed_bytes: int, bytes_per_image: float, *, limit: int) -> int:
    """The largest power of two from 128 to 8,192 that needs no more than `limit`; 0 for none."""
    batch_size = LARGEST_BATCH
    while batch_size >= SMALLEST_BATCH:
        if fixed_bytes + batch_size * bytes_per_image <= limit:
            return batch_size
        batch_size //= 2
    return 0


def confirm_batch(guess: int, does_fit: Callable[[int], bool]) -> int:
    """The largest power of two from 128 to 8,192 that fits, found upwards or downwards of a guess.

    Asks at the answer and at the next size, and in between only where the guess was wrong.
    """
    batch_size = max(guess, SMALLEST_BATCH)
    if does_fit(batch_size):
        while batch_size < LARGEST_BATCH and does_fit(2 * batch_size):
            batch_size *= 2
        return batch_size
    while batch_size > SMALLEST_BATCH:
        batch_size //= 2
        if does_fit(batch_size):
            return batch_size
    return 0
