"""The models by name: exact sizes, and errors that name the field."""

from functools import partial
from importlib import import_module as load_config

import jax
import jax.numpy as jnp
import pytest
from jax.extend.core import jaxprs_in_params

from jaxcmp import models
from jaxcmp.errors import CommandError
from jaxcmp.models import layers

IMAGES = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)


def parameters_of(model):
    return jax.eval_shape(model.init, jax.random.key(0), IMAGES)["params"]


def counted_multiply_adds(model):
    """Counts from the traced program: an independent look at what the formulas claim."""
    variables = jax.eval_shape(model.init, jax.random.key(0), IMAGES)
    jaxpr = jax.make_jaxpr(model.apply)(variables, IMAGES)

    def visit(jaxpr):
        total = 0
        for equation in jaxpr.eqns:
            shapes = [v.aval.shape for v in equation.invars if hasattr(v.aval, "shape")]
            out = equation.outvars[0].aval
            if equation.primitive.name == "dot_general":
                (contracted, _), _ = equation.params["dimension_numbers"]
                total += out.size * int(jnp.prod(jnp.array([shapes[0][i] for i in contracted])))
            elif equation.primitive.name == "conv_general_dilated":
                features = equation.params["dimension_numbers"].rhs_spec[0]
                kernel = shapes[1]
                total += out.size * (int(jnp.prod(jnp.array(kernel))) // kernel[features])
            inner = list(jaxprs_in_params(equation.params))
            # Layers have a form for each platform; the last one is the plain one.
            is_choice = equation.primitive.name == "cond"
            total += sum(map(visit, inner[-1:] if is_choice else inner))
        return total

    return visit(jaxpr.jaxpr)


def test_vit_tiny_has_exactly_the_parameters_of_its_parts():
    counts = models.count_parameters(parameters_of(models.build("vit")))
    blocks = sum(count for name, count in counts.items() if name.startswith("blocks."))
    assert blocks == 12 * 444_864
    del blocks
    others = {name: count for name, count in counts.items() if not name.startswith("blocks.")}
    assert others == {
        "patch_embedding": 9_408,
        "cls": 192,
        "positions": 12_480,
        "norm": 384,
        "head": 1_930,
    }
    assert sum(counts.values()) == 5_362_762


def test_resnet_18_has_exactly_the_parameters_of_its_parts():
    counts = models.count_parameters(parameters_of(models.build("resnet")))
    assert counts == {
        "stem": 1_856,
        "stage_1": 147_968,
        "stage_2": 525_568,
        "stage_3": 2_099_712,
        "stage_4": 8_393_728,
        "head": 5_130,
    }
    assert sum(counts.values()) == 11_173_962


def test_a_convolutional_stem_takes_the_place_of_patches_and_one_block_at_the_same_size():
    model = models.build("vit", stem="conv", depth=11)
    counts = models.count_parameters(parameters_of(model))
    assert "patch_embedding" not in counts and counts["stem"] == 438_240
    total = sum(counts.values())
    assert total == 5_346_730 and total == pytest.approx(5_362_762, rel=0.03)
    assert sum(model.multiply_adds(3).values()) == pytest.approx(365_107_584, rel=0.01)


def test_the_small_resnet_has_the_parameters_of_vit_tiny():
    widths = load_config("configs.resnet").get_config("small").model.stage_widths
    counts = models.count_parameters(parameters_of(models.ResNet(stage_widths=widths)))
    assert sum(counts.values()) == 5_368_559 == pytest.approx(5_362_762, rel=0.01)


@pytest.mark.parametrize(("name", "expected"), [("vit", 365_107_584), ("resnet", 555_422_720)])
def test_multiply_adds_are_those_of_the_traced_program(name, expected):
    model = models.build(name)
    assert sum(model.multiply_adds(3).values()) == expected
    assert counted_multiply_adds(model) == expected


@pytest.mark.parametrize(
    "model",
    [
        models.ViT(width=96, depth=6, mlp_width=384, num_heads=2, patch_size=8, num_classes=7),
        models.ViT(stem="conv", depth=11),
        models.ViT(stem="conv", width=64, depth=1, mlp_width=8, num_heads=1, patch_size=8),
        models.ResNet(stage_widths=(8, 12, 12), stage_depths=(1, 3, 2), num_classes=7),
        models.ResNet(stage_widths=(8, 8), stage_depths=(2, 1)),
        models.ResNet(stem="imagenet", stage_widths=(8, 12), stage_depths=(1, 1)),
        models.ResNet(stem="imagenet", image_size=32, stage_widths=(8, 8), stage_depths=(2, 1)),
    ],
)
def test_multiply_adds_hold_for_other_sizes(model):
    assert sum(model.multiply_adds(3).values()) == counted_multiply_adds(model)


def test_a_single_pixel_is_not_halved_and_its_shortcut_not_projected():
    model = models.ResNet(image_size=2, stage_widths=(8, 8, 8), stage_depths=(1, 1, 1))
    images = jnp.zeros((1, 2, 2, 3))
    params = jax.eval_shape(model.init, jax.random.key(0), images)["params"]
    assert "shortcut_conv" in params["stage_2"]["block_0"]
    assert "shortcut_conv" not in params["stage_3"]["block_0"]
    assert model.multiply_adds(3)["stage_3"] == 2 * 9 * 8 * 8


def test_stochastic_depth_grows_linearly_to_the_last_block():
    assert [layers.drop_path_rate(0.4, i, 3) for i in range(3)] == [0.0, 0.2, 0.4]
    assert layers.drop_path_rate(0.4, 0, 1) == 0.4


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "mlp"}, "model.name='mlp' is unknown; there are vit, resnet"),
        ({"name": "vit", "num_heads": 5}, "num_heads=5 does not divide model.width=192"),
        ({"name": "vit", "patch_size": 5}, "patch_size=5 does not divide model.image_size=32"),
        (
            {"name": "vit", "stem": "conv", "patch_size": 32},
            "model.patch_size=32 must be one of 1, 2, 4, 8, 16 with model.stem='conv'",
        ),
        ({"name": "vit", "stem": "cifar"}, "model.stem='cifar' is unknown; there are patch, conv"),
        ({"name": "vit", "widht": 5}, "model.widht is unknown to 'vit'; did you mean 'width'?"),
        ({"name": "vit", "depth": 0}, "depth=0 takes only whole numbers from 1 on"),
        ({"name": "vit", "num_heads": 0}, "num_heads=0 takes only whole numbers from 1 on"),
        ({"name": "resnet", "stage_depths": (2, 2)}, "stage_widths has 4 stages"),
        ({"name": "resnet", "stage_widths": (), "stage_depths": ()}, "at least one"),
        ({"name": "resnet", "stage_depths": (2, 0, 2, 2)}, "takes only whole numbers from 1 on"),
        ({"name": "resnet", "stage_widths": ("a",)}, "takes only whole numbers from 1 on"),
        (
            {"name": "resnet", "stem": "3x3"},
            "model.stem='3x3' is unknown; there are cifar, imagenet",
        ),
        ({"name": "resnet", "depth": 12}, "unknown to 'resnet'; it takes image_size, stage_widths"),
    ],
)
def test_fields_that_do_not_fit_are_named(fields, message):
    with pytest.raises(CommandError, match="^[^\n]*$") as error:
        models.build(**fields)
    assert message in str(error.value)


