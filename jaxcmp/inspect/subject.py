"""A finished run made ready to be inspected: its models, trained and not, and its test images."""

import dataclasses
import functools
import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxcmp import data, models
from jaxcmp.data import Split
from jaxcmp.data.random_streams import stream
from jaxcmp.data.whole_split import padded_batches
from jaxcmp.errors import JaxcmpError
from jaxcmp.predict import Trained, logits_of, restore
from jaxcmp.runner import keys_of_run
from jaxcmp.runs import Run, read_run
from jaxcmp.runs.predictions import Predictions
from jaxcmp.runtime import devices
from jaxcmp.settings.configuration import settings_of

# Another device rounds otherwise, so that an image between two classes may change its answer.
MAX_CHANGED = 0.02
# Images at a time where the weights of all blocks and heads take memory.
MAX_BATCH = 100


@dataclasses.dataclass(frozen=True)
class Subject:
    """A run's model in both states, and the images that it is inspected on, in the order of ids.

    `variables` are by state. `batches` are pairs of images uint8 [batch, height, width, channels]
    and their numbers [batch]; all batches have one size, and the last one repeats its last image.
    """

    run: Run
    trained: Trained
    variables: dict[str, Any]
    ids: np.ndarray
    labels: np.ndarray
    batches: list[tuple[Array, Array]]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        height, width, channels = self.batches[0][0].shape[1:]
        return height, width, channels

    def first_images(self, num: int) -> np.ndarray:
        """Returns the first images in the order of ids, as many as there are up to a number."""
        num, size = min(num, len(self.labels)), len(self.batches[0][0])
        return np.concatenate([np.asarray(x) for x, _ in self.batches[: -(-num // size)]])[:num]

    def answers(self, change: Callable[[Array, Array], Array]) -> dict[str, np.ndarray]:
        """Returns the class that the model gives to each image after a change, [n] by state."""
        model, scale = self.trained.model, {"mean": self.trained.mean, "std": self.trained.std}
        parts: dict[str, list[Array]] = {state: [] for state in self.variables}
        for images in itertools.starmap(change, self.batches):
            for state, variables in self.variables.items():
                logits = logits_of(model, variables, images, **scale)
                parts[state].append(jnp.argmax(logits, axis=-1))
        num = len(self.labels)
        return {state: np.concatenate(part)[:num] for state, part in parts.items()}

    @functools.cached_property
    def unchanged(self) -> dict[str, np.ndarray]:
        """The answers to the images as they are, [n] by state."""
        return self.answers(lambda images, _: images)

    def by_class(self, is_counted: np.ndarray) -> list[int]:
        """Counts the images [n] that are marked, for each class."""
        num_classes = len(self.trained.class_names)
        return np.bincount(self.labels[is_counted], minlength=num_classes).tolist()


def load_subject(folder: Path, num_images: int) -> Subject:
    """Reads a finished run, its last checkpoint and its test images; 0 stands for all of these.

    Raises JaxcmpError where one of them is missing, damaged, or does not fit the others.
    """
    run = read_run(folder)
    if not run.is_finished:
        raise JaxcmpError(f"{folder} is not finished")
    predictions = run.load_predictions().test
    trained = restore(folder)
    settings = settings_of(run.config)
    split = data.load_split(settings.data, "test", free_bytes=devices.free_bytes()).split
    if not np.array_equal(np.sort(split.ids), np.sort(predictions.ids)):
        raise JaxcmpError(f"{folder} was tested on other images than {settings.data.name} has now")
    positions = choose(split, num_images)
    size = min(settings.eval_batch_size, len(positions))
    images = split.images[positions]
    batches = [
        (jnp.asarray(images[rows]), jnp.asarray(rows))
        for rows in padded_batches(len(positions), size)
    ]
    channels = images.shape[-1]
    variables = {
        "trained": trained.variables,
        "initial": initial_variables(trained.model, settings.seed, channels),
    }
    ids, labels = np.asarray(split.ids)[positions], split.labels[positions]
    subject = Subject(run, trained, variables, ids, labels, batches)
    _check_answers(subject, predictions)
    return subject


def choose(split: Split, num_images: int) -> np.ndarray:
    """Chooses positions by their ids, the same for all runs on these images; 0 chooses all."""
    order = np.argsort(split.ids, kind="stable")
    if not 0 < num_images < len(order):
        return order
    return order[np.sort(stream("inspect", 0).permutation(len(order))[:num_images])]


def initial_variables(model: models.Model, seed: int, num_channels: int) -> dict[str, Any]:
    """Draws a seed's random variables, with which a run without pretrained weights begins."""
    key, _ = keys_of_run(seed)
    return _init(key, model, num_channels)


@partial(jax.jit, static_argnums=(1, 2))
def _init(key: Array, model: models.Model, num_channels: int) -> Any:
    return model.init(key, jnp.zeros((1, model.image_size, model.image_size, num_channels)))


def _check_answers(subject: Subject, stored: Predictions) -> None:
    """Raises JaxcmpError unless the checkpoint answers as the run's stored predictions do."""
    rows = np.argsort(stored.ids)[np.searchsorted(np.sort(stored.ids), subject.ids)]
    answers = stored.logits[rows].argmax(axis=1)
    changed = float(np.mean(subject.unchanged["trained"] != answers))
    if changed > MAX_CHANGED:
        raise JaxcmpError(
            f"{subject.run.folder}: its newest checkpoint answers {changed:.0%} of the test images "
            "otherwise than its predictions.npz"
        )
