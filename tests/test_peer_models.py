"""PyTorch's models are ours: with our weights they give our logits."""

import jax
import numpy as np
import pytest
from bench_configs import config_of

from jaxcmp import models
from jaxcmp.bench import workload
from jaxcmp.experiment import prepare

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

NORM = {"scale": "weight", "bias": "bias"}
VIT_PARTS = {
    "attention_norm": "attention_norm",
    "qkv": "attention.qkv",
    "projection": "attention.projection",
    "mlp_norm": "mlp_norm",
    "expand": "mlp.expand",
    "contract": "mlp.contract",
}


def flat(tree):
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {".".join(key.key for key in path): np.array(leaf) for path, leaf in leaves}


def as_torch(value):
    # Kernels are [in, out] and [height, width, in, out] here, [out, in, ...] there.
    turned = {2: (1, 0), 4: (3, 2, 0, 1)}.get(value.ndim)
    return torch.from_numpy(np.ascontiguousarray(value.transpose(turned) if turned else value))


def vit_names(depth):
    names = {"patch_embedding": "patch_embedding", "norm": "norm", "head": "head"}
    for i in range(depth):
        names |= {f"blocks.{i}.{new}": f"block_{i}.{old}" for new, old in VIT_PARTS.items()}
    return names


def resnet_names(depths):
    names, number = {"stem": "stem.conv", "norm": "stem.norm", "head": "head"}, 0
    for stage, depth in enumerate(depths, start=1):
        for block in range(depth):
            old, new = f"stage_{stage}.block_{block}", f"blocks.{number}"
            parts = {part: part for part in ("conv_1", "norm_1", "conv_2", "norm_2")}
            parts |= {"shortcut.0": "shortcut_conv", "shortcut.1": "shortcut_norm"}
            names |= {f"{new}.{theirs}": f"{old}.{ours}" for theirs, ours in parts.items()}
            number += 1
    return names


def our_weights(variables, names):
    """The state of the PyTorch model, from ours."""
    params, stats = flat(variables["params"]), flat(variables.get("batch_stats", {}))
    state = {}
    for theirs, ours in names.items():
        for old, new in (("kernel", "weight"), ("scale", "weight"), ("bias", "bias")):
            if f"{ours}.{old}" in params:
                state[f"{theirs}.{new}"] = as_torch(params[f"{ours}.{old}"])
        for old, new in (("mean", "running_mean"), ("var", "running_var")):
            if f"{ours}.{old}" in stats:
                state[f"{theirs}.{new}"] = as_torch(stats[f"{ours}.{old}"])
    for name in ("cls", "positions"):
        if name in params:
            state[name] = torch.from_numpy(params[name])
    return state


@pytest.mark.parametrize(
    ("arm", "fields"),
    [("vit", {}), ("resnet", {}), ("resnet", {"model.stem": "imagenet", "model.image_size": 16})],
)
def test_the_models_are_the_same_function(arm, fields):
    from jaxcmp.bench.peer_models import build

    config = config_of(arm, **fields)
    experiment = prepare(config, workload.synthetic(config))
    variables = jax.jit(experiment.init)(jax.random.key(0)).variables
    # Noise, so that no weight is at a start that would hide where it goes.
    rng = np.random.default_rng(0)
    variables = jax.tree.map(
        lambda x: np.asarray(x) + 0.1 * rng.random(x.shape, np.float32), variables
    )
    theirs = build(config.model.to_dict(), 1).eval()
    names = vit_names(1) if arm == "vit" else resnet_names(config.model.stage_depths)
    missing, unexpected = theirs.load_state_dict(our_weights(variables, names), strict=False)
    assert not unexpected
    assert all(name.endswith("num_batches_tracked") for name in missing)
    images, _ = workload.made_batch(config, 4)
    expected = jax.jit(experiment.model.apply)(variables, images)
    with torch.inference_mode():
        logits = theirs(torch.from_numpy(images).permute(0, 3, 1, 2))
    np.testing.assert_allclose(logits.numpy(), expected, rtol=2e-4, atol=2e-4)
    count = sum(each.numel() for each in theirs.parameters())
    assert count == sum(models.count_parameters(variables["params"]).values())


def test_drop_path_drops_whole_examples_and_keeps_the_mean():
    from jaxcmp.bench.peer_models import DropPath

    torch.manual_seed(0)
    drop = DropPath(0.25)
    dropped = drop(torch.ones(4000, 2, 3))
    values = dropped.flatten(1)
    assert torch.equal(values.amin(1), values.amax(1))
    assert float(values.mean()) == pytest.approx(1, abs=0.05)
    assert torch.equal(drop.eval()(torch.ones(4, 2)), torch.ones(4, 2))
