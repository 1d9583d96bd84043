"""Fitting weights to a model: what is taken, resized, renewed or left, and what is refused."""

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from sample_models import make_trained
from sample_weights import (
    LAYOUTS,
    RESNET,
    VIT,
    assert_same,
    layout_of,
    load,
    named,
    random_variables,
    refusal,
    shapes_of,
)

from jaxcmp.checkpoint import trees
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.export.formats import named_weights
from jaxcmp.pretrained import Source, fit, read, resizing
from jaxcmp.pretrained.published import to_published


def source_of(layout: str, model: Any = None, *, arrays: Any = None, **changes: Any) -> Source:
    """A file of the model's random weights, with other arrays in place of its own."""
    model = LAYOUTS[layout] if model is None else model
    published = layout_of(layout)
    written = to_published(published, random_variables(model), model)
    written = {k: v for k, v in (written | (arrays or {})).items() if v is not None}
    shapes = {name: array.shape for name, array in written.items()}
    fields = {
        "path": "w.npz",
        "format": "npz",
        "layout": published,
        "arrays": written,
        "sha256": "",
        "model_name": published.model_name,
        "fields": published.fields(shapes),
        "seen": {"name": ""},
    }
    return Source(**{**fields, **changes})


def fitted(source, model, class_names=None):
    template = random_variables(model, seed=1)
    variables, said = fit(source, template, model, class_names)
    return named(variables), {row["name"]: row for row in said["rows"]}, named(template)


def refused(source, model, error: type[JaxcmpError] = CommandError) -> str:
    """The line with which weights are refused."""
    line = refusal(error, fit, source, shapes_of(model), model)
    assert "w.npz" in line
    return line


def test_half_precision_is_taken_and_told():
    layout = "timm_vit"
    arrays = {k: v.astype(jnp.bfloat16) for k, v in source_of(layout).arrays.items()}
    variables, rows, _ = fitted(source_of(layout, arrays=arrays), VIT)
    expected = np.asarray(arrays["norm.bias"], np.float32)
    np.testing.assert_array_equal(variables["params/norm/bias"], expected)
    assert variables["params/cls"].dtype == np.float32
    assert rows["params/cls"]["note"] == "from bfloat16"


@pytest.mark.parametrize("layout", ["vit_npz", "timm_vit"])
def test_another_image_and_patch_size_resizes_positions_and_patches_alone(layout):
    other = VIT.clone(image_size=12, patch_size=4)
    variables, rows, _ = fitted(source_of(layout), other)
    given = named(random_variables(VIT))
    positions, kernel = "params/positions", "params/patch_embedding/kernel"
    for name, array in given.items():
        if name not in (positions, kernel):
            np.testing.assert_array_equal(variables[name], array, err_msg=name)
    expected = resizing.resize_positions(given[positions], 10)
    np.testing.assert_array_equal(variables[positions], expected)
    np.testing.assert_array_equal(variables[kernel], resizing.resize_patches(given[kernel], 4))
    assert rows[positions]["what"] == rows[kernel]["what"] == "resized"
    assert (rows[positions]["from"], rows[positions]["to"]) == ([1, 17, 8], [1, 10, 8])
    assert rows[positions]["note"] == "grid 4x4 to 3x3"
    assert rows[kernel]["note"] == "patches 2x2 to 4x4"


def test_positions_without_the_class_tokens_are_taken_and_told():
    grid = source_of("timm_vit").arrays["pos_embed"][:, 1:]
    variables, rows, _ = fitted(source_of("timm_vit", arrays={"pos_embed": grid}), VIT)
    np.testing.assert_array_equal(variables["params/positions"][:, 1:], grid)
    assert not variables["params/positions"][:, 0].any()
    assert rows["params/positions"]["note"] == "grid 4x4 to 4x4, the class token's position zero"


