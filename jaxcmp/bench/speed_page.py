"""Tables of measurements, in Markdown, for a terminal and for the page docs/speed.md.

python -m jaxcmp.bench.speed_page docs/speed.md     brings the page's tables up to date
"""

import math
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jaxcmp.bench.record import Record, provenance, read_record
from jaxcmp.cli import carry_out
from jaxcmp.errors import CommandError
from jaxcmp.files import damaged, replace_file
from jaxcmp.text import say

# A place in the page for the tables of some files: a comment names them, another one ends it.
PLACE = re.compile(r"(<!-- tables: ([^>]+) -->\n).*?(<!-- end -->)", re.DOTALL)
HEADINGS = {
    "peer": ("", "", "ratio", "min to max", "pairs", "jaxcmp, images/s", "PyTorch, images/s", "as"),
    "speed": ("", "", "median", ""),
    "scale": ("", "", "size", "images/s", "step", "temporary memory", "peak memory", "n"),
    "input": ("", "", "images/s", "per core", "batch", "p95", "n"),
}

Rows = Iterator[tuple[str, ...]]


def main(argv: Sequence[str]) -> None:
    if len(argv) != 2 or not argv[1].endswith(".md"):
        raise CommandError("name the page, for example docs/speed.md")
    path = Path(argv[1])
    replace_file(path, fill(path.read_text(encoding="utf-8"), path.parent).encode())
    say(str(path))


def fill(page: str, folder: Path) -> str:
    """Returns the page with the tables of the files that its comments name, from `folder`."""

    def tables(place: re.Match[str]) -> str:
        records = {name: read_record(folder / name) for name in place[2].split()}
        if len({record["kind"] for record in records.values()}) != 1:
            raise damaged(folder / place[2].split()[0], "files of one table are of one kind")
        sources = [f"[{name}]({name}), {provenance(x)}\n\n" for name, x in records.items()]
        return f"{place[1]}\n{table(*records.values())}\n{''.join(sources)}{place[3]}"

    return PLACE.sub(tables, page)


def table(*records: Record) -> str:
    """Writes the table of records of one kind, text to the left and numbers to the right."""
    headings = HEADINGS[records[0]["kind"]]
    lines = [headings, ("---", "---", *("---:" for _ in headings[2:]))]
    for record in records:
        title = f"{record['config']['arm']}, {record['config']['compute_dtype']}"
        lines += [(title, *row) for row in rows(record)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def rows(record: Record) -> Rows:
    """Writes the rows under the headings of the record's kind, behind their first column."""
    write_rows = {"peer": peer_rows, "speed": speed_rows, "scale": scale_rows, "input": input_rows}
    return write_rows[record["kind"]](record["measured"])


def peer_rows(measured: dict[str, Any]) -> Rows:
    for name, part in measured["tasks"].items():
        ratio, own, torch = part["ratio"], part["sides"]["jaxcmp"], part["sides"]["torch"]
        spread = f"{cut(ratio['min'], 2)} to {cut(ratio['max'], 2)}"
        rates = cut(own["images_per_second"], 1), cut(torch["images_per_second"], 1)
        yield name, cut(ratio["median"], 2), spread, str(ratio["n"]), *rates, torch["how"]


def speed_rows(measured: dict[str, Any]) -> Rows:
    for kind, cache in (("cold", "cold"), ("warm", "warm cache")):
        for key, name in (
            ("compile_train_step", "compiling the step"),
            ("compile_eval_step", "compiling the evaluation"),
            ("first_step", "start to first step"),
        ):
            times = measured["starts"][kind][key]
            spread = f"{seconds(times['min'])} to {seconds(times['max'])}, n={times['n']}"
            yield f"{name}, {cache}", seconds(times["median"]), spread
    step, inputs, evaluation = measured["step_seconds"], measured["input"], measured["evaluation"]
    yield "step", seconds(step["median"]), f"p95 {seconds(step['p95'])}, n={step['n']}"
    for name, stage in measured["stages"].items():
        share = f"{percent(stage['share'])} of a step, n={stage['until_here']['n']}"
        yield f"step: {name}", seconds(stage["seconds"]), share
    share = f"{percent(inputs['share'])} of a step, n={inputs['seconds']['n']}"
    yield "input", seconds(inputs["seconds"]["median"]), share
    yield "training", f"{cut(measured['images_per_second'], 1)} images/s", f"n={step['n']}"
    words = f"batch {evaluation['batch_size']}, n={evaluation['seconds']['n']}"
    yield "evaluation", f"{cut(evaluation['images_per_second'], 1)} images/s", words
    yield "model FLOP/s", f"{cut(measured['model_flops_per_second'] / 1e9, 1)} GFLOP/s", ""
    for key, name in (
        ("device_bytes", "peak memory of the device"),
        ("host_bytes", "peak memory of the process"),
        ("step_temporary_bytes", "temporary memory of a step"),
    ):
        if measured["memory"][key] is not None:
            yield name, mebibytes(measured["memory"][key]), ""


def scale_rows(measured: dict[str, Any]) -> Rows:
    for axis, points in measured["axes"].items():
        for point in points:
            size = axis.replace("_", " "), f"{point['value']:,}"
            if "failed" in point:
                yield *size, point["failed"], "", "", "", ""
                continue
            memory, step = point["memory"], point["step_seconds"]
            speed = cut(point["images_per_second"], 1), seconds(step["median"])
            temporary = mebibytes(memory["step_temporary_bytes"])
            peak = mebibytes(memory["device_bytes"] or memory["host_bytes"])
            yield *size, *speed, temporary, peak, str(step["n"])


def input_rows(measured: dict[str, Any]) -> Rows:
    for name, feed in measured["feeds"].items():
        times = feed["seconds"]
        rates = cut(feed["images_per_second"], 1), cut(feed["images_per_second_per_core"], 1)
        yield name, *rates, seconds(times["median"]), seconds(times["p95"]), str(times["n"])
    files = measured["files"]
    yield f"JPEG files, {files['record_bytes'] / 1e3:,.1f} kB each", "", "", "", "", ""
    yield "looking through them once", "", "", seconds(measured["first_pass_seconds"]), "", "1"


def seconds(value: float) -> str:
    """Writes three digits in the unit that fits."""
    unit, factor = ("s", 1) if abs(value) >= 1 else ("ms", 1e3)
    unit, factor = (unit, factor) if abs(value) >= 1e-3 else ("us", 1e6)
    return f"{f'{value * factor:#.3g}'.rstrip('.')} {unit}"


def cut(value: float, decimals: int) -> str:
    """Never rounds up: what was not reached is not claimed."""
    return f"{math.floor(value * 10**decimals) / 10**decimals:,.{decimals}f}"


def percent(share: float) -> str:
    return f"{100 * share:#.3g} %"


def mebibytes(num_bytes: int | None) -> str:
    return "" if num_bytes is None else f"{num_bytes / 2**20:,.0f} MiB"


if __name__ == "__main__":
    sys.exit(carry_out(lambda: main(sys.argv)))
