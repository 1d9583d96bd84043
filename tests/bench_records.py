"""Measurements as the benchmark writes them, with made-up numbers that are easy to recognise."""

from typing import Any

STEP = {"median": 0.25, "p95": 0.3, "min": 0.2, "max": 0.5, "n": 7, "calls_per_sample": 1}
SPAN = {"median": 4.0, "min": 3.0, "max": 5.0, "n": 2}
MEMORY = {
    "device_bytes": None,
    "host_bytes": 300 * 2**20,
    "step_temporary_bytes": 20 * 2**20,
}
STAGES = ("gather", "augmentation", "forward", "backward", "update")


def start() -> dict[str, Any]:
    return {name: SPAN for name in ("compile_train_step", "compile_eval_step", "first_step")}


def measured_speed() -> dict[str, Any]:
    return {
        "load_before": 0.5,
        "starts": {"cold": start(), "warm": start()},
        "step_seconds": STEP,
        "images_per_second": 512.0,
        "steps_per_dispatch": 1,
        "stages": {name: {"seconds": 0.05, "share": 0.2, "until_here": STEP} for name in STAGES},
        "input": {"seconds": STEP | {"median": 0.0001}, "share": 0.0004},
        "evaluation": {"seconds": STEP, "batch_size": 1000, "images_per_second": 4000.0},
        "memory": MEMORY,
        "model_flops_per_second": 30e9,
        "matmul": {
            "seconds": STEP,
            "size": 1024,
            "operands": "float32",
            "result": "float32",
            "flops_per_second": 120e9,
        },
        "model_flops_utilisation": 0.25,
    }


def measured_peer() -> dict[str, Any]:
    torch = {"torch": "2.13.0", "torchvision": "0.27.0"}
    sides = {
        "jaxcmp": {"images_per_second": 52.5, "how": "jit"},
        "torch": {"images_per_second": 50.0, "how": "compile", "packages": torch},
    }
    ratio = {"pairs": [1.01, 1.05, 1.07], "median": 1.05, "min": 1.01, "max": 1.07, "n": 3}
    cores = {"training": "all", "augmentation": "one"}
    tasks = {name: {"cores": each, "sides": sides, "ratio": ratio} for name, each in cores.items()}
    return {"load_before": 0.5, "tasks": tasks}


def point(value: int, rate: float) -> dict[str, Any]:
    return {"value": value, "images_per_second": rate, "step_seconds": STEP, "memory": MEMORY}


def measured_scale() -> dict[str, Any]:
    axes = {
        "batch_size": [point(8, 300.0), point(32, 400.0), {"value": 128, "failed": "no memory"}],
        "depth": [point(2, 700.0), point(4, 350.0)],
    }
    return {"load_before": None, "axes": axes}


def measured_input() -> dict[str, Any]:
    feed = {"seconds": STEP, "images_per_second": 512.0, "images_per_second_per_core": 256.0}
    files = {"num_images": 1500, "size": 256, "record_bytes": 24_600.0}
    return {
        "load_before": 0.5,
        "files": files,
        "num_cores": 2,
        "first_pass_seconds": 3.5,
        "feeds": {"resident": feed, "streamed": feed},
    }


def record(kind: str, measured: dict[str, Any]) -> dict[str, Any]:
    return {
        "schema": 1,
        "kind": kind,
        "environment": {
            "time": "2026-01-02T03:04:05+00:00",
            "command": f"python -m jaxcmp.bench --config=configs/vit.py {kind}",
            "git_commit": "0123456789abcdef",
            "git_dirty": False,
            "python": "3.11.4",
            "packages": {"jax": "0.10.2", "numpy": "2.4.6"},
            "host_cores": 2,
            "cpu": "A processor",
            "device": "cpu",
            "device_count": 1,
        },
        "config": {
            "arm": "vit",
            "batch_size": 128,
            "compute_dtype": "float32",
            "model": {"image_size": 224},
        },
        "measured": measured,
    }
