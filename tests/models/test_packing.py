"""Packed variables: what is joined, and what a step, an optimizer and a checkpoint see of it."""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from trials import RESNET, VIT, Trial, assert_same

from jaxcmp import models
from jaxcmp.checkpoint import trees
from jaxcmp.models import packing
from jaxcmp.models.packing import CHANNELS_FIRST, CHANNELS_LAST, pack, repack, unpack
from jaxcmp.optim import make_optimizer

DEEP = VIT.clone(depth=packing.MIN_JOINED)
OPTIMIZERS = {
    "adamw": {"beta_1": 0.9, "beta_2": 0.99, "weight_decay": 0.1},
    "sgd": {"momentum": 0.9, "weight_decay": 0.1},
}


def variables_of(model):
    images = jnp.zeros((1, model.image_size, model.image_size, 1))
    return jax.jit(model.init)(jax.random.key(0), images)


def named(tree):
    return {name: np.asarray(array) for name, array in trees.named_leaves(tree).items()}


@pytest.mark.parametrize("kernel_order", [CHANNELS_LAST, CHANNELS_FIRST])
@pytest.mark.parametrize("model", [DEEP, RESNET], ids=["vit", "resnet"])
def test_unpacking_gives_the_arrays_that_were_packed(model, kernel_order):
    variables = variables_of(model)
    pack_all = partial(pack, kernel_order=kernel_order)
    for collection in variables.values():
        packed = pack_all(collection)
        assert jax.tree.structure(unpack(packed)) == jax.tree.structure(collection)
        assert_same(unpack(packed), collection)
        assert_same(unpack(jax.tree.map(np.asarray, packed)), collection)
        assert unpack(jax.eval_shape(pack_all, collection)) == jax.eval_shape(lambda: collection)  # noqa: B023


def test_arrays_of_one_name_are_joined_and_those_of_the_head_stay_apart():
    # Its head is as wide as its blocks: by name and shape alone, it would share their arrays.
    params = variables_of(DEEP.clone(num_classes=8, mlp_width=8))["params"]
    packed, plain = pack(params), named(params)
    for array, parts in zip(packed.arrays, packed.parts, strict=True):
        assert len({path[-1] for path, _ in parts}) == 1
        assert len({path[0] == "head" for path, _ in parts}) == 1
        assert array.shape[0] == sum(size for _, size in parts)
        assert array.size == sum(plain["/".join(path)].size for path, _ in parts)
    names = [path[-1] for (path, _), *_ in packed.parts if path[0] != "head"]
    # Kernels from 8 to 8 and to 24 numbers, and of the patches.
    assert sorted(names) == ["bias", "cls", "kernel", "kernel", "kernel", "positions", "scale"]


def test_a_large_array_stays_alone(monkeypatch):
    params = variables_of(DEEP)["params"]
    monkeypatch.setattr(packing, "MAX_SIZE", 8 * 24 - 1)
    packed = pack(params)
    assert_same(unpack(packed), params)
    alone = [parts for parts in packed.parts if len(parts) == 1]
    for i in range(DEEP.depth):
        assert (((f"block_{i}", "attention", "qkv", "kernel"), 8),) in alone
        assert (((f"block_{i}", "attention", "projection", "kernel"), 8),) not in alone


def test_a_convolutions_kernel_is_kept_in_the_order_of_cudnn():
    kernel = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    for array in (kernel, jnp.asarray(kernel)):
        last = pack({"conv": {"kernel": array}})
        assert last.arrays[0].shape == (5, 2, 3, 4)
        assert last.arrays[0][4, 1, 2, 3] == kernel[1, 2, 3, 4]
        first = pack({"conv": {"kernel": array}}, kernel_order=CHANNELS_FIRST)
        assert first.arrays[0].shape == (5, 4, 2, 3)
        assert first.arrays[0][4, 3, 1, 2] == kernel[1, 2, 3, 4]
        for packed in (last, first):
            np.testing.assert_array_equal(unpack(packed)["conv"]["kernel"], kernel)


def test_few_arrays_stay_alone():
    biases = {name: {"bias": jnp.ones(2)} for name in "abcd"}
    assert [len(parts) for parts in pack(biases).parts] == [1] * 4
    assert [len(parts) for parts in pack(biases | {"e": {"bias": jnp.ones(3)}}).parts] == [5]


def test_the_order_of_the_dicts_does_not_matter():
    biases = {name: {"bias": jnp.full(size, size)} for size, name in enumerate("abcde", start=1)}
    here, there = pack(biases), pack(dict(reversed(biases.items())))
    assert here.parts == (tuple(((name, "bias"), i) for i, name in enumerate("abcde", start=1)),)
    assert there.parts == here.parts
    assert_same(here, there)


def test_arrays_of_two_types_are_packed_apart():
    packed = pack({"a": {"bias": jnp.ones(2)}, "b": {"bias": jnp.ones(2, jnp.bfloat16)}})
    assert {str(array.dtype) for array in packed.arrays} == {"float32", "bfloat16"}


