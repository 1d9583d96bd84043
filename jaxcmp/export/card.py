"""The model card: what an exported file is, how it was trained and tested, and how to load it."""

import dataclasses
import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from jaxcmp.compare.pages.markdown import escape
from jaxcmp.compare.sections.commands import repeat_run
from jaxcmp.compare.statistics.paired import wilson_interval
from jaxcmp.export.card_rows import data_rows, model_rows, training_rows
from jaxcmp.export.snippets import snippets
from jaxcmp.models import ViT
from jaxcmp.predict import Trained
from jaxcmp.runs import Run

# What model hubs read; no licence, which is not ours to choose.
FRONT = """---
library_name: jaxcmp
pipeline_tag: image-classification
tags:
- jax
- {}
---"""


@dataclasses.dataclass(frozen=True)
class ExportedFile:
    """A file made from a checkpoint; `note` says what its format asks of a reader."""

    name: str
    format: str
    note: str
    sha256: str
    num_bytes: int


def model_card(run: Run, trained: Trained, which: int | str, file: ExportedFile) -> str:
    """Markdown with the front matter of a model hub; every number is from the run's files.

    `which` checkpoint was asked for: "newest", "best" or a step. Raises KeyError, TypeError or
    ValueError where a run folder lacks what every run's says.
    """
    config, data = run.config, run.environment["data"]
    kind = type(trained.model).__name__.lower()
    parts = [
        FRONT.format(kind),
        f"# {escape(config['arm'])} on {escape(data['name'])}, seed {config['seed']}",
        _what_it_is(run, trained, file),
        "## Accuracy",
        *_accuracy(run, trained.step, which),
        "## Model",
        _table(model_rows(trained)),
        "Classes, in the order of the outputs: " + _classes(trained.class_names) + ".",
        "## Data",
        _table(data_rows(run)),
        "## Training",
        _table(training_rows(run)),
        "The command that repeats the run:",
        f"```sh\n{_without_folders(repeat_run(run))}\n```",
        "## Loading",
        file.note,
    ]
    for each in snippets(trained, file.name, file.format, config["data"]):
        parts += [each.words, f"```{each.language}\n{each.code}\n```"]
    parts += ["## Limits", _limits(run, trained), "## File", _table(_file(trained, file))]
    return "\n\n".join(parts) + "\n"


def accuracy_of(run: Run, step: int) -> float | None:
    """Of the weights of that step, in [0, 1]; None where they were not evaluated."""
    result = run.result or {}
    if result.get("steps") == step:
        return result["test_accuracy"]
    found = [each["test_accuracy"] for each in _epochs(run, step) if each["step"] == step]
    return found[-1] if found and math.isfinite(found[-1]) else None


def _what_it_is(run: Run, trained: Trained, file: ExportedFile) -> str:
    kind = "A Vision Transformer" if isinstance(trained.model, ViT) else "A residual network"
    (height, width), names = trained.image_size, trained.class_names
    data = escape(run.environment["data"]["name"])
    weights = "averaged weights, those evaluated" if run.config["average_decay"] else "weights"
    text = (
        f"{kind} that tells {len(names)} classes apart in images of {height}x{width} pixels, "
        f"trained with jaxcmp on {data}; `{file.name}` holds its {weights}."
    )
    if not run.is_finished:
        text += (
            f" **The run is not finished**: these weights are of step {trained.step:,}, after "
            f"epoch {_epoch(run, trained.step)} of {run.config['num_epochs']}."
        )
    return text


def _accuracy(run: Run, step: int, which: int | str) -> list[str]:
    accuracy, epoch = accuracy_of(run, step), _epoch(run, step)
    data, num_epochs = run.environment["data"], run.config["num_epochs"]
    if accuracy is None:
        return [f"Not measured: nothing was evaluated at step {step:,} (epoch {epoch})."]
    num = (run.result or data)["num_test"]
    low, high = (100 * bound for bound in wilson_interval(accuracy * num, num))
    when = f"after epoch {epoch} of {num_epochs}"
    if run.is_finished and step == (run.result or {})["steps"]:
        when = f"after the last epoch ({num_epochs})"
    elif which == "best":
        when += f", the best on {data['num_validation']:,} held-out images"
    return [
        f"**{100 * accuracy:.2f} %** of the test images, {round(accuracy * num):,} of {num:,}, "
        f"{when}.",
        f"95 % interval {low:.2f} to {high:.2f} % (Wilson 1927), for the choice of test images "
        f"alone. This is one run with one seed: other seeds of the same recipe end elsewhere, and "
        "one run cannot say how far. jaxcmp selects nothing on the test images.",
    ]


def _limits(run: Run, trained: Trained) -> str:
    names, data = trained.class_names, escape(run.environment["data"]["name"])
    terms = "the data and of the weights that it began from" if run.init else "the data"
    return (
        f"Made to compare architectures, not for use where a mistake does harm. It answers every "
        f"image with one of its {len(names)} classes, whatever the image shows. It was tested on "
        f"images of {data} alone: on others, from another source or of another size, it may do "
        "much worse, and how sure it says it is has not been corrected. The weights carry no "
        f"licence here: whoever publishes them chooses one, within the terms of {terms}."
    )


def _without_folders(command: str) -> str:
    """Paths that hold for one machine alone by their last names: a card is for others."""
    words = []
    for word in shlex.split(command):
        flag, equals, path = word.rpartition("=") if word.startswith("-") else ("", "", word)
        is_local = path.startswith(("/", "~", "../"))
        words.append(f"{flag}{equals}{PurePath(path).name}" if is_local else word)
    return shlex.join(words)


def _file(trained: Trained, file: ExportedFile) -> dict[str, str]:
    return {
        "name": file.name,
        "format": file.format,
        "checkpoint": f"step {trained.step:,}",
        "size": f"{file.num_bytes:,} bytes",
        "SHA-256": file.sha256,
    }


def _epochs(run: Run, step: int) -> list[dict[str, Any]]:
    return [each for each in run.metrics if each["kind"] == "epoch" and each["step"] <= step]


def _epoch(run: Run, step: int) -> int:
    """How many epochs were recorded up to a step."""
    return max((int(each["epoch"]) for each in _epochs(run, step)), default=0)


def _classes(names: Sequence[str]) -> str:
    return ", ".join(f"{i}: {escape(name)}" for i, name in enumerate(names))


def _table(rows: Mapping[str, str]) -> str:
    lines = [f"| {name} | {escape(value)} |" for name, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])
