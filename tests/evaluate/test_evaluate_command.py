"""The command on a small run: what it computes, repeats, goes on with, refuses and leaves out."""

import json
import re
import shutil
from typing import Any

import numpy as np
import processes
import pytest
import tensorflow_datasets as tfds
from numpy_vit import vit_logits
from PIL import Image
from sample_files import change_json
from tiny_tfds import make

from jaxcmp import data, models
from jaxcmp.evaluate import __main__ as command
from jaxcmp.predict import restore
from jaxcmp.runs import PREDICTIONS, RESULT, read_run
from jaxcmp.runs.evaluations import folder_of, names_of, read_evaluation
from jaxcmp.runs.metrics import accuracy
from jaxcmp.settings.configuration import settings_of

NUMBERS = tuple("0123456789")
# Digits are 8x8 grey images.
SIDE = 8


@pytest.fixture(scope="module")
def digits(unbroken):
    """The run's own test images: ids, labels and pixels."""
    options = settings_of(read_run(unbroken).config).data
    return data.load_split(options, "test", free_bytes=2**40).split


def prepare(folder, name, images, labels, names, *, split="test"):
    """Prepares a data set of one split, without training images; labels are indices of names."""
    kind = tfds.features.ClassLabel(names=list(names))
    features = {"image": tfds.features.Image(shape=images.shape[1:]), "label": kind}
    rows = [
        {"image": Image.fromarray(image.squeeze()), "label": int(label)}
        for image, label in zip(images, labels, strict=True)
    ]
    make(features, {split: rows}, data_dir=folder, name=name, is_shuffled=False)


