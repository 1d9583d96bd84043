"""PyTorch's side of a comparison: timm's ViT or torchvision's ResNet, at PyTorch's fastest.

A program of its own, for a Python that may have neither jax nor jaxcmp. Its argument is JSON:
{"part", "config", "channels"}. Once warm it prints its description; then, for each number on
standard input, the mean seconds of so many calls.
"""

# PyTorch is an extra that most installations lack; timm exports names by plain imports.
# pyright: reportMissingImports=false, reportPrivateImportUsage=false

import importlib.metadata
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

try:
    import torch

    try:
        from torchvision.transforms import v2
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        # A torchvision built for CUDA beside a torch without: its compiled part does not load, and
        # declarations fail that refer to it. Nothing used here needs them.
        LIBRARY = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            LIBRARY.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        from torchvision.transforms import v2
    import timm.optim
    import torchvision
    from PIL import Image
    from torch import Tensor, nn
except ImportError as error:
    print(f"--peer=torch needs torch, torchvision and timm: {error}", file=sys.stderr)
    sys.exit(2)

# Where JAX is told to stay on the CPU, its peer does too.
IS_CPU = os.environ.get("JAX_PLATFORMS") == "cpu" or not torch.cuda.is_available()
DEVICE = "cpu" if IS_CPU else "cuda"
MEAN, STD = 0.5, 0.25
PACKAGES = ("torch", "torchvision", "timm")

Config = dict[str, Any]
Call = Callable[..., Any]


def main(argument: str) -> None:
    # What libraries print goes to standard error, so that answers stay whole lines.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    job = json.loads(argument)
    part, config, channels = job["part"], job["config"], job["channels"]
    torch.manual_seed(0)
    description = {"device": DEVICE, "num_images": config["batch_size"]}
    if part == "augmentation":
        torch.set_num_threads(1)
        ways = augmentation(config, channels)
    else:
        if DEVICE == "cuda":
            # As XLA does by default on a GPU.
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
            torch.backends.cudnn.benchmark = True
        model = make_model(config["model"], channels).to(torch.device(DEVICE))
        model.to(memory_format=layout(config))  # pyright: ignore[reportCallIssue]
        description["parameters"] = sum(x.numel() for x in model.parameters())
        if part == "evaluation":
            description["num_images"] = config["eval_batch_size"]
        make = training if part == "training" else evaluation
        compilers = {"eager": lambda function: function, "compile": torch.compile}
        ways = {n: make(model, config, channels, compiler) for n, compiler in compilers.items()}
    call, how = fastest(ways)
    packages = {name: importlib.metadata.version(name) for name in PACKAGES}
    description |= how | {"packages": packages, "threads": torch.get_num_threads()}
    answers.write(f"{json.dumps(description)}\n")
    for line in sys.stdin:
        answers.write(f"{seconds_of(call, int(line))}\n")


def make_model(fields: Config, channels: int) -> nn.Module:
    """Builds the model of a configuration's section `model`, with as many parameters as ours."""
    if fields["name"] == "vit":
        return timm.models.VisionTransformer(
            img_size=fields["image_size"],
            patch_size=fields["patch_size"],
            in_chans=channels,
            num_classes=fields["num_classes"],
            embed_dim=fields["width"],
            depth=fields["depth"],
            num_heads=fields["num_heads"],
            mlp_ratio=fields["mlp_width"] / fields["width"],
            pos_drop_rate=fields["dropout_rate"],
            proj_drop_rate=fields["dropout_rate"],
            drop_path_rate=fields["drop_path_rate"],
        )
    if fields["name"] != "resnet":
        raise ValueError(f"PyTorch has no counterpart here of model.name={fields['name']!r}")
    model = torchvision.models.ResNet(
        torchvision.models.resnet.BasicBlock,
        fields["stage_depths"],
        num_classes=fields["num_classes"],
    )
    is_small = fields["stem"] == "cifar"
    size, stride = (3, 1) if is_small else (7, 2)
    model.conv1 = nn.Conv2d(channels, 64, size, stride, size // 2, bias=False)
    if is_small:
        model.add_module("maxpool", nn.Identity())
    return model


def layout(config: Config) -> torch.memory_format:
    layouts = {"vit": torch.contiguous_format, "resnet": torch.channels_last}
    return layouts[config["model"]["name"]]


def training(model: nn.Module, config: Config, channels: int, compiler: Callable) -> Call:
    """Makes a call that takes one step, from uint8 images and labels to new weights."""
    images, labels = random_batch(config, config["batch_size"], channels)
    optimizer = make_optimizer(model, config)
    clip_norm = config["optimizer"]["clip_norm"]

    def loss_of(images: Tensor, labels: Tensor) -> Tensor:
        logits = logits_of(model, config, images)
        smoothing = config["label_smoothing"]
        return nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing)

    loss_fn = compiler(loss_of)

    def step() -> Tensor:
        model.train()
        optimizer.zero_grad(set_to_none=True)
        loss = loss_fn(images, labels)
        loss.backward()
        if clip_norm:
            nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        optimizer.step()
        return loss.detach()

    return step


