"""Signals: the first asks, the second quits."""

import os
import signal
import subprocess
import sys
import time

import pytest

from jaxcmp.interrupt import Interrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_question_and_handlers_come_back(number):
    before = signal.getsignal(number)
    with Interrupt() as interrupt:
        assert not interrupt.is_due(1)
        os.kill(os.getpid(), number)
        assert interrupt.is_due(2)
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_quits_at_once(number):
    program = (
        "import time\n"
        "from jaxcmp.interrupt import Interrupt\n"
        "with Interrupt() as interrupt:\n"
        "    print('ready', flush=True)\n"
        "    while not interrupt.is_due(0): time.sleep(0.01)\n"
        "    print('asked', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == "asked\n"
        start = time.monotonic()
        process.send_signal(number)
        assert process.wait(timeout=30) == -number
        assert time.monotonic() - start < 10
