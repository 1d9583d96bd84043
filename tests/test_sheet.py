"""The table in the terminal."""

import io

from rich.console import Console
from sample_measurements import measurement

from jaxcmp.gpu import sheet


def printed(*measurements):
    text = io.StringIO()
    Console(file=text, width=200, markup=False).print(sheet.table(measurements))
    return text.getvalue()


def test_a_row_holds_what_was_measured():
    text = printed(measurement(), measurement(gpu="T4", transfers=("a", "b")))
    (row,) = [line for line in text.splitlines() if "vit train bfloat16 H100" in line]
    for words in ("128", "12.3", "1,234", "219", "6.70", "280", "2.00", "0.30", "1.50"):
        assert f" {words} " in row
    assert row.count("none") == 2
    (other,) = [line for line in text.splitlines() if "vit train bfloat16 T4" in line]
    assert other.count("none") == 1 and " 2 " in other


def test_an_estimate_is_called_one():
    assert sheet.batches(measurement()) == "about 128 to 4,096"
    assert sheet.batches(measurement(is_confirmed=True)) == "128 to 4,096"
    assert sheet.batches(measurement(largest_batch=128, is_confirmed=True)) == "128"
    assert sheet.batches(measurement(largest_batch=0)) == "about none"
