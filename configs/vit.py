"""ViT-Tiny with AdamW, MixUp, CutMix, TrivialAugment and erasing.

python -m jaxcmp.main --config=configs/vit.py           the blog post's recipe, 100 epochs
python -m jaxcmp.main --config=configs/vit.py:strong    300 epochs, more regularisation
python -m jaxcmp.main --config=configs/vit.py:conv      with a convolutional stem, of the same size
python -m jaxcmp.main --config=configs/vit.py:cpu       a small model, 10 epochs
python -m jaxcmp.main --config=configs/vit.py:digits    a demonstration for any machine
"""

from configs import shared
from configs.shared import Config


def get_config(variant: str = "") -> Config:
    config = shared.base()
    config.arm = config.recipe = "vit"
    config.model = {
        "name": "vit",
        "image_size": 0,
        "patch_size": 4,
        "width": 192,
        "depth": 12,
        "num_heads": 3,
        "mlp_width": 768,
        "stem": "patch",
        "num_classes": 0,
        "dropout_rate": 0.0,
        "drop_path_rate": 0.0,
    }
    config.optimizer = {
        "name": "adamw",
        "beta_1": 0.9,
        "beta_2": 0.999,
        "weight_decay": 0.05,
        "clip_norm": 1.0,
        "layer_decay": 1.0,
    }
    config.schedule = {"peak_learning_rate": 1e-3, "warmup_epochs": 10.0, "warmup_fraction": 0.0}
    config.augment = {
        "crop_padding": 4,
        "flip": True,
        "trivial_augment": True,
        "erase_rate": 0.25,
        "mixup_alpha": 0.8,
        "cutmix_alpha": 1.0,
        "mix_rate": 1.0,
        "cutmix_rate": 0.5,
        "mixing_epochs": 0,
    }
    variants = {"digits": digits, "cpu": cpu, "strong": strong, "conv": conv}
    return shared.apply_variant(config, variant, variants)


def digits(config: Config) -> None:
    shared.use_digits(config)
    config.model.update(
        {"patch_size": 2, "width": 64, "depth": 4, "num_heads": 4, "mlp_width": 128}
    )
    config.schedule.update({"peak_learning_rate": 2e-3, "warmup_epochs": 4.0})
    # TrivialAugment is meant for larger images: it can shift 8 pixels out of view.
    config.augment.update({"trivial_augment": False, "mixup_alpha": 1.0, "mix_rate": 0.2})


def cpu(config: Config) -> None:
    shared.use_cpu(config)
    config.model.update({"width": 96, "depth": 6, "mlp_width": 384})
    config.schedule.warmup_epochs = 1.0


def strong(config: Config) -> None:
    config.num_epochs = 300
    config.label_smoothing = 0.1
    config.model.drop_path_rate = 0.1
    config.schedule.warmup_epochs = 20.0


def conv(config: Config) -> None:
    """Puts four convolutions in the place of the patches and of one block (Xiao et al. 2021)."""
    config.arm = "vit-conv"
    config.model.update({"stem": "conv", "depth": config.model.depth - 1})
