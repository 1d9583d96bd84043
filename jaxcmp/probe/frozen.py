"""What the head of a network would see: features of whole splits, from weights that stay."""

from contextlib import closing
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import Array

from jaxcmp import devices, models, pretrained
from jaxcmp.augment import unaugmented
from jaxcmp.data import Split
from jaxcmp.data.splits import stratified_fraction
from jaxcmp.data.streaming import Images, ReadAhead
from jaxcmp.data.streams import stream
from jaxcmp.errors import CommandError
from jaxcmp.evaluate import collect_logits, padded_batches
from jaxcmp.experiment import Config, Experiment

# Of fewer images of a class, none could be held out to choose on.
LEAST_OF_A_CLASS = 3


def part(split: Split, num_images: int, *, seed: int) -> Split:
    """About as many of the images, each class in its share; all for 0. Raises CommandError."""
    if not num_images:
        return split
    num_there, num_classes = len(split.labels), len(np.unique(split.labels))
    least = LEAST_OF_A_CLASS * num_classes
    if not least <= num_images <= num_there:
        raise CommandError(
            f"--num_train={num_images} must be 0 for all, or from {least} ({LEAST_OF_A_CLASS} of "
            f"each of {num_classes} classes) to {num_there}"
        )
    rng = stream("probe subset", seed)
    return split.take(stratified_fraction(rng, split.labels, num_images / num_there))


def weights_of(
    config: Config, experiment: Experiment, source: pretrained.Source | None
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The variables that a run would begin with, and what init.json would say; None if random.

    `source` is what `read_weights` found. Raises CommandError or JaxcmpError where it does not fit.
    """
    # As a program splits it: random weights are those of a run of this seed.
    key, _ = jax.random.split(jax.random.key(config.seed))
    if source is None:
        state = jax.jit(experiment.init)(key)
        return {"params": state.params, "batch_stats": state.batch_stats}, None
    state = jax.eval_shape(experiment.init, key)
    template = {"params": state.params, "batch_stats": state.batch_stats}
    names = experiment.dataset.class_names
    loaded = pretrained.fit(source, template, experiment.model, names)
    return loaded.variables, loaded.description


def features_of(
    experiment: Experiment, variables: Any, images: Images, *, batch_size: int
) -> np.ndarray:
    """What enters the head, float32 [n, width]: in evaluation, without augmentation.

    Batches are divided among the devices, and read ahead of them, wherever the images are.
    """
    mesh, num_images = devices.make_mesh(), images.shape[0]
    everywhere, cut = devices.replicated(mesh), devices.sharded(mesh)
    batch_size = -(-min(batch_size, num_images) // mesh.size) * mesh.size
    batches = list(padded_batches(num_images, batch_size))
    see = jax.jit(partial(_see, experiment), out_shardings=everywhere)
    variables = jax.device_put(variables, everywhere)
    with closing(ReadAhead(images, batches.__getitem__, stop=len(batches))) as reading:
        rows = (
            see(variables, devices.place(reading.take(range(n, n + 1))[0], cut))
            for n in range(len(batches))
        )
        return collect_logits(rows, num_examples=num_images)


def _see(experiment: Experiment, variables: Any, images: Array) -> Array:
    model, dataset = experiment.model, experiment.dataset
    images = unaugmented(images, dataset.mean, dataset.std, image_size=model.image_size)
    return models.features(model, variables, images)
