"""The page on scale: fixed words, and tables made from what `python -m jaxcmp.collectives` wrote.

python -m jaxcmp.collectives.scale_page docs/scale/*.json     writes docs/scale.md
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxcmp.collectives import links, scale_rows
from jaxcmp.errors import CommandError, JaxcmpError, carry_out
from jaxcmp.files import damaged, read_object, replace_file
from jaxcmp.gpu.gpus import GPUS

PRECISION = "bfloat16"

INTRODUCTION = """# At 8, 64 and 1,024 devices

This page is made by

    {commands}
    python -m jaxcmp.collectives.scale_page docs/scale/*.json

The first commands compile the real training steps of both configurations, at {batch} images per
device, for {devices} {platform} GPUs in hosts of {per_host} that need not be there (jax {jax}), and
read the collectives out of the compiled programs. What a table says of other numbers of devices,
and every time, is arithmetic from sizes and published bandwidths, not a measurement."""

COLLECTIVES = """
## What {devices} devices say to each other in a step

Bytes are what each device puts in. The data set lies on the devices in parts: indices are gathered,
and the rows that each device finds are summed and scattered (reduce-scatter)."""

EXPECTED = """
The gradients are 4 bytes for each parameter, and batch normalisation needs a mean and a mean square
of each channel over the global batch. Beyond that come the sums of its backward pass that are no
gradients, and the metrics."""

COMBINING = """
XLA joins all-reduces that are ready at the same time. With its threshold for that at 0, the same
programs have so many:"""

SMALL = """
Many small messages cost latency, which bytes do not show. Those of batch normalisation cannot be
joined: the next layer waits for each."""

BATCH = """
## Global batch and learning rate

{batch} images per device. The rate follows the batch linearly for SGD, with a warm-up (Goyal et al.
2017, who saw it hold up to a batch of about 8,000 on ImageNet), and as its square root for AdamW
(Malladi et al. 2022). Where an epoch has few steps neither rule can be trusted: tune, or keep the
global batch and give each device fewer images. The command does not change the rate by itself:
`--config.schedule.peak_learning_rate=...`."""

STATISTICS = """
## BatchNorm

Statistics are of the global batch, as one device would compute them, because the step is one
program over all devices: results do not depend on how many there are. Statistics of a device's own
share would save the small all-reduces, and be another recipe; `--config.accumulation=k` computes
them over a k-th of the batch."""

REDUCE = """
## All-reduce against the link, and where it outweighs compute

Arithmetic: in a ring each device sends 2 (n - 1) / n of the bytes reduced (Patarasuk and Yuan
2009), over {links}. Compute is 6 FLOPs for each multiply-add of the model at the {platform}'s peak
rate in {precision} ({peak} FLOP/s), which no real step reaches: communication weighs more here than
it will. The gradients are float32. `batch at balance` is the number of images per device below
which communication outweighs compute. In weak scaling ({batch} images per device) the share is
nearly the same at 64 and 1,024 devices; in strong scaling each device has fewer images."""

LOOKUP = """
## Resident images

Each device answers for the whole global batch, so what is sent for images grows with the number of
devices, which gradients do not: where it outweighs them (the table above), stream the data, of
which each process then reads only its own part. {batch} images of 32x32x3 per device:"""

STRONG = """
Strong scaling, the configuration's own batch cut into parts:"""

CHECKPOINT = """
## Checkpoints

The state is alike on all devices, and the first process writes it: size and time do not depend on
their number. Training goes on meanwhile. Time at {disk} GB/s, an assumption about the disk:"""

INPUT = """
## Input

Resident data needs no input from the host: each device holds its part of the data set, and looks up
rows for the others (above). Streamed data has to arrive as fast as it is used: images/s at the peak
rate, an upper bound, times {per_host} devices of a host, as uint8."""


def main(argv: Sequence[str]) -> None:
    files = [Path(each) for each in argv[1:]]
    if not files or any(each.suffix != ".json" for each in files):
        raise CommandError("name the files of python -m jaxcmp.collectives, docs/scale/*.json")
    reports = [read_object(file) for file in files]
    for file, report in zip(files, reports, strict=True):
        if "arms" not in report:
            raise damaged(file, "it is not of jaxcmp.collectives")
        if any(report[name] != reports[0][name] for name in ("platform", "devices", "jax")):
            raise JaxcmpError(f"{file} is of other devices or another jax than {files[0]}")
    page = files[0].parent.with_suffix(".md")
    replace_file(page, "\n".join(write(reports)).encode() + b"\n")
    print(page)


def write(reports: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The page's lines, of reports on the same devices."""
    report, arms = reports[0], [arm for report in reports for arm in report["arms"]]
    peak, batch = GPUS[report["platform"]].peak_flops[PRECISION], arms[0]["batch_per_device"]
    words = {
        **{name: report[name] for name in ("devices", "platform", "jax")},
        **{"batch": batch, "per_host": links.DEVICES_PER_HOST, "precision": PRECISION},
        "commands": "\n    ".join(report["command"] for report in reports),
        "peak": f"{peak:.3g}",
        "disk": f"{links.DISK / 1e9:g}",
        "links": " and ".join(
            f"{name} ({rate / 1e9:g} GB/s a direction)" for name, rate in links.LINKS.items()
        ),
    }
    yield INTRODUCTION.format(**words)
    yield COLLECTIVES.format(**words)
    yield from table(
        ("", "collective", "number", "bytes", "largest"), scale_rows.collective_rows(arms)
    )
    yield EXPECTED
    yield from table(
        ("", "parameters x 4", "BatchNorm x 4", "together", "all-reduced", "beyond"),
        [scale_rows.expected_row(arm) for arm in arms],
    )
    yield COMBINING
    yield from table(
        ("", "all-reduces", "without joining"), [scale_rows.joined_row(arm) for arm in arms]
    )
    yield SMALL
    yield BATCH.format(**words)
    yield from table(
        ("", "devices", "global batch", "learning rate", "steps per epoch"),
        scale_rows.batch_rows(arms),
    )
    yield STATISTICS
    yield REDUCE.format(**words)
    headings = ("", "devices", "link", "sent by each", "all-reduce", "compute", "share")
    yield from table((*headings, "batch at balance"), scale_rows.reduce_rows(arms, peak))
    yield STRONG
    yield from table(
        ("", "devices", "images per device", "share"), scale_rows.strong_rows(arms, peak)
    )
    yield LOOKUP.format(**words)
    yield from table(("devices", "link", "sent by each", "time"), scale_rows.lookup_rows(batch))
    yield CHECKPOINT.format(**words)
    yield from table(("", "bytes", "seconds"), [scale_rows.checkpoint_row(arm) for arm in arms])
    yield INPUT.format(**words)
    headings = ("", "images/s a device", "MB/s a host, 32x32x3")
    yield from table(headings, [scale_rows.input_row(arm, peak) for arm in arms])


def table(headings: Sequence[str], rows: Any) -> Iterator[str]:
    """A Markdown table, its first column to the left and the others to the right."""
    yield f"\n| {' | '.join(headings)} |"
    yield f"|---|{'---:|' * (len(headings) - 1)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    sys.exit(carry_out(lambda: main(sys.argv)))
