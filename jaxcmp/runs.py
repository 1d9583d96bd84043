"""The run folder: what training writes, and what the comparison and other programs read.

Its JSON is strict: a number that is not finite is written as null, and read as NaN in metrics.
"""

import contextlib
import datetime
import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from jaxcmp import files
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.predictions import (
    Pictures,
    Predictions,
    read_pictures,
    read_predictions,
    read_validation_predictions,
    write_predictions,
)

CONFIG = "config.json"
INIT = "init.json"
ENVIRONMENT = "environment.json"
COST = "cost.json"
METRICS = "metrics.jsonl"
PREDICTIONS = "predictions.npz"
CHECKPOINTS = "checkpoints"
RESULT = "result.json"
LOCK = ".lock"

# Where things lie, what is shown or kept, what changes no more than rounding: a run may go on with
# other values, and runs that differ in nothing else have the same recipe.
FREE_KEYS = (
    *("data.dir", "data.manual_dir", "data.placement", "log", "checkpoint", "eval_batch_size"),
    *("eval_every_epochs", "steps_per_dispatch"),
)


@dataclass(frozen=True)
class Run:
    """What a run folder holds; what is not written yet is empty, and `result` is None.

    `metrics` has the last record of each (step, kind), in the order of steps. `init` says of a run
    that began with weights where they came from and what became of each array.
    """

    folder: Path
    config: dict[str, Any]
    overrides: list[str]
    environment: dict[str, Any]
    cost: dict[str, Any]
    metrics: list[dict[str, Any]]
    result: dict[str, Any] | None
    init: dict[str, Any] = field(default_factory=dict)

    @property
    def is_finished(self) -> bool:
        return self.result is not None

    @property
    def sessions(self) -> list[dict[str, Any]]:
        """What environment.json says of each session, the first one first."""
        return [*self.environment.get("earlier", []), self.environment]

    def load_predictions(self) -> Predictions:
        """Of the test split; raises JaxcmpError if missing, damaged, or not fitting together."""
        return read_predictions(self.folder / PREDICTIONS)

    def load_validation_predictions(self) -> Predictions | None:
        """Of the held-out split, if the run had one; raises as `load_predictions` does."""
        return read_validation_predictions(self.folder / PREDICTIONS)

    def load_pictures(self) -> Pictures | None:
        """Images of the test split that it answered wrong; raises as `load_predictions` does."""
        return read_pictures(self.folder / PREDICTIONS)


