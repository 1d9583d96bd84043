"""The run folder: written by training, read by the comparison and other programs.

Its JSON is strict: a number that is not finite is written as null, and read as NaN in metrics.
"""

import contextlib
import dataclasses
import datetime
import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import msgspec

from jaxcmp import files
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.runs import schemas
from jaxcmp.runs.predictions import Stored, read_predictions
from jaxcmp.settings import Role
from jaxcmp.settings.configuration import NOTHING_GIVEN, ConfigWords
from jaxcmp.settings.keys import FOLLOWS_DATA, flatten, with_role

CONFIG = "config.json"
INIT = "init.json"
ENVIRONMENT = "environment.json"
COST = "cost.json"
METRICS = "metrics.jsonl"
PREDICTIONS = "predictions.npz"
CHECKPOINTS = "checkpoints"
RESULT = "result.json"
LOCK = ".lock"
SCHEMAS = {
    CONFIG: schemas.ConfigFile,
    INIT: schemas.Init,
    ENVIRONMENT: schemas.Environment,
    COST: schemas.Cost,
    RESULT: schemas.Result,
}

# A run may resume with other values of these.
FREE_KEYS = with_role(Role.FREE)
UNSET = "not set"


@dataclass(frozen=True)
class Run:
    """The content of a run folder; files that do not exist yet are empty.

    `metrics` has the last record of each (step, kind), ordered by step. `init` describes the origin
    of pretrained weights and the use of each array.
    """

    folder: Path
    config: dict[str, Any]
    given: ConfigWords
    environment: dict[str, Any]
    cost: dict[str, Any]
    metrics: list[dict[str, Any]]
    result: dict[str, Any]
    init: dict[str, Any] = field(default_factory=dict)

    @property
    def is_finished(self) -> bool:
        return bool(self.result)

    @property
    def sessions(self) -> list[dict[str, Any]]:
        """Returns the entries of environment.json for each session, oldest first."""
        return [*self.environment.get("earlier", []), self.environment]

    @property
    def data(self) -> dict[str, Any]:
        """Returns what environment.json says of the images; raises JaxcmpError if it is missing."""
        if not self.environment:
            raise files.damaged(self.folder / ENVIRONMENT, "it is missing")
        return self.environment["data"]

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """Returns the records of whole epochs, in their order."""
        return [record for record in self.metrics if record["kind"] == "epoch"]

    def load_predictions(self) -> Stored:
        """Reads predictions.npz; raises JaxcmpError if it is missing, damaged or inconsistent."""
        return read_predictions(self.folder / PREDICTIONS)


class RunWriter:
    """A context manager that writes one run folder; made by `open_run`.

    All files but metrics.jsonl are written atomically. Raises JaxcmpError if the folder cannot be
    written, if the disk is full, or while another process writes the same folder.
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
        """Writes this session's environment, with those of "earlier" sessions, oldest first."""
        earlier: list[Any] = []
        if files.exists(self.folder / ENVIRONMENT):
            before = _read(self.folder, ENVIRONMENT)
            earlier = [*before.pop("earlier"), before]
        self._environment = {**environment, "earlier": earlier}
        self.write_json(ENVIRONMENT, self._environment)

    def finish(self, result: Mapping[str, Any]) -> None:
        """Writes the result, after everything else: it marks the run finished."""
        self._end_session()
        self.write_json(RESULT, result)

    def close(self) -> None:
        """Records the end of the session, if the disk allows it, and unlocks the folder."""
        with self._files, contextlib.suppress(JaxcmpError):
            self._end_session()

    def _end_session(self) -> None:
        environment, self._environment = self._environment, None
        if environment is not None:
            end = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            self.write_json(ENVIRONMENT, {**environment, "end": end})


def open_run(
    folder: str | Path, config: Mapping[str, Any], given: ConfigWords = NOTHING_GIVEN
) -> RunWriter:
    """Creates a run folder, or opens one of a run with the same config.

    `given` is the origin of the configuration. FREE_KEYS may differ. Raises CommandError that names
    the first difference if the folder holds a run of another config, and JaxcmpError if it cannot
    be written, or while another process writes it.
    """
    writer = RunWriter(Path(folder))
    try:
        path = writer.folder / CONFIG
        if files.exists(path):
            refuse_another_config(writer.folder, config)
        elif (writer.folder / METRICS).stat().st_size or files.exists(writer.folder / CHECKPOINTS):
            raise JaxcmpError(
                f"{path} is missing, so it is unknown whose metrics and checkpoints these are; "
                "give another --workdir, or delete that folder"
            )
        else:
            writer.write_json(CONFIG, {"config": config, **dataclasses.asdict(given)})
    except BaseException:
        writer.close()
        raise
    return writer


