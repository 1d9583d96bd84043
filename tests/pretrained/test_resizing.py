"""Resized positions and patches: what has to stay, stays; against JAX, algebra and timm."""

import jax
import numpy as np
import pytest

from jaxcmp.pretrained.resizing import grid_of, resize_matrix, resize_patches, resize_positions


def random(*shape):
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def resized(images, size):
    """Images [height, width, ...] as JAX resizes them."""
    shape = (size, size, *images.shape[2:])
    return np.asarray(jax.image.resize(images, shape, "bicubic", antialias=True))


@pytest.mark.parametrize(("side", "new_side"), [(14, 8), (14, 24), (14, 2), (7, 14)])
def test_a_grid_of_positions_is_resized_as_an_image_is(side, new_side):
    positions = random(1, side**2 + 1, 5)
    found = resize_positions(positions, new_side**2 + 1)
    assert found.dtype == np.float32 and found.shape == (1, new_side**2 + 1, 5)
    np.testing.assert_array_equal(found[:, 0], positions[:, 0])
    expected = resized(positions[0, 1:].reshape(side, side, 5), new_side)
    np.testing.assert_allclose(found[0, 1:], expected.reshape(-1, 5), atol=1e-5)


@pytest.mark.parametrize(
    ("num_tokens", "grid"), [(197, (14, True)), (196, (14, False)), (2, (1, True)), (1, (1, False))]
)
def test_the_number_of_positions_tells_whether_the_class_token_has_one(num_tokens, grid):
    assert grid_of(num_tokens) == grid


@pytest.mark.parametrize(("size", "new_size"), [(4, 8), (4, 16), (16, 32), (3, 4)])
def test_a_larger_patch_is_embedded_as_the_one_it_was_resized_from(size, new_size):
    """The property that defines PI-resize (Beyer et al. 2023), for every channel at once."""
    kernel = random(size, size, 3, 7)
    patch = np.random.default_rng(1).standard_normal((size, size, 3), np.float32)
    new_kernel = resize_patches(kernel, new_size)
    assert new_kernel.dtype == np.float32 and new_kernel.shape == (new_size, new_size, 3, 7)
    found = np.einsum("ijc,ijcw->w", resized(patch, new_size), new_kernel)
    np.testing.assert_allclose(found, np.einsum("ijc,ijcw->w", patch, kernel), atol=1e-3)


def test_no_other_kernel_for_a_smaller_patch_is_better():
    kernel = random(8, 8, 1, 1)[..., 0, 0].astype(np.float64)
    matrix = np.kron(resize_matrix(8, 4), resize_matrix(8, 4))
    found = resize_patches(kernel.astype(np.float32)[..., None, None], 4).reshape(-1)

    def error(candidate):
        # Of white noise, the mean squared difference between both embeddings.
        return np.sum((kernel.reshape(-1) - matrix.T @ candidate) ** 2)

    rng = np.random.default_rng(2)
    best = error(found)
    assert all(error(found + 0.01 * rng.standard_normal(16)) > best for _ in range(50))


@pytest.fixture(scope="module")
def torch_models():
    """PyTorch and timm; skips where one of their packages is missing."""
    import torch_models

    return torch_models


@pytest.mark.parametrize("side", [2, 8, 14, 16, 24])
def test_positions_are_resized_as_timm_resizes_them(torch_models, side):
    positions = random(1, 197, 6)
    expected = torch_models.timm.layers.resample_abs_pos_embed(
        torch_models.torch.from_numpy(positions), [side, side]
    )
    found = resize_positions(positions, side**2 + 1)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


@pytest.mark.parametrize(("size", "new_size"), [(16, 32), (16, 8), (16, 4), (16, 14), (4, 16)])
def test_patches_are_resized_as_timm_resizes_them(torch_models, size, new_size):
    kernel = random(size, size, 3, 5)
    theirs = torch_models.torch.from_numpy(kernel).permute(3, 2, 0, 1)
    expected = torch_models.timm.layers.resample_patch_embed(theirs, [new_size, new_size])
    found = resize_patches(kernel, new_size).transpose(3, 2, 0, 1)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)


@pytest.mark.parametrize(("size", "new_size"), [(14, 8), (14, 24), (7, 2), (3, 7)])
def test_the_convention_is_that_of_pytorch_with_antialias(torch_models, size, new_size):
    image = random(size, size)

    def theirs(antialias):
        return torch_models.torch.nn.functional.interpolate(
            torch_models.torch.from_numpy(image)[None, None],
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
