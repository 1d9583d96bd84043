"""The page of measured speed, made from the files of measurements and nothing else.

python -m jaxcmp.bench.speed_page docs/speed/*.json     writes docs/speed.md and docs/speed.svg
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxcmp.bench import scale_figure, terminal
from jaxcmp.bench.record import read_record
from jaxcmp.bench.terminal import cut
from jaxcmp.errors import CommandError, carry_out
from jaxcmp.files import replace_file

Records = Mapping[str, dict[str, Any]]
Lines = Iterator[str]

INTRODUCTION = """# Speed

This page is made from measurements by

    python -m jaxcmp.bench.speed_page docs/speed/*.json

Seconds are medians of n samples after a warm-up, and the device is waited for. Images are random
and in memory, so reading data is no part of it. A machine's speed changes from hour to hour, so a
ratio of two sides that took turns says more than seconds do; [how and where](#measurements) each
file was measured stands at the end."""

RATIOS = """
## Side by side with PyTorch

A ratio is jaxcmp's images/s by PyTorch's, pair by pair, each side in a process of its own while the
other waits: its median, and from the lowest to the highest pair. Above 1 jaxcmp is faster. PyTorch
goes the faster of two ways: eager or compiled, images as tensors or with Pillow. Its ResNet is in
channels-last, its attention and its optimizer are fused, its bfloat16 is autocast. Training and
evaluation start from the same normalised images; the augmentation from the same uint8 images, on
one core, in torchvision image by image."""

RUNS = """
## What a run takes"""

STAGES = """
## Where a step's time goes

The real step up to and with each part, compiled on its own and timed in turns; a part is the
difference of two medians. The compiler joins work across parts, so a share is an approximation, and
a small one can come out below zero."""

SCALE = """
## Against the size of the work

![Images/s and temporary memory against batch size, image size, depth, width, steps per dispatch]\
({figure})

Each size is measured in a process of its own with everything else as configured. Temporary memory
is what a step takes beside its state and the images, as the compiler has it; peak memory is the
device's, and on a CPU that of the process with the compiler and the images."""

INPUT = """
## Feeding the devices

Batches taken one after the other while nothing trains: resident images are looked up on the
devices, streamed ones are read from files, decoded and resized by threads."""

MEASUREMENTS = """
## Measurements"""


def main(argv: Sequence[str]) -> None:
    paths = [Path(each) for each in argv[1:]]
    if not paths or any(each.startswith("-") for each in argv[1:]):
        raise CommandError("name the files of measurements, for example docs/speed/*.json")
    folder = paths[0].parent
    if {path.parent for path in paths} != {folder} or not folder.name:
        raise CommandError(
            "the page stands beside the folder of its measurements: put all of them into one, "
            "for example docs/speed"
        )
    records = {path.name: read_record(path) for path in paths}
    page, figure = folder.with_suffix(".md"), folder.with_suffix(".svg")
    scales = of_kind(records, "scale")
    if scales:
        series = {title(record): record["measured"]["axes"] for record in scales.values()}
        replace_file(figure, scale_figure.draw(series))
    replace_file(page, "\n".join(write(records, folder.name)).encode() + b"\n")
    print(page)


def write(records: Records, folder: str) -> Lines:
    """The page's lines, for beside the files' folder; a kind without a file has no section."""
    yield INTRODUCTION
    if peers := of_kind(records, "peer"):
        yield RATIOS
        yield from table(("", "", *RATIO_HEADINGS), ratio_rows(peers))
    if speeds := of_kind(records, "speed"):
        yield RUNS
        for name, record in speeds.items():
            yield f"\n{title(record)} ([{name}]({folder}/{name})):"
            # The parts of a step have a section of their own.
            rows = [row for row in terminal.speed_rows(record["measured"]) if "*" not in row[0]]
            yield from table(("", "median", ""), rows)
        yield STAGES
        yield from table(("", *next(iter(speeds.values()))["measured"]["stages"]), shares(speeds))
    if scales := of_kind(records, "scale"):
        yield SCALE.format(figure=f"{folder}.svg")
        for name, record in scales.items():
            yield f"\n{title(record)} ([{name}]({folder}/{name})):"
            headings = ("", "size", "images/s", "step", "temporary memory", "peak memory", "n")
            yield from table(headings, scale_rows(record["measured"]["axes"]))
    if inputs := of_kind(records, "input"):
        yield INPUT
        for name, record in inputs.items():
            measured, config = record["measured"], record["config"]
            yield f"\n{terminal.input_words(measured, config)} ([{name}]({folder}/{name})):"
            headings = ("", *terminal.INPUT_HEADINGS)
            yield from table(headings, terminal.input_rows(measured))
    yield MEASUREMENTS
    for name, record in records.items():
        yield from provenance(f"[{name}]({folder}/{name})", record)


RATIO_HEADINGS = ("ratio", "min to max", "pairs", "jaxcmp, images/s", "PyTorch, images/s", "as")


def ratio_rows(records: Records) -> Iterator[tuple[str, ...]]:
    for record in records.values():
        for task, result in record["measured"]["tasks"].items():
            ratio, sides = result["ratio"], result["sides"]
            yield (
                title(record),
                task,
                cut(ratio["median"], 2),
                f"{cut(ratio['min'], 2)} to {cut(ratio['max'], 2)}",
                str(ratio["n"]),
                cut(sides["jaxcmp"]["images_per_second"], 1),
                cut(sides["torch"]["images_per_second"], 1),
                sides["torch"]["how"],
            )


def shares(records: Records) -> Iterator[tuple[str, ...]]:
    for record in records.values():
        stages = record["measured"]["stages"].values()
        cells = (f"{terminal.percent(each['share'])}" for each in stages)
        n = next(iter(stages))["until_here"]["n"]
        yield (f"{title(record)}, n={n}", *cells)


def scale_rows(axes: Mapping[str, Sequence[dict[str, Any]]]) -> Iterator[tuple[str, ...]]:
    for axis, points in axes.items():
        for point in points:
            start = scale_figure.TITLES[axis], f"{point['value']:,}"
            if "failed" in point:
                yield (*start, point["failed"], *[""] * 4)
                continue
            memory, step = point["memory"], point["step_seconds"]
            temporary = memory["step_temporary_bytes"]
            yield (
                *start,
                cut(point["images_per_second"], 1),
                terminal.seconds(step["median"]),
                "" if temporary is None else terminal.mebibytes(temporary),
                terminal.mebibytes(scale_figure.peak(memory)),
                str(step["n"]),
            )


def provenance(link: str, record: dict[str, Any]) -> Lines:
    """Where a file's numbers come from: command, commit, machine and versions."""
    environment = record["environment"]
    packages = dict(environment["packages"])
    for task in record["measured"].get("tasks", {}).values():
        packages |= task["sides"]["torch"]["packages"]
    known = ("jax", "jaxlib", "flax", "optax", "numpy", "torch", "torchvision")
    versions = [f"{each} {packages[each]}" for each in known if each in packages]
    load = record["measured"]["load_before"]
    yield f"\n{link}, {environment['time']}, {terminal.commit(environment)}"
    yield f"\n    {environment['command']}\n"
    yield (
        f"{environment['device_count']} x {environment['device']}; {environment['cpu']}, "
        f"{environment['host_cores']} cores; Python {environment['python']}, "
        f"{', '.join(versions)}" + ("" if load is None else f"; load average before: {load:.2f}")
    )


def title(record: dict[str, Any]) -> str:
    config = record["config"]
    return f"{config['arm']}, {config['compute_dtype']}"


def of_kind(records: Records, kind: str) -> Records:
    return {name: record for name, record in records.items() if record["kind"] == kind}


def table(
    headings: Sequence[str], rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]
) -> Lines:
    """A Markdown table, its first column to the left and the others to the right."""
    yield f"\n| {' | '.join(headings)} |"
    yield f"|---|{'---:|' * (len(headings) - 1)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    sys.exit(carry_out(lambda: main(sys.argv)))
