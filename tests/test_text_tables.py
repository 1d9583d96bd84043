"""Plain tables on a terminal."""

from jaxcmp.text import PlainConsole, plain_table


def test_words_fold_and_numbers_stay_whole_on_the_right(capsys):
    table = plain_table("run", "steps", "s")
    table.add_row("a-name-too-long", "12,345", "6")
    table.add_row("b", "7", "8")
    PlainConsole(width=23).print(table)
    assert capsys.readouterr().out.splitlines() == [
        "run            steps  s",
        "a-name-too-l  12,345  6",
        "ong                    ",
        "b                  7  8",
    ]
