"""The comparison with PyTorch: who is compared, in which order, and what a ratio is."""

import json
import sys

import processes
import pytest
from bench_configs import TINY, config_of

from jaxcmp.bench import peer
from jaxcmp.errors import CommandError, JaxcmpError


def test_a_ratio_is_images_a_second_ours_to_theirs():
    assert peer.summarise([0.5, 2.0, 1.0]) == {
        "pairs": [0.5, 2.0, 1.0],
        "median": 1.0,
        "min": 0.5,
        "max": 2.0,
        "n": 3,
    }


def test_only_the_same_work_on_the_same_device_is_compared():
    one = {"parameters": 1, "num_images": 2, "device": "cpu"}
    peer.check_same_work({"jaxcmp": one, "torch": one})
    with pytest.raises(AssertionError, match="differ in parameters"):
        peer.check_same_work({"jaxcmp": one, "torch": one | {"parameters": 3}})
    with pytest.raises(JaxcmpError, match="JAX works on cpu and PyTorch on cuda"):
        peer.check_same_work({"jaxcmp": one, "torch": one | {"device": "cuda"}})


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"compute_dtype": "float16"}, "float32 and bfloat16, not float16"),
        ({"accumulation": 2}, "set --config.accumulation=1"),
        ({"average_decay": 0.5}, "set --config.average_decay=0"),
        ({"frozen_trunk": True}, "set --config.frozen_trunk=False"),
        ({"optimizer.layer_decay": 0.5}, "set --config.optimizer.layer_decay=1"),
    ],
)
def test_what_has_no_counterpart_is_refused(overrides, message):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    with pytest.raises(CommandError, match=message):
        peer.check(config_of("vit", **overrides))


def test_a_side_that_fails_says_why():
    with peer.Side("jaxcmp", "training", [*TINY, "--config.model.num_heads=3"]) as side:
        with pytest.raises(CommandError, match="does not divide model.width=16"):
            side.describe()
    with peer.Side("jaxcmp", "training", ["--config=configs/none.py"]) as side:
        with pytest.raises(JaxcmpError, match="is not a file"):
            side.describe()


def test_without_pytorch_the_command_says_how_to_get_it(tmp_path):
    if "torch" in sys.modules or peer.importlib.util.find_spec("torch"):
        pytest.skip("PyTorch is installed")
    code, out, err = processes.run(*TINY, "--peer=torch", module="jaxcmp.bench")
    assert (code, out) == (2, "")
    assert err == "jaxcmp: --peer=torch needs PyTorch: pip install 'jaxcmp[bench]'\n"


def test_sides_take_turns_and_the_ratios_are_written(tmp_path):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    file = tmp_path / "ratios.json"
    # Compiled or not, the comparison is the same; a compiler takes minutes.
    code, out, err = processes.run(
        *(*TINY, "--peer=torch", "--pairs=2", f"--json={file}"),
        module="jaxcmp.bench",
        TORCH_COMPILE_DISABLE="1",
        # Of small images there are so many a second that eighty columns may fold a name.
        COLUMNS="120",
    )
    assert code == 0, err
    measured = json.loads(file.read_text())["measured"]
    assert list(measured["tasks"]) == list(peer.TASKS)
    for task in measured["tasks"].values():
        ours, theirs = (task["sides"][side]["seconds"] for side in peer.SIDES)
        expected = [b / a for a, b in zip(ours, theirs, strict=True)]
        assert task["ratio"]["pairs"] == pytest.approx(expected)
        assert task["ratio"]["n"] == 2
    assert "augmentation, one core" in out
