"""The terminal's view of a run."""

import io

import pytest

from jaxcmp import log
from jaxcmp.text import PlainConsole

RECORD = {
    "step": 5,
    "epoch": 3,
    "train_loss": 1.25,
    "test_loss": 1.5,
    "test_accuracy": 0.4567,
    "images_per_second": 1234.5,
}


@pytest.fixture
def screen(monkeypatch):
    """Returns a function that makes consoles which write into a text."""
    text = io.StringIO()

    def use(*, is_terminal):
        def make(**options):
            return PlainConsole(file=text, force_terminal=is_terminal, width=100, **options)

        monkeypatch.setattr(log, "TrainingConsole", make)
        return text

    return use


def report(*, is_quiet=False):
    with log.Log(None, [], "vit", num_epochs=10, total_steps=40, is_quiet=is_quiet) as shown:
        shown.step(RECORD | {"images_per_second": 100.0})
        shown.epoch(RECORD, seconds_left=3700)


def test_without_a_terminal_only_plain_lines_are_printed(screen):
    text = screen(is_terminal=False)
    report()
    assert text.getvalue() == (
        "epoch  3/10  loss 1.250  test 45.67%  1,234 images/s  62 min left\n"
    )


def test_an_epochs_line_fits_80_columns_with_a_held_out_split_on_a_fast_machine(screen):
    text = screen(is_terminal=False)
    record = RECORD | {"epoch": 100, "test_accuracy": 0.9999, "validation_accuracy": 0.9999}
    with log.Log(None, [], "vit", num_epochs=300, total_steps=40) as shown:
        for seconds_left in (59, 99 * 60, 99 * 3600):
            shown.epoch(record | {"images_per_second": 99_999}, seconds_left)
    lines = text.getvalue().splitlines()
    assert len(lines) == 3 and all("val 99.99%" in line for line in lines)
    assert max(map(len, lines)) <= 80


def test_a_terminal_shows_a_bar_with_steps_and_rate(screen):
    text = screen(is_terminal=True)
    report()
    shown = text.getvalue()
    assert "5/40" in shown and "100 images/s" in shown
    assert "epoch  3/10" in shown


def test_other_processes_print_nothing(screen):
    text = screen(is_terminal=False)
    report(is_quiet=True)
    assert text.getvalue() == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (61, "1 min"),
        (3600, "60 min"),
        (6000, "1.7 h"),
        (400_000, "111 h"),
    ],
)
def test_durations_have_two_or_three_digits_and_a_unit(seconds, words):
    assert log._duration(seconds) == words
