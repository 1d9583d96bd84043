"""The contents of a run folder's files, whole and small."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from configs import vit

CONFIG: dict[str, Any] = vit.get_config("digits").to_dict()
COUNTS = {"total": 5, "components": {"head": 5}}
SPEED = {"train_seconds": 60.0, "images_per_second": 1000.0}
COST: dict[str, Any] = {
    "parameters": COUNTS,
    "multiply_adds": COUNTS,
    "training_flops": 30,
    "compile_seconds": {},
    "peak_memory": {"device_bytes": None, "host_bytes": None},
    "step_temporary_bytes": None,
    "step_seconds": {"median": 0.128, "p95": 0.2, "num_samples": 50},
    **SPEED,
}
RESULT: dict[str, Any] = {
    "schema": 1,
    "test_accuracy": 0.25,
    "test_loss": 1.0,
    "num_train": 100,
    "num_test": 3,
    "epochs": 1,
    "steps": 2,
    "parameters": 5,
    "multiply_adds": 5,
    **SPEED,
}
SEEN = dict.fromkeys(("num_train", "num_classes", "class_names", "epochs", "arm", "seed", "before"))
INIT: dict[str, Any] = {
    "schema": 1,
    "path": "a.npz",
    "kind": "file",
    "layout": "vit_npz",
    "revision": None,
    "sha256": "fe98",
    "seen": {"name": "ImageNet-21k", **SEEN},
    "rows": [{"name": "params/cls", "what": "loaded", "from": [1], "to": [1], "note": ""}],
}
DATA = {
    "name": "cifar10",
    "version": "3.0.2",
    "class_names": ["cat", "dog"],
    "num_train": 100,
    "num_validation": 0,
    "num_test": 3,
    "image_size": [32, 32],
    "mean": [0.5, 0.5, 0.5],
    "std": [0.25, 0.25, 0.25],
    "placement": "device",
    "placement_reason": "",
}
MACHINE = {
    "start": "2026-01-01T00:00:00+00:00",
    "end": None,
    "command": "python -m jaxcmp.main",
    "git_commit": "0123456789abcdef",
    "git_dirty": False,
    "python": "3.12.1",
    "platform": "Linux",
    "packages": {"jax": "0.12.0"},
    "host_cores": 2,
    "device": "cpu",
    "device_count": 1,
    "precision": "float32",
}


def session(**changes: Any) -> dict[str, Any]:
    """The environment of one session, with other values of these keys."""
    return {
        **MACHINE,
        "matmul_precision": "default",
        "num_processes": 1,
        "data": DATA,
        **changes,
    }


def change_json(path: Path, change: Callable[[Any], Any]) -> None:
    """Changes the content of a JSON file in place."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def step_record(step: int, **changes: Any) -> dict[str, Any]:
    record = {"kind": "train", "step": step, "epoch": 1, "learning_rate": 1e-3, "loss": 2.0}
    measured = {"accuracy_mixed": 0.5, "gradient_norm": 1.0, "images_per_second": 1000.0}
    return record | measured | changes


def epoch_record(step: int, epoch: int = 1, **changes: Any) -> dict[str, Any]:
    record = {"kind": "epoch", "step": step, "epoch": epoch, "learning_rate": 1e-3}
    record |= {"train_loss": 2.0, "train_accuracy_mixed": 0.5, "test_loss": 1.5}
    record |= {"test_accuracy": 0.5, "gradient_norm": 1.0, "parameter_norm": 10.0}
    return record | {"images_per_second": 1000.0, "seconds": 10.0} | changes
