"""docs/blog_post.md: its numbers are those of the models that the blog post describes."""

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from jaxcmp import models
from jaxcmp.compare.sections.blog_post import load_claims
from jaxcmp.compare.sections.work import QUADRATIC, tokens_for_half

PAGE = (Path(__file__).parent.parent / "docs" / "blog_post.md").read_text(encoding="utf-8")
MODELS = {name: models.build(**arm.config["model"]) for name, arm in load_claims().arms.items()}


def parameters(name: str) -> dict[str, int]:
    model, images = MODELS[name], jnp.zeros((1, 32, 32, 3))
    variables = jax.eval_shape(lambda: model.init(jax.random.key(0), images))
    return models.count_parameters(variables["params"])


def row(beginning: str) -> str:
    (line,) = (line for line in PAGE.splitlines() if line.startswith(f"| {beginning}"))
    return line


@pytest.mark.parametrize(
    ("claim", "name", "component"),
    [
        ("ViT-Tiny has 5.3M", "vit", ""),
        ("ResNet-18 has 11.7M", "resnet", ""),
        ("The fully connected head", "resnet", "head"),
        ("The MLPs of ViT-Tiny", "vit", "blocks.mlp"),
    ],
)
def test_the_page_has_the_models_own_counts(claim, name, component):
    counts = parameters(name)
    count = counts[component] if component else sum(counts.values())
    assert row(claim).split("|")[2].strip() == f"{count:,}"


def test_the_page_says_what_the_stated_numbers_would_fit():
    millions = sum(parameters("vit").values()) / 1e6
    assert f"rounded it is {millions:.1f}M" in row("ViT-Tiny has 5.3M")
    assert f"{parameters('resnet')['stage_3']:,}" in row("The fully connected head")
    # The two matrices of a block's MLP, in eight blocks.
    assert round(8 * 2 * 192 * 768 / 1e6, 2) == 2.36 and "8 of its 12 blocks" in PAGE


def test_the_page_has_the_share_of_attention_and_the_tokens_for_a_half():
    work = MODELS["vit"].multiply_adds(3)
    share = sum(work[part] for part in QUADRATIC) / sum(work.values())
    half = tokens_for_half(work, 65)
    line = row("ViT-Tiny is slow")
    assert line.split("|")[2].strip() == f"{100 * share:.2f} %"
    assert "of the 65 tokens" in line and (32 // 4) ** 2 + 1 == 65
    assert f"{sum(work.values()):,} multiply-adds" in line and f"{half:,} tokens" in line
    assert f"about {4 * (half - 1) ** 0.5:.0f} pixels" in line


def counted(beginning: str) -> str:
    return row(beginning).split("|")[2].strip()


def test_the_page_has_the_parts_of_both_models():
    vit, images = parameters("vit"), jnp.zeros((1, 32, 32, 3))
    resnet = jax.eval_shape(lambda: MODELS["resnet"].init(jax.random.key(0), images))["params"]
    leaves = jax.tree_util.tree_leaves_with_path(resnet)
    sizes = {"/".join(key.key for key in path): leaf.size for path, leaf in leaves}
    convolutions = sum(n for name, n in sizes.items() if "conv" in name)
    norms = sum(n for name, n in sizes.items() if "norm" in name)
    assert counted("The convolutions of ResNet-18") == f"{convolutions:,}"
    assert counted("The BatchNorms of ResNet-18") == f"{norms:,}"
    qkv, mlp = 12 * (192 * 576 + 576), vit["blocks.mlp"]
    share = 100 * (qkv + mlp) / sum(vit.values())
    assert counted("Most parameters of ViT-Tiny") == f"{share:.1f} %"
    assert f"{qkv:,} and {mlp:,}" in row("Most parameters of ViT-Tiny")


def test_the_page_has_the_quadratic_share_at_224_pixels():
    work = models.build("vit", image_size=224, patch_size=16).multiply_adds(3)
    share = sum(work[part] for part in QUADRATIC) / sum(work.values())
    assert counted("At 224 pixels") == f"{100 * share:.1f} %"
    assert f"of the {(224 // 16) ** 2 + 1} tokens" in row("At 224 pixels")


def test_the_page_says_where_the_blog_posts_classes_contradict_it():
    claims = {claim.id: claim for claim in load_claims().claims}
    vit, resnet = (claims[f"{name}-classes"].stated for name in ("vit", "resnet"))
    assert counted("ViT-Tiny's accuracy by class") == f"{sum(vit) / 10:.2f} %"
    errors = zip(load_claims().classes, vit, resnet, strict=True)
    ratios = {name: (100 - ours) / (100 - theirs) for name, ours, theirs in errors}
    first, second, third = sorted(ratios, key=lambda name: -ratios[name])[:3]
    line = row("ResNet-18 is furthest ahead for cat")
    assert third == "cat" and counted("ResNet-18 is furthest ahead") == f"{ratios['cat']:.2f}"
    assert f"{first} has {ratios[first]:.2f}, {second} {ratios[second]:.2f}" in line
    largest = max(claims["class-gaps"].stated)
    assert claims["largest-gap"].stated[0] == largest and f"holds in points, {largest};" in line


@pytest.mark.parametrize("name", ["vit", "resnet"])
def test_the_readme_has_the_models_own_counts(name):
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    multiply_adds = sum(MODELS[name].multiply_adds(3).values())
    assert f"{sum(parameters(name).values()):,}" in readme and f"{multiply_adds:,}" in readme
