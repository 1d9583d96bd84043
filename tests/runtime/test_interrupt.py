"""Signals: they end a process that has nothing to lose, and save a run that trains."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
import time

import processes
import pytest

from jaxcmp.runs import is_finished, read_run
from jaxcmp.runtime.interrupt import NUMBERS, REPEAT_SECONDS, Interrupt

# A command that waits in Python, or where Python calls no handlers: in a lock that nobody frees.
WAIT = """
import ctypes, time
from jaxcmp.runtime import interrupt
from jaxcmp.cli import carry_out
def wait():
    interrupt.watch()
    print("ready", flush=True)
    time.sleep(60)
def hang():
    interrupt.watch()
    lock = ctypes.create_string_buffer(128)
    library = ctypes.CDLL(None)
    library.pthread_mutex_lock(lock)
    print("ready", flush=True)
    library.pthread_mutex_lock(lock)
def fall_silent():
    interrupt.watch()
    interrupt.end_with("stopped, saved", 75)
    wait()
"""


@contextlib.contextmanager
def started(program, *, before=()):
    with subprocess.Popen(
        [*before, sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("how", ["wait", "hang"])
def test_a_signal_outside_training_ends_the_process_with_one_line(number, how):
    with started(f"{WAIT}\ncarry_out({how}, interrupted='nothing is lost')") as process:
        time.sleep(0.1)
        process.send_signal(number)
        _, err = process.communicate(timeout=10)
        assert (process.returncode, err) == (128 + number, "jaxcmp: nothing is lost\n")


@pytest.mark.parametrize("number", NUMBERS)
def test_after_training_a_signal_says_that_the_run_is_saved(number):
    with started(f"{WAIT}\ncarry_out(fall_silent)") as process:
        process.send_signal(number)
        _, err = process.communicate(timeout=10)
        assert (process.returncode, err) == (75, "jaxcmp: stopped, saved\n")


@pytest.mark.parametrize("number", NUMBERS)
def test_a_recorded_signal_leaves_the_end_to_the_program(number):
    program = (
        "import sys, time\n"
        "from jaxcmp.runtime import interrupt\n"
        "from jaxcmp.cli import carry_out\n"
        "from jaxcmp.errors import Interrupted\n"
        "def train():\n"
        "    interrupt.watch()\n"
        "    with interrupt.Interrupt() as asked:\n"
        "        print('ready', flush=True)\n"
        "        while not asked.is_due(0): time.sleep(0.01)\n"
        "    time.sleep(1)\n"
        "    raise Interrupted('saved')\n"
        "sys.exit(carry_out(train))\n"
    )
    with started(program) as process:
        process.send_signal(number)
        _, err = process.communicate(timeout=10)
        assert (process.returncode, err) == (75, "jaxcmp: saved\n")


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_ignored_at_the_start_stays_ignored(number):
    ignore = ("sh", "-c", f"trap '' {number.name.removeprefix('SIG')}; exec \"$@\"", "sh")
    with started(f"{WAIT}\ncarry_out(wait)", before=ignore) as process:
        process.send_signal(number)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.7)


@pytest.mark.parametrize("number", NUMBERS)
def test_the_first_signal_is_recorded_and_handlers_are_restored(number):
    before = signal.getsignal(number)
    with Interrupt() as interrupt:
        assert not interrupt.is_due(1)
        os.kill(os.getpid(), number)
        assert interrupt.is_due(2)
        # At once, it is the same request; a terminal that is lost is no request to quit.
        os.kill(os.getpid(), number)
        time.sleep(REPEAT_SECONDS)
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_quits_at_once(number):
    program = (
        "import time\n"
        "from jaxcmp.runtime.interrupt import Interrupt\n"
        "with Interrupt() as interrupt:\n"
        "    print('ready', flush=True)\n"
        "    while not interrupt.is_due(0): time.sleep(0.01)\n"
        "    print('asked', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with started(program) as process:
        assert process.stdout is not None and process.stderr is not None
        process.send_signal(number)
        assert process.stdout.readline() == "asked\n"
        # Sooner it would count as the same request.
        time.sleep(REPEAT_SECONDS)
        start = time.monotonic()
        process.send_signal(number)
        assert process.wait(timeout=30) == -number
        assert time.monotonic() - start < 10
        assert process.stderr.read().startswith("jaxcmp: quit without saving")


def test_a_run_signalled_at_any_moment_ends_like_an_unbroken_one(unbroken, tmp_path):
    command = (*processes.TINY, f"--workdir={tmp_path / 'run'}")
    metrics = tmp_path / "run" / "metrics.jsonl"
    # While it imports, while it compiles, and while it trains.
    for number, seconds in zip(NUMBERS, (0.5, 1.0, None), strict=True):
        # On a fast machine the one before has trained already.
        begun = metrics.read_bytes().count(b"\n") if metrics.exists() else 0
        process = processes.start(*command)
        if seconds is None:
            processes.wait_for_lines(metrics, begun + 3, process)
        else:
            time.sleep(seconds)
        process.send_signal(number)
        code, _, err = processes.finish(process)
        assert code in (75, 128 + number) and err.count("\n") == 1
        words = {75: "jaxcmp: stopped after step "}
        assert err.startswith(words.get(code, "jaxcmp: interrupted before the first step"))
    code, _, err = processes.run(*command)
    assert code == 0, err
    assert processes.values(tmp_path / "run") == processes.values(unbroken)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_while_python_exits_changes_nothing(number, tmp_path):
    # An object that outlives the handlers: Python frees it after it has taken them away.
    program = (
        "import os, signal, sys\n"
        "from jaxcmp.runtime import entry_points\n"
        "class Late:\n"
        "    def __del__(self, kill=os.kill, pid=os.getpid()):\n"
        f"        kill(pid, {int(number)})\n"
        "late = Late()\n"
        "sys.modules['late'] = late\n"
        "entry_points.start(['--help'])\n"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60)
    assert process.returncode == 0


def test_a_run_whose_terminal_is_lost_is_saved(unbroken, tmp_path):
    folder = tmp_path / "run"
    ours, its = pty.openpty()
    # A terminal of its own, which goes with our end of it.
    own = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    own += "os.execv(sys.argv[1], sys.argv[1:])"
    command = (sys.executable, "-m", "jaxcmp.main", *processes.TINY, f"--workdir={folder}")
    process = subprocess.Popen(
        [sys.executable, "-c", own, *command],
        stdin=its,
        stdout=its,
        stderr=its,
        cwd=processes.ROOT,
        env=processes.environment(),
    )
    os.close(its)
    os.set_blocking(ours, False)
    deadline = time.monotonic() + 240
    metrics = folder / "metrics.jsonl"
    while not metrics.exists() or metrics.read_bytes().count(b"\n") < 5:
        assert process.poll() is None and time.monotonic() < deadline
        with contextlib.suppress(BlockingIOError):
            os.read(ours, 1 << 16)
        time.sleep(0.01)
    os.close(ours)
    assert process.wait(timeout=120) == 75
    steps = [record["step"] for record in read_run(folder).metrics]
    assert processes.final_arrays(folder)[0] >= max(steps) and not is_finished(folder)
    code, _, err = processes.run(*processes.TINY, f"--workdir={folder}")
    assert code == 0, err
    assert processes.values(folder) == processes.values(unbroken)


def test_a_run_whose_output_nobody_reads_any_more_trains_to_its_end(unbroken, tmp_path):
    """As after `2>&1 | tee log`, if tee has ended."""
    folder = tmp_path / "run"
    process = processes.start(*processes.TINY, f"--workdir={folder}")
    assert process.stdout is not None and process.stderr is not None
    processes.wait_for_lines(folder / "metrics.jsonl", 3, process)
    process.stdout.close()
    process.stderr.close()
    assert process.wait(timeout=240) == 0
    assert processes.values(folder) == processes.values(unbroken)