@pytest.mark.parametrize(("layout", "model"), LAYOUTS.items(), ids=LAYOUTS)
def test_a_head_for_another_number_of_classes_becomes_zeros(layout, model):
    variables, rows, _ = fitted(source_of(layout), model.clone(num_classes=5))
    for name in ("params/head/kernel", "params/head/bias"):
        assert not variables[name].any() and variables[name].shape[-1] == 5
        assert (rows[name]["what"], rows[name]["note"]) == ("new", "zeros: 3 classes there, 5 here")
        assert (rows[name]["from"] or (None,))[-1] == 3


def test_a_runs_head_is_kept_for_the_same_classes_alone():
    given = named(random_variables(VIT))
    seen = {"name": "digits", "class_names": ["a", "b", "c"]}
    source = replace(source_of("timm_vit"), layout=None, arrays=given, seen=seen)
    for names, is_kept in ((["a", "b", "c"], True), (["a", "b", "d"], False), (None, True)):
        variables, rows, _ = fitted(source, VIT, names)
        assert (rows["params/head/kernel"]["what"] == "loaded") is is_kept
        assert bool(variables["params/head/kernel"].any()) is is_kept
        assert rows["params/cls"]["what"] == "loaded"


@pytest.mark.parametrize(
    ("layout", "name"), [("vit_npz", "pre_logits/kernel"), ("timm_vit", "pre_logits.fc.weight")]
)
def test_a_layer_for_pretraining_is_dropped_and_the_head_behind_it_renewed(layout, name):
    source = source_of(layout, arrays={name: np.ones((8, 8), np.float32)})
    variables, rows, _ = fitted(source, VIT)
    assert rows[name]["what"] == "unused" and "pretraining" in rows[name]["note"]
    assert not variables["params/head/kernel"].any()


def test_counters_are_dropped_although_they_are_no_floating_point():
    name = "layer1.0.bn1.num_batches_tracked"
    _, rows, _ = fitted(source_of("torch_resnet", arrays={name: np.array(7)}), RESNET)
    assert (rows[name]["what"], rows[name]["to"], rows[name]["note"]) == (
        "unused",
        None,
        "a counter",
    )


def test_what_may_be_missing_keeps_its_numbers():
    source = source_of("timm_vit", arrays={"blocks.1.norm1.bias": None, "norm.weight": None})
    assert "lacks blocks.1.norm1.bias, which is block_1/attention_norm/bias here, and 1 more" in (
        refused(source, VIT)
    )
    allowed = replace(source, allow_missing=("block_1/*", "norm/scale"))
    variables, rows, template = fitted(allowed, VIT)
    for name in ("params/block_1/attention_norm/bias", "params/norm/scale"):
        np.testing.assert_array_equal(variables[name], template[name])
        assert rows[name]["what"] == "new"
    assert rows["params/block_1/mlp_norm/bias"]["what"] == "loaded"


def test_what_may_be_unused_is_left_out():
    source = source_of("timm_vit", arrays={"extra.a": np.ones(3), "extra.b": np.ones(2)})
    message = refused(source, VIT)
    assert "has extra.a [3], and 1 more, for which the model has no place" in message
    layer_scale = source_of("timm_vit", arrays={"blocks.0.ls1.gamma": np.ones(8, np.float32)})
    assert "its blocks have layer scale" in refused(layer_scale, VIT)
    _, rows, _ = fitted(replace(source, allow_unused=("extra.*",)), VIT)
    assert rows["extra.b"]["what"] == "unused"


@pytest.mark.parametrize(
    ("gone", "pattern"),
    [
        (("head.weight", "head.bias"), "head/*"),
        (("norm.bias",), "norm/bias"),
        (("norm.bias", "head.weight", "head.bias"), "norm/bias,head/*"),
        (("cls_token", "pos_embed"), "cls,positions"),
        (
            ("blocks.0.norm1.bias", "blocks.1.norm1.bias"),
            "block_0/attention_norm/bias,block_1/attention_norm/bias",
        ),
        (("blocks.1.norm1.bias", "blocks.1.norm2.bias"), "block_1/*"),
    ],
)
def test_the_hint_for_missing_arrays_is_enough_for_all_of_them(gone, pattern):
    source = source_of("timm_vit", arrays=dict.fromkeys(gone))
    assert f"--config.init.allow_missing='{pattern}' lets " in refused(source, VIT)
    _, rows, _ = fitted(replace(source, allow_missing=tuple(pattern.split(","))), VIT)
    assert sum(row["what"] == "new" for row in rows.values()) == len(gone)


