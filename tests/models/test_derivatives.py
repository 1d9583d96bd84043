"""A restored model is plain Flax: it has every derivative, and is quick without compilation."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sample_models import make_trained


@pytest.fixture(scope="module", params=["vit", "resnet"])
def sample(request):
    """Returns a restored model, a loss of its logits by images, and two images."""
    small = {"vit": {"depth": 1}, "resnet": {}}[request.param]
    trained = make_trained(request.param, **small)
    images = jax.random.normal(jax.random.key(1), (2, 8, 8, 3))

    def loss(images, model=trained.model):
        logits = jnp.asarray(model.apply(trained.variables, images))
        return jnp.sum(jnp.sin(jnp.arange(logits.size)).reshape(logits.shape) * logits**2)

    return trained.model, loss, images


def test_forward_mode_agrees_with_the_gradient(sample):
    _, loss, images = sample
    direction = jax.random.normal(jax.random.key(2), images.shape)
    _, slope = jax.jit(lambda x, v: jax.jvp(loss, (x,), (v,)))(images, direction)
    gradient = jax.jit(jax.grad(loss))(images)
    np.testing.assert_allclose(slope, jnp.vdot(gradient, direction), rtol=1e-4)


def test_the_hessian_is_that_of_two_backward_passes(sample):
    _, loss, images = sample

    def of_pixel(pixel):
        return loss(images.at[0, 3, 4].set(pixel))

    pixel = images[0, 3, 4]
    hessian = jax.jit(jax.hessian(of_pixel))(pixel)
    expected = jax.jit(jax.jacrev(jax.grad(of_pixel)))(pixel)
    scale = np.abs(expected).max()
    assert hessian.shape == (3, 3) and scale > 0
    np.testing.assert_allclose(hessian, expected, rtol=0, atol=1e-4 * scale)


def test_a_call_that_is_not_compiled_takes_seconds(sample):
    _, loss, images = sample
    start = time.perf_counter()
    jax.value_and_grad(loss)(images)
    # It takes about three; with a form for each platform, a hundred.
    assert time.perf_counter() - start < 30


def test_a_step_computes_the_same_with_kernels(sample):
    model, loss, images = sample
    fast = model.clone(has_kernels=True)
    both = [jax.jit(jax.value_and_grad(lambda x, m=m: loss(x, m)))(images) for m in (model, fast)]
    (plain, plain_gradient), (found, gradient) = both
    np.testing.assert_allclose(found, plain, rtol=1e-5)
    scale = np.abs(plain_gradient).max()
    np.testing.assert_allclose(gradient, plain_gradient, atol=1e-5 * scale)
