"""An engine on a made-up study, and its runs, which end as their folders' names say."""

import sys
import time
from pathlib import Path

from sample_files import CONFIG, RESULT

from jaxcmp import runs
from jaxcmp.cli import carry_out
from jaxcmp.errors import CommandError, Interrupted, JaxcmpError
from jaxcmp.runtime.interrupt import Interrupt
from jaxcmp.study.engine import Slot, follow_parent, train_all
from jaxcmp.study.folder import Entry


def run_engine(workdir: Path, num_slots: int, folders: list[str]) -> None:
    def command(entry: Entry) -> list[str]:
        return [sys.executable, __file__, str(workdir / entry.folder), str(workdir / "log")]

    entries = [Entry(folder, "vit", steps=10, flops=1) for folder in folders]
    train_all(workdir, entries, [Slot({})] * num_slots, command)


def train(folder: Path, log: Path) -> None:
    with runs.open_run(folder, CONFIG) as run:
        if runs.is_finished(folder):
            return
        follow_parent()
        note(log, folder, "begins")
        try:
            kind = folder.parent.name
            if kind == "saving":
                save_slowly(folder)
            # Longer than processes differ in how long they take to start.
            time.sleep(60 if kind == "slow" else 0.8)
            if kind == "failing":
                raise JaxcmpError("the disk is full")
            if kind == "wrong":
                raise CommandError("no such model")
            if kind == "flaky" and log.read_text().count(f"{folder} begins") < 3:
                raise JaxcmpError("not yet")
            run.finish(RESULT)
        finally:
            note(log, folder, "ends")


def save_slowly(folder: Path) -> None:
    """Waits for a signal, then takes longer to save than a second signal takes to come."""
    with Interrupt() as interrupt:
        while not interrupt.is_due(1):
            time.sleep(0.01)
        time.sleep(1.5)
        (folder / "saved").touch()
    raise Interrupted("stopped")


def note(log: Path, folder: Path, what: str) -> None:
    with log.open("a") as file:
        file.write(f"{folder} {what}\n")


if __name__ == "__main__":
    first, second, *folders = sys.argv[1:]
    if folders:
        sys.exit(carry_out(lambda: run_engine(Path(first), int(second), folders)))
    sys.exit(carry_out(lambda: train(Path(first), Path(second))))
