"""The likeness of layers against its definition, and where the answer is known."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sample_models import make_trained

from jaxcmp.inspect.networks import layer_outputs
from jaxcmp.inspect.similarity import (
    MINIBATCH,
    _inner_products,
    _scaled,
    measure_similarity,
    pairs_apart,
)
from jaxcmp.inspect.subject import Subject
from jaxcmp.runs.inspections import STATES


def make_subject(trained, num, seed=0, size=32):
    images = np.random.default_rng(seed).integers(0, 256, (num, 8, 8, 3), dtype=np.uint8)
    rows = [np.minimum(np.arange(start, start + size), num - 1) for start in range(0, num, size)]
    batches = [(jnp.asarray(images[each]), jnp.asarray(each)) for each in rows]
    variables: dict[str, Any] = dict.fromkeys(STATES, trained.variables)
    run: Any = None
    return Subject(run, trained, variables, np.arange(num), np.arange(num) % 3, batches), images


def hsic(k, l):  # noqa: E741
    """The unbiased estimator, in the words of Song et al. (2012), equation 5."""
    n = len(k)
    k, l = k * (1 - np.eye(n)), l * (1 - np.eye(n))  # noqa: E741
    ones = np.ones(n)
    total = np.trace(k @ l)
    total += (ones @ k @ ones) * (ones @ l @ ones) / ((n - 1) * (n - 2))
    total -= 2 / (n - 2) * (ones @ k @ l @ ones)
    return total / (n * (n - 3))


def cka(first, second):
    """Computes the CKA of features [minibatches][n, width]."""
    grams = [[x @ x.T for x in each] for each in (first, second)]
    (one, two) = grams
    mean = lambda a, b: np.mean([hsic(*pair) for pair in zip(a, b, strict=True)])  # noqa: E731
    return mean(one, two) / np.sqrt(mean(one, one) * mean(two, two))


def row(features):
    parts = [pairs_apart(np.asarray(_inner_products(jnp.asarray(x)))) for x in features]
    return _scaled(np.concatenate(parts)).astype(np.float64)


@pytest.fixture(scope="module")
def features():
    rng = np.random.default_rng(0)
    first = rng.standard_normal((2, 12, 5)).astype(np.float32) + 3
    second = np.tanh(first @ rng.standard_normal((5, 7)).astype(np.float32))
    return first, second


def test_the_mean_product_of_two_rows_is_the_minibatch_cka(features):
    first, second = features
    expected = cka(first.astype(np.float64), second.astype(np.float64))
    assert 0.2 < expected < 0.95
    assert np.mean(row(first) * row(second)) == pytest.approx(expected, abs=1e-3)


def test_a_representation_is_like_its_own_rotation_and_scaling(features):
    first, _ = features
    rotation, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((5, 5)))
    turned = (7 * first @ rotation).astype(np.float32)
    assert np.mean(row(first) * row(turned)) == pytest.approx(1, abs=1e-3)


def test_independent_representations_have_no_likeness_on_average():
    # The estimator is unbiased: the biased one would be near 0.5 here.
    rng = np.random.default_rng(2)
    found = [
        np.mean(row(rng.standard_normal((1, 16, 16))) * row(rng.standard_normal((1, 16, 16))))
        for _ in range(100)
    ]
    assert abs(np.mean(found)) < 4 * np.std(found) / 10


def test_a_layer_that_is_the_same_for_all_images_is_like_no_other(features):
    first, _ = features
    assert not row(np.ones_like(first)).any()


@pytest.mark.parametrize("name", ["vit", "resnet"])
def test_every_block_is_a_layer_and_the_last_one_leads_to_the_answer(name):
    trained = make_trained(name)
    images = jax.random.normal(jax.random.key(0), (3, 8, 8, 3))
    outputs = layer_outputs(trained.model, trained.variables, images)
    model, params = trained.model, trained.variables["params"]
    num_blocks = model.depth if name == "vit" else sum(model.stage_depths)
    assert len(outputs) == num_blocks
    *_, last = outputs.values()
    if name == "vit":
        first = last[:, 0] - last[:, 0].mean(axis=-1, keepdims=True)
        normal = first / np.sqrt(np.mean(first**2, axis=-1, keepdims=True) + 1e-6)
        pooled = normal * params["norm"]["scale"][None] + params["norm"]["bias"][None]
    else:
        pooled = last.mean(axis=(1, 2))
    logits = pooled @ params["head"]["kernel"] + params["head"]["bias"][None]
    expected: Any = model.apply(trained.variables, images, is_training=False)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)


def test_whole_minibatches_of_the_first_images_are_compared():
    trained = make_trained("resnet")
    subject, images = make_subject(trained, 2 * MINIBATCH + 3)
    found = measure_similarity(subject)
    pairs = MINIBATCH * (MINIBATCH - 1) // 2
    num_layers = len(found["layers"])
    assert found["similarity_trained"].shape == (num_layers, 2 * pairs)
    normal = (images / 255 - trained.mean) / trained.std
    outputs = layer_outputs(trained.model, trained.variables, jnp.asarray(normal, jnp.float32))
    expected = np.asarray(outputs[str(found["layers"][0])], np.float64).reshape(len(images), -1)
    expected = expected[: 2 * MINIBATCH].reshape(2, MINIBATCH, -1)
    for one, two in itertools.combinations_with_replacement(range(num_layers), 2):
        both = (found["similarity_trained"][each].astype(float) for each in (one, two))
        value = np.mean(np.prod(list(both), axis=0))
        assert (one == two) == (value > 0.999)
    own = row(expected.astype(np.float32))
    assert np.mean(own * found["similarity_trained"][0]) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("num", [1, 3, 5])
def test_few_images_are_one_minibatch_or_none(num):
    subject, _ = make_subject(make_trained("resnet"), num, size=num)
    found = measure_similarity(subject)
    assert bool(len(found["layers"])) == (num >= 4)
