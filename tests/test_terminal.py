"""The benchmark's tables: every figure with its unit, its n and what it is a share of."""

import bench_records as records
import pytest

from jaxcmp.bench import terminal


def shown(capsys, kind, measured, **options):
    terminal.show(records.record(kind, measured), **({"to_stderr": False} | options))
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_a_speed_table_names_the_machine_and_every_figure(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    out, _ = shown(capsys, "speed", records.measured_speed())
    assert "vit, batch 128, float32, on 1 x cpu (A processor, 2 cores), commit 01234567" in out
    lines = {line.split("  ")[0]: line for line in out.splitlines()}
    assert "250 ms" in lines["step"] and "p95 300 ms, n=7" in lines["step"]
    assert "512.0 images/s" in lines["training"]
    assert "0.04 % of a step" in lines["making and placing indices"]
    assert "4,000.0 images/s" in lines["evaluation"]
    assert "25.0 % of the product's" in lines["model FLOP/s"]
    assert "3.00 s to 5.00 s, n=2" in lines["compiling the step, warm cache"]
    assert "300 MiB" in lines["peak memory of the process"]
    assert "peak memory of the device" not in lines
    assert all(f"  {name}*" in out for name in records.STAGES)


def test_a_comparison_shows_the_ratio_with_its_range_and_how_pytorch_went(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    out, _ = shown(capsys, "peer", records.measured_peer())
    (line,) = (line for line in out.splitlines() if line.startswith("training"))
    assert "all cores" in line and "50.0" in line and "compile" in line
    assert "1.05" in line and "1.01 to 1.07" in line
    assert any(line.startswith("augmentation, one core") for line in out.splitlines())


def test_standard_output_stays_free_where_it_is_for_another_program(capsys):
    out, err = shown(capsys, "peer", records.measured_peer(), to_stderr=True)
    assert not out
    assert "training" in err


@pytest.mark.parametrize(
    ("value", "text"),
    [(2.0, "2.00 s"), (0.0123, "12.3 ms"), (-0.004, "-4.00 ms"), (3e-6, "3.00 us"), (0, "0.00 us")],
)
def test_seconds_are_told_in_the_unit_that_fits(value, text):
    assert terminal.seconds(value) == text


@pytest.mark.parametrize(
    ("commit", "is_dirty", "text"),
    [
        (None, None, "unknown"),
        ("0" * 40, False, "00000000"),
        ("0" * 40, True, "0" * 8 + " and changes"),
    ],
)
def test_a_commit_that_files_differ_from_is_marked(commit, is_dirty, text):
    assert terminal.commit({"git_commit": commit, "git_dirty": is_dirty}) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.9999, "0.99"), (1.0, "1.00"), (1234.567, "1,234.56")]
)
def test_what_was_reached_is_not_rounded_up(value, text):
    assert terminal.cut(value, 2) == text
