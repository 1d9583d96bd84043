"""report.json: the same report comes back, and it keeps to the schema made from the types."""

import json
from typing import Any

import jsonschema
import msgspec
import pytest
import sample_report
import sample_runs

from jaxcmp.compare.document import Cell, Column, LeftOut, Report, Table, from_json, to_json
from jaxcmp.compare.report import build


def stored(report: Report) -> dict[str, Any]:
    return json.loads(to_json(report))


def test_a_report_comes_back_from_json_as_it_was():
    again = from_json(to_json(sample_report.sample_report()))
    assert from_json(to_json(again)) == again


def test_reports_keep_to_the_schema_and_nothing_else_does(tmp_path):
    groups = sample_runs.make_groups(tmp_path, *sample_runs.TWO_SEEDS_EACH)
    schema = msgspec.json.schema(Report)
    for report in (sample_report.sample_report(), build(groups, [])):
        jsonschema.validate(stored(report), schema)
    surprising = stored(sample_report.sample_report())
    surprising["comparisons"][0]["surprise"] = 1
    with pytest.raises(jsonschema.ValidationError, match="surprise"):
        jsonschema.validate(surprising, schema)
    with pytest.raises(msgspec.ValidationError, match="surprise"):
        from_json(json.dumps(surprising))


def test_what_is_not_finite_is_written_as_null():
    cell = Cell("?", float("nan"))
    report = sample_report.report_of(Table("t", [Column("a")], [[cell]]))
    (block,) = stored(report)["comparisons"][0]["sections"][0]["blocks"]
    assert block["rows"][0][0]["value"] is None
    from_json(to_json(report))


@pytest.mark.parametrize("schema", [0, 1, 3])
def test_a_report_of_another_schema_is_refused(schema):
    other = stored(Report([], [], [])) | {"schema": schema}
    with pytest.raises(ValueError, match=f"its schema is {schema}, this program reads 2"):
        from_json(json.dumps(other))


def test_a_block_of_an_unknown_kind_is_refused():
    other = stored(sample_report.sample_report())
    other["comparisons"][0]["sections"][0]["blocks"][0]["kind"] = "film"
    with pytest.raises(msgspec.ValidationError, match="film"):
        from_json(json.dumps(other))


def test_a_folder_whose_name_is_no_text_is_written_with_escapes():
    report = Report([], [], [LeftOut("runs/\udcff", "not finished")])
    assert stored(report)["left_out"][0]["folder"] == r"runs/\udcff"
