"""Attention agrees with its definition, forward and backward, and a GPU gets the plain form."""

import jax
import jax.numpy as jnp
import numpy as np
from gradients import TYPES, assert_close, lowered, normal, value_and_gradients

from jaxcmp.models import attention

NUM_HEADS, WIDTH, TOKENS = 3, 12, 7


def definition(qkv):
    """Computes attention one head after the other."""
    query, key, value = jnp.split(qkv, 3, axis=-1)
    heads = []
    for start in range(0, WIDTH, WIDTH // NUM_HEADS):
        part = slice(start, start + WIDTH // NUM_HEADS)
        scores = query[..., part] @ key[..., part].swapaxes(1, 2) / np.sqrt(WIDTH // NUM_HEADS)
        heads.append(jax.nn.softmax(scores, axis=-1) @ value[..., part])
    return jnp.concatenate(heads, axis=-1)


@TYPES
def test_attention_is_its_definition(dtype):
    qkv = normal(0, 2, TOKENS, 3 * WIDTH).astype(dtype)
    found = value_and_gradients(lambda x: attention.attend(x, NUM_HEADS), qkv)
    exact = value_and_gradients(definition, qkv.astype(jnp.float32))
    assert_close(found, jax.tree.map(lambda x: x.astype(dtype), exact), dtype)


def test_large_scores_stay_finite():
    qkv = 1e3 * normal(0, 2, TOKENS, 3 * WIDTH)
    result, (gradient,) = value_and_gradients(lambda x: attention.attend(x, NUM_HEADS), qkv)
    assert np.isfinite(result).all()
    assert np.isfinite(gradient).all()


def test_a_gpu_gets_the_plain_form():
    shape = (2, TOKENS, 3 * WIDTH)
    found = lowered(lambda x: attention.attend(x, NUM_HEADS), shape)
    plain = lowered(lambda x: attention._plain_attend(x, num_heads=NUM_HEADS), shape)
    for operation in ("dot_general", "transpose", "exponential", "reduce("):
        assert found.count(operation) == plain.count(operation) > 0


def test_scores_have_the_gradients_of_their_definition():
    rng = np.random.default_rng(2)
    query, key = (jnp.asarray(rng.normal(size=(2, 3, 7, 4)), jnp.float32) for _ in range(2))
    scores, pull = jax.vjp(attention.dot_products, query, key)
    weights = rng.normal(size=scores.shape).astype(np.float32)
    np.testing.assert_allclose(scores, np.einsum("bhqd,bhkd->bhqk", query, key), rtol=1e-5)
    for found, wanted in zip(
        pull(jnp.asarray(weights)),
        (
            np.einsum("bhqk,bhkd->bhqd", weights, key),
            np.einsum("bhqk,bhqd->bhkd", weights, query),
        ),
        strict=True,
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    half = query.astype(jnp.bfloat16)
    assert jax.eval_shape(attention.dot_products, half, half).dtype == jnp.float32
