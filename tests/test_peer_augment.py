"""torchvision's side of the augmentation: the options are ours, the result fits the same step."""

import numpy as np
import pytest

from jaxcmp.bench.workload import MEAN, STD

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("PIL")
if not __import__("importlib.util").util.find_spec("torchvision"):
    pytest.skip("torchvision is not installed", allow_module_level=True)

PLAIN = {
    "image_size": 8,
    "num_classes": 4,
    "crop_padding": 0,
    "flip": False,
    "trivial_augment": False,
    "erase_rate": 0.0,
    "mixup_alpha": 0.0,
    "cutmix_alpha": 0.0,
    "mix_rate": 0.0,
    "cutmix_rate": 0.0,
}
FULL = PLAIN | {
    "crop_padding": 2,
    "flip": True,
    "trivial_augment": True,
    "erase_rate": 0.5,
    "mixup_alpha": 0.8,
    "cutmix_alpha": 1.0,
    "mix_rate": 1.0,
    "cutmix_rate": 0.5,
}
LABELS = np.array([0, 1, 2, 3, 0, 1], np.int32)


def images_of(num_channels):
    return np.random.default_rng(0).integers(0, 256, (6, 8, 8, num_channels), dtype=np.uint8)


@pytest.mark.parametrize("as_pillow", [False, True])
@pytest.mark.parametrize("num_channels", [1, 3])
def test_without_options_images_are_normalised_as_ours_are(num_channels, as_pillow):
    from jaxcmp.bench.peer_augment import make_augment

    images = images_of(num_channels)
    augment = make_augment(**PLAIN, num_channels=num_channels, as_pillow=as_pillow)
    batch, targets = augment(images, LABELS)
    expected = ((images / 255 - MEAN) / STD).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(batch.numpy(), expected, atol=1e-5)
    np.testing.assert_array_equal(targets.numpy(), np.eye(4)[LABELS])


@pytest.mark.parametrize("as_pillow", [False, True])
def test_with_every_option_the_batch_is_changed_and_its_targets_mixed(as_pillow):
    from jaxcmp.bench.peer_augment import make_augment

    torch.manual_seed(0)
    images = images_of(3)
    augment = make_augment(**FULL, num_channels=3, as_pillow=as_pillow)
    batch, targets = augment(images, LABELS)
    assert batch.shape == (6, 3, 8, 8) and batch.dtype == torch.float32
    np.testing.assert_allclose(targets.sum(1).numpy(), 1, rtol=1e-5)
    assert float(targets.max()) < 1
    again, _ = augment(images, LABELS)
    assert not torch.equal(batch, again)


@pytest.mark.parametrize(("cutmix_rate", "is_cut"), [(0.0, False), (1.0, True)])
def test_the_rate_decides_between_mixup_and_cutmix(cutmix_rate, is_cut):
    from jaxcmp.bench.peer_augment import mixing

    torch.manual_seed(0)
    images = torch.arange(6.0)[:, None, None, None].expand(6, 3, 8, 8).contiguous()
    mix = mixing(4, 0.8, 1.0, cutmix_rate)
    mixed, _ = mix(images, torch.from_numpy(LABELS).long())
    # A cut-out keeps its neighbour's level; a mixture lies between two.
    assert bool((mixed == mixed.round()).all()) is is_cut