@pytest.mark.parametrize(
    ("extra", "pattern"),
    [
        (("extra.a", "extra.b"), "extra.*"),
        (("extra.a", "more"), "extra.a,more"),
        (("blocks.0.gate", "blocks.1.gate", "odd"), "blocks.*,odd"),
        (("a[0],b",), "a?0??b"),
    ],
)
def test_the_hint_for_unused_arrays_is_enough_for_all_of_them(extra, pattern):
    source = source_of("timm_vit", arrays={name: np.ones(2) for name in extra})
    assert f"--config.init.allow_unused='{pattern}' leaves " in refused(source, VIT)
    _, rows, _ = fitted(replace(source, allow_unused=tuple(pattern.split(","))), VIT)
    assert all(rows[name]["what"] == "unused" for name in extra)
    assert rows["params/head/kernel"]["what"] == "loaded"


def test_the_wrong_stem_is_named_and_the_trunk_can_be_taken_alone():
    source = source_of("torch_resnet", RESNET.clone(stem="imagenet"))
    message = refused(source, RESNET)
    assert "has the ImageNet stem" in message and "--config.model.stem=imagenet" in message
    trunk = replace(source, allow_missing=("stem/*",), allow_unused=("conv1.*", "bn1.*"))
    variables, rows, template = fitted(trunk, RESNET)
    stem = [name for name in variables if "/stem/" in name]
    assert len(stem) == 5
    # The norm fits, but was made for the other convolution.
    for name in stem:
        np.testing.assert_array_equal(variables[name], template[name])
    others = {row["what"] for name, row in rows.items() if "stem" not in name and "/" in name}
    assert others == {"loaded"}
    fitted(source, RESNET.clone(stem="imagenet"))


@pytest.mark.parametrize(
    ("layout", "there", "here", "words"),
    [
        (
            "vit_npz",
            VIT.clone(width=12, num_heads=3),
            VIT,
            "embedding/kernel is [2, 2, 3, 12] there and [2, 2, 3, 8] here; "
            "--config.model.width=12 --config.model.num_heads=3 would fit",
        ),
        (
            "timm_vit",
            VIT.clone(mlp_width=16),
            VIT,
            "blocks.0.mlp.fc1.weight is [16, 8] there and [12, 8] here; "
            "--config.model.mlp_width=16 would fit",
        ),
        ("vit_npz", VIT.clone(num_heads=4), VIT, "--config.model.num_heads=4 would fit"),
        ("timm_vit", VIT.clone(depth=3), VIT, "has blocks.2."),
        ("timm_vit", VIT.clone(depth=1), VIT, "--config.model.depth=1 would fit"),
        (
            "torch_resnet",
            RESNET.clone(stage_depths=(2, 2)),
            RESNET,
            "has layer1.1.conv1.weight [4, 4, 3, 3], and 9 more, for which the model has no place; "
            "--config.model.stage_depths='(2,2)' would fit",
        ),
        ("torch_resnet", RESNET, VIT, "holds weights of a resnet, and the model is a vit"),
        ("timm_vit", VIT, RESNET, "holds weights of a vit, and the model is a resnet"),
    ],
)
def test_another_architecture_is_one_line_with_what_to_set(layout, there, here, words):
    assert words in refused(source_of(layout, there), here)


def test_a_run_with_another_number_of_heads_is_refused_although_shapes_agree():
    fields = {"num_heads": 4, "width": 8}
    own = named(random_variables(VIT))
    source = replace(source_of("timm_vit"), layout=None, arrays=own, fields=fields)
    assert "another number of heads; --config.model.num_heads=4 would fit" in refused(source, VIT)


