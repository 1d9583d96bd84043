"""A trained model for other programs: restoring it from a run, and class probabilities.

python -m jaxcmp.predict runs/vit/seed-0 picture.png
"""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxcmp import models
from jaxcmp.checkpoint.manager import restore_variables
from jaxcmp.cli import Parser, add_checkpoint, carry_out, positive
from jaxcmp.data.images import Fit, decode
from jaxcmp.data.source import Size
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.experiment import COMPUTE_DTYPES, name_outputs
from jaxcmp.files import path_argument
from jaxcmp.runs import CHECKPOINTS, read_run
from jaxcmp.step import predict_logits
from jaxcmp.text import say

# Compiled for each model and number of images.
logits_of = jax.jit(predict_logits, static_argnums=0)


@dataclasses.dataclass(frozen=True)
class Trained:
    """A model with its variables, on the default device.

    `mean` and `std`, float32 [channels], and `image_size`, height and width, describe the images
    that it was trained on; `step` is the checkpoint's. `fit` is the way in which pictures of other
    sizes are brought to `image_size`.
    """

    model: models.Model
    variables: dict[str, Any]
    class_names: tuple[str, ...]
    mean: np.ndarray
    std: np.ndarray
    image_size: Size
    step: int
    fit: Fit = "crop"

    def __repr__(self) -> str:
        height, width = self.image_size
        num_parameters = sum(x.size for x in jax.tree.leaves(self.variables["params"]))
        return (
            f"<Trained {type(self.model).__name__} of {num_parameters:,} parameters, step "
            f"{self.step:,}: images {height}x{width}x{len(self.mean)} to {len(self.class_names)} "
            "classes>"
        )

    def predict(self, images: np.ndarray | Array | Sequence[np.ndarray]) -> Array:
        """Computes class probabilities float32 [n, classes].

        `images` are uint8 [n, height, width, channels], of the size that the model was trained on,
        and are resized as in training if the model takes another one. Without images, as for [],
        the result is [0, classes]. Raises ValueError for images of another type or size.
        """
        if not isinstance(images, (np.ndarray, Array)):
            images = np.stack(images) if len(images) else np.zeros((0,), np.uint8)
        # Not `not images.shape[0]`: an exported program has a symbolic number of images.
        if images.shape[0] == 0:
            return jnp.zeros((0, self.model.num_classes))
        (height, width), channels = self.image_size, len(self.mean)
        if images.dtype != np.uint8 or images.shape[1:] != (height, width, channels):
            raise ValueError(
                f"images must be uint8 [n, {height}, {width}, {channels}], "
                f"not {images.dtype} {list(images.shape)}"
            )
        logits = logits_of(self.model, self.variables, images, mean=self.mean, std=self.std)
        return jax.nn.softmax(logits)


def restore(folder: str | Path, which: int | str = "newest") -> Trained:
    """Returns the trained model of a run folder.

    `which` is the checkpoint: "newest", "best" or the number of a step. Raises JaxcmpError if the
    folder or the checkpoint cannot be read.
    """
    run = read_run(folder)
    config, data = run.config, run.data
    model = models.build(**config["model"], dtype=COMPUTE_DTYPES[config["compute_dtype"]])
    step, restored = restore_variables(Path(folder) / CHECKPOINTS, which)
    variables = restored.get("average") or restored
    mean, std = np.array(data["mean"], np.float32), np.array(data["std"], np.float32)
    names = name_outputs(data["class_names"], model.num_classes)
    height, width = data["image_size"]
    fit = config["data"].get("fit", "crop")
    return Trained(model, variables, names, mean, std, (height, width), step, fit)


def read_image(
    path: Path, *, image_size: int | Size, num_channels: int, how: Fit = "crop"
) -> np.ndarray:
    """Reads a picture, brought to `image_size`, as uint8 [1, height, width, channels].

    `image_size` is a square's side, or height and width; by default a picture's centre is kept: see
    `data.images.fit`. Raises CommandError if there is no picture at `path`.
    """
    try:
        encoded = path.read_bytes()
        options = {"num_channels": num_channels, "image_size": image_size}
        return decode(encoded, name=str(path), how=how, **options)[None]
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from error
    except JaxcmpError as error:
        raise CommandError(str(error)) from error


def main(words: Sequence[str]) -> int:
    """Prints the most probable classes of each picture; returns the exit code."""

    def command() -> None:
        parser = Parser("jaxcmp.predict", "Prints the most probable classes of pictures.")
        parser.add_argument("run", type=path_argument, help="a run folder")
        parser.add_argument("pictures", type=path_argument, nargs="+", help="image files")
        add_checkpoint(parser)
        parser.add_argument("--top", type=positive, default=3, help="how many classes to print")
        options = parser.parse_args(words)
        show(restore(options.run, options.checkpoint), options.pictures, top=options.top)

    return carry_out(command)


def show(trained: Trained, paths: Sequence[Path], *, top: int) -> None:
    """Prints the `top` most probable classes of each picture."""
    size, channels = trained.image_size, len(trained.mean)
    for path in paths:
        image = read_image(path, image_size=size, num_channels=channels, how=trained.fit)
        probabilities = np.asarray(trained.predict(image))[0]
        best = np.argsort(-probabilities)[:top]
        named = [f"{trained.class_names[i]} {probabilities[i]:.1%}" for i in best]
        say(f"{path}: {', '.join(named)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
