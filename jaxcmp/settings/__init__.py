"""The configuration of a run as types: each key once, with its range, role and description."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from jaxcmp.settings.augmentation import Augment
from jaxcmp.settings.models import Model
from jaxcmp.settings.section import AtLeastZero, BelowOne, Count, CountOrZero, PositiveShare, Share
from jaxcmp.settings.section import Role as Role
from jaxcmp.settings.section import Section as Section


class Optimizer(Section, frozen=True, kw_only=True):
    weight_decay: Annotated[
        AtLeastZero,
        Role.RECIPE("Weight decay. adamw: decoupled, kernels only; sgd: every parameter."),
    ]
    clip_norm: Annotated[
        AtLeastZero, Role.RECIPE("Global norm that gradients are clipped to; 0: no clipping.")
    ]
    layer_decay: Annotated[
        PositiveShare,
        Role.RECIPE(
            "Learning rate of a layer divided by that of the layer above it; 1: equal rates."
        ),
    ] = 1.0


class AdamW(Optimizer, frozen=True, kw_only=True, tag_field="name", tag="adamw"):
    beta_1: Annotated[BelowOne, Role.RECIPE("Decay of the running mean of gradients.")]
    beta_2: Annotated[BelowOne, Role.RECIPE("Decay of the running mean of squared gradients.")]


class Sgd(Optimizer, frozen=True, kw_only=True, tag_field="name", tag="sgd"):
    momentum: Annotated[BelowOne, Role.RECIPE("Nesterov momentum.")]


class Schedule(Section, frozen=True, kw_only=True):
    peak_learning_rate: Annotated[
        float, Role.RECIPE("Learning rate after the warm-up; a cosine then takes it to 0.", gt=0)
    ]
    warmup_epochs: Annotated[
        AtLeastZero,
        Role.LENGTH(
            "Epochs of linear warm-up. They shrink in proportion if you lower num_epochs alone."
        ),
    ]
    warmup_fraction: Annotated[
        BelowOne,
        Role.LENGTH("Warm-up as a share of all epochs; above 0 it replaces warmup_epochs."),
    ] = 0.0


class Data(Section, frozen=True, kw_only=True):
    name: Annotated[
        str,
        Role.DATA(
            "folder, npz or parquet: your images, in data.dir; digits; or any "
            "image-classification data set of TFDS.",
            min_length=1,
        ),
    ]
    dir: Annotated[
        str,
        Role.FREE(
            "Of folder: your folder, with train/CLASS/ and test/CLASS/, or CLASS/ alone; of npz: "
            "your file; of parquet: your file or folder; else the folder of prepared TFDS data "
            "sets, empty: TFDS's own default."
        ),
    ]
    manual_dir: Annotated[str, Role.FREE("Folder of an archive that you downloaded by hand.")]
    image_size: Annotated[
        int, Role.DATA("Size to which images are decoded; 0: as stored.", ge=0, le=8192)
    ]
    fit: Annotated[
        Literal["crop", "pad", "stretch"],
        Role.DATA(
            "Way to data.image_size. crop: resize the shorter side, keep the centre; pad: resize "
            "the longer side, add black; stretch: resize both sides."
        ),
    ] = "crop"
    skip_bad: Annotated[
        bool, Role.DATA("Leave out image files that cannot be read, and count them.")
    ] = False
    classes: Annotated[
        tuple[Annotated[int, Meta(ge=0)], ...],
        Role.DATA("Classes to keep, by index; they are renumbered in this order. (): all."),
    ] = ()
    mean: Annotated[
        tuple[Share, ...],
        Role.SCALE("Of each channel, for pixels in [0, 1]; (): that of the images in use."),
    ] = ()
    std: Annotated[
        tuple[Annotated[float, Meta(gt=0)], ...],
        Role.SCALE("Of each channel, for pixels in [0, 1]; (): that of the images in use."),
    ] = ()
    train_fraction: Annotated[
        PositiveShare, Role.SIZE("Share of the training images to train on, of each class.")
    ]
    validation_fraction: Annotated[
        BelowOne, Role.DATA("Share of the training images held out as the validation split.")
    ]
    test_fraction: Annotated[
        BelowOne, Role.DATA("Share held out as the test split, of a data set that has none.")
    ] = 0.0
    placement: Annotated[
        Literal["device", "stream", "auto"],
        Role.FREE(
            "device: keep all images on the devices; stream: read them for each batch; auto: "
            "stream if they take more than half of the free memory. Batches are the same."
        ),
    ]


class Init(Section, frozen=True, kw_only=True):
    path: Annotated[
        str,
        Role.ORIGIN(
            "Initial weights: .npz, .safetensors, a run folder or, of a model hub, "
            "hf:OWNER/NAME@REVISION; empty: random."
        ),
    ] = ""
    checkpoint: Annotated[
        str, Role.ORIGIN("Checkpoint of a run folder: newest, best or a step.")
    ] = "newest"
    allow_missing: Annotated[
        str, Role.ORIGIN("Patterns of the model's arrays that may stay random: 'stem/*'.")
    ] = ""
    allow_unused: Annotated[
        str, Role.ORIGIN("Patterns of the file's arrays that may stay unused.")
    ] = ""
    seen: Annotated[
        str, Role.ORIGIN("Training data of the weights, for the report: 'ImageNet-21k'.")
    ] = ""


class Log(Section, frozen=True, kw_only=True):
    every_steps: Annotated[
        int,
        Role.FREE(
            "Training steps between two records, beside those at evaluations and checkpoints; 0: "
            "only those.",
            ge=0,
        ),
    ]
    tensorboard: Annotated[bool, Role.FREE("Write TensorBoard events too.")]
    wandb: Annotated[
        bool, Role.FREE("Log to Weights & Biases too; WANDB_MODE=offline: to the run folder.")
    ] = False
    train_accuracy_images: Annotated[
        CountOrZero,
        Role.FREE(
            "Training images, always the same, whose accuracy without augmentation is logged at "
            "each evaluation; 0: none."
        ),
    ] = 0


class Checkpoint(Section, frozen=True, kw_only=True):
    every_epochs: Annotated[
        int,
        Role.FREE("Epochs between checkpoints; the newest two are kept. 0: only at the end.", ge=0),
    ]
    keep_every_epochs: Annotated[
        int, Role.FREE("Keep the checkpoint of every n-th epoch forever; 0: none.", ge=0)
    ]


class Settings(Section, frozen=True, kw_only=True):
    """The complete configuration of a run."""

    arm: Annotated[str, Role.NAME("Name of the arm; the report averages over its seeds.")]
    recipe: Annotated[str, Role.NAME("Name of the recipe; empty: the arm's.")] = ""
    seed: Annotated[
        int,
        Role.SEED("Seed of initial weights, order of images and all random draws.", ge=0, lt=2**32),
    ]
    num_epochs: Annotated[Count, Role.LENGTH("Passes over the training images.")]
    batch_size: Annotated[Count, Role.RECIPE("Images of a training step, over all devices.")]
    eval_batch_size: Annotated[Count, Role.FREE("Images of an evaluation batch.")]
    eval_every_epochs: Annotated[int, Role.FREE("Epochs between evaluations.", ge=1)]
    accumulation: Annotated[
        Count, Role.COMPUTATION("Parts of a batch, processed one after the other to save memory.")
    ]
    steps_per_dispatch: Annotated[
        int,
        Role.FREE(
            "Training steps in one compiled program, at most as many as between two records. More "
            "than 1 speeds up small models on a GPU, and changes results only by rounding. 0: up "
            "to 10 on a GPU that has the images, unless a step is large; 1 elsewhere.",
            ge=0,
        ),
    ]
    compute_dtype: Annotated[
        Literal["float32", "bfloat16", "float16"],
        Role.COMPUTATION(
            "float16 scales its loss, for GPUs without bfloat16. Parameters and reductions are "
            "float32 in every case."
        ),
    ]
    fused_attention: Annotated[
        bool, Role.FREE("16-bit attention by cuDNN on a GPU that can; changes only rounding.")
    ] = True
    label_smoothing: Annotated[
        BelowOne, Role.RECIPE("Share of the target spread evenly over all classes.")
    ]
    average_decay: Annotated[
        BelowOne,
        Role.RECIPE("Decay per step of the weights' moving average that is evaluated; 0: none."),
    ]
    frozen_trunk: Annotated[
        bool, Role.RECIPE("Train only the head; the rest of the model runs as in evaluation.")
    ] = False
    model: Annotated[Model, Role.MODEL("The architecture.")]
    optimizer: Annotated[AdamW | Sgd, Role.RECIPE("The optimizer.")]
    schedule: Schedule
    augment: Augment
    data: Data
    init: Init = Init()
    log: Log
    checkpoint: Checkpoint

    def to_dict(self) -> dict[str, Any]:
        """Converts to plain values, sorted by key, as in config.json."""
        return msgspec.to_builtins(self, order="sorted")
