"""An engine on a made-up study, in a process of its own: its folder, slots and runs are given."""

import sys
from pathlib import Path

import engine_child

from jaxcmp.errors import carry_out
from jaxcmp.study.engine import Engine
from jaxcmp.study.folder import Entry
from jaxcmp.study.slots import Slot


def run(workdir: Path, num_slots: int, folders: list[str]) -> None:
    def command(task: int) -> list[str]:
        return [sys.executable, engine_child.__file__, str(workdir / folders[task]), str(log)]

    log = workdir / "log"
    entries = [Entry(each, "vit", steps=10, flops=1) for each in folders]
    Engine(workdir, entries, [Slot({})] * num_slots, command, print).run()


if __name__ == "__main__":
    arguments = sys.argv[1:]
    sys.exit(carry_out(lambda: run(Path(arguments[0]), int(arguments[1]), arguments[2:])))
