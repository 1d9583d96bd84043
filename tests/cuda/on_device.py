"""The jobs of ./launch/check_gpu that no command of the package does; each prints JSON.

python tests/cuda/on_device.py about|attention|profile|train ...
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# Words in kernels' names, the first that fits.
KINDS = {
    "attention": ("fmha", "flash", "sdpa"),
    "convolution": ("conv", "wgrad", "dgrad", "fprop"),
    "product": ("gemm", "cutlass", "nvjet", "cublas", "xmma", "matmul", "dot"),
    "reduction": ("reduce",),
    "transposition": ("transpose",),
    "copy": ("copy", "memcpy"),
    "gather": ("scatter", "gather"),
    "fill": ("memset", "broadcast"),
}
NUM_TRACED, NUM_LARGEST, NUM_CALLS = 10, 12, 50


def main(words: Sequence[str]) -> None:
    jobs: dict[str, Callable[[Sequence[str]], dict[str, Any]]] = {
        "about": about,
        "attention": attention,
        "profile": profile,
        "train": train,
    }
    print(json.dumps(jobs[words[0]](words[1:])))


def about(words: Sequence[str]) -> dict[str, Any]:
    """Describes the devices and the packages."""
    from jaxcmp.runtime import cuda
    from jaxcmp.runtime.environment import describe_environment

    return {
        **describe_environment("bfloat16"),
        "compute_capability": cuda.compute_capability(),
        "cores": os.cpu_count(),
    }


def attention(words: Sequence[str]) -> dict[str, Any]:
    """Compares cuDNN's attention with the plain one, forward and backward: error and time."""
    import jax
    import jax.numpy as jnp

    from jaxcmp.bench.measure import timed
    from jaxcmp.models import fused_attention, kernels

    batch, num_heads, width = (4 if "--tiny" in words else 128), 3, 192
    has_cudnn = jax.default_backend() == "gpu"
    forms: dict[str, Callable] = {
        "plain": lambda x: kernels.attend(x, num_heads),
        "fused": lambda x: fused_attention.attend(x, num_heads, "cudnn" if has_cudnn else "xla"),
    }
    qkv = jax.random.normal(jax.random.key(0), (batch, 65, 3 * width), jnp.bfloat16)
    dy = jax.random.normal(jax.random.key(1), (batch, 65, width), jnp.bfloat16)
    results, seconds = {}, {}
    for name, form in forms.items():

        @jax.jit
        def both(qkv: jax.Array, dy: jax.Array, form: Callable = form) -> Any:
            result, pull = jax.vjp(form, qkv)
            return result, pull(dy)[0]

        results[name] = jax.block_until_ready(both(qkv, dy))
        seconds[name] = timed(lambda run=both: run(qkv, dy))(NUM_CALLS)
    wide = ([x.astype(jnp.float32) for x in results[name]] for name in forms)
    errors = [
        float(jnp.linalg.norm(a - b) / jnp.linalg.norm(a)) for a, b in zip(*wide, strict=True)
    ]
    if max(errors) > 0.02:
        sys.exit(f"cuDNN's attention differs from the plain one by {errors}, relative")
    return {"relative_difference": errors, "seconds": seconds, "is_cudnn": has_cudnn}


def profile(words: Sequence[str]) -> dict[str, Any]:
    """Traces ten dispatches of a step: how many kernels run, for how long, and the largest."""
    import jax

    from jaxcmp import cli
    from jaxcmp.bench.measure import Training, compiled_runner, random_images
    from jaxcmp.experiment import prepare
    from jaxcmp.settings.configuration import settings_of

    config = cli.parse(cli.config_parser("profile", None), words).config
    config.model.num_classes = 10
    config.model.image_size = 32
    settings = settings_of(config)
    runner = compiled_runner(prepare(settings, random_images(settings)))
    training = Training(runner)
    jax.block_until_ready(training.dispatch())
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(NUM_TRACED):
                result = training.dispatch()
            jax.block_until_ready(result)
        (path,) = Path(folder).rglob("*.xplane.pb")
        events = kernel_events(jax.profiler.ProfileData.from_file(str(path)))
    return summary(events, NUM_TRACED * runner.steps_per_dispatch)


def kernel_events(data: Any) -> list[tuple[str, float]]:
    """Lists names and nanoseconds of the kernels on a GPU's streams; on a CPU, of XLA's calls."""
    gpus = [plane for plane in data.planes if "GPU" in plane.name]
    return [
        (event.name, float(event.duration_ns))
        for plane in gpus or data.planes
        for line in plane.lines
        if re.search("[Ss]tream" if gpus else "XLA", line.name)
        for event in line.events
    ]


def summary(events: Sequence[tuple[str, float]], num_steps: int) -> dict[str, Any]:
    """Sums kernels by kind and by name, per step: [number, milliseconds], the largest first."""
    kinds: dict[str, list[float]] = {}
    names: dict[str, list[float]] = {}
    for name, nanoseconds in events:
        fits = (kind for kind, words in KINDS.items() if any(x in name.lower() for x in words))
        kind, base = next(fits, "elementwise"), re.sub(r"[._]?\d+$", "", name)
        for table, key in ((kinds, kind), (names, base)):
            entry = table.setdefault(key, [0.0, 0.0])
            entry[0] += 1 / num_steps
            entry[1] += nanoseconds / 1e6 / num_steps

    def largest(table: dict[str, list[float]]) -> dict[str, list[float]]:
        ranked = sorted(table.items(), key=lambda item: -item[1][1])[:NUM_LARGEST]
        return {key: [round(number, 4) for number in entry] for key, entry in ranked}

    return {
        "kernels": len(events) / num_steps,
        "busy_ms": sum(nanoseconds for _, nanoseconds in events) / 1e6 / num_steps,
        "kinds": largest(kinds),
        "largest": largest(names),
    }


def train(words: Sequence[str]) -> dict[str, Any]:
    """Trains a run in a folder, named first, and returns its result with the time of an epoch."""
    from jaxcmp.runs import read_run

    folder, *flags = words
    start = time.perf_counter()
    # Its progress is no part of this job's answer.
    command = [sys.executable, "-m", "jaxcmp.main", *flags, f"--workdir={folder}"]
    if code := subprocess.run(command, stdout=sys.stderr).returncode:
        sys.exit(code)
    run = read_run(folder)
    epochs = [record["seconds"] for record in run.metrics if "test_accuracy" in record]
    return {
        **(run.result or {}),
        "wall_seconds": time.perf_counter() - start,
        "epoch_seconds": statistics.median(epochs),
    }


if __name__ == "__main__":
    main(sys.argv[1:])
