"""Attention and positions against loops in NumPy, and where the answer is known."""

import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy_vit import dense, embed, norm
from sample_models import make_trained
from scipy import stats
from test_layers import make_subject

from jaxcmp.inspect.attention import (
    attention_statistics,
    measure_attention,
    measure_positions,
    patch_distances,
)
from jaxcmp.inspect.networks import attention_weights
from jaxcmp.inspect.subject import Subject
from jaxcmp.runs.inspections import STATES

# Patches of 2x2 pixels, 4 on a side.
SIDE, PATCH = 4, 2
PLACES = [(PATCH * row, PATCH * column) for row in range(SIDE) for column in range(SIDE)]


@pytest.fixture(scope="module")
def trained():
    return make_trained("vit")


@pytest.fixture(scope="module")
def subject(trained):
    """Five images in batches of three: the last one is there twice."""
    return make_subject(trained, 5, size=3)[0]


def with_class_token(weights):
    """Weights [patches, patches] as a part of those of all tokens, which add up to 1."""
    num = len(weights) + 1
    tokens = np.zeros((num, num))
    tokens[1:, 1:] = 0.75 * weights
    tokens[:, 0] = 1 - tokens.sum(axis=1)
    return jnp.asarray(tokens)


def numbers(weights, model):
    distance, entropy = attention_statistics(with_class_token(weights), patch_distances(model))
    return float(distance), float(entropy)


def test_uniform_attention_has_entropy_1_and_the_mean_distance_of_all_pairs(trained):
    distance, entropy = numbers(np.full((16, 16), 1 / 16), trained.model)
    assert entropy == pytest.approx(1)
    assert distance == pytest.approx(
        np.mean([math.dist(*pair) for pair in itertools.product(PLACES, PLACES)])
    )


def test_attention_to_one_patch_has_entropy_0_and_that_patchs_distance(trained):
    assert numbers(np.eye(16), trained.model) == pytest.approx((0, 0))
    beside = np.eye(16)[np.arange(16) ^ 1]
    assert numbers(beside, trained.model) == pytest.approx((PATCH, 0), abs=1e-6)


def test_the_numbers_are_those_of_loops_over_queries_and_keys(trained):
    weights = np.random.default_rng(0).dirichlet(np.ones(16), 16)
    distances, entropies = [], []
    for query, row in enumerate(weights):
        distances.append(sum(w * math.dist(PLACES[query], PLACES[k]) for k, w in enumerate(row)))
        entropies.append(-sum(w * math.log(w) for w in row) / math.log(16))
    expected = np.mean(distances), np.mean(entropies)
    assert numbers(weights, trained.model) == pytest.approx(expected, rel=1e-5)


def test_the_weights_of_the_first_block_are_those_of_its_definition(trained):
    images = np.random.default_rng(1).normal(size=(2, 8, 8, 3))
    found = np.asarray(attention_weights(trained.model, trained.variables, jnp.asarray(images)))
    assert found.shape == (2, 2, 3, 17, 17)
    np.testing.assert_allclose(found.sum(axis=-1), 1, rtol=1e-5)
    params = jax.tree.map(np.asarray, trained.variables["params"])
    block = params["block_0"]
    x = norm(embed(trained.model, params, images), block["attention_norm"])
    parts = np.split(dense(x, block["attention"]["qkv"]), 3, axis=-1)
    for head in range(3):
        query, key, _ = (part[..., 4 * head : 4 * head + 4] for part in parts)
        powers = np.exp(query @ key.swapaxes(1, 2) / 2)
        expected = powers / powers.sum(axis=-1, keepdims=True)
        np.testing.assert_allclose(found[:, 0, head], expected, atol=1e-4)


def test_each_image_counts_once_and_marks_are_of_uniform_and_local_attention(subject):
    model, found = subject.trained.model, measure_attention(subject, subject.trained.model)
    images = np.concatenate([np.asarray(batch) for batch, _ in subject.batches])[:5]
    levels = (images / 255 - subject.trained.mean) / subject.trained.std
    weights = attention_weights(model, subject.trained.variables, jnp.asarray(levels, jnp.float32))
    distance, entropy = attention_statistics(weights, patch_distances(model))
    np.testing.assert_allclose(found["trained"]["distance"], distance.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(found["initial"]["entropy"], entropy.mean(axis=0), rtol=1e-4)
    assert found["uniform"]["entropy"] == pytest.approx(1)
    # At the corners a window of 3x3 patches has 4, at the edges 6, inside 9.
    logarithms = (4 * math.log(4) + 8 * math.log(6) + 4 * math.log(9)) / 16 / math.log(16)
    assert found["window"]["entropy"] == pytest.approx(logarithms, rel=1e-5)


def test_cosines_of_positions_and_their_rank_correlation_with_distance(subject):
    found = measure_positions(subject, subject.trained.model)
    vectors = np.asarray(subject.trained.variables["params"]["positions"])[0, 1:]
    pairs = list(itertools.combinations(range(16), 2))
    cosines = {
        (i, j): float(
            vectors[i] @ vectors[j] / np.linalg.norm(vectors[i]) / np.linalg.norm(vectors[j])
        )
        for i, j in pairs
    }
    distances = [math.dist(PLACES[i], PLACES[j]) for i, j in pairs]
    rho = tuple(stats.spearmanr(list(cosines.values()), distances))[0]
    assert found["trained"]["correlation"] == pytest.approx(rho, abs=1e-6)
    assert found["side"] == 4 and len(found["trained"]["cosines"]) == 16
    assert found["trained"]["cosines"][3][9] == pytest.approx(cosines[3, 9], abs=1e-3)


def test_a_map_of_many_positions_keeps_every_second_in_both_directions():
    trained = make_trained("vit", image_size=18)
    variables = dict.fromkeys(STATES, trained.variables)
    subject = Subject(None, trained, variables, np.arange(0), np.arange(0), [])  # pyright: ignore[reportArgumentType]
    model: Any = trained.model
    found = measure_positions(subject, model)
    # Of nine on a side, numbers 0, 2, 4, 6 and 8.
    assert found["side"] == 5 and len(found["trained"]["cosines"]) == 25
