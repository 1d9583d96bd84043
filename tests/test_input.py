"""The speed of the input as a user measures it: a table, and the same in JSON."""

import json

import processes
from bench_configs import TINY

MODULE = "jaxcmp.bench.input"


def test_json_alone_is_standard_output_and_the_table_goes_elsewhere():
    sizes = ("--images=40", "--stored=16", "--rounds=2")
    code, out, err = processes.run(*TINY, *sizes, "--json", module=MODULE)
    assert code == 0, err
    record = json.loads(out)
    assert record["kind"] == "input" and record["config"]["batch_size"] == 16
    assert record["measured"]["feeds"]["streamed"]["seconds"]["n"] == 2
    assert "40 JPEG files of 16 x 16 pixels" in err and "brought to 8 x 8" in err
    assert "streamed, " in err and "per core" in err and "p95" in err


def test_fewer_images_than_a_batch_are_a_wrong_command():
    code, _, err = processes.run(*TINY, "--images=15", module=MODULE)
    assert (code, err) == (2, "jaxcmp: --images=15 must be at least 16\n")
