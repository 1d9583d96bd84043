"""The comparison with PyTorch: who is compared, in which order, and what a ratio is."""

import json
import os
import shutil
import sys

import jax
import processes
import pytest
from bench_configs import TINY, small

from jaxcmp import models
from jaxcmp.bench import measure, peer
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.experiment import prepare
from jaxcmp.models.packing import unpack

# Speaks as a side does; writes a letter to a file for each sample that is taken.
SIDE = """
import json, sys
name, seconds, file = sys.argv[1:4]
print(json.dumps({"device": "cpu", "num_images": 4, "parameters": 7}), flush=True)
for line in sys.stdin:
    open(file, "a").write(name)
    print(float(seconds), flush=True)
"""
# A side that describes itself by the number of its cores.
CORES = """
import json, os, sys
how = len(os.sched_getaffinity(0))
print(json.dumps({"device": "cpu", "num_images": 4, "how": how}), flush=True)
for line in sys.stdin:
    print(0.5, flush=True)
"""
# Answers in place of a Python with PyTorch, for a model of that many parameters.
PEER = """#!{python}
import json, sys
job = json.loads(sys.argv[-1])
config = job["config"]
size = config["eval_batch_size" if job["part"] == "evaluation" else "batch_size"]
about = {{"device": "cpu", "num_images": size, "how": "eager", "packages": {{"torch": "2.0"}}}}
if job["part"] != "augmentation":
    about["parameters"] = {parameters}
print(json.dumps(about), flush=True)
for line in sys.stdin:
    print(0.5, flush=True)
"""


def made_side(name, seconds, file):
    return [sys.executable, "-c", SIDE, name, str(seconds), str(file)]


def test_sides_take_turns_and_a_ratio_is_theirs_by_ours_in_seconds(tmp_path):
    file = tmp_path / "turns"
    sides = made_side("j", 0.5, file), made_side("t", 1.0, file)
    part = peer.compare_part("training", *sides, num_pairs=3)
    # The first two of each side are for warming up.
    assert file.read_text() == "jjtt" + 3 * "jt"
    assert part["ratio"] == {"pairs": 3 * [2.0], "median": 2.0, "min": 2.0, "max": 2.0, "n": 3}
    assert part["sides"]["jaxcmp"]["images_per_second"] == 8
    assert part["sides"]["torch"]["images_per_second"] == 4
    assert part["sides"]["torch"]["seconds"] == [1.0, 1.0, 1.0]
    assert part["cores"] == "all"


def test_only_the_same_work_on_the_same_device_is_compared():
    one = {"parameters": 1, "num_images": 2, "device": "cpu"}
    peer.check_same_work({"jaxcmp": one, "torch": one})
    with pytest.raises(JaxcmpError, match="the sides differ in parameters: 1 and 3"):
        peer.check_same_work({"jaxcmp": one, "torch": one | {"parameters": 3}})
    with pytest.raises(JaxcmpError, match="JAX works on cpu and PyTorch on cuda"):
        peer.check_same_work({"jaxcmp": one, "torch": one | {"device": "cuda"}})


@pytest.mark.parametrize(
    ("arm", "overrides", "message"),
    [
        ("vit", {"compute_dtype": "float16"}, "compute_dtype=float16 must be float32 or bfloat16"),
        ("vit", {"accumulation": 2}, "accumulation=2 must be 1 with --peer=torch"),
        ("vit", {"average_decay": 0.5}, "average_decay=0.5 must be 0"),
        ("vit", {"frozen_trunk": True}, "frozen_trunk=True must be False"),
        ("vit", {"optimizer.layer_decay": 0.5}, "optimizer.layer_decay=0.5 must be 1"),
        ("resnet", {}, r"model.stage_widths=\(4, 8\) must be \(64, 128, 256, 512\)"),
        ("resnet", {"model.stage_widths": (64, 128, 256, 512)}, "must be of four stages"),
    ],
)
def test_what_has_no_counterpart_is_refused(arm, overrides, message):
    with pytest.raises(CommandError, match=message):
        peer.check(small(arm, **overrides))


def test_what_is_compared_on_one_core_stays_on_one():
    if shutil.which("taskset") is None:
        pytest.skip("this system cannot keep a process to a core")
    for part, is_pinned in (("augmentation", True), ("training", False)):
        compared = peer.compare_part(part, *(2 * [[sys.executable, "-c", CORES]]), num_pairs=1)
        cores = {side["how"] for side in compared["sides"].values()}
        assert cores == ({1} if is_pinned else {len(os.sched_getaffinity(0))})


def test_a_peer_in_another_python_is_compared_and_written(tmp_path):
    settings = small("vit")
    init = prepare(settings, measure.random_images(settings)).init
    params = jax.eval_shape(init, jax.random.key(0)).params
    python, file = tmp_path / "python", tmp_path / "ratios.json"
    parameters = sum(models.count_parameters(unpack(params)).values())
    python.write_text(PEER.format(python=sys.executable, parameters=parameters))
    python.chmod(0o755)
    code, out, err = processes.run(
        *(*TINY, "--peer=torch", f"--peer_python={python}", "--pairs=2", f"--json={file}"),
        module="jaxcmp.bench",
    )
    assert code == 0, err
    measured = json.loads(file.read_text())["measured"]
    expected = [part for part in peer.PARTS if part != "augmentation" or shutil.which("taskset")]
    assert list(measured["tasks"]) == expected
    for part in measured["tasks"].values():
        ours, theirs = (part["sides"][side]["seconds"] for side in ("jaxcmp", "torch"))
        assert theirs == [0.5, 0.5]
        assert part["ratio"]["pairs"] == pytest.approx([0.5 / seconds for seconds in ours])
        assert part["sides"]["jaxcmp"]["how"] == "jit"
    assert "training" in out and "eager" in out
