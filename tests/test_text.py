"""Foreign names on a terminal: invisible characters are escaped and have no effect."""

import ast
import io
import logging as standard_logging
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text
from sample_runs import Sample, write_run
from test_architecture import ROOMS, TREES

from jaxcmp.cli import carry_out
from jaxcmp.compare.__main__ import main as compare
from jaxcmp.errors import JaxcmpError
from jaxcmp.log import Log
from jaxcmp.runtime import messages
from jaxcmp.study import folder
from jaxcmp.study.__main__ import study
from jaxcmp.text import PlainConsole, plain_table, printable, say

# The letter, and how it is shown.
UNSEEN = {
    "\x1b[2J": r"\x1b[2J",
    "\x9b31m": r"\x9b31m",
    "\x00\x07\x08\x7f\x85": r"\x00\x07\x08\x7f\x85",
    "\t\n\r\x0b\x0c": r"\t\n\r\x0b\x0c",
    "\u2028\u2029": r"\u2028\u2029",
    "\u202a\u202b\u202c\u202d\u202e": r"\u202a\u202b\u202c\u202d\u202e",
    "\u2066\u2067\u2068\u2069": r"\u2066\u2067\u2068\u2069",
    "\u200e\u200f\u061c": r"\u200e\u200f\u061c",
    "\u200b\u200c\u200d\u2060\ufeff\u00ad": r"\u200b\u200c\u200d\u2060\ufeff\xad",
    "\udc80\ud83d": r"\udc80\ud83d",
    "\U000e0041\uffff": r"\U000e0041\uffff",
}
HOSTILE = "a" + "".join(UNSEEN) + "[red]b[/] :boom:"
SHOWN = "a" + "".join(UNSEEN.values()) + "[red]b[/] :boom:"


def is_unseen(letter: str) -> bool:
    return unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def invisible_in(printed: str) -> set[str]:
    """Returns the invisible characters of a text, except line ends."""
    return {repr(letter) for letter in printed if is_unseen(letter) and letter != "\n"}


def console(width: int = 900) -> PlainConsole:
    return PlainConsole(file=io.StringIO(), width=width)


def written(to: PlainConsole) -> str:
    assert isinstance(to.file, io.StringIO)
    return to.file.getvalue()


@pytest.mark.parametrize(("letters", "shown"), UNSEEN.items())
def test_an_invisible_character_is_shown_as_its_escape(letters, shown):
    assert printable(letters) == shown


@given(st.text(st.characters()))
def test_printable_escapes_only_invisible_characters(text):
    shown = printable(text)
    assert not any(map(is_unseen, shown))
    shown.encode()
    if text.isprintable():
        assert shown == text


def test_letters_of_every_script_and_spaces_stay():
    text = "鳥 \N{BIRD} naïve ± 5\N{NO-BREAK SPACE}% שלום 😀\N{VARIATION SELECTOR-16}"
    assert printable(text) == text


def test_a_line_stays_one_line(capsys):
    say(HOSTILE)
    say(HOSTILE, to_stderr=True)
    assert capsys.readouterr() == (f"{SHOWN}\n", f"{SHOWN}\n")


def test_an_error_is_one_line_whatever_it_names(capsys):
    def fail() -> None:
        raise JaxcmpError(f"{HOSTILE} cannot be read")

    assert carry_out(fail) == 1
    assert capsys.readouterr().err == f"jaxcmp: {SHOWN} cannot be read\n"


def test_a_table_shows_markup_and_invisible_characters():
    to, table = console(), plain_table("run", HOSTILE)
    table.add_row(HOSTILE, HOSTILE)
    to.print(table)
    assert written(to).count(SHOWN) == 3
    assert written(to).count("\n") == 2 and not invisible_in(written(to))


