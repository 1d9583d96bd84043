"""report.json: the same report comes back, and it keeps to its published schema."""

import dataclasses
import importlib.resources
import json
from typing import Any

import jsonschema
import pytest
import sample_report
import sample_runs

from jaxcmp.compare import document
from jaxcmp.compare.report import build
from jaxcmp.compare.report_json import from_json, to_json

SCHEMA = json.loads(
    importlib.resources.files("jaxcmp.compare").joinpath("report.schema.json").read_text()
)


def validate(stored: dict[str, Any]) -> None:
    jsonschema.validate(stored, SCHEMA)


def test_a_report_comes_back_from_json_as_it_was():
    report = sample_report.sample_report()
    stored = json.loads(json.dumps(to_json(report), allow_nan=False))
    assert to_json(from_json(stored)) == stored
    assert type(from_json(stored).comparisons[0].sections[0].blocks[0]) is type(
        report.comparisons[0].sections[0].blocks[0]
    )


def test_reports_keep_to_the_schema(tmp_path):
    validate(to_json(sample_report.sample_report()))
    groups = sample_runs.make_groups(tmp_path, *sample_runs.TWO_SEEDS_EACH)
    stored = to_json(build(groups, []))
    validate(stored)
    stored["comparisons"][0]["surprise"] = 1
    with pytest.raises(jsonschema.ValidationError, match="surprise"):
        validate(stored)


def test_the_schema_names_every_field_of_every_part():
    parts = {
        "run": document.Source,
        **{
            name: getattr(document, name.capitalize()) for name in ("comparison", "fact", "section")
        },
        **{name: getattr(document, name.capitalize()) for name in ("text", "commands", "table")},
        **{name: getattr(document, name.capitalize()) for name in ("column", "cell", "figure")},
        **{name: getattr(document, name.capitalize()) for name in ("plot", "axis", "series")},
        **{name: getattr(document, name.capitalize()) for name in ("heatmap", "gallery")},
        "picture": document.Picture,
        "left_out": document.LeftOut,
    }
    assert set(parts) == set(SCHEMA["$defs"])
    for name, part in parts.items():
        fields = {field.name for field in dataclasses.fields(part)}
        assert set(SCHEMA["$defs"][name]["properties"]) == fields, name
    assert SCHEMA["properties"]["schema"] == {"const": document.SCHEMA}


def test_what_is_not_finite_is_written_as_null():
    cell = document.Cell("?", float("nan"), (0.0, float("inf")))
    table = document.Table("t", [document.Column("a")], [[cell]])
    section = document.Section("s", "S", [table])
    comparison = document.Comparison("c", "d", "t", [], [], [], [section])
    stored = to_json(document.Report([comparison], [], []))
    found = stored["comparisons"][0]["sections"][0]["blocks"][0]["rows"][0][0]
    assert (found["value"], found["interval"]) == (None, [0.0, None])


@pytest.mark.parametrize("schema", [0, 2, "1"])
def test_a_report_of_another_schema_is_refused(schema):
    stored = to_json(document.Report([], [], [])) | {"schema": schema}
    with pytest.raises(ValueError, match=f"its schema is {schema}, this program reads 1"):
        from_json(stored)


def test_a_block_of_an_unknown_kind_is_refused():
    stored = to_json(sample_report.sample_report())
    stored["comparisons"][0]["sections"][0]["blocks"][0]["kind"] = "film"
    with pytest.raises(ValueError, match="no block of kind 'film'"):
        from_json(stored)
