"""Collectives are read from a compiled program."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxcmp import devices
from jaxcmp.collectives.messages import Message, read, total_bytes

# As XLA writes them for GPUs: begun and ended apart, and several arrays in one.
ASYNC = """HloModule jit_step

ENTRY %main.1 (a.1: f32[4,2], b.1: f32[3]) -> (f32[4,2], f32[3]) {
  %a.1 = f32[4,2]{1,0} parameter(0)
  %b.1 = f32[3]{0} parameter(1)
  %all-reduce-start = (f32[4,2]{1,0}, f32[3]{0}) all-reduce-start(%a.1, %b.1), to_apply=%add, metadata={op_name="gradients"}
  ROOT %all-reduce-done = (f32[4,2]{1,0}, f32[3]{0}) all-reduce-done(%all-reduce-start)
}
"""  # noqa: E501


def test_a_message_that_is_begun_and_ended_counts_once_with_all_its_arrays():
    assert read(ASYNC) == [Message("all-reduce", 4 * (8 + 3), 2, "gradients")]


def test_a_gradient_is_one_all_reduce_of_its_size():
    mesh = devices.make_mesh()
    kernel = jax.device_put(jnp.ones((16, 3)), devices.replicated(mesh))
    x = jax.device_put(jnp.ones((8, 16)), devices.sharded(mesh))
    grad = jax.jit(
        jax.grad(lambda kernel, x: jnp.sum(jnp.tanh(x @ kernel))),
        out_shardings=devices.replicated(mesh),
    )
    messages = read(grad.lower(kernel, x).compile().as_text() or "")
    assert [each.kind for each in messages] == ["all-reduce"]
    assert total_bytes(messages, "all-reduce") == 4 * 16 * 3


def test_a_looked_up_row_is_a_gather_of_indices_and_a_scattered_sum_of_rows():
    mesh = devices.make_mesh()
    rows = devices.place_rows(np.zeros((80, 5), np.uint8), mesh)
    indices = devices.place(np.zeros(16, np.int32), devices.sharded(mesh))
    text = jax.jit(devices.take_rows(mesh)).lower(rows, indices).compile().as_text() or ""
    found = {each.kind: each.bytes for each in read(text)}
    # Each device puts in its own two indices, and the sixteen rows that it may hold.
    assert found == {"all-gather": 2 * 4, "reduce-scatter": 16 * 5}
