"""What was measured, as tables in a terminal."""

import math
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from jaxcmp.plain_table import plain_table

Rows = Iterator[tuple[str, str, str]]


def show(record: dict[str, Any], *, to_stderr: bool) -> None:
    """Prints a record of kind "speed", "peer" or "input"."""
    console = Console(stderr=to_stderr, highlight=False)
    environment, config = record["environment"], record["config"]
    console.print(
        f"{config['arm']}, batch {config['batch_size']}, {config['compute_dtype']}, on "
        f"{environment['device_count']} x {environment['device']} ({environment['cpu']}, "
        f"{environment['host_cores']} cores), commit {commit(environment)}\n",
        soft_wrap=True,
    )
    measured = record["measured"]
    if record["kind"] == "peer":
        console.print("images/s, and jaxcmp's by PyTorch's in each pair of samples:\n")
        console.print(peer_table(measured))
    elif record["kind"] == "input":
        console.print(f"{input_words(measured, config)}\n", soft_wrap=True)
        console.print(input_table(measured))
    else:
        table = plain_table("", "median", "spread")
        for row in speed_rows(measured):
            table.add_row(*row)
        console.print(table)
        console.print("\n* the difference of two programs' medians, sampled in turns")


def commit(environment: dict[str, Any]) -> str:
    """The commit's first letters, marked where the files differ from it."""
    if environment["git_commit"] is None:
        return "unknown"
    return environment["git_commit"][:8] + (" and changes" if environment["git_dirty"] else "")


def speed_rows(measured: dict[str, Any]) -> Rows:
    """Name, median and what stands beside it, one row for each figure."""
    for kind, words in (("cold", "cold"), ("warm", "warm cache")):
        start = measured["starts"][kind]
        for name, what in (
            ("compile_train_step", "compiling the step"),
            ("compile_eval_step", "compiling the evaluation"),
            ("first_step", "start to first step"),
        ):
            yield f"{what}, {words}", seconds(start[name]["median"]), spread(start[name])
    step = measured["step_seconds"]
    yield "step", seconds(step["median"]), f"p95 {seconds(step['p95'])}, n={step['n']}"
    yield "training", rate(measured["images_per_second"]), ""
    for name, stage in measured["stages"].items():
        yield f"  {name}*", seconds(stage["seconds"]), f"{percent(stage['share'])} of a step"
    inputs = measured["input"]
    words = f"{percent(inputs['share'])} of a step, n={inputs['seconds']['n']}"
    yield "making and placing indices", seconds(inputs["seconds"]["median"]), words
    evaluation = measured["evaluation"]
    words = f"batch {evaluation['batch_size']}, n={evaluation['seconds']['n']}"
    yield "evaluation", rate(evaluation["images_per_second"]), words
    for key, name in (
        ("device_bytes", "peak memory of the device"),
        ("host_bytes", "peak memory of the process"),
        ("step_temporary_bytes", "temporary memory of a step"),
    ):
        if measured["memory"][key] is not None:
            yield name, mebibytes(measured["memory"][key]), ""
    matmul = measured["matmul"]
    name = f"matrix product, {matmul['size']} x {matmul['size']}"
    words = f"{matmul['operands']} to {matmul['result']}"
    yield name, gigaflops(matmul["flops_per_second"]), words
    utilisation = f"{percent(measured['model_flops_utilisation'])} of the product's"
    yield "model FLOP/s", gigaflops(measured["model_flops_per_second"]), utilisation


def peer_table(measured: dict[str, Any]) -> Table:
    """One row a task: both sides' images/s and the ratio of the pairs."""
    table = plain_table("", "jaxcmp", "PyTorch", "", "ratio", "min to max", "n")
    for task, result in measured["tasks"].items():
        ratio, sides = result["ratio"], result["sides"]
        table.add_row(
            f"{task}, {result['cores']} core{'s' if result['cores'] == 'all' else ''}",
            cut(sides["jaxcmp"]["images_per_second"], 1),
            cut(sides["torch"]["images_per_second"], 1),
            sides["torch"]["how"],
            cut(ratio["median"], 2),
            f"{cut(ratio['min'], 2)} to {cut(ratio['max'], 2)}",
            str(ratio["n"]),
        )
    return table


def input_words(measured: dict[str, Any], config: dict[str, Any]) -> str:
    files, side = measured["files"], config["model"]["image_size"]
    return (
        f"{files['num_images']:,} JPEG files of {files['size']} x {files['size']} pixels, "
        f"{files['record_bytes'] / 1e3:,.1f} kB each, brought to {side} x {side}; looking through "
        f"them once took {seconds(measured['first_pass_seconds'])}"
    )


INPUT_HEADINGS = ("images/s", "per core", "batch", "p95", "n")


def input_table(measured: dict[str, Any]) -> Table:
    table = plain_table("", *INPUT_HEADINGS)
    for row in input_rows(measured):
        table.add_row(*row)
    return table


def input_rows(measured: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """One row for images on the devices and one for streamed ones; seconds are of a batch."""
    for name, feed in measured["feeds"].items():
        times = feed["seconds"]
        yield (
            f"{name}, {measured['num_cores']} cores",
            cut(feed["images_per_second"], 1),
            cut(feed["images_per_second_per_core"], 1),
            seconds(times["median"]),
            seconds(times["p95"]),
            str(times["n"]),
        )


def spread(figure: dict[str, Any]) -> str:
    return f"{seconds(figure['min'])} to {seconds(figure['max'])}, n={figure['n']}"


def seconds(value: float) -> str:
    """Three digits in the unit that fits."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "us")):
        if abs(value) * factor >= 1 or unit == "us":
            break
    digits = f"{value * factor:#.3g}".rstrip(".")
    return f"{digits} {unit}"


def rate(images_per_second: float) -> str:
    return f"{cut(images_per_second, 1)} images/s"


def cut(value: float, decimals: int) -> str:
    """What was reached, and so never rounded up."""
    unit = 10**decimals
    return f"{math.floor(value * unit) / unit:,.{decimals}f}"


def percent(share: float) -> str:
    """One decimal, or two digits of what is less than one percent."""
    return f"{100 * share:{'.1f' if abs(share) >= 0.01 else '.2g'}} %"


def mebibytes(num_bytes: int) -> str:
    return f"{num_bytes / 2**20:,.0f} MiB"


def gigaflops(flops_per_second: float) -> str:
    return f"{cut(flops_per_second / 1e9, 1)} GFLOP/s"
