"""Writes a trained model as a file of named weights, or as a program that needs no jaxcmp."""

import contextlib
import io
import json
from collections.abc import Iterator

import jax
import numpy as np
from jax import Array, export
from safetensors import numpy as safetensors

from jaxcmp.errors import CommandError
from jaxcmp.models import ViT
from jaxcmp.predict import Trained
from jaxcmp.pretrained.published import has_conv_stem, to_published, written_layouts

PLATFORMS = ("cpu", "cuda")
# Readers map the arrays of a .safetensors file into memory, and expect them to be aligned.
ALIGNMENT = 8


def named_weights(trained: Trained, format: str) -> tuple[bytes, str]:
    """Writes a "safetensors" or "npz" file of float32 arrays; returns it with a note.

    The same weights give the same bytes. Raises CommandError where no published weights of such a
    model come in that format.
    """
    model, kind = trained.model, type(trained.model).__name__
    layouts = {layout.written_as: layout for layout in written_layouts(model).values()}
    if not layouts:
        with_stem = f" with model.stem={model.stem!r}" if has_conv_stem(model) else ""
        raise CommandError(
            f"no weights are published of a {kind}{with_stem}, so that there is no "
            f"layout for --format={format}: give --format=stablehlo, the model as a program"
        )
    if format not in layouts:
        raise CommandError(
            f"weights of a {kind} are not published as {format}: give "
            f"--format={' or --format='.join(layouts)}"
        )
    named = to_published(layouts[format], trained.variables, model)
    arrays = {name: np.ascontiguousarray(array, np.float32) for name, array in named.items()}
    note = f"{len(arrays)} float32 arrays of {layouts[format].title}."
    if format == "npz":
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue(), note
    # Software for PyTorch asks for the format; the rest tells a reader what the file is.
    names = json.dumps(trained.class_names, ensure_ascii=False)
    description = {"architecture": kind, "class_names": names, "format": "pt"}
    if isinstance(model, ViT):
        description["num_heads"] = str(model.num_heads)
    return _with_description(safetensors.save(arrays), description), note


def program(trained: Trained) -> tuple[bytes, str]:
    """Writes `Trained.predict` as StableHLO with the weights inside; returns it with a note.

    `jax.export.deserialize` reads it. It maps images uint8 [n, height, width, channels], for any n
    from 1 on, to probabilities float32 [n, classes], on a CPU or an NVIDIA GPU, with the form of
    each layer that is best there.
    """

    def probabilities(images: Array) -> Array:
        return trained.predict(images)

    (num_images,) = export.symbolic_shape("n")
    shape = (*trained.image_size, len(trained.mean))
    images = jax.ShapeDtypeStruct((num_images, *shape), np.uint8)
    with _without_source_lines():
        exported = export.export(jax.jit(probabilities), platforms=PLATFORMS)(images)
    note = (
        f"A program of StableHLO for {' and '.join(PLATFORMS)}, with weights, normalisation and "
        f"any resizing inside: from images uint8 [n, {', '.join(map(str, shape))}] to "
        f"probabilities float32 [n, {trained.model.num_classes}]. It was exported by JAX "
        f"{jax.__version__} (calling convention {exported.calling_convention_version}). JAX "
        "promises that it runs with releases up to six months newer and three weeks older; after "
        "that, export the run again, or keep the weights as safetensors as well."
    )
    return bytes(exported.serialize()), note


def _with_description(content: bytes, description: dict[str, str]) -> bytes:
    """Adds a description to a .safetensors file; the library writes one in random order."""
    end = ALIGNMENT + int.from_bytes(content[:ALIGNMENT], "little")
    header = {"__metadata__": description} | json.loads(content[ALIGNMENT:end])
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return len(text).to_bytes(ALIGNMENT, "little") + text + content[end:]


@contextlib.contextmanager
def _without_source_lines() -> Iterator[None]:
    """Keeps the folders of this machine, and the line that asked for the program, out of it."""
    name = "jax_traceback_in_locations_limit"
    before = jax.config.values[name]
    jax.config.update(name, 0)
    try:
        yield
    finally:
        jax.config.update(name, before)
