"""The weights of another run of ours, from its folder."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from jaxcmp import leaves
from jaxcmp.checkpoint import Checkpoints
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.pretrained.fit import Source
from jaxcmp.pretrained.layouts import OWN
from jaxcmp.runs import CHECKPOINTS, CONFIG, Run, read_run

# What changes no weight's place or meaning, or is resized.
OTHER_FIELDS = ("name", "image_size", "patch_size", "num_classes", "zero_init_residual")
AVERAGE = "average/"


def read_run_weights(folder: Path, checkpoint: str) -> Source:
    """The variables that the run is evaluated with: averaged ones, where there are such.

    `checkpoint` is "newest", "best" or a step. Raises CommandError for a folder without a run, and
    JaxcmpError where nothing sound can be read. All processes of a run call it together.
    """
    if not (folder / CONFIG).is_file():
        raise CommandError(f"{folder} is a folder but no run: it has no {CONFIG}")
    run = read_run(folder)
    wanted = int(checkpoint) if checkpoint.isdecimal() else checkpoint
    with Checkpoints(
        folder / CHECKPOINTS, keep_every=0, keep_best=False, read_only=True
    ) as checkpoints:
        found = checkpoints.read(None if wanted == "newest" else wanted)
    if found is None:
        raise JaxcmpError(
            f"there is no checkpoint in {folder / CHECKPOINTS}: train that run first, or name "
            "another"
        )
    step, arrays = found
    variables = _variables(arrays)
    index = json.dumps(leaves.index_of(variables), sort_keys=True)
    fields = run.config["model"]
    return Source(
        path=str(folder),
        kind="run",
        format="run",
        layout=OWN,
        arrays=variables,
        sha256=hashlib.sha256(index.encode()).hexdigest(),
        model_name=fields["name"],
        fields={
            name: tuple(value) if isinstance(value, list) else value
            for name, value in fields.items()
            if name not in OTHER_FIELDS and not name.endswith("_rate")
        },
        seen=_seen(run, step),
        checkpoint=step,
    )


def _variables(arrays: leaves.Arrays) -> dict[str, np.ndarray]:
    averaged = {
        name.removeprefix(AVERAGE): array
        for name, array in arrays.items()
        if name.startswith(AVERAGE)
    }
    latest = {
        name: array
        for name, array in arrays.items()
        if name.startswith(("params/", "batch_stats/"))
    }
    return averaged or latest


def _seen(run: Run, step: int) -> dict[str, Any]:
    """What the weights were trained on, as it stands in init.json.

    "before" is what the run itself had begun from, None for random weights.
    """
    data, config = run.environment.get("data", {}), run.config
    num_train, names = data.get("num_train"), data.get("class_names")
    return {
        "name": data.get("name", config["data"]["name"]),
        "num_train": num_train,
        "num_classes": None if names is None else len(names),
        "class_names": names,
        "epochs": round(step / (num_train // config["batch_size"])) if num_train else None,
        "arm": config["arm"],
        "seed": config["seed"],
        "before": run.init.get("seen"),
    }