class RunWriter:
    """Writes one run folder, as a context manager; `open_run` makes it.

    Every file but metrics.jsonl is there whole or not at all. Raises JaxcmpError if the folder
    cannot be written, if the disk is full, or while another process writes the same folder.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._environment: dict[str, Any] | None = None
        with files.writing(folder), contextlib.ExitStack() as undo:
            folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
            undo.callback(os.close, lock)
            files.lock(lock, folder)
            self._metrics = os.open(folder / METRICS, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            undo.callback(os.close, self._metrics)
            self._files = undo.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def log(self, record: Mapping[str, Any]) -> None:
        """Appends a record with an int "step" and a str "kind" to metrics.jsonl, as one line."""
        line = files.to_json(record).encode()
        files.append_line(self._metrics, line, self.folder / METRICS)

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        files.replace_file(self.folder / name, files.to_json(value, indent=2).encode() + b"\n")

    def write_environment(self, environment: Mapping[str, Any]) -> None:
        """Writes what this session runs on, with those of "earlier" sessions, oldest first."""
        earlier: list[Any] = []
        if (self.folder / ENVIRONMENT).exists():
            before = files.read_object(self.folder / ENVIRONMENT)
            earlier = [*before.pop("earlier", []), before]
        self._environment = {**environment, "earlier": earlier}
        self.write_json(ENVIRONMENT, self._environment)

    def write_predictions(
        self,
        test: Predictions,
        validation: Predictions | None = None,
        pictures: Pictures | None = None,
    ) -> None:
        write_predictions(self.folder / PREDICTIONS, test, validation, pictures)

    def finish(self, result: Mapping[str, Any]) -> None:
        """Writes the result, after everything else: it says that the run is finished."""
        self._end_session()
        self.write_json(RESULT, result)

    def close(self) -> None:
        """Notes the end of the session, if the disk lets it, and frees the folder for others."""
        with self._files, contextlib.suppress(JaxcmpError):
            self._end_session()

    def _end_session(self) -> None:
        environment, self._environment = self._environment, None
        if environment is not None:
            end = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            self.write_json(ENVIRONMENT, {**environment, "end": end})


def open_run(folder: str | Path, config: Mapping[str, Any], overrides: Sequence[str]) -> RunWriter:
    """Makes the folder of a new run, or goes on with a run of the same config.

    The dotted FREE_KEYS may differ; a section stands for all in it. Raises CommandError
    naming the first difference if the folder holds a run of another config, and JaxcmpError if it
    cannot be written, or if another process writes it.
    """
    writer = RunWriter(Path(folder))
    try:
        path = writer.folder / CONFIG
        if path.exists():
            refuse_another_config(writer.folder, config)
        elif (writer.folder / METRICS).stat().st_size or (writer.folder / CHECKPOINTS).exists():
            raise JaxcmpError(
                f"{path} is missing, so nobody knows whose metrics and checkpoints lie there; "
                "give another --workdir, or delete that folder"
            )
        else:
            writer.write_json(CONFIG, {"config": config, "overrides": list(overrides)})
    except BaseException:
        writer.close()
        raise
    return writer


def is_finished(folder: str | Path) -> bool:
    return (Path(folder) / RESULT).exists()


def read_run(folder: str | Path) -> Run:
    """Reads a run folder, finished or not; raises JaxcmpError that names a damaged file."""
    folder = Path(folder)
    stored = files.read_object(folder / CONFIG)
    config, overrides = stored.get("config"), stored.get("overrides")
    if not isinstance(config, dict) or not isinstance(overrides, list):
        raise files.damaged(folder / CONFIG, "it has no config or no overrides")
    init, environment, cost, result = (
        files.read_object(folder / name) if (folder / name).exists() else None
        for name in (INIT, ENVIRONMENT, COST, RESULT)
    )
    return Run(
        folder=folder,
        config=config,
        overrides=overrides,
        init=init or {},
        environment=environment or {},
        cost=cost or {},
        metrics=_read_metrics(folder / METRICS),
        result=result,
    )


def config_hash(config: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits that are the same for configs that differ only in free keys."""
    flat = {key: value for key, value in _flatten(config).items() if not _is_in(key, FREE_KEYS)}
    return hashlib.sha256(json.dumps(flat, sort_keys=True).encode()).hexdigest()[:12]


def refuse_another_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Raises CommandError naming the first difference if a run of another config lies there."""
    if not (folder / CONFIG).exists():
        return
    here, there = _flatten(files.plain(dict(config))), _flatten(read_run(folder).config)
    for key in [*here, *there]:
        if here.get(key, "nothing") != there.get(key, "nothing") and not _is_in(key, FREE_KEYS):
            raise CommandError(
                f"{folder} holds a run of another config: {key} is {_say(here, key)} here and "
                f"{_say(there, key)} there; give another --workdir, or delete that folder"
            )


def _flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values by dotted key; an empty section is a value."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        is_section = isinstance(value, Mapping) and value
        flat |= _flatten(value, f"{prefix}{key}.") if is_section else {f"{prefix}{key}": value}
    return flat


def _is_in(key: str, sections: Sequence[str]) -> bool:
    return any(key == section or key.startswith(f"{section}.") for section in sections)


def _say(flat: Mapping[str, Any], key: str) -> str:
    return json.dumps(flat[key]) if key in flat else "not set"


def _read_metrics(path: Path) -> list[dict[str, Any]]:
    last: dict[tuple[int, str], dict[str, Any]] = {}
    for record in files.read_lines(path):
        step, kind = record.get("step"), record.get("kind")
        if type(step) is not int or type(kind) is not str:
            raise files.damaged(path, "a line of it has no whole step and kind")
        last[step, kind] = {
            name: math.nan if value is None else value for name, value in record.items()
        }
    return sorted(last.values(), key=lambda record: record["step"])
