"""The command that says what the devices of a run send to each other."""

import json

import bench_configs
import processes


def test_on_cpu_devices_it_prints_a_line_for_each_kind_and_writes_the_file(tmp_path):
    file = tmp_path / "scale.json"
    sizes = [f"--config.{k}={v}" for k, v in bench_configs.SMALL["vit"].items()]
    command = ("configs/vit.py", *sizes, "--platform=cpu", "--devices=4", "--batch=2")
    code, out, err = processes.run(
        *command, f"--json={file}", module="jaxcmp.collectives", num_devices=4
    )
    assert code == 0, err
    kinds = [line.partition(" x ")[2].partition(",")[0] for line in out.splitlines()]
    assert {"all-reduce", "all-gather", "reduce-scatter"} <= set(kinds)
    report = json.loads(file.read_text())
    assert (report["platform"], report["devices"]) == ("cpu", 4)
    assert report["arms"][0]["arm"] == "vit"


def test_too_few_devices_are_one_line():
    code, out, err = processes.run("--platform=cpu", module="jaxcmp.collectives")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "there are 1 CPU devices" in err