def foggy(images):
    """Returns paler copies with noise."""
    noise = np.random.default_rng(0).integers(-40, 41, images.shape)
    return np.clip(images * 0.5 + 100 + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def sets(digits, tmp_path_factory):
    """A folder of prepared data sets made of the run's own test images."""
    folder = tmp_path_factory.mktemp("sets")
    images, labels = np.asarray(digits.images)[:60], digits.labels[:60]
    shuffled = tuple("3908217465")
    places = [shuffled.index(str(label)) for label in labels]
    prepare(folder, "fog", foggy(images), places, shuffled)
    odd = labels % 2 == 1
    prepare(folder, "odd", images[odd], labels[odd] // 2, "13579", split="extra")
    prepare(folder, "lettered", images, labels, "abcdefghij")
    prepare(folder, "colour", np.repeat(images, 3, axis=-1), labels, NUMBERS)
    prepare(folder, "large", images.repeat(2, axis=1).repeat(2, axis=2), labels, NUMBERS)
    prepare(folder, "unlabelled", images, np.full(60, -1), NUMBERS)
    return folder


@pytest.fixture
def run_folder(unbroken, tmp_path):
    return shutil.copytree(unbroken, tmp_path / "run")


def evaluate(folder, *words) -> int:
    return command.main([str(folder), *words])


def named(sets, name):
    return f"--config.data.name={name}", f"--config.data.dir={sets}"


def checkpoint_steps(run_folder):
    return sorted(int(path.name) for path in (run_folder / "checkpoints").glob("[0-9]*"))


def test_corrupted_images_with_classes_in_another_order_give_what_numpy_gives(
    run_folder, sets, digits, capsys
):
    assert evaluate(run_folder, *named(sets, "fog")) == 0
    found = read_evaluation(run_folder, "fog-test")
    expected = vit_logits(restore(run_folder), foggy(np.asarray(digits.images)[:60]))
    labels = digits.labels[:60]
    np.testing.assert_allclose(found.predictions.logits, expected, atol=1e-4)
    np.testing.assert_array_equal(found.predictions.labels, labels)
    assert found.result["accuracy"] == np.mean(expected.argmax(axis=1) == labels)
    assert found.predictions.class_names == NUMBERS
    assert found.result["data"]["class_names"] == list("3908217465")
    share = 100 * found.result["accuracy"]
    line = f"{run_folder} (1 of 1): {share:.2f} % of 60 images of fog; evaluations/fog-test in"
    assert capsys.readouterr().out.startswith(line)


def test_a_part_of_the_classes_is_scored_over_all_outputs_and_among_themselves(
    run_folder, sets, digits, capsys
):
    assert evaluate(run_folder, *named(sets, "odd"), "--split=extra") == 0
    found = read_evaluation(run_folder, "odd-extra")
    own = read_run(run_folder).load_predictions().test
    rows = [own.ids.tolist().index(i) for i in digits.ids[:60]]
    rows = np.array([row for row in rows if own.labels[row] % 2 == 1])
    logits, labels = own.logits[rows], own.labels[rows]
    assert found.result["accuracy"] == accuracy(logits, labels)
    among = np.array([1, 3, 5, 7, 9])[logits[:, 1::2].argmax(axis=1)]
    assert found.result["accuracy_among_present"] == np.mean(among == labels)
    assert found.title == "odd, split extra, 5 classes"
    assert found.present.tolist() == [1, 3, 5, 7, 9]
    out = capsys.readouterr().out
    assert "over all outputs of the model; " in out and "among the 5 classes of these" in out


def test_the_runs_own_evaluation_is_repeated_to_the_bit(run_folder):
    # In a process with as many devices as that of the run.
    code, out, err = processes.run(str(run_folder), module="jaxcmp.evaluate")
    assert code == 0, err
    assert "the logits are the same as the run's own, bit for bit" in out
    found, own = read_evaluation(run_folder, "digits-test"), read_run(run_folder)
    stored = own.load_predictions().test.by_id()
    np.testing.assert_array_equal(found.predictions.logits, stored.logits)
    assert found.result["repetition"] == {"largest_difference": 0.0, "num_changed_answers": 0}
    assert found.is_repetition


def test_other_logits_than_the_runs_own_are_counted(run_folder, capsys):
    path = run_folder / PREDICTIONS
    arrays = dict(np.load(path))
    answers = arrays["logits"].argmax(axis=1)
    rows = np.flatnonzero(answers != 4)[:3]
    arrays["logits"][rows, 4] += 100
    np.savez(path, allow_pickle=False, **arrays)
    assert evaluate(run_folder) == 0
    out = capsys.readouterr().out
    words = r"differ from the run's own by at most (\d+), and 3 of 359 answers differ; "
    match = re.search(words, out)
    assert match is not None and int(match[1]) == 100


def test_images_that_are_in_their_place_now_and_were_not_tested_on_are_refused(run_folder, capsys):
    path = run_folder / PREDICTIONS
    arrays = dict(np.load(path))
    arrays["pictures"][0] ^= 1
    np.savez(path, allow_pickle=False, **arrays)
    assert evaluate(run_folder) == 1
    assert "was evaluated on other images than digits has now" in capsys.readouterr().out


def test_the_same_command_does_only_what_is_missing(run_folder, sets, capsys):
    words = named(sets, "fog")
    evaluate(run_folder, *words)
    folder = folder_of(run_folder, "fog-test")
    first = (folder / RESULT).read_bytes()
    capsys.readouterr()
    assert evaluate(run_folder, *words) == 0
    assert "(evaluated before; --overwrite repeats it)" in capsys.readouterr().out
    assert (folder / RESULT).read_bytes() == first

    def is_redone(*more) -> bool:
        assert evaluate(run_folder, *words, *more) == 0
        assert read_evaluation(run_folder, "fog-test").result["accuracy"] == accuracy_before
        return "evaluated before" not in capsys.readouterr().out

    accuracy_before = json.loads(first)["accuracy"]
    assert is_redone("--overwrite")
    # Interrupted before the result, damaged, and of another checkpoint.
    (folder / RESULT).unlink()
    assert is_redone()
    (folder / PREDICTIONS).write_bytes(b"PK")
    assert is_redone()
    change_json(folder / RESULT, lambda c: c["checkpoint"].update(digest="0123"))
    assert is_redone() and not is_redone()


def test_another_evaluation_of_the_same_name_is_not_overwritten_unasked(run_folder, sets, capsys):
    words = ("--name=mine", "--split=train")
    assert evaluate(run_folder, *words) == 0
    assert evaluate(run_folder, "--name=mine", *named(sets, "fog")) == 1
    assert "mine holds another evaluation (--split=train --name=mine): give another --name" in (
        capsys.readouterr().out
    )
    assert evaluate(run_folder, "--name=mine", *named(sets, "fog"), "--overwrite") == 0
    assert read_evaluation(run_folder, "mine").title == "fog"


def test_the_same_name_in_another_folder_is_another_set_of_images(run_folder, tmp_path, digits):
    # A corrupted copy, with the same ids and labels, and an exact one.
    (run_folder / "config.json").write_text(
        (run_folder / "config.json").read_text().replace('"digits"', '"copy"', 1)
    )
    order = np.argsort(digits.ids)
    images, labels = np.asarray(digits.images)[order], digits.labels[order]
    arrays = dict(np.load(run_folder / PREDICTIONS))
    rows = np.searchsorted(digits.ids[order], arrays["picture_ids"])
    positions = np.searchsorted(digits.ids[order], arrays["ids"])
    np.savez(run_folder / PREDICTIONS, **arrays | {"ids": positions, "picture_ids": rows})
    for name, change in (("exact", lambda x: x), ("corrupted", foggy)):
        prepare(tmp_path / name, "copy", change(images), labels, NUMBERS)
        assert evaluate(run_folder, f"--config.data.dir={tmp_path / name}") == 0
    assert read_evaluation(run_folder, "copy-exact-test").is_repetition
    assert not read_evaluation(run_folder, "copy-corrupted-test").is_repetition


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "the model does not know these classes of lettered: a, b, c, d, e and 5 more"),
        (("--config.data.name=colour",), "colour have 3 channels, and the run was trained on imag"),
        (("--config.data.name=unlabelled",), "holds images without a label"),
        (("--config.data.name=odd",), "--split=test: data set odd has no such split; it has ext"),
        (("--config.data.name=odd", "--split=extr"), "has no such split; did you mean extra?"),
        (("--config.data.name=fogg",), "there is no data set 'fogg'.* did you mean fog"),
    ],
)
def test_images_that_do_not_fit_are_refused_in_a_line(run_folder, sets, capsys, words, message):
    assert evaluate(run_folder, *named(sets, "lettered"), *words) == 1
    out, err = capsys.readouterr()
    (line,) = out.splitlines()
    assert line.startswith(f"left out: {run_folder}: ") and re.search(message, line)
    assert err == "jaxcmp: no run could be evaluated\n"
    assert names_of(run_folder) == []


