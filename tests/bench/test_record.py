"""The record of a measurement."""

import json
import platform
from pathlib import Path

import processes
import pytest

from jaxcmp.bench import record
from jaxcmp.errors import JaxcmpError

FILE = str(Path("anywhere") / "jaxcmp" / "bench" / "__main__.py")


def test_a_record_names_machine_versions_commit_and_command(tmp_path):
    argv = [FILE, "--config=configs/vit.py", f"--json={tmp_path}/x.json"]
    made = record.make_record(
        "speed", argv, {"compute_dtype": "float32"}, {"images_per_second": 1.5}
    )
    environment = made["environment"]
    assert environment["command"] == "python -m jaxcmp.bench --config=configs/vit.py"
    assert environment["device"] == "cpu" and environment["device_count"] == 8
    assert environment["cpu"] and environment["python"] == platform.python_version()
    assert {"jax", "numpy"} <= set(environment["packages"])
    assert "git_commit" in environment
    # A measurement that is published tells nothing about whose machine it was.
    assert str(tmp_path) not in json.dumps(made) and platform.node() not in json.dumps(made)


def test_what_is_written_is_read_back_from_a_folder_that_was_not_there(tmp_path):
    made = {"schema": record.SCHEMA, "kind": "peer", "measured": {"ratio": 1.25}}
    path = tmp_path / "not" / "yet" / "x.json"
    record.write_record(str(path), made)
    assert record.read_record(path) == made


def test_a_file_in_place_of_the_folder_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(JaxcmpError, match="x.json"):
        record.write_record(str(tmp_path / "file" / "x.json"), {})


@pytest.mark.parametrize("content", ["[]", "{}", '{"kind": "peer", "schema": 0}', "no"])
def test_another_file_is_refused(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(JaxcmpError, match="x.json cannot be used"):
        record.read_record(tmp_path / "x.json")


def test_provenance_is_time_commit_command_machine_and_versions():
    made = record.read_record(processes.ROOT / "docs/speed/vit-float32-peer.json")
    assert record.provenance(made) == (
        "2026-11-29T15:49:29+00:00, cd75de9e\n\n"
        "    python -m jaxcmp.bench --config=configs/vit.py --config.compute_dtype=float32 "
        "--peer=torch --pairs=5\n\n"
        "1 x cpu; AMD EPYC, 2 cores; Python 3.11.7, jax 0.10.2, jaxlib 0.10.2, flax 0.12.8, "
        "optax 0.2.8, numpy 2.4.6, torch 2.13.0+cpu, torchvision 0.28.0, timm 1.0.31; "
        "load average before: 1.52"
    )
    made["environment"] |= {"git_commit": None}
    made["measured"]["load_before"] = None
    assert ", unknown\n" in record.provenance(made) and "load" not in record.provenance(made)
    made["environment"] |= {"git_commit": 40 * "0", "git_dirty": True}
    assert ", 00000000 and changes\n" in record.provenance(made)
