"""The command on a small run: what it counts, what it goes on with, and what it leaves out."""

import shutil

import jax
import numpy as np
import pytest
from sample_files import change_json

from jaxcmp.experiment import make_runner, prepare
from jaxcmp.inspect import __main__ as command
from jaxcmp.inspect.inspector import changes_of, inspect_run
from jaxcmp.inspect.subject import initial_variables, load_subject
from jaxcmp.models.packing import unpack
from jaxcmp.runs import read_run
from jaxcmp.runs.inspections import ARRAYS, COUNTED, INSPECTION, read_arrays, read_inspection
from jaxcmp.runtime import devices
from jaxcmp.settings.configuration import settings_of

NUM_IMAGES = 40


def silent(name: str, done: int, total: int) -> None:
    pass


@pytest.fixture(scope="module")
def run_folder(unbroken, tmp_path_factory):
    """A finished run, inspected by the command."""
    folder = tmp_path_factory.mktemp("inspected") / "run"
    shutil.copytree(unbroken, folder)
    assert command.main([str(folder), f"--images={NUM_IMAGES}"]) == 0
    return folder


@pytest.fixture
def copy(run_folder, tmp_path):
    return shutil.copytree(run_folder, tmp_path / "run")


def test_unchanged_images_are_answered_as_in_the_runs_own_evaluation(run_folder):
    subject, found = load_subject(run_folder, NUM_IMAGES), read_inspection(run_folder)
    assert found is not None and len(subject.ids) == NUM_IMAGES
    stored = read_run(run_folder).load_predictions().test
    rows = [stored.ids.tolist().index(i) for i in subject.ids]
    np.testing.assert_array_equal(subject.labels, stored.labels[rows])
    is_right = stored.logits[rows].argmax(axis=1) == stored.labels[rows]
    expected = [int(is_right[stored.labels[rows] == c].sum()) for c in range(10)]
    assert found["unchanged"]["trained"] == expected
    assert found["images"]["class_sizes"] == np.bincount(subject.labels, minlength=10).tolist()


def test_every_change_is_counted_once_in_both_states(run_folder):
    found = read_inspection(run_folder)
    assert found is not None
    for name, changes in changes_of((8, 8, 1)).items():
        keys = [(change.kind, change.level) for change in changes]
        counted = {(entry["kind"], entry["level"]): entry["variants"] for entry in found[name]}
        assert counted == {key: keys.count(key) for key in keys}
    # An untrained ViT, whose head is zero, gives the first class to every image.
    assert all(
        entry["initial"]["kept"] == [n * entry["variants"] for n in found["images"]["class_sizes"]]
        for name in COUNTED
        for entry in found[name]
    )


def test_a_shift_is_counted_by_class_over_its_eight_directions(run_folder):
    subject, found = load_subject(run_folder, NUM_IMAGES), read_inspection(run_folder)
    assert found is not None
    images = np.asarray(subject.batches[0][0])[:NUM_IMAGES]
    before = np.asarray(subject.trained.predict(images)).argmax(axis=1)
    kept, right = np.zeros(10, int), np.zeros(10, int)
    for down in (-2, 0, 2):
        for across in (-2, 0, 2):
            if down or across:
                moved = np.roll(images, (down, across), axis=(1, 2))
                after = np.asarray(subject.trained.predict(moved)).argmax(axis=1)
                kept += np.bincount(subject.labels[after == before], minlength=10)
                right += np.bincount(subject.labels[after == subject.labels], minlength=10)
    (entry,) = (e for e in found["shifts"] if (e["kind"], e["level"]) == ("circular", 2))
    assert entry["trained"] == {"right": right.tolist(), "kept": kept.tolist()}


def test_the_initial_model_is_the_one_that_the_run_began_with(run_folder):
    settings = settings_of(read_run(run_folder).config)
    experiment = prepare(settings)
    state = make_runner(experiment, devices.make_mesh(jax.devices()[:1])).init()
    found = initial_variables(experiment.model, settings.seed, 1)
    jax.tree.map(np.testing.assert_array_equal, found["params"], unpack(state.params))


