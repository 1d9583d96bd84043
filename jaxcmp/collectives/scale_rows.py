"""The rows of the page on scale: cells of text from what was read and from links."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jaxcmp.collectives import links
from jaxcmp.collectives.messages import KINDS
from jaxcmp.gpu.programs import IMAGE_SHAPE, NUM_TRAIN

NUMBERS = (8, 64, 1024)
LABEL_BYTES = 4


def collective_rows(arms: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for arm in arms:
        for kind in KINDS:
            sizes = [each["bytes"] for each in arm["messages"] if each["kind"] == kind]
            if sizes:
                cells = (len(sizes), sum(sizes), max(sizes))
                yield (arm["arm"], kind, *(f"{cell:,}" for cell in cells))


def reduced_bytes(arm: Mapping[str, Any]) -> int:
    """What the compiled step all-reduces."""
    return sum(each["bytes"] for each in arm["messages"] if each["kind"] == "all-reduce")


def expected_row(arm: Mapping[str, Any]) -> tuple[str, ...]:
    gradients, statistics = 4 * arm["parameters"], 4 * arm["batch_statistics"]
    found = reduced_bytes(arm)
    together = gradients + statistics
    cells = (gradients, statistics, together, found, found - together)
    return (arm["arm"], *(f"{cell:,}" for cell in cells))


def joined_row(arm: Mapping[str, Any]) -> tuple[str, ...]:
    counts = [
        sum(each["kind"] == "all-reduce" for each in arm[name])
        for name in ("messages", "separate_messages")
    ]
    return (arm["arm"], *map(str, counts))


def batch_rows(arms: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for arm in arms:
        for number in NUMBERS:
            batch = number * arm["batch_per_device"]
            rate = links.scaled_rate(
                arm["learning_rate"],
                batch_size=arm["batch_size"],
                to=batch,
                optimizer=arm["optimizer"],
            )
            steps = NUM_TRAIN // batch
            words = f"{steps:,}" if steps else "none: more than the data set"
            yield arm["arm"], f"{number:,}", f"{batch:,}", f"{rate:.3g}", words


def reduce_rows(arms: Sequence[Mapping[str, Any]], peak: float) -> Iterator[tuple[str, ...]]:
    for arm in arms:
        flops, size = arm["image_flops"], reduced_bytes(arm)
        for number in NUMBERS:
            sizes = {"image_flops": flops, "peak_flops": peak, "size": size, "num_devices": number}
            step = links.step(batch_per_device=arm["batch_per_device"], **sizes)
            yield (
                arm["arm"],
                f"{number:,}",
                links.link(number),
                f"{links.ring_bytes(size, number) / 1e6:.1f} MB",
                f"{1e3 * step.communicate:.2f} ms",
                f"{1e3 * step.compute:.2f} ms",
                f"{step.fraction:.0%}",
                f"{links.balanced_batch(**sizes):,.0f}",
            )


def lookup_rows(batch_per_device: int) -> Iterator[tuple[str, ...]]:
    row_bytes = math.prod(IMAGE_SHAPE) + LABEL_BYTES
    for number in NUMBERS:
        size = links.lookup_bytes(row_bytes, batch_per_device=batch_per_device, num_devices=number)
        seconds = size / links.LINKS[links.link(number)]
        yield f"{number:,}", links.link(number), f"{size / 1e6:.1f} MB", f"{1e3 * seconds:.2f} ms"


def strong_rows(arms: Sequence[Mapping[str, Any]], peak: float) -> Iterator[tuple[str, ...]]:
    for arm in arms:
        for number in NUMBERS:
            part, rest = divmod(arm["batch_size"], number)
            words = "cannot be cut"
            if part and not rest:
                step = links.step(
                    image_flops=arm["image_flops"],
                    batch_per_device=part,
                    peak_flops=peak,
                    size=reduced_bytes(arm),
                    num_devices=number,
                )
                words = f"{step.fraction:.0%}"
            yield arm["arm"], f"{number:,}", str(part) if part else "less than one", words


def checkpoint_row(arm: Mapping[str, Any]) -> tuple[str, ...]:
    return arm["arm"], f"{arm['state_bytes']:,}", f"{arm['state_bytes'] / links.DISK:.2g}"


def input_row(arm: Mapping[str, Any], peak: float) -> tuple[str, ...]:
    rate = peak / arm["image_flops"]
    megabytes = rate * links.DEVICES_PER_HOST * math.prod(IMAGE_SHAPE) / 1e6
    return arm["arm"], f"{rate:,.0f}", f"{megabytes:,.0f}"
