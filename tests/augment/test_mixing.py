"""MixUp and CutMix: pixels and targets agree."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from trials import options

from jaxcmp.augment import mixing

BOTH = {"mixup_alpha": 1.0, "cutmix_alpha": 1.0}


@jax.jit
def cutmix(key):
    return mixing.random_cutmix(key, 12, 20, alpha=1.0)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31 - 1))
def test_cutmix_cuts_one_box_and_its_share_is_the_exact_share_of_pixels(seed):
    keep, share = cutmix(jax.random.key(seed))
    is_cut = np.asarray(keep) == 0
    assert np.isin(keep, (0, 1)).all()
    assert is_cut.sum() == is_cut.any(axis=0).sum() * is_cut.any(axis=1).sum()
    np.testing.assert_allclose(share, np.mean(keep), rtol=1e-6)


def test_mixing_agrees_with_the_targets():
    # Image i is full of the value i, so that a pixel tells where it comes from.
    images = jnp.broadcast_to(jnp.arange(5.0)[:, None, None, None], (5, 12, 20, 1))
    for cutmix_rate in (1, 0):
        both = options(**BOTH, mix_rate=1.0, cutmix_rate=float(cutmix_rate))
        mix = jax.jit(functools.partial(mixing.random_mix, options=both))
        mixed, targets = mix(jax.random.key(4), images, jnp.eye(5), True)
        assert 0 < targets[0, 0] < 1
        assert 0 < targets[0, 4] < 1
        expected = targets @ jnp.arange(5.0)
        np.testing.assert_allclose(jnp.mean(mixed, axis=(1, 2, 3)), expected, rtol=1e-5)
        is_pure = np.isin(mixed[2], (1, 2)).all()
        assert is_pure == (cutmix_rate == 1)


def test_batches_are_mixed_and_switched_at_the_stated_rates():
    images = jnp.broadcast_to(jnp.arange(2.0)[:, None, None, None], (2, 16, 16, 1))
    both = options(**BOTH, mix_rate=0.8, cutmix_rate=0.25)

    def draw(key):
        return mixing.random_mix(key, images, jnp.eye(2), True, both)[0][1]

    first = np.asarray(jax.jit(jax.vmap(draw))(jax.random.split(jax.random.key(0), 600)))
    is_mixup = ((first > 0) & (first < 1)).any(axis=(1, 2, 3))
    is_cutmix = ~is_mixup & (first == 0).any(axis=(1, 2, 3))
    assert abs(is_mixup.mean() - 0.8 * 0.75) < 0.08
    assert abs(is_cutmix.mean() - 0.8 * 0.25) < 0.06


@pytest.mark.parametrize("alpha", [1.0, 0.4])
def test_shares_follow_the_beta_distribution(alpha):
    keys = jax.random.split(jax.random.key(0), 1000)
    shares = jax.jit(jax.vmap(lambda key: mixing.random_share(key, alpha=alpha)))(keys)
    assert stats.kstest(np.asarray(shares), stats.beta(alpha, alpha).cdf).pvalue > 0.01


@pytest.mark.parametrize("is_mixed", [True, False])
def test_a_cpu_and_a_gpu_mix_alike(is_mixed):
    images = jax.random.normal(jax.random.key(0), (5, 6, 6, 3))
    keep, share = mixing.random_cutmix(jax.random.key(1), 6, 6, alpha=1.0)
    arguments = (jnp.asarray(is_mixed), images, jnp.eye(5), keep, share)
    on_cpu, on_gpu = mixing._mix_in_branch(*arguments), mixing._mix_by_weights(*arguments)
    for here, there in zip(on_cpu, on_gpu, strict=True):
        np.testing.assert_allclose(here, there, rtol=0, atol=1e-6)
    assert is_mixed != bool((on_gpu[0] == images).all())
