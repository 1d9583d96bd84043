"""Conversion of a state to named arrays with digests, and back."""

import dataclasses
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxcmp.checkpoint import trees
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


def test_other_programs_find_arrays_by_their_paths():
    tree = trees.nest(trees.to_host(make_state()))
    assert tree["params"]["block_0"]["kernel"].shape == (3, 4)
    assert tree["opt_state"]["0"]["mu"]["head"]["bias"].dtype == jnp.bfloat16
    assert int(tree["step"]) == 7


def test_empty_arrays_and_scalars_are_kept():
    state = {"nothing": np.zeros((0, 3), np.float32), "one": np.float32(2), "flag": np.bool_(True)}
    arrays = trees.to_host(state)
    read = trees.verified(trees.index_of(arrays), trees.nest(arrays))
    assert_same(read, {name: np.asarray(x) for name, x in state.items()})


def test_equal_paths_are_refused():
    with pytest.raises(ValueError, match="same path"):
        trees.to_host({"a": {"b": np.ones(1)}, "a/b": np.ones(1)})


def test_any_changed_bit_is_detected_and_named():
    arrays = {"a": np.zeros(2, np.float32), "b/c": np.zeros(2, np.float32)}
    index = trees.index_of(arrays)
    for name in arrays:
        for position in range(8):
            damaged = {key: array.copy() for key, array in arrays.items()}
            damaged[name].view(np.uint8)[position] ^= 1
            with pytest.raises(ValueError, match=f"{name} has wrong bytes"):
                trees.verified(index, trees.nest(damaged))


def test_missing_or_extra_arrays_are_detected():
    arrays = {"a": np.zeros(2, np.float32), "b": np.zeros(2, np.float32)}
    index = trees.index_of(arrays)
    with pytest.raises(ValueError, match="b is missing from it"):
        trees.verified(index, {"a": arrays["a"]})
    with pytest.raises(ValueError, match="c is missing from its index"):
        trees.verified(index, arrays | {"c": np.ones(1)})


@pytest.mark.parametrize(
    "change",
    [{"shape": [2, 1]}, {"dtype": "int32"}, {"sha256": "0"}],
)
def test_a_changed_entry_of_the_index_is_detected(change):
    arrays = {"a": np.zeros(2, np.float32)}
    index = trees.index_of(arrays)
    with pytest.raises(ValueError, match="a has wrong bytes"):
        trees.verified({"a": index["a"] | change}, arrays)


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
def test_another_template_is_refused_with_the_first_difference(template, message):
    arrays = trees.to_host(make_state())
    with pytest.raises(JaxcmpError, match=f"^it is of another shape: {re.escape(message)}; give"):
        trees.onto(template, arrays, "it")


def test_another_type_is_refused():
    arrays = trees.to_host({"a": np.ones(2, np.float32)})
    with pytest.raises(JaxcmpError, match=r"a is float16\[2\] here and float32\[2\] there"):
        trees.onto({"a": jnp.ones(2, jnp.float16)}, arrays, "it")


def test_a_model_without_statistics_has_empty_ones():
    arrays = trees.to_host({"params": {"a": np.ones(2)}, "opt_state": [np.ones(2)]})
    assert set(trees.variables(arrays)) == {"params", "batch_stats"}
    assert trees.variables(arrays)["batch_stats"] == {}


def test_donating_placed_arrays_leaves_the_host_arrays_intact():
    arrays = trees.to_host({"a": np.ones(1000, np.float32)})
    placed = trees.onto({"a": jnp.zeros(1000)}, arrays, "it")
    doubled = jax.jit(lambda x: x * 2, donate_argnums=0)(placed["a"])
    assert float(doubled[0]) == 2
    np.testing.assert_array_equal(arrays["a"], 1)
