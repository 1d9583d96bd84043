"""Writes the model card: what an exported file is, how it was trained and how to load it."""

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import jinja2
from markupsafe import Markup

from jaxcmp import files
from jaxcmp.compare.arms import devices_of
from jaxcmp.compare.cells import duration
from jaxcmp.compare.origin import origin_of
from jaxcmp.compare.pages import markdown
from jaxcmp.compare.sections import recipe
from jaxcmp.compare.sections.commands import repeat_run
from jaxcmp.compare.statistics.paired import wilson_interval
from jaxcmp.export.snippets import library_for, loading, new_run
from jaxcmp.models.costs import sizes
from jaxcmp.predict import Trained
from jaxcmp.runs import CONFIG, INIT, Run

# Model hubs read what stands above the title; no licence, which is not ours to choose.
TEMPLATE = Path(__file__).with_name("card.md.jinja")
NOT_KNOWN = "not known"


@dataclasses.dataclass(frozen=True)
class ExportedFile:
    """A file made from a checkpoint; `note` says what its format asks of a reader."""

    name: str
    format: str
    note: str
    sha256: str
    num_bytes: int


def model_card(run: Run, trained: Trained, which: int | str, file: ExportedFile) -> str:
    """Writes Markdown with the front matter of a model hub; every number is from the run's files.

    `which` checkpoint was asked for: "newest", "best" or a step. Raises JaxcmpError where a file of
    the run is missing.
    """
    config, environment, result = run.config, run.environment, run.result
    data, model, step = run.data, trained.model, trained.step
    epochs = [x for x in run.epochs if x["step"] <= step]
    accuracy = _accuracy(result, epochs, step)
    num_test = (result or data)["num_test"]
    seconds = result.get("train_seconds")
    versions = {"python": environment["python"], **environment["packages"]}
    return _template().render(
        run=run,
        config=config,
        data=data,
        trained=trained,
        model=model,
        file=file,
        which=which,
        recipe=recipe,
        kind=type(model).__name__.lower(),
        height=trained.image_size[0],
        width=trained.image_size[1],
        # The epochs recorded up to the step.
        epoch=max((int(x["epoch"]) for x in epochs), default=0),
        accuracy=accuracy,
        num_test=num_test,
        interval=None if accuracy is None else wilson_interval(accuracy * num_test, num_test),
        counted=sizes(model, trained.variables["params"], num_channels=len(trained.mean)),
        fraction=config["data"]["train_fraction"],
        beginning=_beginning(run),
        device=devices_of(run),
        training_time=NOT_KNOWN if seconds is None else duration(seconds),
        commits=" and ".join(dict.fromkeys(map(_commit, run.sessions))),
        versions=", ".join(f"{name} {version}" for name, version in versions.items()),
        command=_without_folders(repeat_run(run)),
        new_run=new_run(trained, file.name, config["data"]),
        library=library_for(model, file.format),
        loading=loading(trained, file.name, file.format),
        digits=lambda values: ", ".join(f"{value:.4g}" for value in values),
        code=lambda text: Markup(markdown.code(text)),
        fenced=lambda language, text: Markup(markdown.fenced(language, text.splitlines())),
    )


def _template() -> jinja2.Template:
    return jinja2.Template(
        TEMPLATE.read_text(encoding="utf-8"),
        autoescape=True,
        finalize=_escaped,
        keep_trailing_newline=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def _escaped(value: Any) -> Markup:
    """Lets no value become Markdown that does not say so."""
    return value if isinstance(value, Markup) else Markup(markdown.escape(str(value)))


def _accuracy(
    result: Mapping[str, Any], epochs: Sequence[Mapping[str, Any]], step: int
) -> float | None:
    """The test accuracy of the weights of a step, in [0, 1]; None where it was not measured."""
    if result.get("steps") == step:
        return result["test_accuracy"]
    measured = [record["test_accuracy"] for record in epochs if record["step"] == step]
    return measured[-1] if measured else None


def _beginning(run: Run) -> str:
    """The weights that a run began from, what they were trained on, what became of their arrays."""
    origin = origin_of(run.init)
    if origin is None:
        # Configurations need not have the setting.
        if run.config.get("init", {}).get("path"):
            raise files.damaged(run.folder / INIT, f"it is missing, and {CONFIG} names weights")
        return "random weights"
    trained_on = f"trained on {origin.words}" if origin.name else "of which nothing is said"
    arrays = ", ".join(f"{num} {what}" for what, num in origin.arrays.items())
    return f"{origin.file} (SHA-256 {origin.sha256}), {trained_on}; arrays: {arrays}"


def _commit(session: Mapping[str, Any]) -> str:
    commit = session["git_commit"]
    if commit and session["git_dirty"]:
        return f"{commit}, with changes of its own"
    return commit or NOT_KNOWN


def _without_folders(command: str) -> str:
    """Shortens paths that hold for one machine alone to their last names: a card is for others."""
    words = []
    for word in shlex.split(command):
        flag, equals, path = word.partition("=") if word.startswith("-") else ("", "", word)
        is_local = path.startswith(("/", "~", "../"))
        words.append(f"{flag}{equals}{PurePath(path).name}" if is_local else word)
    return shlex.join(words)
