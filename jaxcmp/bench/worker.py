"""One side of a comparison: gets warm, says how it works, then takes a sample when asked for one.

It is asked by a line on standard input and answers with a line of JSON.
"""

import json
import os
import sys
from collections.abc import Sequence

from jaxcmp import host_memory
from jaxcmp.bench.command import parse
from jaxcmp.bench.peer import SIDES, TASKS
from jaxcmp.bench.timing import sample, warm_up
from jaxcmp.errors import CommandError, carry_out

FLAGS = {
    "side": ("jaxcmp", "Who works: jaxcmp or torch."),
    "task": ("training", f"At what: one of {', '.join(TASKS)}."),
}


def main(argv: Sequence[str]) -> None:
    # What libraries print goes to the complaints, so that answers stay whole lines.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    options = parse(argv, FLAGS, __doc__)
    for value, known in ((options.side, SIDES), (options.task, TASKS)):
        if value not in known:
            raise CommandError(f"{value!r} must be one of {', '.join(known)}")
    if TASKS[options.task] == "one":
        stay_on_one_core()
    # A side is imported after that: thread pools are made for the cores there are.
    if options.side == "torch":
        from jaxcmp.bench.peer_work import make_work
    else:
        # PyTorch keeps to what its makers ship: it was no faster with this.
        host_memory.keep_for_steps()
        from jaxcmp.bench.own_work import make_work
    work = make_work(options.task, options.config)
    num_calls = warm_up(work.call, work.wait)
    description = {**work.description, "calls_per_sample": num_calls}
    for number, _ in enumerate(sys.stdin):
        answer = {"seconds": sample(work.call, num_calls, work.wait)} if number else description
        answers.write(f"{json.dumps(answer)}\n")


def stay_on_one_core() -> None:
    """Keeps this process to the first of its cores, and to the CPU."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ["JAX_PLATFORMS"] = "cpu"


if __name__ == "__main__":
    sys.exit(carry_out(lambda: main(sys.argv)))
