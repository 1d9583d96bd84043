"""Reads weights from a file or a run folder, and begins a training state with them."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import msgspec
from jax.experimental import multihost_utils

from jaxcmp.checkpoint import trees
from jaxcmp.checkpoint.manager import read_only
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.models import Model
from jaxcmp.pretrained import hub
from jaxcmp.pretrained.fit import PATCH_KERNEL, STEM_KERNEL, Source, fit
from jaxcmp.pretrained.published import LAYOUTS, name_of, recognise, without_prefix
from jaxcmp.pretrained.weight_files import read_file
from jaxcmp.runs import CHECKPOINTS, CONFIG, INIT, Run, read_run
from jaxcmp.settings.hub_address import is_hub_address, parse_address
from jaxcmp.step import TrainState

# Fields that change no weight's place or meaning, or whose weights are resized.
OTHER_FIELDS = ("name", "image_size", "patch_size", "num_classes", "zero_init_residual")
AVERAGE = "average/"


def read(
    path: str | Path,
    *,
    checkpoint: str = "newest",
    allow_missing: str = "",
    allow_unused: str = "",
    seen: str = "",
    recorded: Mapping[str, Any] | None = None,
) -> Source:
    """Reads a .npz or .safetensors file of a known layout, one of a model hub, or a run folder.

    `checkpoint` is a run's: "newest", "best" or a step. `allow_missing` and `allow_unused` are
    patterns of our paths without their collection ("stem/*") and of the file's names, without what
    a wrapper such as DataParallel puts before them, with commas between them. `seen` says in words
    what a file's weights were trained on. `recorded`, the init.json of a run that begins again,
    says which commit of a hub it had begun from. Raises CommandError where the path or an option is
    wrong, and JaxcmpError for what cannot be read, in one line.
    """
    if checkpoint not in ("newest", "best") and not checkpoint.isdecimal():
        raise CommandError(
            f"init.checkpoint={checkpoint!r} must be newest, best, or the number of a step"
        )
    is_on_hub = is_hub_address(str(path))
    # Where pathlib raises, as for a name too long for the system, this says no.
    if not is_on_hub and os.path.isdir(path):
        source = _read_run(Path(path), checkpoint)
    elif checkpoint != "newest":
        raise CommandError(f"init.checkpoint={checkpoint} is for run folders, which {path} is not")
    elif is_on_hub:
        source = _read_hub(str(path), seen, recorded or {})
    else:
        source = _read_file(Path(path), str(path), seen)
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
) -> tuple[TrainState, dict[str, Any]]:
    """Puts the source's weights into a fresh state, on the same devices; returns it and init.json.

    Optimizer and step number stay as they are; an average begins with the weights. Of several
    processes the first one's weights are everybody's. Raises as `fit` does.
    """
    fresh = {"params": state.params, "batch_stats": state.batch_stats}
    variables, description = fit(source, trees.nest(trees.to_host(fresh)), model, class_names)
    if jax.process_count() > 1:
        # Each process has read for itself: their files may differ.
        variables = multihost_utils.broadcast_one_to_all(variables)
    arrays = trees.to_host(variables)
    placed = trees.onto(fresh, arrays, source.path)
    # An array cannot be given away twice, as a step does.
    average = None if state.average is None else trees.onto(fresh, arrays, source.path)
    return dataclasses.replace(state, **placed, average=average), description


def _read_hub(address: str, seen: str, recorded: Mapping[str, Any]) -> Source:
    before = str(recorded.get("path", ""))
    found = hub.fetch(parse_address(before if is_hub_address(before) else address))
    source = _read_file(found.path, str(found.address), seen)
    if before and source.sha256 != recorded.get("sha256"):
        raise JaxcmpError(
            f"{source.path} has the SHA-256 {source.sha256}, and in {INIT} of this run it is "
            f"{recorded.get('sha256')}; give another --workdir"
        )
    return dataclasses.replace(source, revision=found.address.revision)


def _read_file(path: Path, name: str, seen: str) -> Source:
    """Reads a file; `name` is where it comes from, as a user says it."""
    file_format, arrays, description = read_file(path)
    arrays = without_prefix(name, arrays)
    layout = recognise(arrays)
    if layout is None:
        first = ", ".join(list(arrays)[:3]) or "none"
        known = "; ".join(dict.fromkeys(layout.title for layout in LAYOUTS))
        raise JaxcmpError(
            f"{name} has names that are not known here, the first of them {first}; known are: "
            f"{known}"
        )
    fields = layout.fields({name: array.shape for name, array in arrays.items()})
    # Files exported by jaxcmp say it. No model has more heads, and Python converts no long numbers.
    num_heads = description.get("num_heads", "")
    if num_heads.isdecimal() and len(num_heads) < 6:
        fields["num_heads"] = int(num_heads)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    unknown = ("num_train", "num_classes", "class_names", "epochs", "arm", "seed", "before")
    return Source(
        path=name,
        format=file_format,
        layout=layout,
        arrays=arrays,
        sha256=digest,
        model_name=layout.model_name,
        fields=fields,
        seen={"name": seen, **dict.fromkeys(unknown)},
        head_classes=_class_names(description),
    )


def _class_names(description: Mapping[str, str]) -> list[str] | None:
    """Returns the classes of a file that jaxcmp exported; None for any other."""
    try:
        return msgspec.json.decode(description.get("class_names", ""), type=list[str])
    except msgspec.MsgspecError:
        return None


def _read_run(folder: Path, checkpoint: str) -> Source:
    """Reads what the run is evaluated with: averaged weights, where there are some.

    All processes of a run call it together.
    """
    if not (folder / CONFIG).is_file():
        raise CommandError(f"{folder} is a folder but no run: it has no {CONFIG}")
    run = read_run(folder)
    wanted = int(checkpoint) if checkpoint.isdecimal() else checkpoint
    step, state = read_only(folder / CHECKPOINTS, wanted)
    averaged = {k.removeprefix(AVERAGE): v for k, v in state.items() if k.startswith(AVERAGE)}
    latest = {k: v for k, v in state.items() if k.startswith(("params/", "batch_stats/"))}
    arrays = averaged or latest
    if not arrays:
        raise JaxcmpError(f"the checkpoint of step {step} in {folder} holds no weights")
    index = json.dumps(trees.index_of(arrays), sort_keys=True)
    model = run.config["model"]
    return Source(
        path=str(folder),
        format="run",
        layout=None,
        arrays=arrays,
        sha256=hashlib.sha256(index.encode()).hexdigest(),
        model_name=model["name"],
        fields={
            name: tuple(value) if isinstance(value, list) else value
            for name, value in model.items()
            if name not in OTHER_FIELDS and not name.endswith("_rate")
        },
        seen=_training_data(run, step),
        checkpoint=step,
    )


def _training_data(run: Run, step: int) -> dict[str, Any]:
    """Returns what a run's weights were trained on, as init.json says it.

    "before" is what the run itself had begun from, None for random weights.
    """
    data, config = run.data, run.config
    num_train, names = data["num_train"], data["class_names"]
    return {
        "name": data["name"],
        "num_train": num_train,
        "num_classes": len(names),
        "class_names": names,
        "epochs": round(step / (num_train // config["batch_size"])),
        "arm": config["arm"],
        "seed": config["seed"],
        "before": run.init.get("seen"),
    }


def _num_channels(source: Source, model: Model) -> int:
    """The channels of the images that the source is for; 3 where it does not say so."""
    if source.model_name != name_of(model):
        return 3
    for entry in source.entries(model):
        kernel = source.arrays.get(entry.theirs[0])
        if entry.ours in (PATCH_KERNEL, STEM_KERNEL) and kernel is not None and kernel.ndim == 4:
            return entry.read([kernel]).shape[2] or 3
    return 3


def _patterns(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (pattern.strip() for pattern in text.split(","))))
