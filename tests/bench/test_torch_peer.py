"""PyTorch's side: the same models, the configuration's optimizer, the fastest way."""

import ast
import importlib.util
import json
import subprocess
import sys

import jax
import processes
import pytest
from bench_configs import config_of

from jaxcmp import models
from jaxcmp.bench import measure
from jaxcmp.experiment import prepare
from jaxcmp.models.packing import unpack
from jaxcmp.settings.configuration import settings_of

PROGRAM = processes.ROOT / "jaxcmp/bench/torch_peer.py"


@pytest.fixture(scope="module")
def torch_peer():
    # Skips where one of PyTorch's packages is missing.
    from torch_models import torch

    from jaxcmp.bench import torch_peer

    torch.manual_seed(0)
    return torch_peer


def test_the_peer_imports_neither_jax_nor_jaxcmp():
    nodes = list(ast.walk(ast.parse(PROGRAM.read_text())))
    names = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    tops = {name.partition(".")[0] for name in names}
    assert {"torch", "torchvision", "timm"} <= tops
    assert not {name for name in tops if name.startswith(("jax", "flax", "ml_collections"))}


def test_without_pytorch_the_peer_says_what_it_needs():
    if importlib.util.find_spec("torch"):
        pytest.skip("PyTorch is installed")
    done = subprocess.run([sys.executable, str(PROGRAM), "{}"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("--peer=torch needs torch, torchvision and timm: No module named")


@pytest.mark.parametrize(
    ("arm", "overrides", "expected"),
    [
        ("vit", {}, 5_362_762),
        ("resnet", {}, 11_173_962),
        ("resnet", {"model.stem": "imagenet"}, 11_181_642),
        ("resnet", {"model.stage_depths": (1, 2, 3, 1)}, None),
    ],
)
def test_both_sides_have_as_many_parameters(torch_peer, arm, overrides, expected):
    config = full_config(arm, **overrides)
    settings = settings_of(config)
    experiment = prepare(settings, measure.random_images(settings))
    params = jax.eval_shape(experiment.init, jax.random.key(0)).params
    ours = sum(models.count_parameters(unpack(params)).values())
    theirs = torch_peer.make_model(json.loads(json.dumps(config.model.to_dict())), 3)
    assert sum(each.numel() for each in theirs.parameters()) == ours
    assert ours == (expected or ours)


def full_config(arm, **overrides):
    import importlib

    config = importlib.import_module(f"configs.{arm}").get_config()
    follows = {"model.num_classes": 10, "model.image_size": 32}
    config.update_from_flattened_dict(follows | overrides)
    return config


def test_adamw_spares_biases_norms_positions_and_the_class_token(torch_peer):
    config = config_of("vit").to_dict()
    model = torch_peer.make_model(config["model"], 1)
    optimizer = torch_peer.make_optimizer(model, config)
    names = {id(p): name for name, p in model.named_parameters()}
    decayed = {
        names[id(p)] for g in optimizer.param_groups if g["weight_decay"] for p in g["params"]
    }
    plain = set(names.values()) - decayed
    assert all(name.endswith("weight") and "norm" not in name for name in decayed)
    assert {"cls_token", "pos_embed", "norm.weight", "head.bias"} <= plain
    assert all(group["fused"] for group in optimizer.param_groups)


def test_momentum_is_nesterovs_and_its_decay_for_every_parameter(torch_peer):
    config = full_config("resnet").to_dict()
    model = torch_peer.make_model(config["model"], 3)
    (group,) = torch_peer.make_optimizer(model, config).param_groups
    expected = {"momentum": 0.9, "nesterov": True, "weight_decay": 5e-4, "lr": 0.1, "fused": True}
    assert {name: group[name] for name in expected} == expected


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("arm", ["vit", "resnet"])
def test_a_step_lowers_the_loss_of_its_batch(torch_peer, arm, dtype):
    config = config_of("vit") if arm == "vit" else full_config("resnet")
    config.update({"compute_dtype": dtype, "batch_size": 8, "eval_batch_size": 8})
    config.model.image_size = 8
    config = config.to_dict()
    model = torch_peer.make_model(config["model"], 1)
    step = torch_peer.training(model, config, 1, lambda function: function)
    losses = [float(step()) for _ in range(20)]
    assert min(losses[-3:]) < losses[0] - 0.05
    logits = torch_peer.evaluation(model, config, 1, lambda function: function)()
    assert logits.shape == (8, 10) and str(logits.dtype) == "torch.float32"


@pytest.mark.parametrize("channels", [1, 3])
def test_both_ways_of_augmentation_give_mixed_batches_that_change(torch_peer, channels):
    config = config_of("vit", **{"augment.crop_padding": 2, "augment.flip": True})
    config.augment.update({"trivial_augment": channels == 3, "mix_rate": 1.0})
    # By chance, a cut-out of 8x8 pixels may hold none.
    torch_peer.torch.manual_seed(0)
    for way in torch_peer.augmentation(config.to_dict(), channels).values():
        batch, targets = way()
        assert batch.shape == (16, channels, 8, 8) and str(batch.dtype) == "torch.float32"
        assert targets.shape == (16, 10) and ((targets > 0) & (targets < 1)).any()
        assert float(targets.sum()) == pytest.approx(16, rel=1e-4)
        assert not (way()[0] == batch).all()


def test_the_rate_decides_between_mixup_and_cutmix(torch_peer):
    torch = torch_peer.torch
    images = torch.arange(6.0)[:, None, None, None].expand(6, 3, 8, 8).contiguous()
    labels = torch.arange(6) % 4
    options = {"mixup_alpha": 0.8, "cutmix_alpha": 1.0, "mix_rate": 1.0}
    for cutmix_rate in (0.0, 1.0):
        mixed, _ = torch_peer.mixing(options | {"cutmix_rate": cutmix_rate}, 4)(images, labels)
        # A cut-out keeps its neighbour's level; a mixture lies between two.
        assert bool((mixed == mixed.round()).all()) is (cutmix_rate == 1)


def test_the_fastest_way_is_kept_and_one_that_cannot_be_gone_is_named(torch_peer):
    import time

    def broken():
        raise RuntimeError("no compiler\nwith more lines")

    ways = {"slow": lambda: time.sleep(0.02), "fast": lambda: "done", "broken": broken}
    call, description = torch_peer.fastest(ways)
    assert call() == "done" and description["how"] == "fast"
    assert description["tried"]["broken"] == "RuntimeError: no compiler"
    assert description["tried"]["slow"] > description["tried"]["fast"]
