"""The summary of what was loaded: short enough to read, whole in the file."""

import io

from jaxcmp.pretrained.summary import MAX_LINES, summarise, table
from jaxcmp.text import PlainConsole


def row(name, what="loaded", note=""):
    return {"name": name, "what": what, "note": note}


def vit_rows(depth=12):
    parts = ("attention/qkv/kernel", "attention/qkv/bias", "mlp/expand/kernel")
    return [
        row("params/positions", "resized", "grid 14x14 to 8x8"),
        row("params/cls"),
        *(row(f"params/block_{i}/{part}") for i in range(depth) for part in parts),
        *(row(f"params/head/{x}", "new", "zeros") for x in ("kernel", "bias")),
        *(row(f"bn{i}.num_batches_tracked", "unused", "a counter") for i in (1, 2)),
    ]


def printed(rows):
    out = io.StringIO()
    PlainConsole(file=out, width=80).print(table(rows))
    return out.getvalue()


def test_blocks_are_one_line_for_each_of_their_layers():
    assert summarise(vit_rows()) == [
        ("positions", 1, "resized", "grid 14x14 to 8x8"),
        ("cls", 1, "loaded", ""),
        ("block_*/attention", 24, "loaded", ""),
        ("block_*/mlp", 12, "loaded", ""),
        ("head/kernel", 1, "new", "zeros"),
        ("head/bias", 1, "new", "zeros"),
        ("bn*.num_batches_tracked", 2, "unused", "a counter"),
    ]


def test_statistics_stand_with_the_parameters_of_their_stage():
    names = ("params/stage_1/block_0/norm_1/scale", "batch_stats/stage_1/block_0/norm_1/mean")
    assert summarise([row(name) for name in names]) == [("stage_1", 2, "loaded", "")]


def test_a_table_has_no_more_lines_than_can_be_read():
    rows = [row(f"part{letter}", "unused") for letter in "abcdefghijklmnopqrstuvwxyz"]
    lines = printed([*rows, row("params/cls")]).splitlines()
    assert len(lines) == MAX_LINES + 1 and max(map(len, lines)) <= 80
    assert lines[-1].split() == "and 3 lines more 3 they are in init.json".split()
