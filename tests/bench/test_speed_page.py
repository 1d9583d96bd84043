"""The tables of measured speed: every number from a file, with n, machine, versions and command."""

import json

import processes
import pytest
from markdown_it import MarkdownIt

from jaxcmp.bench import speed_page
from jaxcmp.bench.record import provenance, read_record

ROOT = processes.ROOT
PAGE = ROOT / "docs/speed.md"
# Measurements of the project's own, by their kind; of one kind it has none.
RECORDS = {
    kind: read_record(PAGE.parent / "speed" / name)
    for kind, name in (
        ("peer", "vit-float32-peer.json"),
        ("speed", "vit-float32.json"),
        ("scale", "vit-scale.json"),
    )
}
SECONDS = {"median": 0.25, "p95": 0.3, "min": 0.2, "max": 0.5, "n": 7}
FEED = {"seconds": SECONDS, "images_per_second": 512.0, "images_per_second_per_core": 256.0}
RECORDS["input"] = RECORDS["speed"] | {
    "kind": "input",
    "measured": {
        "load_before": None,
        "files": {"num_images": 1500, "size": 256, "record_bytes": 24_600.0},
        "num_cores": 2,
        "first_pass_seconds": 3.5,
        "feeds": {"resident": FEED, "streamed": FEED},
    },
}


@pytest.fixture
def folder(tmp_path):
    """Measurements of each kind and a page for them, as yet without tables."""
    for kind, record in RECORDS.items():
        (tmp_path / f"{kind}.json").write_text(json.dumps(record))
    places = "\n\n".join(f"<!-- tables: {kind}.json -->\n<!-- end -->" for kind in RECORDS)
    (tmp_path / "page.md").write_text(f"# Words of ours\n\n{places}\n\nMore words.\n")
    return tmp_path


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("peer", ("training", "0.97", "0.91 to 1.03", "5", "62.8", "64.6", "compile")),
        ("speed", ("start to first step, warm cache", "8.93 s", "8.67 s to 9.13 s, n=3")),
        ("speed", ("step", "1.72 s", "p95 1.77 s, n=20")),
        ("speed", ("step: forward", "468 ms", "26.8 % of a step, n=20")),
        ("speed", ("input", "18.8 us", "0.00109 % of a step, n=20")),
        ("speed", ("evaluation", "251.0 images/s", "batch 1000, n=20")),
        ("speed", ("peak memory of the process", "3,063 MiB", "")),
        ("scale", ("batch size", "32", "68.4", "468 ms", "471 MiB", "2,396 MiB", "5")),
        ("input", ("JPEG files, 24.6 kB each", "", "", "", "", "")),
        ("input", ("streamed", "512.0", "256.0", "250 ms", "300 ms", "7")),
    ],
)
def test_the_tables_hold_what_was_measured(kind, row):
    assert row in speed_page.rows(RECORDS[kind])


def test_a_size_that_failed_says_why_and_memory_is_the_devices_where_it_has_its_own():
    record = json.loads(json.dumps(RECORDS["scale"]))
    first, second, *_ = record["measured"]["axes"]["depth"]
    first["memory"] |= {"device_bytes": 5 * 2**20, "step_temporary_bytes": None}
    second["failed"] = "no memory"
    rows = [row for row in speed_page.rows(record) if row[0] == "depth"]
    assert rows[0][4:6] == ("", "5 MiB")
    assert rows[1] == ("depth", "12", "no memory", "", "", "", "")


def test_the_words_of_the_page_stay_and_its_tables_are_replaced(folder):
    page = folder / "page.md"
    code, out, err = processes.run(str(page), module="jaxcmp.bench.speed_page")
    assert (code, out, err) == (0, f"{page}\n", "")
    text = page.read_text()
    assert text.startswith("# Words of ours\n") and text.endswith("\nMore words.\n")
    assert MarkdownIt().enable("table").render(text).count("<table>") == len(RECORDS)
    for kind, record in RECORDS.items():
        assert f"[{kind}.json]({kind}.json), {provenance(record)}" in text
    assert speed_page.fill(text, folder) == text


def test_files_of_several_kinds_are_not_one_table(folder):
    page = folder / "page.md"
    page.write_text("<!-- tables: speed.json peer.json -->\n<!-- end -->\n")
    code, _, err = processes.run(str(page), module="jaxcmp.bench.speed_page")
    assert code == 1 and "files of one table are of one kind" in err


def test_the_projects_own_page_is_made_from_its_files_and_leaves_none_out():
    text = PAGE.read_text()
    assert speed_page.fill(text, PAGE.parent) == text
    assert not [x.name for x in (ROOT / "docs/speed").iterdir() if f"](speed/{x.name})" not in text]
    # No number stands in the words between the tables.
    rows = [line for line in text.splitlines() if line.startswith("|")]
    written = "".join(place[0] for place in speed_page.PLACE.finditer(text))
    assert not [row for row in rows if row not in written]


@pytest.mark.parametrize("arguments", [[], ["--help"], ["docs/speed/vit.json"], ["a.md", "b.md"]])
def test_without_a_page_the_command_says_what_it_needs(arguments):
    code, out, err = processes.run(*arguments, module="jaxcmp.bench.speed_page")
    assert (code, out, err) == (2, "", "jaxcmp: name the page, for example docs/speed.md\n")


@pytest.mark.parametrize(
    ("value", "text"),
    [(2.0, "2.00 s"), (0.0123, "12.3 ms"), (-0.004, "-4.00 ms"), (3e-6, "3.00 us"), (0, "0.00 us")],
)
def test_seconds_are_in_the_unit_that_fits(value, text):
    assert speed_page.seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.9999, "0.99"), (1.0, "1.00"), (1234.567, "1,234.56")]
)
def test_what_was_reached_is_not_rounded_up(value, text):
    assert speed_page.cut(value, 2) == text


def test_beside_pytorch_the_newer_jax_is_clearly_faster_where_the_page_says_so():
    folder, faster = ROOT / "docs/speed", []
    for newer in folder.glob("*-peer-jax-0.12.json"):
        older = folder / newer.name.replace("-jax-0.12", "")
        new, old = (
            read_record(path)["measured"]["tasks"]["training"]["ratio"] for path in (newer, older)
        )
        # No overlap of what was measured.
        faster += [newer.name] if new["min"] > old["max"] else []
    assert faster == ["vit-float32-peer-jax-0.12.json"]
    words = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert "the ViT in float32 trains faster with it; the other ranges of training overlap" in words


def test_onednn_convolves_as_much_faster_as_the_page_says():
    folder = ROOT / "docs/speed"
    with_it, without = (
        {
            part: task["ratio"]["median"]
            for part, task in read_record(folder / f"{name}.json")["measured"]["tasks"].items()
        }
        for name in ("resnet-bfloat16-peer-amx", "resnet-bfloat16-peer-amx-no-onednn")
    )
    assert with_it["evaluation"] > 2 * without["evaluation"]
    words = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert "the same processor evaluates less than half as fast" in words
