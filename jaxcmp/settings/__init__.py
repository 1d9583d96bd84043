"""The configuration of a run as types: each key once, with its range, role and description."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from jaxcmp.settings.augmentation import Augment
from jaxcmp.settings.models import Model
from jaxcmp.settings.section import Role as Role
from jaxcmp.settings.section import Section as Section
from jaxcmp.settings.section import key


class Optimizer(Section, frozen=True, kw_only=True):
    weight_decay: Annotated[
        float,
        key(
            Role.RECIPE, "Weight decay. adamw: decoupled, kernels only; sgd: every parameter.", ge=0
        ),
    ]
    clip_norm: Annotated[
        float, key(Role.RECIPE, "Global norm that gradients are clipped to; 0: no clipping.", ge=0)
    ]
    layer_decay: Annotated[
        float,
        key(
            Role.RECIPE,
            "Learning rate of a layer divided by that of the layer above it; 1: equal rates.",
            gt=0,
            le=1,
        ),
    ] = 1.0


class AdamW(Optimizer, frozen=True, kw_only=True, tag_field="name", tag="adamw"):
    beta_1: Annotated[
        float, key(Role.RECIPE, "Decay of the running mean of gradients.", ge=0, lt=1)
    ]
    beta_2: Annotated[
        float, key(Role.RECIPE, "Decay of the running mean of squared gradients.", ge=0, lt=1)
    ]


class Sgd(Optimizer, frozen=True, kw_only=True, tag_field="name", tag="sgd"):
    momentum: Annotated[float, key(Role.RECIPE, "Nesterov momentum.", ge=0, lt=1)]


class Schedule(Section, frozen=True, kw_only=True):
    peak_learning_rate: Annotated[
        float,
        key(Role.RECIPE, "Learning rate after the warm-up; a cosine then takes it to 0.", gt=0),
    ]
    warmup_epochs: Annotated[
        float,
        key(
            Role.LENGTH,
            "Epochs of linear warm-up. They shrink in proportion if you lower num_epochs alone.",
            ge=0,
        ),
    ]
    warmup_fraction: Annotated[
        float,
        key(
            Role.LENGTH,
            "Warm-up as a share of all epochs; above 0 it replaces warmup_epochs.",
            ge=0,
            lt=1,
        ),
    ] = 0.0


Fractions = tuple[Annotated[float, Meta(ge=0, le=1)], ...]
Spreads = tuple[Annotated[float, Meta(gt=0)], ...]


class Data(Section, frozen=True, kw_only=True):
    name: Annotated[
        str,
        key(
            Role.DATA,
            "folder, npz or parquet: your images, in data.dir; digits; or any image-classification "
            "data set of TFDS.",
            min_length=1,
        ),
    ]
    dir: Annotated[
        str,
        key(
            Role.FREE,
            "Of folder: your folder, with train/CLASS/ and test/CLASS/, or CLASS/ alone; of npz: "
            "your file; of parquet: your file or folder; else the folder of prepared TFDS data "
            "sets, empty: TFDS's own default.",
        ),
    ]
    manual_dir: Annotated[str, key(Role.FREE, "Folder of an archive that you downloaded by hand.")]
    image_size: Annotated[
        int,
        key(Role.DATA, "Size to which images are decoded; 0: as stored.", ge=0, le=8192),
    ]
    fit: Annotated[
        Literal["crop", "pad", "stretch"],
        key(
            Role.DATA,
            "Way to data.image_size. crop: resize the shorter side, keep the centre; pad: resize "
            "the longer side, add black; stretch: resize both sides.",
        ),
    ] = "crop"
    skip_bad: Annotated[
        bool, key(Role.DATA, "Leave out image files that cannot be read, and count them.")
    ] = False
    classes: Annotated[
        tuple[Annotated[int, Meta(ge=0)], ...],
        key(Role.DATA, "Classes to keep, by index; they are renumbered in this order. (): all."),
    ] = ()
    mean: Annotated[
        Fractions,
        key(Role.SCALE, "Of each channel, for pixels in [0, 1]; (): that of the images in use."),
    ] = ()
    std: Annotated[
        Spreads,
        key(Role.SCALE, "Of each channel, for pixels in [0, 1]; (): that of the images in use."),
    ] = ()
    train_fraction: Annotated[
        float,
        key(Role.SIZE, "Share of the training images to train on, of each class.", gt=0, le=1),
    ]
    validation_fraction: Annotated[
        float,
        key(
            Role.DATA, "Share of the training images held out as the validation split.", ge=0, lt=1
        ),
    ]
    test_fraction: Annotated[
        float,
        key(
            Role.DATA, "Share held out as the test split, of a data set that has none.", ge=0, lt=1
        ),
    ] = 0.0
    placement: Annotated[
        Literal["device", "stream", "auto"],
        key(
            Role.FREE,
            "device: keep all images on the devices; stream: read them for each batch; auto: "
            "stream if they take more than half of the free memory. Batches are the same.",
        ),
    ]


class Init(Section, frozen=True, kw_only=True):
    path: Annotated[
        str,
        key(
            Role.ORIGIN,
            "Initial weights: .npz, .safetensors, a run folder or, of a model hub, "
            "hf:OWNER/NAME@REVISION; empty: random.",
        ),
    ] = ""
    checkpoint: Annotated[
        str, key(Role.ORIGIN, "Checkpoint of a run folder: newest, best or a step.")
    ] = "newest"
    allow_missing: Annotated[
        str, key(Role.ORIGIN, "Patterns of the model's arrays that may stay random: 'stem/*'.")
    ] = ""
    allow_unused: Annotated[
        str, key(Role.ORIGIN, "Patterns of the file's arrays that may stay unused.")
    ] = ""
    seen: Annotated[
        str, key(Role.ORIGIN, "Training data of the weights, for the report: 'ImageNet-21k'.")
    ] = ""


class Log(Section, frozen=True, kw_only=True):
    every_steps: Annotated[
        int, key(Role.FREE, "Training steps between two records; 0: none.", ge=0)
    ]
    tensorboard: Annotated[bool, key(Role.FREE, "Write TensorBoard events too.")]
    wandb: Annotated[
        bool, key(Role.FREE, "Log to Weights & Biases too; WANDB_MODE=offline: to the run folder.")
    ] = False
    train_accuracy_images: Annotated[
        int,
        key(
            Role.FREE,
            "Training images, always the same, whose accuracy without augmentation is logged at "
            "each evaluation; 0: none.",
            ge=0,
            lt=2**31,
        ),
    ] = 0


class Checkpoint(Section, frozen=True, kw_only=True):
    every_epochs: Annotated[
        int,
        key(
            Role.FREE,
            "Epochs between checkpoints; the newest two are kept. 0: only at the end.",
            ge=0,
        ),
    ]
    keep_every_epochs: Annotated[
        int, key(Role.FREE, "Keep the checkpoint of every n-th epoch forever; 0: none.", ge=0)
    ]


class Settings(Section, frozen=True, kw_only=True):
    """The complete configuration of a run."""

    arm: Annotated[str, key(Role.NAME, "Name of the arm; the report averages over its seeds.")]
    recipe: Annotated[str, key(Role.NAME, "Name of the recipe; empty: the arm's.")] = ""
    seed: Annotated[
        int,
        key(
            Role.SEED,
            "Seed of initial weights, order of images and all random draws.",
            ge=0,
            lt=2**32,
        ),
    ]
    num_epochs: Annotated[int, key(Role.LENGTH, "Passes over the training images.", ge=1, lt=2**31)]
    batch_size: Annotated[
        int, key(Role.RECIPE, "Images of a training step, over all devices.", ge=1, lt=2**31)
    ]
    eval_batch_size: Annotated[
        int, key(Role.FREE, "Images of an evaluation batch.", ge=1, lt=2**31)
    ]
    eval_every_epochs: Annotated[int, key(Role.FREE, "Epochs between evaluations.", ge=1)]
    accumulation: Annotated[
        int,
        key(
            Role.COMPUTATION,
            "Parts of a batch, processed one after the other to save memory.",
            ge=1,
            lt=2**31,
        ),
    ]
    steps_per_dispatch: Annotated[
        int,
        key(
            Role.FREE,
            "Training steps in one compiled program, at most as many as between two records. More "
            "than 1 speeds up small models on a GPU, and changes results only by rounding. 0: up "
            "to 10 on a GPU that has the images, unless a step is large; 1 elsewhere.",
            ge=0,
        ),
    ]
    compute_dtype: Annotated[
        Literal["float32", "bfloat16", "float16"],
        key(
            Role.COMPUTATION,
            "float16 scales its loss, for GPUs without bfloat16. Parameters and reductions are "
            "float32 in every case.",
        ),
    ]
    fused_attention: Annotated[
        bool,
        key(Role.FREE, "16-bit attention by cuDNN on a GPU that can; changes only rounding."),
    ] = True
    label_smoothing: Annotated[
        float, key(Role.RECIPE, "Share of the target spread evenly over all classes.", ge=0, lt=1)
    ]
    average_decay: Annotated[
        float,
        key(
            Role.RECIPE,
            "Decay per step of the weights' moving average that is evaluated; 0: none.",
            ge=0,
            lt=1,
        ),
    ]
    frozen_trunk: Annotated[
        bool,
        key(Role.RECIPE, "Train only the head; the rest of the model runs as in evaluation."),
    ] = False
    model: Annotated[Model, key(Role.MODEL, "The architecture.")]
    optimizer: Annotated[AdamW | Sgd, key(Role.RECIPE, "The optimizer.")]
    schedule: Schedule
    augment: Augment
    data: Data
    init: Init = Init()
    log: Log
    checkpoint: Checkpoint

    def to_dict(self) -> dict[str, Any]:
        """Converts to plain values, sorted by key, as in config.json."""
        return _sorted(msgspec.to_builtins(self))


def _sorted(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _sorted(value[name]) for name in sorted(value)}