def test_lists_do_for_tuples_as_json_gives_them_back():
    fields = {"stage_widths": [8, 16], "stage_depths": [1, 1]}
    model = models.build("resnet", **fields)
    assert hash(model) == hash(models.ResNet(stage_widths=(8, 16), stage_depths=(1, 1)))


@pytest.mark.parametrize(
    "model",
    [
        models.ViT(image_size=8, width=8, depth=2, num_heads=2, mlp_width=8, dtype=jnp.bfloat16),
        models.ViT(image_size=8, width=8, depth=1, num_heads=2, mlp_width=8, stem="conv"),
        models.ResNet(image_size=8, stage_widths=(4, 6), stage_depths=(1, 1), dropout_rate=0.5),
    ],
)
def test_features_are_what_the_head_turns_into_logits_in_evaluation(model):
    images = jax.random.uniform(jax.random.key(1), (3, 8, 8, 3))
    variables = jax.jit(model.init)(jax.random.key(0), images)
    # A ViT's head starts at zero, which would hide everything.
    kernel = variables["params"]["head"]["kernel"]
    head = {"kernel": jnp.ones_like(kernel), "bias": jnp.arange(10.0)}
    variables = variables | {"params": variables["params"] | {"head": head}}
    found = jax.jit(partial(models.features, model))(variables, images)
    assert found.shape == (3, kernel.shape[0]) and found.dtype == jnp.float32
    logits = jax.jit(model.apply)(variables, images)
    expected = found @ head["kernel"] + head["bias"][None]
    assert jnp.allclose(logits, expected, rtol=1e-5, atol=1e-5)
    # Who does not ask for them has nothing of them.
    assert "intermediates" not in variables
