"""What a person sees while a run trains."""

import io

import pytest
from rich.console import Console

from jaxcmp import progress

RECORD = {
    "epoch": 3,
    "train_loss": 1.25,
    "test_loss": 1.5,
    "test_accuracy": 0.4567,
    "images_per_second": 1234.5,
}


@pytest.fixture
def screen(monkeypatch):
    """Makes consoles that write into a text."""
    text = io.StringIO()

    def use(*, is_terminal):
        def make(**options):
            return Console(file=text, force_terminal=is_terminal, width=100, **options)

        monkeypatch.setattr(progress, "Console", make)
        return text

    return use


def report(*, is_quiet=False):
    with progress.Reporter("vit", num_epochs=10, total_steps=40, is_quiet=is_quiet) as reporter:
        reporter.step(5, 100.0)
        reporter.epoch(RECORD, seconds_left=3700)


def test_without_a_terminal_there_are_plain_lines_alone(screen):
    text = screen(is_terminal=False)
    report()
    assert text.getvalue() == (
        "epoch  3/10   train loss 1.250   test loss 1.500   test accuracy 45.67%   "
        "1,234 images/s   1 h 01 min left\n"
    )


def test_a_terminal_has_a_bar_with_the_steps_and_the_rate(screen):
    text = screen(is_terminal=True)
    report()
    shown = text.getvalue()
    assert "5/40" in shown and "100 images/s" in shown
    assert "epoch  3/10" in shown


def test_other_processes_say_nothing(screen):
    text = screen(is_terminal=False)
    report(is_quiet=True)
    assert text.getvalue() == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.6, "1 min 00 s"), (61, "1 min 01 s"), (3600, "1 h 00 min")],
)
def test_durations_are_said_in_words(seconds, words):
    assert progress._duration(seconds) == words
