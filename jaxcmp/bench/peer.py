"""Side by side with PyTorch: the same work in turns, and the ratio of each pair of samples."""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, assert_never

from msgspec import to_builtins

from jaxcmp.bench.timing import describe, spread, take_turns
from jaxcmp.bench.worker import part_command, worker
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.settings import Settings
from jaxcmp.settings.augmentation import NO_AUGMENTATION
from jaxcmp.settings.models import ResNet, ViT

# The augmentation is compared on one core, as each worker of a data loader has one.
PARTS = {"training": "all", "evaluation": "all", "augmentation": "one"}


def compare(
    settings: Settings, arguments: Sequence[str], *, peer_python: str, num_pairs: int
) -> dict[str, Any]:
    """Samples both sides of each part in turns; `arguments` are those of this command.

    Training and evaluation are compared without augmentation. Augmentation is left out where the
    system cannot keep a process to one core. Raises CommandError where PyTorch is missing or has no
    counterpart for the configuration.
    """
    check(settings)
    if shutil.which(peer_python) is None:
        raise CommandError(f"--peer_python={peer_python} must be a Python to run")
    program = Path(__file__).with_name("torch_peer.py")
    # Another Python imports neither the program's neighbours (-P) nor our packages (-E).
    isolated = ["-P"] if peer_python == sys.executable else ["-P", "-E"]
    channels = 1 if settings.data.name == "digits" else 3
    plain = [f"--config.augment.{name}={value}" for name, value in NO_AUGMENTATION.items()]
    tasks = {}
    for part, cores in PARTS.items():
        if cores == "one" and shutil.which("taskset") is None:
            continue
        job = {"part": part, "config": to_builtins(settings), "channels": channels}
        theirs = [peer_python, *isolated, str(program), json.dumps(job)]
        ours = part_command(part, [*arguments, *([] if part == "augmentation" else plain)])
        tasks[part] = compare_part(part, ours, theirs, num_pairs=num_pairs)
    return {"tasks": tasks}


def check(settings: Settings) -> None:
    """Raises CommandError for settings that the peers do not have."""
    needed: dict[str, tuple[Any, ...]] = {
        "accumulation": (1,),
        "average_decay": (0,),
        "frozen_trunk": (False,),
        "compute_dtype": ("float32", "bfloat16"),
        "optimizer.layer_decay": (1,),
    }
    if isinstance(settings.model, ViT):
        needed |= {"model.stem": ("patch",)}
    elif isinstance(settings.model, ResNet):
        needed |= {
            "model.stage_widths": ((64, 128, 256, 512),),
            "model.dropout_rate": (0,),
            "model.drop_path_rate": (0,),
        }
    else:
        assert_never(settings.model)
    for key, values in needed.items():
        value: Any = settings
        for name in key.split("."):
            value = getattr(value, name)
        if value not in values:
            right = " or ".join(map(str, values))
            raise CommandError(f"--config.{key}={value} must be {right} with --peer=torch")
    if isinstance(settings.model, ResNet) and len(settings.model.stage_depths) != 4:
        raise CommandError("--config.model.stage_depths must be of four stages with --peer=torch")


def compare_part(
    part: str, ours: Sequence[str], theirs: Sequence[str], *, num_pairs: int
) -> dict[str, Any]:
    """Starts both sides and lets one work at a time: A B A B."""
    environment: dict[str, str] = {}
    if PARTS[part] == "one":
        environment["JAX_PLATFORMS"] = "cpu"
        pinned = ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))]
        ours, theirs = [*pinned, *ours], [*pinned, *theirs]
    with (
        # PyTorch first: where it is missing, nothing waits for our compiler.
        worker(theirs, **environment) as (torch_description, torch_timed),
        worker(ours, **environment) as (own_description, own_timed),
    ):
        sides = {"jaxcmp": own_description, "torch": torch_description}
        check_same_work(sides)
        samples = take_turns({"jaxcmp": own_timed, "torch": torch_timed}, rounds=num_pairs)
    for name, description in sides.items():
        description["seconds"] = samples[name]
        rate = description["num_images"] / describe(samples[name])["median"]
        description["images_per_second"] = rate
    pairs = zip(samples["jaxcmp"], samples["torch"], strict=True)
    ratios = [torch_seconds / own_seconds for own_seconds, torch_seconds in pairs]
    ratio = {"pairs": ratios} | spread(ratios)
    return {"cores": PARTS[part], "sides": sides, "ratio": ratio}


def check_same_work(sides: dict[str, Any]) -> None:
    """Raises JaxcmpError where the sides differ in device, images or parameters."""
    own, torch = sides["jaxcmp"], sides["torch"]
    if own["device"] != torch["device"]:
        raise JaxcmpError(
            f"JAX works on {own['device']} and PyTorch on {torch['device']}: install both for the "
            "same device, or set JAX_PLATFORMS=cpu"
        )
    for name in ("num_images", "parameters"):
        if own.get(name) != torch.get(name):
            raise JaxcmpError(
                f"the sides differ in {name}: {own.get(name)} and {torch.get(name)} of PyTorch's"
            )
