"""A ViT in Hugging Face's names is the same ViT: to the bit, whatever stands before the names."""

import numpy as np
import pytest
from sample_weights import RESNET, VIT, assert_loads_whole, load, published, random_variables, write

from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.pretrained import read


def in_release_4(timm, depth=2):
    """timm's arrays in the names of transformers 4, by hand: none of our tables is asked."""
    names = {
        "cls_token": "embeddings.cls_token",
        "pos_embed": "embeddings.position_embeddings",
        "patch_embed.proj.weight": "embeddings.patch_embeddings.projection.weight",
        "patch_embed.proj.bias": "embeddings.patch_embeddings.projection.bias",
        "norm.weight": "layernorm.weight",
        "norm.bias": "layernorm.bias",
        "head.weight": "classifier.weight",
        "head.bias": "classifier.bias",
    }
    found = {theirs: timm[ours] for ours, theirs in names.items()}
    for i in range(depth):
        ours, theirs = f"blocks.{i}", f"encoder.layer.{i}"
        for kind in ("weight", "bias"):
            query, key, value = np.split(timm[f"{ours}.attn.qkv.{kind}"], 3, axis=0)
            found[f"{theirs}.attention.attention.query.{kind}"] = query
            found[f"{theirs}.attention.attention.key.{kind}"] = key
            found[f"{theirs}.attention.attention.value.{kind}"] = value
            found[f"{theirs}.attention.output.dense.{kind}"] = timm[f"{ours}.attn.proj.{kind}"]
            found[f"{theirs}.layernorm_before.{kind}"] = timm[f"{ours}.norm1.{kind}"]
            found[f"{theirs}.layernorm_after.{kind}"] = timm[f"{ours}.norm2.{kind}"]
            found[f"{theirs}.intermediate.dense.{kind}"] = timm[f"{ours}.mlp.fc1.{kind}"]
            found[f"{theirs}.output.dense.{kind}"] = timm[f"{ours}.mlp.fc2.{kind}"]
    return {name: np.ascontiguousarray(array) for name, array in found.items()}


def in_release_5(arrays):
    """The same in the names of transformers 5."""
    changes = {
        "encoder.layer.": "layers.",
        "attention.attention.query": "attention.q_proj",
        "attention.attention.key": "attention.k_proj",
        "attention.attention.value": "attention.v_proj",
        "attention.output.dense": "attention.o_proj",
        "intermediate.dense": "mlp.fc1",
        "output.dense": "mlp.fc2",
    }
    renamed = {}
    for name, array in arrays.items():
        for old, new in changes.items():
            name = name.replace(old, new)
        renamed[name] = array
    return renamed


def with_prefix(arrays, prefix, but=()):
    return {f"{prefix * (k not in but)}{k}": array for k, array in arrays.items()}


HEAD = ("classifier.weight", "classifier.bias")
MODEL = in_release_4(published("timm_vit"))
RELEASES = {"4": MODEL, "5": in_release_5(MODEL)}


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("before_all", ["", "module.", "model.", "module._orig_mod."])
def test_a_classifier_is_loaded_to_the_bit(tmp_path, suffix, release, before_all):
    arrays = with_prefix(with_prefix(RELEASES[release], "vit.", but=HEAD), before_all)
    said = assert_loads_whole(write(tmp_path / f"w{suffix}", arrays), VIT)
    assert said["layout"] == "huggingface_vit"


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("prefix", ["", "vit.", "backbone."])
def test_a_model_without_a_head_is_loaded_as_the_hint_says(tmp_path, release, prefix):
    arrays = {k: v for k, v in RELEASES[release].items() if k not in HEAD}
    arrays["pooler.dense.weight"] = np.ones((8, 8), np.float32)
    path = write(tmp_path / "w.safetensors", with_prefix(arrays, prefix))
    with pytest.raises(CommandError, match="lacks classifier.weight") as caught:
        load(path, VIT)
    assert "--config.init.allow_missing='head/*' lets them stay new" in str(caught.value)
    template = random_variables(VIT, seed=4)
    variables, said = load(path, VIT, template, allow_missing="head/*")
    expected = random_variables(VIT)
    np.testing.assert_array_equal(variables["params"]["cls"], expected["params"]["cls"])
    kernel = template["params"]["head"]["kernel"]
    np.testing.assert_array_equal(variables["params"]["head"]["kernel"], kernel)


def test_another_size_is_named_with_what_to_set(tmp_path):
    path = write(tmp_path / "w.safetensors", with_prefix(MODEL, "vit.", but=HEAD))
    for other, words in (
        (VIT.clone(mlp_width=16), "--config.model.mlp_width=12 would fit"),
        (VIT.clone(depth=3), "--config.model.depth=2 would fit"),
        (VIT.clone(width=12, num_heads=3), "--config.model.width=8"),
        (RESNET, "holds weights of a vit, and the model is a resnet"),
    ):
        with pytest.raises(CommandError, match=words):
            load(path, other)


def test_a_model_of_another_kind_in_such_names_is_refused_with_the_reason(tmp_path):
    token = {"embeddings.distillation_token": np.ones((1, 1, 8), np.float32)}
    path = write(tmp_path / "w.safetensors", with_prefix(MODEL | token, "deit.", but=HEAD))
    with pytest.raises(CommandError, match="it has a token for distillation"):
        load(path, VIT)


@pytest.mark.parametrize("prefix", ["module.", "model.", "backbone.", "module.model.", "a.b.c."])
@pytest.mark.parametrize(("layout", "model"), [("timm_vit", VIT), ("torch_resnet", RESNET)])
def test_what_a_wrapper_puts_before_all_names_is_taken_away(tmp_path, prefix, layout, model):
    path = write(tmp_path / "w.safetensors", with_prefix(published(layout), prefix))
    assert_loads_whole(path, model)


def test_two_models_in_one_file_are_not_taken_for_one(tmp_path):
    arrays = published("timm_vit")
    both = with_prefix(arrays, "student.") | with_prefix(arrays, "teacher.")
    path = write(tmp_path / "w.safetensors", both)
    with pytest.raises(JaxcmpError, match="several models, whose names begin with student. and te"):
        read(path)
    twice = with_prefix(MODEL, "vit.") | {name: MODEL[name] for name in HEAD}
    with pytest.raises(
        JaxcmpError, match="holds classifier.(bias|weight) twice, with and without vit."
    ):
        read(write(tmp_path / "twice.safetensors", twice))