def evaluation(model: nn.Module, config: Config, channels: int, compiler: Callable) -> Call:
    """Makes a call that maps uint8 images to logits on the host."""
    images, _ = random_batch(config, config["eval_batch_size"], channels)
    forward = compiler(lambda images: logits_of(model, config, images))

    def evaluate() -> Tensor:
        model.eval()
        with torch.inference_mode():
            return forward(images).cpu()

    return evaluate


def logits_of(model: nn.Module, config: Config, images: Tensor) -> Tensor:
    """Normalises uint8 images and returns float32 logits; bfloat16 is autocast."""
    normalised = (images.float() / 255 - MEAN) / STD
    normalised = normalised.contiguous(memory_format=layout(config))
    is_bfloat16 = config["compute_dtype"] == "bfloat16"
    with torch.autocast(DEVICE, torch.bfloat16, enabled=is_bfloat16):
        return model(normalised).float()


def random_batch(config: Config, size: int, channels: int) -> tuple[Tensor, Tensor]:
    """Draws images uint8 [size, channels, height, width] and labels [size], on the device."""
    side, num_classes = config["model"]["image_size"], config["model"]["num_classes"]
    images = torch.randint(0, 256, (size, channels, side, side), dtype=torch.uint8, device=DEVICE)
    labels = torch.randint(0, num_classes, (size,), device=DEVICE)
    return images.contiguous(memory_format=layout(config)), labels


def make_optimizer(model: nn.Module, config: Config) -> torch.optim.Optimizer:
    """Builds the configuration's optimizer in its fused form, at a constant rate.

    Neither side's AdamW decays biases, norms, positions and the class token.
    """
    options = config["optimizer"]
    rate, decay = config["schedule"]["peak_learning_rate"], options["weight_decay"]
    if options["name"] == "sgd":
        momentum = options["momentum"]
        is_nesterov = momentum > 0
        return torch.optim.SGD(
            model.parameters(), rate, momentum, 0, decay, nesterov=is_nesterov, fused=True
        )
    betas = options["beta_1"], options["beta_2"]
    return timm.optim.create_optimizer_v2(model, "adamw", rate, decay, betas=betas, fused=True)


def augmentation(config: Config, channels: int) -> dict[str, Call]:
    """Makes the augmentation of a batch, with images as tensors or as Pillow images.

    As in torchvision's own recipes, each image is changed alone and the batch mixed as a whole.
    """
    options, side = config["augment"], config["model"]["image_size"]
    images, labels = random_batch(config, config["batch_size"], channels)
    pictures = images.permute(0, 2, 3, 1).squeeze(3).numpy()
    before: list[Any] = []
    if options["crop_padding"]:
        before.append(v2.RandomCrop(side, padding=options["crop_padding"]))
    if options["flip"]:
        before.append(v2.RandomHorizontalFlip())
    if options["trivial_augment"]:
        before.append(v2.TrivialAugmentWide())
    after: list[Any] = [v2.ToDtype(torch.float32, scale=True)]
    after.append(v2.Normalize([MEAN] * channels, [STD] * channels))
    if options["erase_rate"]:
        after.append(v2.RandomErasing(options["erase_rate"]))
    of_tensor, of_picture = v2.Compose(before + after), v2.Compose([*before, v2.ToImage(), *after])
    mix = mixing(options, config["model"]["num_classes"])

    def tensors() -> Any:
        return mix(torch.stack([of_tensor(image) for image in images]), labels)

    def pillow() -> Any:
        changed = [of_picture(Image.fromarray(picture)) for picture in pictures]
        return mix(torch.stack(changed), labels)

    return {"tensors": tensors, "pillow": pillow}


def mixing(options: Config, num_classes: int) -> Call:
    """Makes MixUp or CutMix of a whole batch, at the rates of a configuration's `augment`."""
    cutmix_rate, mixers, rates = options["cutmix_rate"], [], []
    if cutmix_rate < 1:
        mixers.append(v2.MixUp(alpha=options["mixup_alpha"] or 1.0, num_classes=num_classes))
        rates.append(1 - cutmix_rate)
    if cutmix_rate > 0:
        mixers.append(v2.CutMix(alpha=options["cutmix_alpha"], num_classes=num_classes))
        rates.append(cutmix_rate)
    return v2.RandomApply([v2.RandomChoice(mixers, p=rates)], p=options["mix_rate"])


def fastest(ways: dict[str, Call]) -> tuple[Call, dict[str, Any]]:
    """Tries each way three times after a warm-up; returns the fastest, and what was tried."""
    tried: dict[str, Any] = {}
    for name, call in ways.items():
        try:
            call()
            tried[name] = min(seconds_of(call, 1) for _ in range(3))
        except Exception as error:  # A compiler may be missing or refuse in any way.
            tried[name] = f"{type(error).__name__}: {error}".splitlines()[0]
    working = [name for name, seconds in tried.items() if isinstance(seconds, float)]
    best = min(working, key=lambda name: tried[name])
    return ways[best], {"how": best, "tried": tried}


def seconds_of(call: Call, num_calls: int) -> float:
    """Makes so many calls, waits for the device, and returns the mean seconds of one."""
    start = time.perf_counter()
    for _ in range(num_calls):
        call()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / num_calls


if __name__ == "__main__":
    main(sys.argv[1])
