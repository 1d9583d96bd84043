"""A trained model as one serialised program, which runs where this package is not installed."""

import contextlib
from collections.abc import Iterator, Sequence

import jax
import numpy as np
from jax import Array, export

from jaxcmp.predict import Trained


def portable_program(trained: Trained, platforms: Sequence[str]) -> tuple[bytes, str]:
    """What `jax.export.deserialize` reads, `Trained.predict` with the weights inside; and a note.

    It maps images uint8 [n, height, width, channels], for any n from 1 on, to probabilities
    float32 [n, classes], on each of the `platforms` ("cpu", "cuda"), none of which has to be here.
    Each has its own form of the layers that the models compute otherwise on a CPU. The note says
    where the program runs, and for how long.
    """

    def probabilities(images: Array) -> Array:
        return trained.predict(images)

    (num_images,) = export.symbolic_shape("n")
    shape = (*trained.image_size, len(trained.mean))
    images = jax.ShapeDtypeStruct((num_images, *shape), np.uint8)
    with _without_source_lines():
        exported = export.export(jax.jit(probabilities), platforms=list(platforms))(images)
    note = (
        f"A program of StableHLO for {' and '.join(platforms)}, with weights, normalisation and "
        f"any resizing inside: from images uint8 [n, {', '.join(map(str, shape))}] to "
        f"probabilities float32 [n, {trained.model.num_classes}]. It was exported by JAX "
        f"{jax.__version__} (calling convention {exported.calling_convention_version}). JAX "
        "promises that it runs with releases up to six months newer and three weeks older; after "
        "that, export the run again, or keep the weights as safetensors as well."
    )
    return bytes(exported.serialize()), note


@contextlib.contextmanager
def _without_source_lines() -> Iterator[None]:
    """Else the file names folders of this machine, and differs with the line that asked for it."""
    name = "jax_traceback_in_locations_limit"
    before = jax.config.values[name]
    jax.config.update(name, 0)
    try:
        yield
    finally:
        jax.config.update(name, before)
