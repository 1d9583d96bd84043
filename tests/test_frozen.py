"""Features of whole splits: each image once, as in evaluation, wherever the images are."""

import importlib

import jax
import numpy as np
import pytest

from jaxcmp import devices, experiment
from jaxcmp.checkpoint import restore_variables
from jaxcmp.errors import CommandError
from jaxcmp.probe import frozen


def config_of(arm="resnet", **overrides):
    config = importlib.import_module(f"configs.{arm}").get_config("digits")
    small = {
        "vit": {"model.width": 16, "model.depth": 1, "model.num_heads": 2, "model.mlp_width": 16},
        "resnet": {"model.stage_widths": (4, 6), "model.stage_depths": (1, 1)},
    }[arm]
    config.update_from_flattened_dict(small | overrides)
    return config


def test_random_weights_are_those_that_a_run_begins_with():
    config = config_of(seed=3)
    prepared = experiment.prepare(config)
    variables, said = frozen.weights_of(config, prepared, None)
    program = experiment.compile_program(prepared, devices.make_mesh(jax.devices()[:1]), config)
    state = program.init()
    assert said is None
    for ours, theirs in zip(
        jax.tree.leaves(variables),
        jax.tree.leaves({"params": state.params, "batch_stats": state.batch_stats}),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("overrides", [{}, {"model.image_size": 12, "data.placement": "stream"}])
def test_the_head_on_the_features_is_the_runs_own_evaluation(overrides):
    config = config_of(**overrides)
    prepared = experiment.prepare(config)
    variables, _ = frozen.weights_of(config, prepared, None)
    test = prepared.dataset.test
    features = frozen.features_of(prepared, variables, test.images, batch_size=100)
    assert features.shape == (359, 6) and features.dtype == np.float32
    head = variables["params"]["head"]
    images = np.asarray(test.images[:])
    logits = jax.jit(prepared.eval_step)(variables, images, np.arange(359))
    expected = features @ np.asarray(head["kernel"]) + np.asarray(head["bias"])
    np.testing.assert_allclose(logits, expected, atol=1e-4)


def test_a_part_has_each_class_in_its_share_and_is_the_same_for_both_arms():
    parts = []
    for arm in ("vit", "resnet"):
        split = experiment.prepare(config_of(arm)).dataset.train
        parts.append(frozen.part(split, 200, seed=0))
        sizes = np.bincount(parts[-1].labels)
        np.testing.assert_allclose(sizes, np.bincount(split.labels) * 200 / 1438, atol=0.5)
        assert frozen.part(split, 0, seed=0) is split
    np.testing.assert_array_equal(parts[0].ids, parts[1].ids)


@pytest.mark.parametrize("num_images", [29, 1439, -1])
def test_a_part_too_small_or_too_large_is_refused(num_images):
    split = experiment.prepare(config_of()).dataset.train
    message = f"--num_train={num_images} must be 0 for all, or from 30 .* to 1438"
    with pytest.raises(CommandError, match=message):
        frozen.part(split, num_images, seed=0)


def test_weights_of_a_run_are_what_it_would_be_evaluated_with(unbroken):
    config = config_of("vit", **{"init.path": str(unbroken)})
    source = experiment.read_weights(config)
    variables, said = frozen.weights_of(config, experiment.prepare(config), source)
    assert said is not None and said["kind"] == "run"
    _, restored = restore_variables(unbroken / "checkpoints")
    for ours, theirs in zip(
        jax.tree.leaves(variables["params"]), jax.tree.leaves(restored["params"]), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
