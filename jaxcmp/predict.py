"""A trained run for other programs: its model, its variables, and class probabilities.

python -m jaxcmp.predict runs/vit/seed-0 picture.png
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from PIL import Image

from jaxcmp import models
from jaxcmp.augment import unaugmented
from jaxcmp.checkpoint import restore_variables
from jaxcmp.data.images import Size, decode
from jaxcmp.errors import CommandError, JaxcmpError, carry_out
from jaxcmp.experiment import COMPUTE_DTYPES
from jaxcmp.runs import CHECKPOINTS, read_run


@dataclasses.dataclass(frozen=True)
class Trained:
    """A model with its variables, on the default device.

    `mean` and `std`, float32 [channels], and `image_size`, height and width, are those of the
    images that it was trained on; `step` is that of the checkpoint.
    """

    model: models.ViT | models.ResNet
    variables: dict[str, Any]
    class_names: tuple[str, ...]
    mean: np.ndarray
    std: np.ndarray
    image_size: Size
    step: int

    def predict(self, images: np.ndarray | Array) -> Array:
        """Class probabilities float32 [n, classes] of images uint8 [n, height, width, channels].

        They are resized as in training, where the model takes another size. Raises ValueError for
        images of another type or size than those that it was trained on.
        """
        (height, width), channels = self.image_size, len(self.mean)
        if images.dtype != np.uint8 or images.shape[1:] != (height, width, channels):
            raise ValueError(
                f"images must be uint8 [n, {height}, {width}, {channels}], "
                f"not {images.dtype} {list(images.shape)}"
            )
        return _probabilities(self.model, self.variables, images, self.mean, self.std)


def restore(folder: str | Path, which: int | str = "newest") -> Trained:
    """The trained model of a run folder, from its "newest" or "best" checkpoint, or that of a step.

    Raises JaxcmpError where the folder or the checkpoint cannot be read.
    """
    run = read_run(folder)
    config, data = run.config, run.environment.get("data")
    if data is None:
        raise JaxcmpError(f"{folder} is no run: its environment.json does not describe the data")
    model = models.build(**config["model"], dtype=COMPUTE_DTYPES[config["compute_dtype"]])
    step, restored = restore_variables(Path(folder) / CHECKPOINTS, which)
    variables = restored.get("average") or restored
    mean, std = np.array(data["mean"], np.float32), np.array(data["std"], np.float32)
    names = data["class_names"]
    # A model may have more outputs than the data has classes.
    names += [f"class {i}" for i in range(len(names), model.num_classes)]
    # Older runs do not say it: their images have the model's size.
    height, width = data.get("image_size") or 2 * [model.image_size]
    return Trained(model, variables, tuple(names), mean, std, (height, width), step)


def read_image(path: Path, *, image_size: int | Size, num_channels: int) -> np.ndarray:
    """A picture's middle as uint8 [1, height, width, channels], resized; one number is a square.

    Raises CommandError where there is no picture at `path`.
    """
    try:
        encoded = path.read_bytes()
        return decode(encoded, num_channels=num_channels, image_size=image_size)[None]
    except (OSError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or "no picture that Pillow can read, or too large"
        raise CommandError(f"{path} cannot be read: {reason}") from error


def main(argv: Sequence[str]) -> int:
    """Prints the most probable classes of each picture; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="jaxcmp.predict", description="Prints the most probable classes of pictures."
    )
    parser.add_argument("run", type=Path, help="a run folder")
    parser.add_argument("pictures", type=Path, nargs="+", help="image files")
    parser.add_argument("--checkpoint", default="newest", help="newest, best, or a step")
    parser.add_argument("--top", type=int, default=3, help="how many classes to print")
    options = parser.parse_args(argv)
    which = int(options.checkpoint) if options.checkpoint.isdecimal() else options.checkpoint
    if which not in ("newest", "best") and not isinstance(which, int):
        parser.error(f"--checkpoint={which}: newest, best, or the number of a step")

    def show() -> None:
        trained = restore(options.run, which)
        size, channels = trained.image_size, len(trained.mean)
        for path in options.pictures:
            image = read_image(path, image_size=size, num_channels=channels)
            probabilities = np.asarray(trained.predict(image))[0]
            best = np.argsort(-probabilities)[: max(options.top, 1)]
            named = [f"{trained.class_names[i]} {probabilities[i]:.1%}" for i in best]
            print(f"{path}: {', '.join(named)}")

    return carry_out(show)


@jax.jit(static_argnums=0)
def _probabilities(
    model: models.ViT | models.ResNet,
    variables: dict[str, Any],
    images: Array,
    mean: np.ndarray,
    std: np.ndarray,
) -> Array:
    images = unaugmented(images, mean, std, image_size=model.image_size)
    logits = model.apply(variables, images, is_training=False)
    return jax.nn.softmax(jnp.asarray(logits))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
