"""A run of a made-up study: holds its folder for a while, then ends as its folder's name says."""

import sys
import time
from pathlib import Path

from jaxcmp import runs
from jaxcmp.errors import CommandError, JaxcmpError, carry_out
from jaxcmp.study.engine import follow_parent


def train(folder: Path, log: Path) -> None:
    with runs.open_run(folder, {"batch_size": 1}, []) as run:
        if runs.is_finished(folder):
            return
        follow_parent()
        note(log, folder, "begins")
        try:
            kind = folder.parent.name
            time.sleep(60 if kind == "slow" else 0.3)
            if kind == "failing":
                raise JaxcmpError("the disk is full")
            if kind == "wrong":
                raise CommandError("no such model")
            if kind == "flaky" and log.read_text().count(f"{folder} begins") < 3:
                raise JaxcmpError("not yet")
            run.finish({"test_accuracy": 0.5})
        finally:
            note(log, folder, "ends")


def note(log: Path, folder: Path, what: str) -> None:
    with log.open("a") as file:
        file.write(f"{folder} {what}\n")


if __name__ == "__main__":
    sys.exit(carry_out(lambda: train(Path(sys.argv[1]), Path(sys.argv[2]))))
