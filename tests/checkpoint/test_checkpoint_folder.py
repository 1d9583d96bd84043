"""Damaged folders of checkpoints, and how a run handles them."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jaxcmp.checkpoint import folder as checkpoint_folder
from jaxcmp.checkpoint.manager import Checkpoints, restore_variables
from jaxcmp.errors import JaxcmpError

Damage = Callable[[Path], object]

NOISE = np.random.default_rng(0).normal(size=20_000).astype(np.float32)
TEMPLATE = {"params": {"kernel": NOISE}}


def make_state(step: int) -> dict[str, Any]:
    return {"params": {"kernel": NOISE + np.float32(step)}}


def open_checkpoints(folder: Path, *, read_only: bool = False) -> Checkpoints:
    return Checkpoints(folder, keep_every=1, keep_best=True, read_only=read_only)


def restore(checkpoints: Checkpoints, which: int | str = "newest") -> int:
    """Returns the step restored, after checking its values."""
    restored = checkpoints.restore(TEMPLATE, which)
    assert restored is not None
    np.testing.assert_array_equal(
        np.asarray(restored[1]["params"]["kernel"]), make_state(restored[0])["params"]["kernel"]
    )
    return restored[0]


def best_step(folder: Path) -> int:
    step, _ = checkpoint_folder.identify(folder, "best") or (0, "")
    return step


@pytest.fixture(scope="module")
def three_saved(tmp_path_factory) -> Path:
    """Saves checkpoints of steps 1, 2 and 3, the second the best; tests work on copies."""
    folder = tmp_path_factory.mktemp("run") / "checkpoints"
    with open_checkpoints(folder) as checkpoints:
        for step, accuracy in ((1, 0.5), (2, 0.9), (3, 0.7)):
            checkpoints.save(step, make_state(step), {"validation_accuracy": accuracy})
    return folder


@pytest.fixture
def folder(three_saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(three_saved, tmp_path / "checkpoints"))


@pytest.fixture
def warned(caplog) -> Callable[[], list[str]]:
    """Returns the warnings and errors logged by us or by Orbax."""
    return lambda: [record.getMessage() for record in caplog.records if record.levelno >= 30]


def array_bytes(step: Path) -> Path:
    """Returns the file with the state's bytes, the largest because they are noise."""
    files = [path for path in (step / "state").rglob("*") if path.is_file()]
    return max(files, key=lambda path: path.stat().st_size)


