"""Fine-tuning on CIFAR-10 from published weights, at 224 pixels, for 10 epochs.

python -m jaxcmp.main --config=configs/transfer.py:vit_ti16 --config.init.path=Ti_16.npz
python -m jaxcmp.main --config=configs/transfer.py:vit_ti16-adamw --config.init.path=Ti_16.npz
python -m jaxcmp.main --config=configs/transfer.py:resnet18 --config.init.path=resnet18.safetensors
python -m jaxcmp.probe --config=configs/transfer.py:vit_ti16 --config.init.path=Ti_16.npz

A file of a model hub is downloaded once, with the extra hub:
--config.init.path=hf:timm/vit_tiny_patch16_224.augreg_in21k

The variants are vit_ti16, vit_s16, vit_b16, vit_b32, vit_l16 and resnet18, each also with -adamw.
Both arms have the same recipe and the same augmentation, at the images' own 32 pixels:

without    SGD with momentum 0.9 (here Nesterov), peak 0.03, gradients clipped to a norm of 1, no
           weight decay, batches of 512: Dosovitskiy et al. (2021) and Steiner et al. (2021), who
           fine-tune for 10,000 steps; this takes 970
-adamw     AdamW, peak 5e-5, weight decay 0.05, each layer at 0.75 times the rate of the layer above
           (Bao et al. 2022), otherwise the same

Pixels are scaled as for the weights: to [-1, 1] for the published ViTs, by ImageNet's mean and
standard deviation for torchvision's ResNet. A batch takes much memory: --config.accumulation=4
processes it in parts, --config.compute_dtype=bfloat16 halves it. To train only the head, add
--config.frozen_trunk=True; for some of the classes, --config.data.classes=0,1,2,3,4.
"""

from configs import resnet, vit
from configs.shared import Config
from jaxcmp.errors import CommandError

# Patch size, width, depth and heads; the MLP is four times as wide (Dosovitskiy et al. 2021; the
# two smaller ones are from Touvron et al. 2021).
VITS = {
    "vit_ti16": (16, 192, 12, 3),
    "vit_s16": (16, 384, 12, 6),
    "vit_b16": (16, 768, 12, 12),
    "vit_b32": (32, 768, 12, 12),
    "vit_l16": (16, 1024, 24, 16),
}
ARMS = (*VITS, "resnet18")
RECIPES = {
    "": {"peak_learning_rate": 0.03, "name": "sgd", "momentum": 0.9, "weight_decay": 0.0},
    "-adamw": {
        **{"peak_learning_rate": 5e-5, "name": "adamw", "beta_1": 0.9, "beta_2": 0.999},
        **{"weight_decay": 0.05, "layer_decay": 0.75},
    },
}


def get_config(variant: str = "") -> Config:
    variants = [f"{arm}{recipe}" for recipe in RECIPES for arm in ARMS]
    if variant not in variants:
        is_unknown = f"variant {variant!r} is unknown" if variant else "a variant is missing"
        raise CommandError(f"{is_unknown}; there are {', '.join(variants)}")
    arm, dash, recipe = variant.partition("-")
    config = _resnet() if arm == "resnet18" else _vit(*VITS[arm])
    config.arm = config.recipe = arm
    config.model.image_size = 224
    optimizer = {"clip_norm": 1.0, "layer_decay": 1.0} | RECIPES[f"{dash}{recipe}"]
    peak_learning_rate = optimizer.pop("peak_learning_rate")
    config.schedule.update({"peak_learning_rate": peak_learning_rate, "warmup_epochs": 0.5})
    config.optimizer = optimizer
    config.augment = resnet.get_config().augment
    config.num_epochs, config.batch_size, config.eval_batch_size = 10, 512, 500
    return config


def _vit(patch_size: int, width: int, depth: int, num_heads: int) -> Config:
    config = vit.get_config()
    sizes = {"patch_size": patch_size, "width": width, "depth": depth, "num_heads": num_heads}
    config.model.update({**sizes, "mlp_width": 4 * width})
    config.data.update({"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)})
    config.init.seen = "ImageNet-21k, 14 million images"
    return config


def _resnet() -> Config:
    config = resnet.get_config()
    config.model.stem = "imagenet"
    config.data.update({"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)})
    config.init.seen = "ImageNet-1k, 1.28 million images"
    return config