def test_columns_have_room_for_escapes():
    to, table = console(), plain_table("run", "state")
    table.add_row("a\x1b\u202eb", "done")
    table.add_row("c", Text("failed", style="red"))
    to.print(table)
    assert (
        len(
            {
                line.rstrip().rindex(line.split()[-1]) + len(line.split()[-1])
                for line in written(to).splitlines()
            }
        )
        == 1
    )


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_training_run_escapes_its_name_and_its_lines(monkeypatch, is_terminal):
    text = io.StringIO()
    monkeypatch.setattr("sys.stdout", text)
    monkeypatch.setenv("COLUMNS", "900")
    monkeypatch.setenv("FORCE_COLOR" if is_terminal else "NO_COLOR", "1")
    with Log(None, [], HOSTILE, num_epochs=1, total_steps=1) as log:
        log.say(HOSTILE)
    shown = text.getvalue()
    assert shown.count(SHOWN) >= (2 if is_terminal else 1)
    # Of the bar, the console itself moves the cursor.
    assert "\x1b[2J" not in shown and "\x9b" not in shown and "\u202e" not in shown


def test_a_message_escapes_names(capsys):
    handler = messages._Formatter()
    ours = standard_logging.LogRecord(
        "absl", standard_logging.INFO, f"{messages.PACKAGE}files.py", 1, "%s", (HOSTILE,), None
    )
    assert handler.format(ours) == SHOWN
    theirs = standard_logging.LogRecord(
        "jax", standard_logging.WARNING, "/elsewhere.py", 1, "two\nlines\x1b[2J", None, None
    )
    assert handler.format(theirs) == "two\nlines\\x1b[2J"


def test_compare_escapes_the_names_of_run_folders(tmp_path: Path, capsys):
    # Halves of surrogate pairs are no JSON: a file with one is named and left out.
    hostile = HOSTILE.encode(errors="ignore").decode()
    names = (hostile, "\u202ecat", "dog\n\n# heading", "\x1b]0;title\x07", "e")
    config = {"arm": hostile, "recipe": hostile, "data.name": hostile}
    for seed in (0, 1):
        sample = Sample("vit", seed, class_names=names, device=hostile, config=config)
        write_run(tmp_path / "runs" / f"{seed}", sample)
        other = Sample("resnet", seed, class_names=names, config={"data.name": hostile})
        write_run(tmp_path / "runs" / f"r{seed}", other)
    left_out = tmp_path / "runs" / os.fsdecode(b"odd-\xff\x1b[2J\n")
    write_run(left_out, Sample("vit", is_finished=False))
    out = tmp_path / os.fsdecode(b"out-\xfe\x1b")
    assert compare([str(tmp_path / "runs"), f"--out={out}"]) == 0
    printed, complaints = capsys.readouterr()
    assert not invisible_in(printed + complaints)
    assert r"odd-\xff\x1b[2J\n" in printed and r"out-\udcfe\x1b" in printed
    assert "[red]b[/] :boom:" in "".join(printed.split("\n"))
    for page in (
        "index.html",
        "report.md",
        *(f"figures/{each.name}" for each in (out / "figures").iterdir()),
    ):
        assert not invisible_in((out / page).read_text(encoding="utf-8")), page


def test_the_status_of_a_study_escapes_names(tmp_path: Path, capsys):
    # A folder's name has no invisible characters, or is refused.
    entries = [folder.Entry("[red]b :boom:/seed-0", "vit", 10, 100)]
    folder.write(tmp_path, {}, entries)
    assert study(["status", f"--workdir={tmp_path}"]) == 0
    printed, complaints = capsys.readouterr()
    assert not invisible_in(printed + complaints)
    assert "[red]b:boom:" in "".join(printed.split())


# Answers to another process of ours, and JSON to a file or a pipe.
OTHERS = {"bench.__main__", "bench.worker", "bench.record", "bench.torch_peer", "text"}


def test_all_other_printing_uses_this_module():
    """Else one forgotten print shows names raw."""
    for name, path in ROOMS.items():
        calls = [node.func for node in ast.walk(TREES[path]) if isinstance(node, ast.Call)]
        called = {func.id for func in calls if isinstance(func, ast.Name)}
        called |= {ast.unparse(func) for func in calls if isinstance(func, ast.Attribute)}
        wrong = called & {"print", "sys.stdout.write", "sys.stderr.write"}
        assert name in OTHERS or not wrong, f"{name} prints: take jaxcmp.text.say"
        makes = called & {"Console", "argparse.ArgumentParser"}
        assert not makes, f"{name}: take PlainConsole and cli.Parser"
