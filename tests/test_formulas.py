"""The formulas against the models themselves, and against the arithmetic that they spell out."""

import importlib
import re

import jax
import jax.numpy as jnp
import pytest

from jaxcmp import models
from jaxcmp.compare.sections.formulas import (
    attention_share,
    multiply_add_terms,
    num_tokens,
    parameter_terms,
    tokens_for_half,
)


def config_model(arm, variant):
    return importlib.import_module(f"configs.{arm}").get_config(variant).model.to_dict()


def vit(**fields):
    return config_model("vit", "") | fields


def resnet(**fields):
    return config_model("resnet", "") | fields


MODELS = {
    f"{arm}:{variant}": (config_model(arm, variant), 1 if variant == "digits" else 3)
    for arm in ("vit", "resnet")
    for variant in ("", "cpu", "digits", "strong")
} | {
    "one patch": (vit(image_size=8, patch_size=8, width=12, depth=1), 1),
    "large patches, many classes": (vit(image_size=48, patch_size=16, num_classes=100), 4),
    "one stage": (resnet(stage_widths=(8,), stage_depths=(1,)), 3),
    "no change of width": (resnet(stage_widths=(8, 8), stage_depths=(1, 2)), 3),
    "as JSON has it": (resnet(stage_widths=[16, 32], stage_depths=[3, 1]), 1),
    "an odd size": (resnet(image_size=33), 1),
    "one class": (resnet(image_size=5, num_classes=1), 2),
    "a narrowing stage": (resnet(stage_widths=(16, 8), stage_depths=(2, 2)), 3),
    "another stem": (resnet(stem="imagenet", image_size=224), 3),
    "another stem, an odd size": (
        resnet(stem="imagenet", image_size=37, stage_depths=(1, 1, 1, 1)),
        1,
    ),
}


@pytest.fixture(params=MODELS, scope="module")
def case(request):
    """A model dict, its channels, and the parameters and multiply-adds that the model has."""
    fields, num_channels = MODELS[request.param]
    model = models.build(**fields)
    images = jax.ShapeDtypeStruct((1, *2 * (model.image_size,), num_channels), jnp.float32)
    params = jax.eval_shape(model.init, jax.random.key(0), images)["params"]
    counts = models.count_parameters(params), model.multiply_adds(num_channels)
    return fields, num_channels, *counts


def counts(terms):
    return {term.component: term.count for term in terms}


def evaluated(formula):
    """The arithmetic as it is written, without its words."""
    return eval(re.sub(r"[a-z]+", "", formula).replace("×", "*"))


def test_the_parameters_of_each_component_are_the_models(case):
    fields, num_channels, parameters, _ = case
    assert counts(parameter_terms(fields, num_channels)) == parameters


def test_the_multiply_adds_of_each_component_are_the_models(case):
    fields, num_channels, _, multiply_adds = case
    assert counts(multiply_add_terms(fields, num_channels)) == multiply_adds


def test_each_formula_is_arithmetic_that_gives_its_count(case):
    fields, num_channels, *_ = case
    terms = parameter_terms(fields, num_channels) + multiply_add_terms(fields, num_channels)
    assert [evaluated(term.formula) for term in terms] == [term.count for term in terms]


def test_formulas_read_as_a_person_would_write_them():
    work = {term.component: term.formula for term in multiply_add_terms(vit(), 3)}
    assert work["patch_embedding"] == "64 patches × 4 × 4 × 3 channels × 192"
    assert work["blocks.qkv"] == "12 blocks × 65 tokens × 192 × 576"
    parameters = {term.component: term.formula for term in parameter_terms(vit(), 3)}
    assert parameters["blocks.mlp"] == "12 blocks × (192 × 768 + 768 + 768 × 192 + 192)"
    stages = {term.component: term.formula for term in parameter_terms(resnet(), 3)}
    assert stages["stage_1"] == "4 convolutions × 3 × 3 × 64 × 64 + 4 norms × 2 × 64"
    assert stages["head"] == "512 × 10 classes + 10"
    assert counts(parameter_terms(resnet(), 3))["stage_3"] == 2_099_712
    grey = {term.component: term.formula for term in multiply_add_terms(resnet(), 1)}
    assert grey["stem"] == "32 × 32 pixels × 3 × 3 × 1 channel × 64"


def test_a_shortcut_is_projected_only_where_the_shape_changes():
    # From one pixel a stride of two leads to one pixel, and flax keeps the shortcut as it is.
    fields = resnet(image_size=2, stage_widths=(8, 8, 8), stage_depths=(1, 1, 1))
    images = jnp.zeros((1, 2, 2, 3))
    params = jax.eval_shape(models.build(**fields).init, jax.random.key(0), images)["params"]
    assert counts(parameter_terms(fields, 3)) == models.count_parameters(params)


def test_a_twentieth_of_the_work_of_vit_tiny_is_quadratic():
    share = attention_share(vit(), 3)
    assert share is not None and round(100 * share, 2) == 5.33
    assert attention_share(resnet(), 3) == 0
    assert num_tokens(vit()) == 65 and num_tokens(resnet()) is None


def test_at_half_the_work_is_half_quadratic():
    for model, num_channels in (
        (vit(), 3),
        (vit(image_size=4, patch_size=1, width=2, depth=3, mlp_width=12, num_classes=500), 1),
        (vit(patch_size=16, mlp_width=10), 1),
    ):
        tokens = tokens_for_half(model, num_channels)
        assert tokens is not None
        width, depth, hidden = model["width"], model["depth"], model["mlp_width"]
        quadratic = 2 * depth * tokens**2 * width
        linear = depth * tokens * (4 * width**2 + 2 * width * hidden)
        patches = (tokens - 1) * model["patch_size"] ** 2 * num_channels * width
        assert quadratic == pytest.approx(linear + patches + width * model["num_classes"])


def test_vit_tiny_would_need_eighteen_times_its_tokens():
    tokens = tokens_for_half(vit(), 3)
    # 2 width + mlp_width tokens, but for the patches and the head, which are small.
    assert tokens is not None and 2 * 192 + 768 < tokens < 2 * 192 + 768 + 3
    side = 34
    below, above = (attention_share(vit(image_size=4 * s), 3) for s in (side - 1, side))
    assert below is not None and above is not None and below < 0.5 < above
    assert tokens_for_half(resnet(), 3) is None


def test_an_unknown_model_has_no_formulas():
    older = vit()
    del older["mlp_width"]
    for model in ({"name": "mixer", "width": 8}, {}, older):
        assert parameter_terms(model, 3) == multiply_add_terms(model, 3) == []
        assert attention_share(model, 3) is None
        assert tokens_for_half(model, 3) is None
