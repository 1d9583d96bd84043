"""The records of a run: in its folder, on the terminal and in viewers."""

import importlib.util
import json

import processes
import pytest
from sample_files import CONFIG

from configs import vit
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.experiment import prepare
from jaxcmp.log import Log, TensorBoard, open_viewers
from jaxcmp.runs import open_run
from jaxcmp.settings.configuration import settings_of

STEP = {"step": 5, "epoch": 1, "loss": 2.0, "learning_rate": 0.1, "images_per_second": 10.0}
EPOCH = {
    "step": 5,
    "epoch": 1,
    "train_loss": 2.0,
    "test_loss": 2.5,
    "test_accuracy": 0.5,
    "images_per_second": 10.0,
}


def quiet(run, viewers):
    return Log(run, viewers, "vit", num_epochs=1, total_steps=5, is_quiet=True)


class Memory(TensorBoard):
    """A viewer that keeps what it is given."""

    def __init__(self):
        self.scalars = []

    def write(self, scalars, step):
        self.scalars.append((step, scalars))

    def close(self):
        self.scalars.append("closed")


def test_a_process_without_the_run_folder_writes_nothing():
    viewer = Memory()
    quiet(None, [viewer]).step(STEP)
    assert viewer.scalars == []


def test_every_viewer_gets_the_numbers_of_the_records(tmp_path):
    viewers = [Memory(), Memory()]
    with open_run(tmp_path, CONFIG) as run, quiet(run, viewers) as log:
        log.step(STEP)
        log.epoch(EPOCH, seconds_left=0)
    expected = []
    for line in (tmp_path / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        kind, step = record.pop("kind"), record.pop("step")
        del record["epoch"]
        expected.append((step, {f"{kind}/{name}": value for name, value in record.items()}))
    for viewer in viewers:
        assert viewer.scalars == [*expected, "closed"]


class Failing(Memory):
    """A viewer that has lost its connection."""

    def close(self):
        raise OSError("no connection")


def test_a_viewer_that_cannot_be_closed_leaves_no_other_open():
    first, last = Memory(), Memory()
    with pytest.raises(OSError, match="no connection"), quiet(None, [first, Failing(), last]):
        pass
    assert first.scalars == last.scalars == ["closed"]


def settings(**log):
    config = vit.get_config("digits")
    config.log.update(log)
    return settings_of(config)


def test_no_viewer_is_opened_unless_the_settings_ask_for_it(tmp_path):
    assert open_viewers(settings(), tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_events_hold_the_same_values(tmp_path):
    pytest.importorskip("tensorboardX", reason="the tensorboard extra is not installed")
    with open_run(tmp_path / "run", CONFIG) as run:
        with quiet(run, open_viewers(settings(tensorboard=True), tmp_path)) as log:
            log.step(STEP)
    (events,) = (tmp_path / "tensorboard").iterdir()
    content = events.read_bytes()
    assert b"train/loss" in content and b"train/learning_rate" in content
    assert b"train/step" not in content


def test_weights_and_biases_without_a_network_writes_into_the_run_folder(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="the wandb extra is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    folder = tmp_path / "run"
    for step in (5, 3):
        # Continued after step 3: the same run, whose steps go back.
        with open_run(folder, CONFIG) as run:
            with quiet(run, open_viewers(settings(wandb=True), folder)) as log:
                log.step({**STEP, "step": step})
    name = (folder / "wandb" / "id").read_text()
    contents = [path.read_bytes() for path in folder.rglob(f"run-{name}.wandb")]
    assert contents
    for content in contents:
        assert b"train/loss" in content and b"vit, seed 0" in content
    assert not [path for path in tmp_path.iterdir() if path != folder]


def test_weights_and_biases_without_an_account_is_one_line(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="the wandb extra is not installed")
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    # In a process of its own: wandb asks for its mode once.
    words = (*processes.TINY, "--config.log.wandb=True", f"--workdir={tmp_path / 'run'}")
    code, _, err = processes.run(*words)
    assert code == 1
    assert err.splitlines()[-1].startswith("jaxcmp: log.wandb: ")
    assert err.endswith("; WANDB_MODE=offline needs no network or account\n")
    assert "Traceback" not in err


def test_where_tensorboards_thread_has_ended_nobody_waits_for_it(tmp_path):
    pytest.importorskip("tensorboardX", reason="the tensorboard extra is not installed")
    viewer = TensorBoard(tmp_path)
    viewer.write({"loss": 1.0}, 1)
    viewer._thread.stop()
    viewer._thread.join()
    with pytest.raises(JaxcmpError, match="cannot be written: TensorBoard's writer ended"):
        viewer.write({"loss": 1.0}, 2)
    viewer.close()


@pytest.mark.parametrize(("key", "package"), [("tensorboard", "tensorboardX"), ("wandb", "wandb")])
def test_a_missing_extra_is_named_before_data_is_read(monkeypatch, key, package):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CommandError, match=f"log.{key} needs {package}: pip install 'jaxcmp"):
        prepare(settings(**{key: True}))