def is_finished(folder: str | Path) -> bool:
    """Returns whether the run has its result; raises JaxcmpError if that cannot be checked."""
    return files.exists(Path(folder) / RESULT)


def read_run(folder: str | Path) -> Run:
    """Reads a run folder, finished or not; raises JaxcmpError that names a file and its fault.

    Each file is checked against its type in `schemas`.
    """
    folder = Path(folder)
    config, given = read_config(folder)
    environment, cost, result = (
        _read(folder, name) if files.exists(folder / name) else {}
        for name in (ENVIRONMENT, COST, RESULT)
    )
    return Run(
        folder=folder,
        config=config,
        given=given,
        init=read_init(folder),
        environment=environment,
        cost=cost,
        metrics=read_metrics(folder),
        result=result,
    )


def read_config(folder: Path) -> tuple[dict[str, Any], ConfigWords]:
    """Reads the configuration and its origin; raises JaxcmpError if it does not fit."""
    stored = _read(folder, CONFIG)
    config = stored.pop("config")
    return config, msgspec.convert(stored, ConfigWords)


def read_init(folder: Path) -> dict[str, Any]:
    """Reads what became of pretrained weights; empty if nothing did; raises JaxcmpError."""
    return _read(folder, INIT) if files.exists(folder / INIT) else {}


def read_result(folder: Path) -> dict[str, Any]:
    """Reads the result of a finished run; raises JaxcmpError if it is missing or does not fit."""
    return _read(folder, RESULT)


def read_metrics(folder: Path, *, errors: list[str] | None = None) -> list[dict[str, Any]]:
    """Reads the last record of each (step, kind), ordered by step; a number not finite is NaN.

    Raises JaxcmpError for a record that does not fit; a list `errors` takes its line instead.
    """
    last = {
        (record["step"], record["kind"]): {
            name: math.nan if value is None else value for name, value in record.items()
        }
        for record in files.read_lines(folder / METRICS, schemas.record_schema, errors=errors)
    }
    return sorted(last.values(), key=lambda record: record["step"])


def config_hash(config: Mapping[str, Any]) -> str:
    """Returns twelve hexadecimal digits, the same for configs that differ only in free keys."""
    flat = {key: value for key, value in flatten(config).items() if key not in FREE_KEYS}
    return hashlib.sha256(json.dumps(flat, sort_keys=True).encode()).hexdigest()[:12]


def refuse_another_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Raises CommandError that names the first difference from the folder's config, if it has one.

    A value that follows from the data may still be unknown.
    """
    if not files.exists(folder / CONFIG):
        return
    here, there = flatten(files.plain(dict(config))), flatten(read_config(folder)[0])
    for key in [*here, *there]:
        is_unknown = key in FOLLOWS_DATA and here.get(key) == FOLLOWS_DATA[key]
        if key in FREE_KEYS or is_unknown:
            continue
        if here.get(key, UNSET) != there.get(key, UNSET):
            raise CommandError(
                f"{folder} holds a run of another config: {key} is {_value(here, key)} here and "
                f"{_value(there, key)} there; give another --workdir, or delete that folder"
            )


def refuse_other_images(folder: Path, data: Mapping[str, Any]) -> None:
    """Raises CommandError if the run in a folder was begun on other images than `data` describes.

    A user's own images may change between two sessions; the order of training would change too.
    """
    if not files.exists(folder / ENVIRONMENT):
        return
    before = _read(folder, ENVIRONMENT)["data"]
    if before["version"] != data["version"]:
        raise CommandError(
            f"{folder} holds a run on other images: version {before['version']} of "
            f"{data['name']}, and it is {data['version']} now; bring the images back, give another "
            "--workdir, or delete that folder"
        )


def _value(flat: Mapping[str, Any], key: str) -> str:
    return json.dumps(flat[key]) if key in flat else UNSET


def _read(folder: Path, name: str) -> dict[str, Any]:
    return files.read_object(folder / name, SCHEMAS[name])
