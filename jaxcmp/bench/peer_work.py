"""PyTorch's side of a comparison: each way of doing the work, and the fastest of them."""

# PyTorch is an extra that most installations lack.
# pyright: reportMissingImports=false

import importlib.metadata
import os
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jaxcmp.bench.peer_models import build
from jaxcmp.bench.timing import Call, Samples, Work, alternate
from jaxcmp.bench.workload import image_shape, made_batch, raw_batch
from jaxcmp.errors import CommandError

Config = Any
# Where JAX is told to stay on the CPU, its peer does too.
IS_CPU = os.environ.get("JAX_PLATFORMS") == "cpu" or not torch.cuda.is_available()
DEVICE = "cpu" if IS_CPU else "cuda"


def make_work(task: str, config: Config) -> Work:
    """`task` is one of peer.TASKS; the fastest way is found by trying each."""
    if DEVICE == "cuda":
        # As XLA does by default on a GPU.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    if task == "augmentation":
        return augmentation(config)
    model = build(config.model.to_dict(), image_shape(config)[-1]).to(DEVICE)
    make = training if task == "training" else evaluation
    size = config.batch_size if task == "training" else config.eval_batch_size
    images, targets = made_batch(config, size)
    placed = torch.from_numpy(images).permute(0, 3, 1, 2).to(DEVICE)
    if config.model.name == "vit":
        placed = placed.contiguous()
    else:
        placed = placed.contiguous(memory_format=torch.channels_last)
    inputs = (placed, torch.from_numpy(targets).to(DEVICE))
    ways = {
        "eager": make(model, config, *inputs, compiler=lambda function: function),
        "compile": make(model, config, *inputs, compiler=torch.compile),
    }
    parameters = sum(each.numel() for each in model.parameters())
    return fastest(ways, {"num_images": size, "parameters": parameters})


def fastest(ways: Mapping[str, Call], description: dict[str, Any]) -> Work:
    """Tries each way a few times, in turns; one that this machine cannot go is left out."""
    tried: dict[str, Any] = {}
    possible: dict[str, Call] = {}
    for name, call in ways.items():
        try:
            call()
            possible[name] = call
        except Exception as error:  # A compiler may be missing or refuse in any way.
            tried[name] = f"{type(error).__name__}: {error}".splitlines()[0]
    samples: dict[str, Samples] = alternate(possible, rounds=3, wait=wait)
    tried |= {name: each.median for name, each in samples.items()}
    best = min(samples, key=lambda name: samples[name].median)
    packages = {name: importlib.metadata.version(name) for name in ("torch", "torchvision")}
    how = {"how": best, "tried": tried, "packages": packages, "device": DEVICE}
    return Work(possible[best], wait, {**description, **how, "threads": torch.get_num_threads()})


def wait(_: Any) -> None:
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def training(
    model: nn.Module, config: Config, images: Tensor, targets: Tensor, *, compiler: Callable
) -> Call:
    """A step from normalised images and targets to new weights."""
    optimizer = make_optimizer(model, config)
    clip_norm = config.optimizer.clip_norm
    is_bfloat16 = config.compute_dtype == "bfloat16"

    def loss_of(images: Tensor, targets: Tensor) -> Tensor:
        with torch.autocast(DEVICE, torch.bfloat16, enabled=is_bfloat16):
            logits = model(images)
        return F.cross_entropy(logits.float(), targets, label_smoothing=config.label_smoothing)

    loss_fn = compiler(loss_of)

    def step() -> Any:
        model.train()
        optimizer.zero_grad(set_to_none=True)
        loss = loss_fn(images, targets)
        loss.backward()
        if clip_norm:
            nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        optimizer.step()
        return loss.detach()

    return step


def evaluation(
    model: nn.Module, config: Config, images: Tensor, targets: Tensor, *, compiler: Callable
) -> Call:
    """The forward pass from normalised images to logits."""
    is_bfloat16 = config.compute_dtype == "bfloat16"

    def logits_of(images: Tensor) -> Tensor:
        with torch.autocast(DEVICE, torch.bfloat16, enabled=is_bfloat16):
            return model(images).float()

    forward = compiler(logits_of)

    def call() -> Any:
        model.eval()
        with torch.inference_mode():
            return forward(images)

    return call


def augmentation(config: Config) -> Work:
    """The whole augmentation of one batch of uint8 images."""
    # torchvision warns about how it was built, which no transform used here depends on.
    warnings.filterwarnings("ignore", module="torchvision")
    from jaxcmp.bench.peer_augment import make_augment

    torch.set_num_threads(1)
    size, _, num_channels = image_shape(config)
    options = config.augment.to_dict()
    del options["mixing_epochs"]
    sizes = {"image_size": size, "num_channels": num_channels}
    batch = raw_batch(config)

    def way(as_pillow: bool) -> Call:
        augment = make_augment(
            **sizes, **options, num_classes=config.model.num_classes, as_pillow=as_pillow
        )
        return lambda: augment(*batch)

    return fastest({"tensors": way(False), "pillow": way(True)}, {"num_images": config.batch_size})


def make_optimizer(model: nn.Module, config: Config) -> torch.optim.Optimizer:
    """The configuration's optimizer in its fused form, at a constant rate."""
    options = config.optimizer.to_dict()
    rate = config.schedule.peak_learning_rate
    if options["name"] == "sgd":
        return torch.optim.SGD(
            model.parameters(),
            rate,
            momentum=options["momentum"],
            nesterov=options["momentum"] > 0,
            weight_decay=options["weight_decay"],
            fused=True,
        )
    if options["name"] != "adamw":
        raise CommandError(f"--peer=torch knows adamw and sgd, not {options['name']!r}")
    # Decay is for the kernels of dense and convolution layers alone.
    kernels = {
        id(layer.weight) for layer in model.modules() if isinstance(layer, nn.Linear | nn.Conv2d)
    }
    groups = [
        {"params": [p for p in model.parameters() if (id(p) in kernels) is is_kernel]}
        | {"weight_decay": options["weight_decay"] if is_kernel else 0.0}
        for is_kernel in (True, False)
    ]
    betas = options["beta_1"], options["beta_2"]
    return torch.optim.AdamW(groups, rate, betas=betas, fused=True)
