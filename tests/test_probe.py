"""The command, as a user runs it."""

import json

import processes
import pytest

QUICK = ("--config.model.width=16", "--config.model.depth=1", "--config.model.num_heads=2")


def run(*arguments):
    return processes.run(*arguments, module="jaxcmp.probe")


def test_random_weights_make_a_baseline_with_its_interval_and_n(tmp_path):
    config = ("--config=configs/vit.py:digits", *QUICK, "--config.model.mlp_width=16")
    written = tmp_path / "found.json"
    code, out, err = run(*config, "--num_train=300", f"--json={written}")
    assert code == 0, err
    found = json.loads(written.read_text())
    first, _, train, test, last = out.splitlines()
    assert first == "vit, random weights: logistic regression on frozen features"
    assert train.split()[0] == "train" and train.split()[-1] == f"{found['train']['n']}"
    assert test.split()[-1] == "359"
    assert f"{found['test']['accuracy']:.2%}" in test
    assert last.startswith(f"16 features, C={found['C']:g}; features in ")
    assert abs(found["train"]["n"] - 300) <= 5
    low, high = found["test"]["interval"]
    # Ten digits, of which even random features tell many apart.
    assert 0.2 < low < found["test"]["accuracy"] < high
    assert found["weights"] is None and found["environment"]["device_count"] == 1


def test_weights_of_a_run_are_told_and_their_arrays_counted(unbroken, tmp_path):
    written = tmp_path / "found.json"
    code, out, err = run(*processes.TINY, f"--config.init.path={unbroken}", f"--json={written}")
    assert code == 0, err
    found = json.loads(written.read_text())
    assert found["weights"]["kind"] == "run"
    num_loaded = len(found["weights"]["rows"])
    assert out.startswith(f"vit, {unbroken.name} ({num_loaded} loaded): logistic regression")
    assert found["train"]["n"] == 1438


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no configuration given"),
        (["--config=configs/vit.py:digits", "--num_train=10"], "--num_train=10 must be 0 for all"),
        (
            # That data is not there is found out later.
            ["--config=configs/vit.py", "--config.init.path=none.npz", "--config.data.name=none"],
            "none.npz cannot be read",
        ),
        (["--config=configs/vit.py:digits", "--num_trian=10"], "Did you mean: num_train"),
    ],
)
def test_a_wrong_command_is_one_line(arguments, words):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("jaxcmp: ") and words in err and err.count("\n") == 1