@pytest.mark.parametrize(
    ("array", "error", "words"),
    [
        (np.full((1, 1, 8), np.nan), JaxcmpError, "8 of 8 numbers of cls are not finite"),
        (np.ones((1, 1, 8), np.int32), JaxcmpError, "cls is int32, not floating point"),
        (np.ones((1, 8)), CommandError, "cls is [1, 8] there and [1, 1, 8] here"),
        (None, CommandError, "lacks cls, which is cls here"),
    ],
)
def test_one_wrong_array_is_named(array, error, words):
    assert words in refused(source_of("vit_npz", arrays={"cls": array}), VIT, error)


def test_without_numbers_to_keep_what_stays_new_is_not_a_number():
    source = source_of("timm_vit", arrays={"norm.weight": None}, allow_missing=("*",))
    variables = trees.to_host(fit(source, shapes_of(VIT), VIT)[0])
    assert np.isnan(variables["params/norm/scale"]).all()


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("embedding/kernel", (4, 3, 3, 8), "embedding/kernel is [4, 3, 3, 8] there"),
        ("embedding/kernel", (0, 0, 3, 8), "embedding/kernel is [0, 0, 3, 8] there"),
        ("Transformer/posembed_input/pos_embedding", (1, 0, 8), "0 positions are no square grid"),
        ("Transformer/posembed_input/pos_embedding", (1, 13, 8), "13 positions are no square grid"),
    ],
)
def test_what_is_no_square_is_not_resized(name, shape, words):
    source = source_of("vit_npz", arrays={name: np.ones(shape, np.float32)})
    assert words in refused(source, VIT)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.full((8, 3), np.nan), "24 of 24 numbers of head/kernel are not finite"),
        (np.ones((8, 3), np.int32), "head/kernel is int32, not floating point"),
    ],
)
def test_a_head_must_be_sound_even_where_it_is_not_used(array, words):
    source = source_of("vit_npz", arrays={"head/kernel": array})
    assert words in refused(source, VIT.clone(num_classes=5), JaxcmpError)


WIDE = VIT.clone(width=128, num_heads=2)
QKV = "params/block_0/attention/qkv/kernel"


def test_an_exported_file_is_not_loaded_with_another_number_of_heads(tmp_path):
    trained = make_trained("vit")
    path = tmp_path / "w.safetensors"
    path.write_bytes(named_weights(trained, "safetensors")[0])
    template = {"params": trained.variables["params"], "batch_stats": {}}
    load(path, trained.model, template)
    # The head is that of these classes, and no other ten.
    source = read(path)
    assert source.head_classes == list(trained.class_names)
    others = [*trained.class_names[1:], "another"]
    assert "zeros: other classes there" in str(fit(source, template, trained.model, others)[1])
    other = trained.model.clone(num_heads=2 * trained.model.num_heads)
    with pytest.raises(CommandError, match="has another number of heads; --config.model.num_heads"):
        load(path, other, template)


def test_the_hint_for_another_width_has_heads_of_the_usual_width():
    hint = refused(source_of("timm_vit", WIDE), VIT.clone(num_heads=4))
    assert "--config.model.width=128 --config.model.num_heads=2 would fit" in hint
    assert "num_heads" not in refused(source_of("timm_vit", WIDE), VIT)


def test_unusual_heads_that_the_file_does_not_tell_are_noted():
    source = source_of("timm_vit", WIDE)
    assert fitted(source, WIDE)[1][QKV]["note"] == ""
    model = WIDE.clone(num_heads=4)
    assert fitted(source, model)[1][QKV]["note"] == "taken as 4 heads, which the file does not tell"
    told = replace(source, fields={**source.fields, "num_heads": 4})
    assert fitted(told, model)[1][QKV]["note"] == ""


def test_a_convolutional_stem_takes_the_weights_of_a_run_and_no_published_ones():
    model = VIT.clone(stem="conv", patch_size=4)
    assert "model.stem is patch" in refused(source_of("timm_vit"), model)
    ours = random_variables(model)
    run = replace(source_of("timm_vit"), layout=None, arrays=named(ours), fields={})
    variables, rows, _ = fitted(run, model)
    assert {row["what"] for row in rows.values()} == {"loaded"}
    assert "batch_stats/stem/norm_4/var" in variables
    assert_same(variables, ours)
