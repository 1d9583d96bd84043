"""Maps of what a model looks at, against loops and gradients, and where the answer is known."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sample_models import make_trained

from jaxcmp.inspect import maps
from jaxcmp.inspect.maps import class_activation, measure_maps, rollout
from jaxcmp.inspect.subject import Subject
from jaxcmp.runs.inspections import STATES


def draw_weights(batch=2, blocks=3, heads=2, tokens=5):
    drawn = np.random.default_rng(0).dirichlet(np.ones(tokens), (batch, blocks, heads, tokens))
    return drawn.astype(np.float32)


def test_rollout_multiplies_the_blocks_with_half_of_each_kept_by_the_residual():
    weights = draw_weights()
    for found, blocks in zip(np.asarray(rollout(jnp.asarray(weights))), weights, strict=True):
        reached = np.eye(5)
        for heads in blocks:
            reached = (0.5 * heads.mean(axis=0) + 0.5 * np.eye(5)) @ reached
        np.testing.assert_allclose(found, reached[0, 1:].reshape(2, 2), rtol=1e-5)


def test_a_class_token_that_attends_to_one_patch_shows_it():
    weights = np.zeros((1, 1, 1, 5, 5), np.float32)
    weights[0, 0, 0, :, 3] = 1
    np.testing.assert_allclose(rollout(jnp.asarray(weights))[0], [[0, 0], [0.5, 0]])


def test_the_map_of_a_class_is_grad_cam_by_its_gradients():
    rng = np.random.default_rng(1)
    outputs = jnp.asarray(rng.standard_normal((2, 4, 4, 6)), jnp.float32)
    kernel = jnp.asarray(rng.standard_normal((6, 3)), jnp.float32)

    def score(one, chosen):
        return (one.mean(axis=(0, 1)) @ kernel)[chosen]

    for one, chosen, found in zip(
        outputs, (2, 0), class_activation(outputs, kernel, jnp.array([2, 0])), strict=True
    ):
        gradient = np.asarray(jax.grad(score)(one, chosen), np.float64)
        weights = gradient.mean(axis=(0, 1))
        # Up to a factor for the number of places, which a map scaled to its maximum does not have.
        expected = np.maximum(16 * np.asarray(one) @ weights, 0)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["vit", "resnet"])
def test_maps_and_mistakes_are_of_the_first_images_by_id(name, monkeypatch):
    monkeypatch.setattr(maps, "MAX_MAPS", 7)
    monkeypatch.setattr(maps, "MAX_BATCH", 5)
    trained = make_trained(name)
    # So that every place speaks for the answer.
    head = trained.variables["params"]["head"]
    head["kernel"] = jnp.abs(head["kernel"])
    images = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3), dtype=np.uint8)
    answers = np.asarray(trained.predict(images)).argmax(axis=1)
    labels = answers.copy()
    labels[[1, 4, 8]] = (labels[[1, 4, 8]] + 1) % len(trained.class_names)
    ids = np.arange(10, 19)
    run: Any = None
    batches = [(jnp.asarray(images), jnp.arange(9))]
    variables: dict[str, Any] = dict.fromkeys(STATES, trained.variables)
    found = measure_maps(Subject(run, trained, variables, ids, labels, batches))
    assert found["map_ids"].tolist() == list(range(10, 17))
    assert found["picture_ids"].tolist() == [11, 14]
    np.testing.assert_array_equal(found["pictures"], images[[1, 4]])
    assert found["maps_trained"].dtype == np.uint8 and found["maps_trained"].max() == 255
    np.testing.assert_array_equal(found["maps_trained"], found["maps_initial"])
    # An image's map does not depend on its batch.
    monkeypatch.setattr(maps, "MAX_BATCH", 7)
    again = measure_maps(Subject(run, trained, variables, ids, labels, batches))
    assert np.abs(again["maps_trained"].astype(int) - found["maps_trained"]).max() <= 1


def test_large_pictures_are_shrunk_and_stay_whole():
    image = np.zeros((200, 300, 3), np.uint8)
    image[:, :20] = image[:, -20:] = 255
    small = maps._small(image)
    assert small.shape == (64, 96, 3)
    assert small[:, 0].min() == small[:, -1].min() == 255 and small[:, 48].max() == 0
    assert maps._small(image[:64, :64]).shape == (64, 64, 3)
