"""The convolutional stem: patches as PyTorch's convolutions see them, and its place in a ViT."""

import jax
import numpy as np
import pytest
from test_resnet import conv, norm

from jaxcmp import models
from jaxcmp.models.stem import ConvStem, paths

RNG = np.random.default_rng(0)


def random_like(variables):
    """Draws numbers for all arrays; variances are positive."""
    return jax.tree.map(lambda x: 0.5 + RNG.random(x.shape, np.float32), variables)


@pytest.mark.parametrize(("patch_size", "strides"), [(4, (2, 2, 1, 1)), (8, (2, 2, 2, 1))])
def test_it_is_four_convolutions_with_norms_and_a_linear_map(patch_size, strides):
    stem = ConvStem(width=12, patch_size=patch_size, dtype=np.float32)
    images = RNG.standard_normal((2, 16, 16, 3)).astype(np.float32)
    initial = stem.init(jax.random.key(0), images, is_training=False)
    variables = jax.tree.map(np.asarray, random_like(initial))
    params, stats = variables["params"], variables["batch_stats"]
    expected = []
    for x in images.astype(np.float64):
        for i, stride in enumerate(strides, start=1):
            x = conv(params[f"conv_{i}"], x, stride)
            x = np.maximum(norm(params[f"norm_{i}"], stats[f"norm_{i}"], x), 0)
        expected.append(x @ params["projection"]["kernel"] + params["projection"]["bias"])
    assert [x["kernel"].shape[-1] for x in list(params.values())[:4]] == [2, 4, 8, 16]
    found = np.asarray(stem.apply(variables, images, is_training=False))
    assert found.shape == (2, 16 // patch_size, 16 // patch_size, 12)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_its_arrays_are_those_that_a_run_is_read_by():
    model = models.ViT(image_size=8, width=8, depth=1, num_heads=2, mlp_width=8, stem="conv")
    images = jax.ShapeDtypeStruct((1, 8, 8, 3), np.float32)
    variables = jax.eval_shape(model.init, jax.random.key(0), images)
    leaves = jax.tree_util.tree_leaves_with_path(variables)
    names = ["/".join(key.key for key in path) for path, _ in leaves]
    assert sorted(name for name in names if "/stem/" in name) == sorted(paths())