def test_the_same_command_takes_only_what_is_missing(copy):
    before = read_inspection(copy)
    assert inspect_run(copy, NUM_IMAGES, silent) == []
    change_json(copy / INSPECTION, lambda content: content.pop("places"))
    assert inspect_run(copy, NUM_IMAGES, silent) == ["places"]
    assert read_inspection(copy) == before


def test_other_images_or_a_damaged_file_begin_anew(copy):
    (copy / INSPECTION).write_text("{")
    taken: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        inspect_run(copy, 20, lambda name, done, total: taken.append(name) or stop(taken))
    # What was taken before the interruption stays.
    found = read_inspection(copy)
    assert found is not None and sum(found["images"]["class_sizes"]) == 20
    assert "shifts" in found and "places" not in found


def stop(taken: list[str]) -> None:
    if taken[-1] == "places":
        raise KeyboardInterrupt


def test_runs_that_cannot_be_inspected_are_named_and_left_out(copy, tmp_path, capsys):
    shutil.copytree(copy, tmp_path / "unfinished")
    (tmp_path / "unfinished" / "result.json").unlink()
    shutil.copytree(copy, tmp_path / "without")
    shutil.rmtree(tmp_path / "without" / "checkpoints")
    shutil.copytree(copy, tmp_path / "other")
    change_json(tmp_path / "other" / "config.json", lambda c: c["config"]["data"].update(name="?"))
    shutil.copytree(copy, tmp_path / "mixed-up")
    path = tmp_path / "mixed-up" / "predictions.npz"
    arrays = dict(np.load(path))
    np.savez(path, allow_pickle=False, **arrays | {"logits": -arrays["logits"]})
    assert command.main([str(tmp_path), f"--images={NUM_IMAGES}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    left_out = [line for line in lines if line.startswith("left out: ")]
    for name, words in (
        ("unfinished", "is not finished"),
        ("without", "there is no checkpoint"),
        ("other", "'?'"),
        ("mixed-up", "otherwise than its predictions.npz"),
    ):
        (line,) = (line for line in left_out if str(tmp_path / name) in line)
        assert words in line
    assert len(lines) == 5 and f"{copy} (3 of 5): nothing is missing" in lines
    assert command.main([str(tmp_path / "without")]) == 1


def test_a_wrong_command_is_one_line(tmp_path, capsys):
    for words in ([str(tmp_path)], [str(tmp_path), "--images=-1"], []):
        assert command.main(words) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["shifts"][0]["trained"]["kept"].__setitem__(0, 10**6), "more answers"),
        (lambda c: c["unchanged"]["initial"].pop(), "9 counts for 10 classes"),
        (lambda c: c["images"].update(class_sizes=[0] * 10), "images"),
        (lambda c: c.pop("step"), "step"),
    ],
)
def test_an_inspection_that_does_not_fit_is_named(copy, change, words):
    change_json(copy / INSPECTION, change)
    with pytest.raises(Exception, match=f"{INSPECTION} cannot be used: .*{words}"):
        read_inspection(copy)


def test_the_inside_of_a_vit_is_measured_too_and_written_with_its_sizes(run_folder):
    found = read_inspection(run_folder)
    assert found is not None
    # One block of two heads, and 4x4 patches.
    assert np.shape(found["attention"]["trained"]["distance"]) == (1, 2)
    assert np.shape(found["positions"]["initial"]["cosines"]) == (16, 16)


def test_the_arrays_are_written_beside_it_and_made_anew_if_they_are_lost(copy):
    found = read_inspection(copy)
    assert found is not None
    arrays = read_arrays(copy, found)
    subject = load_subject(copy, NUM_IMAGES)
    np.testing.assert_array_equal(arrays["map_ids"], subject.ids)
    assert arrays["layers"].tolist() == ["1"]
    mistakes = NUM_IMAGES - sum(found["unchanged"]["trained"])
    assert len(arrays["pictures"]) == mistakes
    content = bytearray((copy / ARRAYS).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / ARRAYS).write_bytes(content)
    with pytest.raises(Exception, match=f"{ARRAYS} cannot be used: .*{INSPECTION}"):
        read_arrays(copy, found)
    assert inspect_run(copy, NUM_IMAGES, silent) == ["arrays"]
    np.testing.assert_equal(read_arrays(copy, read_inspection(copy) or {}), arrays)
