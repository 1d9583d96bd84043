"""ResNet-18 with SGD and Nesterov momentum, random crops and flips.

python -m jaxcmp.main --config=configs/resnet.py           the blog post's recipe, 100 epochs
python -m jaxcmp.main --config=configs/resnet.py:strong    with label smoothing and erasing
python -m jaxcmp.main --config=configs/resnet.py:small     with as many parameters as the ViT
python -m jaxcmp.main --config=configs/resnet.py:cpu       a small model, 10 epochs
python -m jaxcmp.main --config=configs/resnet.py:digits    a demonstration for any machine
"""

from configs import shared
from configs.shared import Config
from jaxcmp.settings.augmentation import NO_AUGMENTATION


def get_config(variant: str = "") -> Config:
    config = shared.base()
    config.arm = config.recipe = "resnet"
    config.model = {
        "name": "resnet",
        "image_size": 0,
        "stage_widths": (64, 128, 256, 512),
        "stage_depths": (2, 2, 2, 2),
        "stem": "cifar",
        "num_classes": 0,
        "dropout_rate": 0.0,
        "drop_path_rate": 0.0,
        "zero_init_residual": False,
    }
    config.optimizer = {
        "name": "sgd",
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "clip_norm": 0.0,
        "layer_decay": 1.0,
    }
    config.schedule = {"peak_learning_rate": 0.1, "warmup_epochs": 0.0, "warmup_fraction": 0.0}
    config.augment = NO_AUGMENTATION | {
        "crop_padding": 4,
        "flip": True,
        "mixing_epochs": 0,
    }
    variants = {"digits": digits, "cpu": cpu, "strong": strong, "small": small}
    return shared.apply_variant(config, variant, variants)


def digits(config: Config) -> None:
    shared.use_digits(config)
    config.model.update({"stage_widths": (16, 32, 64), "stage_depths": (1, 1, 1)})


def cpu(config: Config) -> None:
    shared.use_cpu(config)
    config.model.stage_widths = (16, 32, 64, 128)


def strong(config: Config) -> None:
    config.label_smoothing = 0.1
    config.model.zero_init_residual = True
    config.schedule.warmup_epochs = 5.0
    config.augment.erase_rate = 0.5


def small(config: Config) -> None:
    """Narrows every stage alike, to the ViT's 5.36 million parameters."""
    config.arm = "resnet-small"
    config.model.stage_widths = (44, 89, 177, 355)
