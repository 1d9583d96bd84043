"""Logits of ours are those of the established implementations, on random weights from a file."""

import functools

import jax
import numpy as np
import pytest
from sample_weights import load
from torch_models import images, logits_of, randomised, state_of, timm, torch, torchvision

from jaxcmp import models

# It imports torch.
files = pytest.importorskip("safetensors.torch")

TINY_16 = models.ViT(image_size=224, patch_size=16)


@functools.cache
def apply_of(model):
    return jax.jit(model.apply)


def our_logits(path, model, batch):
    variables, said = load(path, model)
    assert {row["what"] for row in said["rows"]} <= {"loaded", "resized", "unused"}
    return np.asarray(apply_of(model)(variables, batch))


def assert_same_logits(path, model, theirs):
    batch = images(model.image_size)
    expected = logits_of(theirs, batch)
    # Else a head of zeros would do.
    assert np.std(expected) > 0.1
    np.testing.assert_allclose(our_logits(path, model, batch), expected, rtol=0, atol=1e-4)


def timm_vit(image_size, patch_size):
    return timm.create_model(
        "vit_tiny_patch16_224", num_classes=10, img_size=image_size, patch_size=patch_size
    )


@pytest.mark.parametrize(("image_size", "patch_size"), [(224, 16), (32, 16), (32, 4)])
def test_a_vits_logits_are_timms(tmp_path, image_size, patch_size):
    theirs, path = randomised(timm_vit(image_size, patch_size)), tmp_path / "vit.safetensors"
    files.save_file(state_of(theirs), path)
    model = models.ViT(image_size=image_size, patch_size=patch_size)
    assert_same_logits(path, model, theirs)


def as_published(state):
    """timm's Ti/16 under the names of the published files, by hand: none of our code is asked."""
    theirs = {name: tensor.numpy() for name, tensor in state.items()}

    def part(ours, name, scale="scale"):
        kernel = theirs[f"{name}.weight"].T
        return {f"{ours}/{scale}": kernel, f"{ours}/bias": theirs[f"{name}.bias"]}

    arrays = {
        "cls": theirs["cls_token"],
        "Transformer/posembed_input/pos_embedding": theirs["pos_embed"],
        "embedding/kernel": theirs["patch_embed.proj.weight"].transpose(2, 3, 1, 0),
        "embedding/bias": theirs["patch_embed.proj.bias"],
        **part("Transformer/encoder_norm", "norm"),
        **part("head", "head", "kernel"),
    }
    for i in range(12):
        block, name = f"Transformer/encoderblock_{i}", f"blocks.{i}"
        attention = f"{block}/MultiHeadDotProductAttention_1"
        # [query, key, value; heads; width of a head; features]
        kernels = theirs[f"{name}.attn.qkv.weight"].reshape(3, 3, 64, 192).transpose(0, 3, 1, 2)
        biases = theirs[f"{name}.attn.qkv.bias"].reshape(3, 3, 64)
        for which, kernel, bias in zip(("query", "key", "value"), kernels, biases, strict=True):
            arrays |= {f"{attention}/{which}/kernel": kernel, f"{attention}/{which}/bias": bias}
        out = theirs[f"{name}.attn.proj.weight"].T.reshape(3, 64, 192)
        arrays[f"{attention}/out/kernel"] = out
        arrays[f"{attention}/out/bias"] = theirs[f"{name}.attn.proj.bias"]
        arrays |= part(f"{block}/LayerNorm_0", f"{name}.norm1")
        arrays |= part(f"{block}/LayerNorm_2", f"{name}.norm2")
        arrays |= part(f"{block}/MlpBlock_3/Dense_0", f"{name}.mlp.fc1", "kernel")
        arrays |= part(f"{block}/MlpBlock_3/Dense_1", f"{name}.mlp.fc2", "kernel")
    return arrays


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A Ti/16 for 224 pixels, as the published files are named, and as timm names it."""
    path = tmp_path_factory.mktemp("published") / "Ti_16.npz"
    state = state_of(randomised(timm_vit(224, 16), seed=2))
    files.save_file(state, path.with_suffix(".safetensors"))
    np.savez(path, allow_pickle=False, **as_published(state))
    return path


def test_a_published_files_logits_are_those_of_timms_own_loader(published):
    theirs = timm_vit(224, 16)
    theirs.load_pretrained(str(published))
    assert_same_logits(published, TINY_16, theirs.eval())


@pytest.mark.parametrize(("image_size", "patch_size"), [(64, 16), (32, 4)])
def test_a_file_for_224_pixels_fits_others_as_timm_fits_it(published, image_size, patch_size):
    """Compares the logits where each side resizes positions and patches in its own way."""
    theirs = timm_vit(image_size, patch_size)
    given = files.load_file(published.with_suffix(".safetensors"))
    theirs.load_state_dict(timm.models.vision_transformer.checkpoint_filter_fn(given, theirs))
    model = models.ViT(image_size=image_size, patch_size=patch_size)
    assert_same_logits(published, model, theirs.eval())


def cifar_resnet():
    """ResNet-18 as everybody changes it for small images."""
    model = timm.create_model("resnet18", num_classes=10)
    model.conv1 = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    model.maxpool = torch.nn.Identity()
    return model


RESNETS = {
    "torchvision": (lambda: torchvision.models.resnet18(num_classes=10), "imagenet", 64),
    "timm": (lambda: timm.create_model("resnet18", num_classes=10), "imagenet", 64),
    "timm, an odd size": (lambda: timm.create_model("resnet18", num_classes=10), "imagenet", 75),
    "timm, small images": (cifar_resnet, "cifar", 32),
}


@pytest.mark.parametrize(("make", "stem", "image_size"), RESNETS.values(), ids=RESNETS)
def test_a_resnets_logits_are_pytorchs(tmp_path, make, stem, image_size):
    theirs, path = randomised(make()), tmp_path / "resnet18.safetensors"
    files.save_file(state_of(theirs), path)
    assert_same_logits(path, models.ResNet(image_size=image_size, stem=stem), theirs)
