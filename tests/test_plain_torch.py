"""docs/results/plain_torch.py and jaxcmp take the same steps from the same weights."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np
import pytest
from small_configs import small

from jaxcmp import runs
from jaxcmp.experiment import prepare
from jaxcmp.models.packing import unpack
from jaxcmp.settings.configuration import settings_of

torch: Any = pytest.importorskip("torch")
ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "docs" / "results"
UNCHANGED = {"augment.crop_padding": 0, "augment.flip": False}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("plain_torch", RESULTS / "plain_torch.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def in_torchs_order(tree: Any) -> list[np.ndarray]:
    """Lists the arrays as PyTorch does: stem, blocks, head; in each block the shortcut last."""

    def layer(part: Any, conv: str, norm: str) -> list[np.ndarray]:
        kernel = np.transpose(part[conv]["kernel"], (3, 2, 0, 1))
        return [kernel, part[norm]["scale"], part[norm]["bias"]]

    arrays = layer(tree["stem"], "conv", "norm")
    blocks = [
        tree[stage][name] for stage in sorted(tree) if "stage" in stage for name in tree[stage]
    ]
    for block in blocks:
        for number in ("1", "2"):
            arrays += layer(block, f"conv_{number}", f"norm_{number}")
        if "shortcut_conv" in block:
            arrays += layer(block, "shortcut_conv", "shortcut_norm")
    return [*arrays, np.transpose(tree["head"]["kernel"]), tree["head"]["bias"]]


def test_both_take_the_same_steps(script):
    # On AVX2, PyTorch 2.13 has a wrong gradient for a shortcut of 4 channels in channels-last.
    widths, depths = (8, 16), (1, 2)
    sizes = {"model.stage_widths": widths, "model.stage_depths": depths}
    settings = small("resnet", **UNCHANGED, **sizes, num_epochs=2, batch_size=256)
    experiment = prepare(settings)
    dataset, size = experiment.dataset, settings.batch_size
    images, labels = dataset.train.images[:size], dataset.train.labels[:size]
    state = experiment.init(jax.random.key(0))
    model = script.build(settings, num_channels=1, num_classes=10)
    with torch.no_grad():
        ours = [np.array(each) for each in in_torchs_order(unpack(state.params))]
        for theirs, array in zip(model.parameters(), ours, strict=True):
            theirs.copy_(torch.from_numpy(array))
    sgd, step = script.make_sgd(model, settings), jax.jit(experiment.step)
    num_steps = 2 * (len(dataset.train.labels) // size)
    loss = float("inf")
    for number in range(num_steps):
        state, metrics = step(state, images, labels, jax.random.key(1))
        rate = script.learning_rate(settings, number, num_steps)
        assert float(metrics["learning_rate"]) == pytest.approx(rate, abs=1e-7)
        loss = script.update(model, sgd, rate, script.as_tensor(images, dataset), labels)
        assert float(metrics["loss"]) == pytest.approx(loss, rel=1e-4)
    assert loss < 2.1 and num_steps == 10
    trained = zip(ours, in_torchs_order(unpack(state.params)), model.parameters(), strict=True)
    for before, array, theirs in trained:
        apart = np.linalg.norm(array - theirs.detach().numpy())
        assert apart < 0.01 * np.linalg.norm(array - before)


def test_it_crops_at_every_place_and_flips_half(script):
    images = np.random.default_rng(0).integers(1, 256, (64, 6, 5, 3), dtype=np.uint8)
    flipped = script.crop_and_flip(images, 0, np.random.default_rng(1))
    is_same, is_mirrored = (
        [np.array_equal(x, y) for x, y in zip(flipped, each, strict=True)]
        for each in (images, images[:, :, ::-1])
    )
    assert all(np.logical_xor(is_same, is_mirrored)) and 16 < sum(is_same) < 48
    black = (script.crop_and_flip(images, 2, np.random.default_rng(1)) == 0).all(axis=3)
    rows, columns = black.all(axis=2), black.all(axis=1)
    for border in (rows[:, :2], rows[:, -2:], columns[:, :2], columns[:, -2:]):
        assert border.all(axis=1).any()
    assert rows.sum(axis=1).max() == columns.sum(axis=1).max() == 2
    assert (~black).all(axis=(1, 2)).any()


@pytest.mark.parametrize("name", ["cpu", "full", "long"])
def test_it_knows_the_recipe_of_the_stored_runs(script, name):
    run = runs.read_run(RESULTS / name / "resnet" / "seed-0")
    settings = settings_of(run.config)
    script.check(settings)
    model = script.build(settings, num_channels=3, num_classes=10)
    assert sum(array.numel() for array in model.parameters()) == run.result["parameters"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"augment.flip": False}, "augment"),
        ({"label_smoothing": 0.1}, "label_smoothing"),
        ({"model.zero_init_residual": True}, "model"),
        ({"optimizer.weight_decay": 0.0}, "optimizer"),
    ],
)
def test_it_refuses_a_run_with_another_recipe(script, changes, named):
    with pytest.raises(SystemExit, match=f"other: {named}$"):
        script.check(small("resnet", "cpu", **changes))


def test_it_starts_as_the_page_says():
    command = [sys.executable, "-m", "docs.results.plain_torch", "no-such-run", "--data=data"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "no-such-run/config.json cannot be used: No such file or directory\n"
