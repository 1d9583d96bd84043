"""The least memory of training: settings that cannot fit are refused, others pass."""

import importlib

import jax
import jax.numpy as jnp
import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from jaxcmp import models
from jaxcmp.errors import CommandError
from jaxcmp.runtime.requirements import check_memory, least_bytes, num_parameters
from jaxcmp.settings.configuration import settings_of

GIB = 2**30


def settings(arm, variant="", **overrides):
    config = importlib.import_module(f"configs.{arm}").get_config(variant)
    # As they follow from CIFAR-10.
    follows = {"model.num_classes": 10, "model.image_size": config.model.image_size or 32}
    config.update_from_flattened_dict(follows | overrides)
    return settings_of(config)


@pytest.mark.parametrize(
    ("arm", "variant"),
    [
        *(("vit", ""), ("vit", "conv"), ("resnet", ""), ("resnet", "small")),
        *(("transfer", "vit_b16"), ("transfer", "resnet18")),
    ],
)
def test_weights_are_counted_to_a_hundredth(arm, variant):
    fields = settings(arm, variant).model
    size = fields.image_size
    model = models.build(**to_builtins(fields))
    images = jax.ShapeDtypeStruct((1, size, size, 1), jnp.float32)
    params = jax.eval_shape(model.init, jax.random.key(0), images)["params"]
    counted = sum(models.count_parameters(params).values())
    assert num_parameters(fields) == pytest.approx(counted, rel=0.01)


@pytest.mark.parametrize("variant", ["", "strong", "cpu", "digits"])
@pytest.mark.parametrize("arm", ["vit", "resnet"])
def test_the_recipes_pass_with_two_gibibytes_free(arm, variant):
    check_memory(settings(arm, variant), num_devices=1, free=2 * GIB)


def test_fine_tuning_a_small_model_in_parts_passes_on_a_small_gpu():
    tuned = settings("transfer", "vit_ti16", accumulation=4, compute_dtype="bfloat16")
    check_memory(tuned, num_devices=1, free=6 * GIB)


@pytest.mark.parametrize(
    ("arm", "overrides"),
    [
        ("vit", {"model.image_size": 100_000}),
        ("vit", {"model.image_size": 1600}),
        ("resnet", {"model.image_size": 100_000}),
        ("vit", {"model.width": 3 * 2**20}),
        ("vit", {"model.mlp_width": 2**30}),
        ("vit", {"model.num_classes": 2**30}),
        ("vit", {"model.image_size": 2**30, "model.patch_size": 2**30}),
        ("vit", {"batch_size": 2**30}),
        ("resnet", {"model.stage_widths": (2**20, 1, 1, 1)}),
        ("resnet", {"model.stage_depths": (10_000,) * 4}),
        ("resnet", {"data.image_size": 8192, "batch_size": 512}),
    ],
)
def test_too_much_memory_is_refused_with_the_free_amount(arm, overrides):
    with pytest.raises(CommandError, match="^[^\n]*$") as error:
        check_memory(settings(arm, **overrides), num_devices=1, free=20 * GIB)
    assert "training takes at least " in str(error.value)
    assert "of memory and 21.5 GB are free" in str(error.value)


def test_accumulation_half_precision_and_a_frozen_trunk_need_less_memory():
    whole = settings("vit")
    less = (
        replace(whole, accumulation=4),
        replace(whole, compute_dtype="bfloat16"),
        replace(whole, frozen_trunk=True),
    )
    for each in less:
        for num_devices in (1, 8):
            needed, before = (least_bytes(x, num_devices=num_devices) for x in (each, whole))
            assert needed < before


def test_attention_that_keeps_no_scores_needs_less():
    large = settings("vit", **{"model.image_size": 256, "compute_dtype": "bfloat16"})
    whole, fused = (least_bytes(large, num_devices=1, keeps_scores=kept) for kept in (True, False))
    # Half of 12 blocks' scores, 3 heads of 4,097 tokens, 2 bytes each, of 128 images.
    assert whole - fused == 128 * 2 * 6 * 3 * 4097**2
    with pytest.raises(CommandError, match="training takes at least"):
        check_memory(large, num_devices=1, free=60 * GIB)
    check_memory(large, num_devices=1, free=60 * GIB, keeps_scores=False)
