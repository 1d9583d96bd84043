"""Evaluation sees each example exactly once."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jaxcmp import models
from jaxcmp.augment import normalise
from jaxcmp.data.whole_split import collect_logits, padded_batches
from jaxcmp.step import predict_logits

MODEL = models.ResNet(image_size=8, stage_widths=(4,), stage_depths=(1,), num_classes=4)
MEAN, STD = np.array([0.5], np.float32), np.array([0.25], np.float32)
PREDICT = partial(predict_logits, MODEL, mean=MEAN, std=STD)
IMAGES = np.random.default_rng(0).integers(0, 256, (21, 8, 8, 1), dtype=np.uint8)


@given(num_examples=st.integers(1, 300), batch_size=st.integers(1, 70))
def test_every_example_is_predicted_once_and_in_order(num_examples, batch_size):
    batches = padded_batches(num_examples, batch_size)
    out = collect_logits((np.stack([i, -i], axis=1) for i in batches), num_examples=num_examples)
    np.testing.assert_array_equal(out[:, 0], np.arange(num_examples))


@given(num_examples=st.integers(1, 300), batch_size=st.integers(1, 70))
def test_every_batch_is_full_and_stays_within_the_split(num_examples, batch_size):
    batches = list(padded_batches(num_examples, batch_size))
    assert {len(batch) for batch in batches} == {batch_size}
    assert max(batch.max() for batch in batches) == num_examples - 1


def test_only_images_of_another_size_are_resized():
    images = IMAGES[:, :7, :6]
    variables = jax.jit(MODEL.init)(jax.random.key(0), np.zeros((1, 8, 8, 1), np.float32))
    resized = jax.image.resize(normalise(images[:4], MEAN, STD), (4, 8, 8, 1), "bicubic")
    logits = jax.jit(PREDICT)(variables, images[:4])
    np.testing.assert_allclose(logits, jax.jit(MODEL.apply)(variables, resized), atol=1e-5)

    fast = MODEL.clone(has_kernels=True)

    def plain(variables, images):
        return fast.apply(variables, normalise(images, MEAN, STD), is_training=False)

    # The same program, operation by operation.
    programs = (jax.make_jaxpr(f)(variables, jnp.asarray(IMAGES)) for f in (PREDICT, plain))
    assert len(set(map(str, programs))) == 1
