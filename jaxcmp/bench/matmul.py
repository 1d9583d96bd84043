"""The device's own rate of matrix multiplication, which a model's is measured against."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jax.sharding import Mesh

from jaxcmp import devices
from jaxcmp.bench.timing import alternate

CPU_SIZES = (1024, 2048)
ACCELERATOR_SIZES = (4096, 8192)


@dataclasses.dataclass(frozen=True)
class Matmul:
    """A square product on each device at once: operands [size, size], `flops` a call in all."""

    size: int
    output_dtype: str
    flops: int
    call: Callable[[], Array]


def fastest_matmul(mesh: Mesh, dtype: str) -> Matmul:
    """The fastest of several sizes, and of results in `dtype` and in float32.

    Which one is, differs: XLA multiplies bfloat16 on a CPU much faster into float32.
    """
    is_cpu = mesh.devices.flat[0].platform == "cpu"
    matmuls = [
        make_matmul(mesh, dtype, output_dtype, size)
        for size in (CPU_SIZES if is_cpu else ACCELERATOR_SIZES)
        for output_dtype in sorted({dtype, "float32"})
    ]
    calls = {str(i): matmul.call for i, matmul in enumerate(matmuls)}
    samples = alternate(calls, rounds=3, wait=jax.block_until_ready)
    rates = [matmul.flops / samples[str(i)].median for i, matmul in enumerate(matmuls)]
    return matmuls[rates.index(max(rates))]


def make_matmul(mesh: Mesh, dtype: str, output_dtype: str, size: int) -> Matmul:
    sharding = devices.sharded(mesh)

    def operand(key: Array) -> Array:
        return jax.random.normal(key, (mesh.size, size, size), jnp.dtype(dtype))

    def multiply(left: Array, right: Array) -> Array:
        return jnp.matmul(left, right, preferred_element_type=jnp.dtype(output_dtype))

    make = jax.jit(operand, out_shardings=sharding)
    left, right = (make(key) for key in jax.random.split(jax.random.key(0)))
    compiled = jax.jit(multiply, out_shardings=sharding).lower(left, right).compile()
    return Matmul(size, output_dtype, 2 * mesh.size * size**3, lambda: compiled(left, right))
