"""Speed and memory against the size of the work: batch, image, depth, width, steps per dispatch.

python -m jaxcmp.bench.scale --config=configs/vit.py --json=docs/speed/vit-scale.json
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

from jaxcmp import host_memory
from jaxcmp.bench import record
from jaxcmp.bench.command import overrides, parse
from jaxcmp.bench.starts import failure
from jaxcmp.errors import CommandError, carry_out

Config = Any

# Times the configuration's own size; steps per dispatch are as they stand.
FACTORS = {
    "batch_size": (1 / 16, 1 / 4, 1, 4),
    "image_size": (1 / 2, 1, 2),
    "depth": (1 / 2, 1, 2),
    "width": (1 / 3, 2 / 3, 1, 2),
}
DISPATCHES = (1, 2, 4, 8)
AXES = (*FACTORS, "steps_per_dispatch")

FLAGS = {
    "json": (None, "Write what was measured to this file, or with - to standard output."),
    "rounds": (5, "Samples of each timing."),
    "axes": (",".join(AXES), "What is varied, each alone."),
    "point": ("", "For a process that this command starts: measure the one configuration."),
}


def main(argv: Sequence[str]) -> None:
    options = parse(argv, FLAGS, __doc__)
    if options.point:
        print(json.dumps(measure_point(options.config, rounds=options.rounds)))
        return
    axes = options.axes.split(",")
    if not set(axes) <= set(AXES):
        raise CommandError(f"--axes={options.axes} must be some of {','.join(AXES)}")
    load, config = record.load_average(), options.config
    measured: dict[str, Any] = {"load_before": load, "axes": {}}
    for axis in axes:
        points = []
        for value, changes in points_of(config, axis):
            point = run_point([*overrides(argv), *changes], rounds=options.rounds)
            points.append({"value": value, "changes": changes, **point})
            print(f"{axis} {value}: {told(point)}", file=sys.stderr, flush=True)
        measured["axes"][axis] = points
    made = record.make_record("scale", argv, config.to_dict(), measured)
    if options.json is not None:
        record.write_record(options.json, made)


def told(point: dict[str, Any]) -> str:
    if "images_per_second" not in point:
        return point["failed"]
    return f"{point['images_per_second']:,.1f} images/s, n={point['step_seconds']['n']}"


def points_of(config: Config, axis: str) -> list[tuple[int, list[str]]]:
    """The sizes along an axis, from small to large, with the overrides that give each.

    A ResNet's depth is its blocks and its width the first stage's; a ViT's heads keep their width.
    """
    if axis == "steps_per_dispatch":
        return [(each, [f"--config.steps_per_dispatch={each}"]) for each in DISPATCHES]
    points = {}
    for factor in FACTORS[axis]:
        value, changes = _point(config, axis, factor)
        points[value] = [f"--config.{name}={_word(new)}" for name, new in changes.items()]
    return sorted(points.items())


def _point(config: Config, axis: str, factor: float) -> tuple[int, dict[str, Any]]:
    model = config.model

    def times(size: int) -> int:
        return max(1, round(size * factor))

    if axis == "batch_size":
        return times(config.batch_size), {axis: times(config.batch_size)}
    if axis == "image_size":
        return times(model.image_size), {"model.image_size": times(model.image_size)}
    if model.name == "resnet":
        name = f"stage_{axis}s"
        sizes = tuple(times(each) for each in model[name])
        return (sum(sizes) if axis == "depth" else sizes[0]), {f"model.{name}": sizes}
    if axis == "depth":
        return times(model.depth), {"model.depth": times(model.depth)}
    num_heads = times(model.num_heads)
    width = num_heads * (model.width // model.num_heads)
    mlp_width = round(width * model.mlp_width / model.width)
    changes = {"width": width, "num_heads": num_heads, "mlp_width": mlp_width}
    return width, {f"model.{name}": value for name, value in changes.items()}


def _word(value: Any) -> str:
    return str(value).replace(" ", "")


def run_point(arguments: Sequence[str], *, rounds: int) -> dict[str, Any]:
    """Measures in a process of its own, so that memory is that of this size alone.

    Where the memory of the machine does not suffice, the point says so under "failed".
    """
    # So that the smallest size does not claim what only the largest needs.
    quiet = os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    command = ["-m", "jaxcmp.bench.scale", "--point=yes", f"--rounds={rounds}", *arguments]
    with tempfile.TemporaryFile("w+") as complaints:
        done = subprocess.run(
            [sys.executable, *command],
            env=quiet,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
        )
        complaints.seek(0)
        lines = complaints.read().strip().splitlines() or ["no reason given"]
    if done.returncode == CommandError.exit_code:
        raise failure(done.returncode, lines[-1])
    if done.returncode:
        # A process that the system stops for its memory says nothing.
        return {"failed": lines[-1].removeprefix("jaxcmp: ")}
    return json.loads(done.stdout)


def measure_point(config: Config, *, rounds: int) -> dict[str, Any]:
    host_memory.keep_for_steps()
    from jaxcmp.bench.speed import measure_steps

    return measure_steps(config, rounds=rounds)


if __name__ == "__main__":
    sys.exit(carry_out(lambda: main(sys.argv)))
