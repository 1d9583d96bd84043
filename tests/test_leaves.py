"""A state packed into bytes and taken out again."""

import dataclasses
import json
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxcmp import leaves
from jaxcmp.errors import JaxcmpError


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State:
    step: Any
    params: Any
    batch_stats: Any
    average: Any
    opt_state: Any


def make_state(optimizer=None, width: int = 4, average: Any = None) -> State:
    rng = np.random.default_rng(0)
    params = {
        "block_0": {"kernel": jnp.asarray(rng.normal(size=(3, width)), jnp.float32)},
        "head": {"bias": jnp.asarray(rng.normal(size=10), jnp.bfloat16)},
    }
    optimizer = optimizer or optax.adamw(1e-3)
    _, opt_state = optimizer.update(params, optimizer.init(params), params)
    batch_stats = {"norm": {"mean": jnp.ones(width)}}
    return State(jnp.asarray(7, jnp.int32), params, batch_stats, average, opt_state)


def assert_same(left: Any, right: Any) -> None:
    assert jax.tree.structure(left) == jax.tree.structure(right)
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


@pytest.mark.parametrize(
    "optimizer",
    [
        optax.adamw(1e-3),
        optax.sgd(0.1, momentum=0.9, nesterov=True),
        optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(optax.constant_schedule(1e-3))),
    ],
)
def test_a_packed_state_comes_out_as_it_was(optimizer):
    state = make_state(optimizer)
    index, packed = leaves.pack(state)
    arrays = leaves.unpack(json.loads(json.dumps(index)), packed)
    assert_same(leaves.onto(jax.eval_shape(lambda: state), arrays, "it"), state)


def test_leaves_have_the_paths_that_a_reader_expects():
    index, _ = leaves.pack(make_state())
    assert {"step", "params/block_0/kernel", "batch_stats/norm/mean"} < set(index)
    assert "opt_state/0/mu/head/bias" in index
    assert index["params/head/bias"]["dtype"] == "bfloat16"


def test_leaves_of_no_size_and_no_axes_are_kept():
    state = {"nothing": np.zeros((0, 3), np.float32), "one": np.float32(2), "flag": np.bool_(True)}
    index, packed = leaves.pack(state)
    assert packed.size == 5
    assert_same(leaves.unpack(index, packed), {name: np.asarray(x) for name, x in state.items()})


def test_equal_paths_are_refused():
    with pytest.raises(ValueError, match="same path"):
        leaves.pack({"a": {"b": np.ones(1)}, "a/b": np.ones(1)})


def test_the_packed_bytes_are_a_copy():
    kernel = np.ones(3, np.float32)
    index, packed = leaves.pack({"kernel": kernel})
    kernel[:] = 2
    np.testing.assert_array_equal(leaves.unpack(index, packed)["kernel"], 1)


def test_any_changed_bit_is_found_and_named():
    index, packed = leaves.pack({"a": np.zeros(2, np.float32), "b": np.zeros(2, np.float32)})
    for position in range(packed.size):
        damaged = packed.copy()
        damaged[position] ^= 1
        with pytest.raises(ValueError, match="a has" if position < 8 else "b has"):
            leaves.unpack(index, damaged)


def test_bytes_too_few_or_too_many_are_found():
    index, packed = leaves.pack({"a": np.zeros(2, np.float32)})
    with pytest.raises(ValueError, match="a has wrong bytes"):
        leaves.unpack(index, packed[:-1])
    with pytest.raises(ValueError, match="1 bytes too many"):
        leaves.unpack(index, np.append(packed, packed[:1]))


@pytest.mark.parametrize(
    "change",
    [{"shape": [2, 1]}, {"dtype": "int32"}, {"sha256": "0"}],
)
def test_a_changed_entry_of_the_index_is_found(change):
    index, packed = leaves.pack({"a": np.zeros(2, np.float32)})
    with pytest.raises(ValueError, match="a has wrong bytes"):
        leaves.unpack({"a": index["a"] | change}, packed)
    with pytest.raises(ValueError, match="b has wrong bytes"):
        leaves.unpack({"b": index["a"]}, packed)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (
            make_state(width=5),
            "params/block_0/kernel is float32[3, 5] here and float32[3, 4] there",
        ),
        (make_state(average={"a": jnp.ones(3)}), "average/a is float32[3] here and missing there"),
        (make_state(optax.sgd(0.1)), "opt_state/0/count is missing here and int32[] there"),
    ],
)
def test_another_template_is_refused_with_the_first_leaf_that_differs(template, message):
    arrays = leaves.unpack(*leaves.pack(make_state()))
    with pytest.raises(JaxcmpError, match=f"^it is of another shape: {re.escape(message)}; give"):
        leaves.onto(template, arrays, "it")


def test_another_type_is_refused():
    arrays = leaves.unpack(*leaves.pack({"a": np.ones(2, np.float32)}))
    with pytest.raises(JaxcmpError, match=r"a is float16\[2\] here and float32\[2\] there"):
        leaves.onto({"a": jnp.ones(2, jnp.float16)}, arrays, "it")


def test_variables_are_what_a_model_is_applied_with():
    state = make_state(average={"params": {"a": jnp.ones(2)}})
    variables = leaves.variables(leaves.unpack(*leaves.pack(state)))
    expected = {"params": state.params, "batch_stats": state.batch_stats, "average": state.average}
    assert_same(variables, expected)


def test_a_model_without_statistics_has_empty_ones():
    arrays = leaves.unpack(*leaves.pack({"params": {"a": np.ones(2)}, "opt_state": [np.ones(2)]}))
    assert set(leaves.variables(arrays)) == {"params", "batch_stats"}
    assert leaves.variables(arrays)["batch_stats"] == {}


def test_what_is_placed_may_be_donated_without_harm_to_the_arrays():
    arrays = leaves.unpack(*leaves.pack({"a": np.ones(1000, np.float32)}))
    placed = leaves.onto({"a": jnp.zeros(1000)}, arrays, "it")
    doubled = jax.jit(lambda x: x * 2, donate_argnums=0)(placed["a"])
    assert float(doubled[0]) == 2
    np.testing.assert_array_equal(arrays["a"], 1)