def truncate(step: Path) -> None:
    path = array_bytes(step)
    os.truncate(path, path.stat().st_size // 2)


def flip_bytes_at(position: float) -> Damage:
    def flip_bytes(step: Path) -> None:
        content = bytearray(array_bytes(step).read_bytes())
        start = int(position * (len(content) - 8))
        content[start : start + 8] = bytes(255 - byte for byte in content[start : start + 8])
        array_bytes(step).write_bytes(content)

    return flip_bytes


def delete(name: str) -> Damage:
    def delete_it(step: Path) -> None:
        shutil.rmtree(step / name) if (step / name).is_dir() else (step / name).unlink()

    return delete_it


def write(name: str, text: str) -> Damage:
    return lambda step: (step / name).write_text(text)


def accuracy_of(value: str) -> Damage:
    return write("metrics/metrics", f'{{"validation_accuracy": {value}}}')


def change_digest(step: Path) -> None:
    path = step / "index" / "metadata"
    path.write_text(path.read_text().replace('"sha256": "', '"sha256": "0'))


def make_metrics_a_folder(step: Path) -> None:
    (step / "metrics" / "metrics").unlink()
    (step / "metrics" / "metrics").mkdir()


def empty_it(step: Path) -> None:
    shutil.rmtree(step)
    step.mkdir()


flip_bytes = flip_bytes_at(0.5)
delete_arrays, delete_manifest = delete("state/ocdbt.process_0"), delete("state/manifest.ocdbt")
garble_metrics = write("metrics/metrics", '{"validation_acc')
DAMAGES = {
    "truncated": truncate,
    "flipped early": flip_bytes_at(0.1),
    "flipped": flip_bytes,
    "flipped late": flip_bytes_at(0.9),
    "no metadata": delete("state/_METADATA"),
    "no arrays": delete_arrays,
    "no manifest": delete_manifest,
    "no index": delete("index"),
    "wrong digest": change_digest,
    "another index": write("index/metadata", '{"params/kernel": 3}'),
    "garbled metrics": garble_metrics,
    "empty": empty_it,
    "a word": accuracy_of('"high"'),
    "nothing": accuracy_of("null"),
    "a truth": accuracy_of("true"),
    "a list": accuracy_of("[0.5]"),
    "beyond floats": accuracy_of("1" + "0" * 400),
    "deep": accuracy_of("[" * 100_000),
    "metrics a folder": make_metrics_a_folder,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(folder, warned, damage):
    damage(folder / "3")
    with open_checkpoints(folder, read_only=True) as checkpoints:
        assert restore(checkpoints) == 2
    (warning,) = warned()
    assert str(folder / "3") in warning and "\n" not in warning
    assert (folder / "3").exists()
    assert sorted(os.listdir(folder)) == ["1", "2", "3"]


@pytest.mark.parametrize("damage", [flip_bytes, empty_it])
def test_a_damaged_step_can_be_saved_again(folder, warned, damage):
    damage(folder / "3")
    with open_checkpoints(folder) as checkpoints:
        assert restore(checkpoints) == 2
        checkpoints.save(3, make_state(3), {"validation_accuracy": 0.8})
        assert restore(checkpoints) == 3
    assert (folder / "damaged-3").is_dir()
    (warning,) = warned()
    assert str(folder / "damaged-3") in warning


@pytest.mark.parametrize("damage", [garble_metrics, empty_it])
def test_a_save_may_come_before_a_faulty_folder_is_read(folder, warned, damage):
    damage(folder / "3")
    with open_checkpoints(folder) as checkpoints:
        checkpoints.save(3, make_state(3), {})
    assert checkpoints.steps == [1, 2, 3]
    assert str(folder / "3") in warned()[0]


def test_the_latest_damaged_checkpoint_of_a_step_is_kept(folder, warned):
    for _ in range(2):
        flip_bytes(folder / "3")
        with open_checkpoints(folder) as checkpoints:
            assert restore(checkpoints) == 2
            checkpoints.save(3, make_state(3), {})
    assert sorted(os.listdir(folder)) == ["1", "2", "3", "damaged-3"]


@pytest.mark.parametrize(
    "damage", [delete_arrays, delete_manifest, flip_bytes, truncate, accuracy_of('"high"')]
)
def test_an_incomplete_old_checkpoint_is_set_aside_before_the_next_save(folder, warned, damage):
    damage(folder / "1")
    with open_checkpoints(folder) as checkpoints:
        assert restore(checkpoints) == 3
        checkpoints.save(4, make_state(4), {"validation_accuracy": 0.8})
        checkpoints.wait()
        assert checkpoints.steps == [2, 3, 4]
        assert restore(checkpoints, "best") == 2
    (warning,) = warned()
    assert str(folder / "1") in warning


@pytest.mark.parametrize("name", ["007", "03", "0003", "٣"])
@pytest.mark.parametrize("is_empty", [True, False])
def test_a_folder_not_named_after_a_step_is_no_checkpoint(folder, warned, name, is_empty):
    if is_empty:
        (folder / name).mkdir()
    else:
        shutil.copytree(folder / "3", folder / name)
    with open_checkpoints(folder, read_only=True) as checkpoints:
        assert checkpoints.steps == [1, 2, 3] and restore(checkpoints) == 3
    with open_checkpoints(folder) as checkpoints:
        assert restore(checkpoints) == 3
        for step in (4, 5):
            checkpoints.save(step, make_state(step), {"validation_accuracy": 0.8})
    with open_checkpoints(folder) as checkpoints:
        assert restore(checkpoints) == 5
    (warning,) = warned()
    assert str(folder / name) in warning and (folder / f"damaged-{name}").is_dir()


def test_a_deleted_checkpoint_is_never_half_there(folder, warned):
    with Checkpoints(folder) as checkpoints:
        for step in (4, 5):
            checkpoints.save(step, make_state(step), {})
    assert sorted(os.listdir(folder)) == ["4", "5"]
    # What a process that was killed had still to delete.
    shutil.copytree(folder / "4", folder / "deleted" / "3")
    with Checkpoints(folder) as checkpoints:
        assert checkpoints.steps == [4, 5]
        checkpoints.save(6, make_state(6), {})
    assert sorted(os.listdir(folder)) == ["5", "6"] and not warned()


# Everything is imported by root, whose files another user may not read.
AS_ANOTHER = """
import os, sys, tempfile
import numpy as np
from jaxcmp.checkpoint.manager import Checkpoints
from jaxcmp.cli import carry_out
def go_on(folder):
    with Checkpoints(folder, keep_every=1, keep_best=True) as checkpoints:
        restored = checkpoints.read()
        checkpoints.save(9, {"params": np.ones(3)}, {"validation_accuracy": 0.8})
        checkpoints.wait()
with tempfile.TemporaryDirectory() as folder:
    go_on(folder)
os.setresuid(65534, 65534, 65534)
os._exit(carry_out(lambda: go_on(sys.argv[1])))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root becomes another user")
@pytest.mark.parametrize(
    "name",
    [
        ".",
        "3",
        "3/state",
        "3/index/metadata",
        "3/metrics/metrics",
        "3/state/_METADATA",
        "1",
        "arrays",
    ],
)
def test_an_unreadable_file_is_named_and_stays(folder, name):
    path = array_bytes(folder / "3") if name == "arrays" else folder / name
    for each in (folder, *folder.rglob("*")):
        os.chown(each, 65534, 65534)
    above = Path(tempfile.gettempdir()).resolve()
    for parent in folder.resolve().parents:
        if above in parent.parents:
            parent.chmod(0o755)
    names = sorted(os.listdir(folder))
    mode = path.stat().st_mode
    path.chmod(0)
    done = subprocess.run(
        [sys.executable, "-c", AS_ANOTHER, str(folder)],
        env=os.environ | {"JAX_PLATFORMS": "cpu", "HOME": "/tmp"},
        capture_output=True,
        text=True,
    )
    path.chmod(mode)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert f"{path.resolve()}" in done.stderr and "Permission denied" in done.stderr
    assert sorted(os.listdir(folder)) == names


@pytest.mark.parametrize("damage", [flip_bytes, garble_metrics])
def test_the_next_best_follows_a_damaged_best(folder, warned, damage):
    assert best_step(folder) == 2
    damage(folder / "2")
    with open_checkpoints(folder) as checkpoints:
        assert restore(checkpoints, "best") == 3
    assert str(folder / "2") in warned()[0]


def test_without_a_sound_checkpoint_the_error_names_each(folder, warned):
    truncate(folder / "1")
    empty_it(folder / "2")
    flip_bytes(folder / "3")
    with open_checkpoints(folder) as checkpoints:
        with pytest.raises(JaxcmpError, match=r"step 3 \(.*step 2 \(.*step 1 \(") as caught:
            checkpoints.restore(TEMPLATE)
    assert "\n" not in str(caught.value)
    assert len(warned()) == 3


def test_a_step_requested_by_number_has_no_substitute(folder, warned):
    flip_bytes(folder / "2")
    with open_checkpoints(folder) as checkpoints:
        with pytest.raises(JaxcmpError, match=r"no sound checkpoint .*: step 2 \(.* wrong bytes"):
            checkpoints.restore(TEMPLATE, 2)
        with pytest.raises(JaxcmpError, match=r"no checkpoint of step 7, only of \[1, 3\]"):
            checkpoints.restore(TEMPLATE, 7)


def test_another_shape_is_an_error_and_not_damage(folder, warned):
    with open_checkpoints(folder) as checkpoints:
        message = rf"{folder}/3 is of another shape: params/kernel is float32\[7\] here and float"
        with pytest.raises(JaxcmpError, match=message):
            checkpoints.restore({"params": {"kernel": NOISE[:7]}})
    assert not warned()
    assert checkpoints.steps == [1, 2, 3]


def test_leftovers_of_a_killed_save_are_ignored_and_cleared(folder, warned):
    leftover = Path(shutil.copytree(folder / "3", folder / "5.orbax-checkpoint-tmp"))
    with open_checkpoints(folder) as checkpoints:
        assert restore(checkpoints) == 3
        checkpoints.save(4, make_state(4), {})
    assert checkpoints.latest_step == 4
    assert not leftover.exists()
    assert not warned()


def test_a_folder_without_checkpoints_has_nothing_to_restore(tmp_path):
    with open_checkpoints(tmp_path) as checkpoints:
        assert checkpoints.restore(TEMPLATE) is None
        assert checkpoints.restore(TEMPLATE, "best") is None
        assert checkpoints.latest_step is None
    with pytest.raises(JaxcmpError, match="there is no checkpoint in"):
        restore_variables(tmp_path)
    with pytest.raises(JaxcmpError, match="there is no checkpoint in"):
        restore_variables(tmp_path / "missing", "best")