@pytest.mark.parametrize("kernel_order", [CHANNELS_LAST, CHANNELS_FIRST])
def test_head_and_trunk_are_divided_and_joined(kernel_order):
    packed = pack(variables_of(RESNET)["params"], kernel_order=kernel_order)
    head, trunk = packed.split_head()
    assert unpack(head).keys() == {"head"}
    assert "head" not in unpack(trunk)
    nothing = packed.with_arrays()
    for joined in (head | trunk, trunk | head, nothing | packed, packed | nothing):
        assert jax.tree.structure(joined) == jax.tree.structure(packed)
        assert_same(joined, packed)


def test_what_is_not_packed_stays_as_it_is():
    tree = {"step": 3, "packed": pack({"a": {"bias": np.ones(2)}}), "none": None}
    plain = unpack(tree)
    assert plain["step"] == 3 and plain["none"] is None
    again = repack(tree, plain)
    assert jax.tree.structure(again) == jax.tree.structure(tree)
    assert_same(again, tree)


def test_the_gradient_of_joined_arrays_is_one_concatenation():
    params = variables_of(DEEP)["params"]

    def loss(packed):
        return sum(jnp.sum(jnp.sin(x)) for x in jax.tree.leaves(unpack(packed)))

    packed = pack(params)
    gradient = jax.grad(loss)
    assert_same(unpack(gradient(packed)), jax.tree.map(jnp.cos, params), atol=1e-6)
    text = str(jax.make_jaxpr(gradient)(packed))
    # A sum of padded arrays would move all of them once for each.
    assert text.count("concatenate[") == sum(len(parts) > 1 for parts in packed.parts)
    assert "pad[" not in text and "scatter" not in text


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("layer_decay", [1.0, 0.5])
@pytest.mark.parametrize("model", [DEEP, RESNET], ids=["vit", "resnet"])
def test_an_optimizer_does_the_same_to_packed_parameters(name, layer_decay, model):
    optimizer = make_optimizer(name, clip_norm=0.1, layer_decay=layer_decay, **OPTIMIZERS[name])
    params = jax.tree.map(lambda x: x + 0.1, variables_of(model)["params"])
    grads = jax.tree.map(jnp.sin, params)
    plain, state = params, optimizer.init(params)
    # Optax's types know no packed parameters.
    packed: Any = pack(params)
    packed_grads: Any = pack(grads)
    packed_state = optimizer.init(packed)
    for _ in range(2):
        directions, state = optimizer.update(grads, state, plain)
        plain = jax.tree.map(lambda p, d: p - 0.1 * d, plain, directions)
        directions, packed_state = optimizer.update(packed_grads, packed_state, packed)
        packed = jax.tree.map(lambda p, d: p - 0.1 * d, packed, directions)
    assert_same(unpack(packed), plain, atol=1e-6)
    assert_same(unpack(packed_state), state, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "name"), [(models.ViT(), "adamw"), (models.ResNet(), "sgd")], ids=["vit", "resnet"]
)
def test_the_state_of_each_arm_is_under_90_arrays(model, name):
    optimizer = make_optimizer(name, clip_norm=1.0, layer_decay=1.0, **OPTIMIZERS[name])
    step = dataclasses.replace(Trial().train_step, model=model, optimizer=optimizer)
    init = partial(step.init, num_channels=3)
    state = jax.eval_shape(init, jax.random.key(0))
    assert len(jax.tree.leaves(state)) < 90
    assert len(jax.tree.leaves(unpack(state))) > 150


def test_a_checkpoint_has_each_array_by_its_own_path():
    trial = Trial(DEEP, average_decay=0.5)
    state, _ = trial.run(1)
    arrays = trees.to_host(state)
    assert arrays.keys() == named(unpack(state)).keys()
    assert arrays["params/block_2/mlp/expand/kernel"].shape == (8, 8)
    assert any(name.endswith("trace/block_1/mlp_norm/scale") for name in arrays)
    for name, array in named(unpack(state)).items():
        np.testing.assert_array_equal(arrays[name], array, err_msg=name)
    restored = trees.onto(trial.state, arrays, "it")
    assert jax.tree.structure(restored) == jax.tree.structure(state)
    assert_same(restored, state)
    assert_same(trees.onto(jax.eval_shape(lambda: state), arrays, "it"), state)


@pytest.mark.parametrize("is_trunk_frozen", [False, True])
def test_the_order_of_kernels_changes_no_step(is_trunk_frozen):
    options = {"average_decay": 0.5, "is_trunk_frozen": is_trunk_frozen}
    (last, _), (first, _) = (
        Trial(RESNET, kernel_order=order, **options).run(3)
        for order in (CHANNELS_LAST, CHANNELS_FIRST)
    )
    assert first.params.kernel_order == CHANNELS_FIRST != last.params.kernel_order
    assert_same(unpack(first), unpack(last), atol=1e-5)


def test_what_is_not_joined_has_an_array_for_each_of_the_models():
    params = variables_of(DEEP)["params"]
    packed = pack(params, joins=False)
    assert len(packed.arrays) == len(jax.tree.leaves(params)) > len(pack(params).arrays)
    jax.tree.map(np.testing.assert_array_equal, unpack(packed), params)
