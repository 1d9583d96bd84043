"""Resized positions and patches are those of PyTorch and of timm."""

import numpy as np
import pytest
from torch_models import timm, torch

from jaxcmp.pretrained.resizing import resize_matrix, resize_patches, resize_positions


def random(*shape):
    return np.random.default_rng(0).standard_normal(shape, np.float32)


@pytest.mark.parametrize("side", [2, 8, 14, 16, 24])
def test_positions_are_resized_as_timm_resizes_them(side):
    positions = random(1, 197, 6)
    expected = timm.layers.resample_abs_pos_embed(torch.from_numpy(positions), [side, side])
    found = resize_positions(positions, side**2 + 1)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


@pytest.mark.parametrize(("size", "new_size"), [(16, 32), (16, 8), (16, 4), (16, 14), (4, 16)])
def test_patches_are_resized_as_timm_resizes_them(size, new_size):
    kernel = random(size, size, 3, 5)
    theirs = torch.from_numpy(kernel).permute(3, 2, 0, 1)
    expected = timm.layers.resample_patch_embed(theirs, [new_size, new_size])
    found = resize_patches(kernel, new_size).transpose(3, 2, 0, 1)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)


@pytest.mark.parametrize(("size", "new_size"), [(14, 8), (14, 24), (7, 2), (3, 7)])
def test_the_convention_is_that_of_pytorch_with_antialias(size, new_size):
    image = random(size, size)

    def theirs(antialias):
        return torch.nn.functional.interpolate(
            torch.from_numpy(image)[None, None],
            (new_size, new_size),
            mode="bicubic",
            align_corners=False,
            antialias=antialias,
        )[0, 0].numpy()

    matrix = resize_matrix(size, new_size)
    found = matrix @ image @ matrix.T
    np.testing.assert_allclose(found, theirs(True), atol=1e-5)
    # Without it, PyTorch has another kernel, and looks at fewer pixels.
    assert np.abs(found - theirs(False)).max() > 0.05
