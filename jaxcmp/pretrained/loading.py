"""From the path of weights to a model's variables, or to a training state that begins with them."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import multihost_utils

from jaxcmp import leaves
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.pretrained import heads
from jaxcmp.pretrained.complaints import FIRST_KERNELS
from jaxcmp.pretrained.fit import Loaded, Source, fit
from jaxcmp.pretrained.layouts import LAYOUTS, Model, layout_for, name_of, recognise
from jaxcmp.pretrained.run_weights import read_run_weights
from jaxcmp.pretrained.weight_files import description, digest, read_file
from jaxcmp.step import TrainState


def load(
    path: str | Path,
    template: Any,
    model: Model,
    *,
    checkpoint: str = "newest",
    allow_missing: str = "",
    allow_unused: str = "",
    seen: str = "",
    class_names: Sequence[str] | None = None,
) -> Loaded:
    """Reads weights and fits them to a model; options are those of `read`, the rest is of `fit`."""
    source = read(
        path,
        checkpoint=checkpoint,
        allow_missing=allow_missing,
        allow_unused=allow_unused,
        seen=seen,
    )
    return fit(source, template, model, class_names)


def read(
    path: str | Path,
    *,
    checkpoint: str = "newest",
    allow_missing: str = "",
    allow_unused: str = "",
    seen: str = "",
) -> Source:
    """Reads a .npz or .safetensors file of a known layout, or a run folder; fits nothing yet.

    `checkpoint` is a run's: "newest", "best" or a step. `allow_missing` and `allow_unused` are
    patterns of our paths without their collection ("stem/*") and of the file's names, with commas
    between them. `seen` says in words what a file's weights were trained on. Raises CommandError
    where the path or an option is wrong, and JaxcmpError for what cannot be read, in one line.
    """
    path = Path(path)
    if checkpoint not in ("newest", "best") and not checkpoint.isdecimal():
        raise CommandError(
            f"init.checkpoint={checkpoint!r} must be newest, best, or the number of a step"
        )
    # Where pathlib raises, as for a name too long for the system, this says no.
    if os.path.isdir(path):
        source = read_run_weights(path, checkpoint)
    elif checkpoint != "newest":
        raise CommandError(f"init.checkpoint={checkpoint} is for run folders, which {path} is not")
    else:
        source = _of_file(path, seen)
    return dataclasses.replace(
        source, allow_missing=_patterns(allow_missing), allow_unused=_patterns(allow_unused)
    )


def check(source: Source, model: Model, num_channels: int | None = None) -> None:
    """Raises as `fit` does; for images of as many channels as the source is for, if not given."""
    shape = (1, model.image_size, model.image_size, num_channels or _num_channels(source, model))
    key = jax.eval_shape(lambda: jax.random.key(0))
    fit(source, jax.eval_shape(model.init, key, jax.ShapeDtypeStruct(shape, jnp.float32)), model)


def start(
    state: TrainState, source: Source, model: Model, class_names: Sequence[str]
) -> tuple[TrainState, Loaded]:
    """A fresh state with the source's weights, on the same devices, and what became of each.

    Optimizer and step number stay as they are; an average begins with the weights. Of several
    processes the first one's weights are everybody's. Raises as `fit` does.
    """
    fresh = {"params": state.params, "batch_stats": state.batch_stats}
    loaded = fit(source, leaves.nest(leaves.to_host(fresh)), model, class_names)
    variables = loaded.variables
    if jax.process_count() > 1:
        # Each has read for itself: their files may differ.
        variables = multihost_utils.broadcast_one_to_all(variables)
    arrays = leaves.to_host(variables)
    placed = leaves.onto(fresh, arrays, source.path)
    # An array cannot be given away twice, as a step does.
    average = None if state.average is None else leaves.onto(fresh, arrays, source.path)
    return dataclasses.replace(state, **placed, average=average), loaded


def _of_file(path: Path, seen: str) -> Source:
    file_format, arrays = read_file(path)
    layout = recognise(arrays)
    if layout is None:
        first = ", ".join(list(arrays)[:3]) or "none"
        known = "; ".join(each.title for each in LAYOUTS.values())
        raise JaxcmpError(
            f"{path} has names that are not known here, the first of them {first}; known are: "
            f"{known}"
        )
    shapes = {name: array.shape for name, array in arrays.items()}
    described = description(path) if file_format == "safetensors" else {}
    unknown = ("num_train", "num_classes", "class_names", "epochs", "arm", "seed")
    return Source(
        path=str(path),
        kind="file",
        format=file_format,
        layout=layout,
        arrays=arrays,
        sha256=digest(path),
        model_name=LAYOUTS[layout].model_name,
        fields=LAYOUTS[layout].fields(shapes) | heads.in_description(described),
        seen={"name": seen, **dict.fromkeys(unknown), "before": None},
    )


def _num_channels(source: Source, model: Model) -> int:
    """Of the images that the source is for; 3 where it does not say so."""
    if source.model_name != name_of(model):
        return 3
    for entry in layout_for(source.layout, model).entries(model, source.arrays):
        first = source.arrays.get(entry.theirs[0])
        if entry.ours in FIRST_KERNELS and first is not None and first.ndim == 4:
            return entry.form.read([first]).shape[2]
    return 3


def _patterns(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (each.strip() for each in text.split(","))))
