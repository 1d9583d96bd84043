"""What a run says while it trains: records for the run folder, lines for a person, TensorBoard."""

from pathlib import Path
from typing import Any

from jaxcmp.pretrained import Loaded, table
from jaxcmp.progress import Reporter
from jaxcmp.runs import INIT, RunWriter


class Journal:
    """Writes each record everywhere it belongs; with `run` None, in a second process, nowhere."""

    def __init__(self, run: RunWriter | None, reporter: Reporter, events: Path | None) -> None:
        self._run = run
        self._reporter = reporter
        self._writer: Any = None
        if run is not None and events is not None:
            # An extra: not everybody has it.
            from tensorboardX import SummaryWriter

            self._writer = SummaryWriter(str(events))

    def step(self, record: dict[str, Any]) -> None:
        self._write({"kind": "train", **record})
        self._reporter.step(record["step"], record["images_per_second"])

    def weights(self, loaded: Loaded) -> None:
        """What a run began with: shown as a table, and written to init.json."""
        self._reporter.show(table(loaded.rows))
        if self._run is not None:
            self._run.write_json(INIT, loaded.description)

    def epoch(self, record: dict[str, Any], seconds_left: float) -> None:
        self._write({"kind": "epoch", **record})
        self._reporter.step(record["step"])
        self._reporter.epoch(record, seconds_left)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _write(self, record: dict[str, Any]) -> None:
        if self._run is None:
            return
        self._run.log(record)
        if self._writer is not None:
            for name, value in record.items():
                if isinstance(value, float):
                    self._writer.add_scalar(f"{record['kind']}/{name}", value, record["step"])