def test_by_position_names_do_not_matter(run_folder, sets):
    assert evaluate(run_folder, *named(sets, "lettered"), "--by_position") == 0
    found, own = read_evaluation(run_folder, "lettered-test"), read_run(run_folder)
    rows = {int(i): row for row, i in enumerate(own.load_predictions().test.ids)}
    assert found.result["matched_by"] == "position" and len(rows) > 60
    assert 0 < found.result["accuracy"] < 1


def test_images_of_another_size_are_resized_as_a_picture_is(run_folder, sets):
    assert evaluate(run_folder, *named(sets, "large"), "--config.data.placement=stream") == 0
    found, trained = read_evaluation(run_folder, "large-test"), restore(run_folder)
    assert found.result["data"]["image_size"] == [SIDE, SIDE]
    options = settings_of(read_run(run_folder).config).data
    large = data.load_split(options, "test", free_bytes=2**40).split.images[np.arange(60)]
    doubled = large.repeat(2, axis=1).repeat(2, axis=2)
    small = np.stack(
        [np.asarray(Image.fromarray(x[..., 0]).resize((SIDE, SIDE), 3)) for x in doubled]
    )
    expected = vit_logits(trained, small[..., None])
    np.testing.assert_allclose(found.predictions.logits, expected, atol=1e-4)


def test_the_held_out_images_of_a_run_are_evaluated_as_it_did_with_the_best_checkpoint_too(
    tmp_path,
):
    # Fewer held-out images than test images, which make the batches of a run's own evaluation.
    changes = ("--config.data.validation_fraction=0.1", "--config.num_epochs=2")
    processes.train(tmp_path / "run", *changes)
    words = (str(tmp_path / "run"), "--split=validation")
    code, out, err = processes.run(*words, module="jaxcmp.evaluate")
    assert code == 0 and "the same as the run's own, bit for bit" in out, out + err
    assert evaluate(*words, "--checkpoint=best") == 0
    found = read_evaluation(tmp_path / "run", "digits-validation-best")
    metrics = read_run(tmp_path / "run").metrics
    epochs = [record for record in metrics if record["kind"] == "epoch"]
    best = max(epochs, key=lambda record: (record["validation_accuracy"], record["step"]))
    assert found.result["checkpoint"]["step"] == best["step"]
    assert found.result["accuracy"] == pytest.approx(best["validation_accuracy"])
    assert not found.is_repetition


def test_a_validation_split_of_the_data_sets_own_is_told_from_its_test_split(tmp_path):
    """Ids are positions in both, and the run folder has pictures of test images."""
    rng, arrays = np.random.default_rng(0), {}
    for split, num in (("train", 128), ("val", 30), ("test", 20)):
        arrays[f"x_{split}"] = rng.integers(0, 256, (num, SIDE, SIDE), dtype=np.uint8)
        arrays[f"y_{split}"] = np.arange(num) % 10
    np.savez(tmp_path / "set.npz", **arrays)
    changes = ("--config.data.name=npz", f"--config.data.dir={tmp_path / 'set.npz'}")
    processes.train(tmp_path / "run", *changes)
    for split in ("validation", "test"):
        words = (str(tmp_path / "run"), f"--split={split}")
        code, out, err = processes.run(*words, module="jaxcmp.evaluate")
        assert code == 0 and "the same as the run's own" in out, out + err


