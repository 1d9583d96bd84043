"""Speed and memory of training against batch, image, depth, width and steps per dispatch."""

from collections.abc import Sequence
from typing import Any, assert_never

from jaxcmp.bench.worker import run_part
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.settings import Settings
from jaxcmp.settings.models import ResNet, ViT
from jaxcmp.text import say

# Multiples of the configuration's own size.
FACTORS = {
    "batch_size": (1 / 16, 1 / 4, 1, 4),
    "image_size": (1 / 2, 1, 2),
    "depth": (1 / 2, 1, 2),
    "width": (1 / 3, 2 / 3, 1, 2),
}
STEPS_PER_DISPATCH = (1, 2, 4, 8)
AXES = (*FACTORS, "steps_per_dispatch")


def measure_sizes(settings: Settings, arguments: Sequence[str], axes: str) -> dict[str, Any]:
    """Measures each size along the axes, which are named with commas between, or "all".

    A process of its own measures each size, so that peak memory is that size's. `arguments` are
    those of this command.
    """
    names = AXES if axes == "all" else tuple(axes.split(","))
    if not set(names) <= set(AXES):
        raise CommandError(f"--scale={axes} must be all, or some of {','.join(AXES)}")
    measured: dict[str, list[dict[str, Any]]] = {}
    for axis in names:
        measured[axis] = []
        for value, changes in sizes_of(settings, axis):
            point = measure_size([*arguments, *changes])
            measured[axis].append({"value": value, "changes": changes, **point})
            speed = point.get("images_per_second")
            words = point["failed"] if speed is None else f"{speed:,.1f} images/s"
            say(f"{axis} {value}: {words}", to_stderr=True, flush=True)
    return {"axes": measured}


def measure_size(arguments: Sequence[str]) -> dict[str, Any]:
    """Measures one size; where it fails, for want of memory say, returns why under "failed"."""
    try:
        return run_part("size", arguments)
    except CommandError:
        raise
    except JaxcmpError as error:
        return {"failed": str(error)}


def sizes_of(settings: Settings, axis: str) -> list[tuple[int, list[str]]]:
    """Lists the sizes along an axis, in ascending order, with the overrides that set each.

    A ResNet's depth is its number of blocks, and its width that of the first stage.
    """
    if axis == "steps_per_dispatch":
        return [(num, [f"--config.{axis}={num}"]) for num in STEPS_PER_DISPATCH]
    sizes = {}
    for factor in FACTORS[axis]:
        value, changes = scaled(settings, axis, factor)
        words = {name: str(new).replace(" ", "") for name, new in changes.items()}
        sizes[value] = [f"--config.{name}={word}" for name, word in words.items()]
    return sorted(sizes.items())


def scaled(settings: Settings, axis: str, factor: float) -> tuple[int, dict[str, Any]]:
    """Returns a size and the settings that change for it; a ViT's heads keep their width."""
    model = settings.model

    def times(size: int) -> int:
        return max(1, round(size * factor))

    if axis == "batch_size":
        return times(settings.batch_size), {axis: times(settings.batch_size)}
    if axis == "image_size":
        return times(model.image_size), {"model.image_size": times(model.image_size)}
    if isinstance(model, ResNet):
        sizes = tuple(map(times, getattr(model, f"stage_{axis}s")))
        return sum(sizes) if axis == "depth" else sizes[0], {f"model.stage_{axis}s": sizes}
    if not isinstance(model, ViT):
        assert_never(model)
    if axis == "depth":
        return times(model.depth), {"model.depth": times(model.depth)}
    num_heads = times(model.num_heads)
    width = num_heads * (model.width // model.num_heads)
    mlp_width = round(width * model.mlp_width / model.width)
    changes = {"width": width, "num_heads": num_heads, "mlp_width": mlp_width}
    return width, {f"model.{name}": value for name, value in changes.items()}