def test_the_splits_of_the_run_are_those_that_it_trained_on_and_held_out(run_folder):
    change_json(
        run_folder / "config.json",
        lambda c: c["config"]["data"].update(validation_fraction=0.2, train_fraction=0.5),
    )
    settings = settings_of(read_run(run_folder).config)
    expected = data.load(settings.data, free_bytes=2**40, seed=settings.seed).splits()
    for split in ("train", "validation"):
        assert evaluate(run_folder, f"--split={split}") == 0
        found = read_evaluation(run_folder, f"digits-{split}")
        np.testing.assert_array_equal(found.predictions.ids, np.sort(expected[split].ids))


def test_a_run_is_evaluated_in_its_own_type(run_folder, sets):
    words = named(sets, "fog")
    evaluate(run_folder, *words)
    full = read_evaluation(run_folder, "fog-test").predictions.logits
    change_json(run_folder / "config.json", lambda c: c["config"].update(compute_dtype="bfloat16"))
    evaluate(run_folder, *words, "--overwrite")
    found = read_evaluation(run_folder, "fog-test")
    assert not np.array_equal(found.predictions.logits, full)
    np.testing.assert_allclose(found.predictions.logits, full, atol=0.1)
    assert found.result["environment"]["precision"] == "bfloat16"


def test_its_program_is_compiled_with_the_models_options(run_folder, sets, monkeypatch):
    monkeypatch.setattr(models, "compiler_options", lambda model: {"xla_no_such_option": True})
    with pytest.raises(Exception, match="xla_no_such_option"):
        evaluate(run_folder, *named(sets, "fog"))


def test_another_checkpoint_has_another_name(run_folder, sets, capsys):
    words = named(sets, "fog")
    older, _ = checkpoint_steps(run_folder)
    assert evaluate(run_folder, *words, f"--checkpoint={older}") == 0
    assert read_evaluation(run_folder, f"fog-test-step-{older}").title == f"fog, step {older}"
    # This run held nothing out: it has no best checkpoint.
    assert evaluate(run_folder, *words, "--checkpoint=best") == 1
    assert "has a validation_accuracy" in capsys.readouterr().out


def test_runs_that_cannot_be_evaluated_are_named_and_left_out(run_folder, sets, tmp_path, capsys):
    for name, lost in (("without", "checkpoints"), ("unfinished", RESULT)):
        copy = shutil.copytree(run_folder, tmp_path / name)
        path: Any = copy / lost
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    older, newest = checkpoint_steps(run_folder)
    shutil.copytree(run_folder, tmp_path / "older")
    shutil.rmtree(tmp_path / "older" / "checkpoints" / str(newest))
    shutil.copytree(run_folder, tmp_path / "vague")
    change_json(tmp_path / "vague" / "environment.json", lambda c: c["data"].pop("image_size"))
    assert evaluate(tmp_path, *named(sets, "fog")) == 0
    out = capsys.readouterr().out
    for name, words in (
        ("without", "there is no checkpoint"),
        ("unfinished", "is not finished"),
        ("vague", "missing required field `image_size`"),
        ("older", f"checkpoint is of step {older} of {newest}; --checkpoint={older} evaluates"),
    ):
        (line,) = (line for line in out.splitlines() if str(tmp_path / name) in line)
        assert line.startswith("left out: ") and words in line


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--config=configs/vit.py",), "--config: each run has its own configuration"),
        (("--config.model.width=3",), "--config.model.width belongs to the run"),
        (("--checkpoint=last",), "must be newest, best, or the number of a step"),
        (("--name=../x",), "--name '../x' is no name for a file"),
        (("--splt=train",), "did you mean --split?"),
    ],
)
def test_a_wrong_command_is_one_line(run_folder, capsys, words, message):
    assert evaluate(run_folder, *words) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and message in err


def test_without_a_run_there_is_nothing_to_evaluate(tmp_path, capsys):
    assert evaluate(tmp_path) == 2
    assert "no run folder in" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["", "test"])
def test_a_folder_of_pictures_needs_none_to_train_on(run_folder, digits, tmp_path, place):
    chosen = np.flatnonzero(np.isin(digits.labels, (3, 7)))[:12]
    for row in chosen:
        path = tmp_path / "mine" / place / str(digits.labels[row]) / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(digits.images)[row, :, :, 0]).save(path)
    words = ["--config.data.name=folder", f"--config.data.dir={tmp_path / 'mine'}"]
    assert evaluate(run_folder, *words) == 0
    found = read_evaluation(run_folder, "folder-mine-test")
    assert found.title == "mine, 2 classes"
    rows = [int(name.rpartition("/")[2].removesuffix(".png")) for name in found.predictions.ids]
    assert sorted(rows) == chosen.tolist()
    np.testing.assert_array_equal(found.predictions.labels, digits.labels[rows])
    expected = np.asarray(restore(run_folder).predict(np.asarray(digits.images)[rows]))
    answers = found.predictions.logits.argmax(axis=1)
    np.testing.assert_array_equal(answers, expected.argmax(axis=1))
