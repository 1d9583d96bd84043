"""A trained model for other programs."""

import shutil

import numpy as np
import processes
import pytest
import sample_data
from PIL import Image
from sample_models import make_trained

import jaxcmp
from jaxcmp import predict
from jaxcmp.errors import JaxcmpError
from jaxcmp.runs import read_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    processes.train(folder, "--config.data.validation_fraction=0.2", "--config.average_decay=0.9")
    return folder


@pytest.fixture(scope="module")
def trained(folder):
    return jaxcmp.restore(folder)


def test_probabilities_are_those_of_the_final_evaluation(folder, trained):
    digits = sample_data.load(validation_fraction=0.2)
    probabilities = np.asarray(trained.predict(digits.test.images))
    assert probabilities.shape == (359, 10)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    logits = read_run(folder).load_predictions().test.logits
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)


def test_the_best_and_any_kept_step_can_be_restored(folder, trained):
    best = jaxcmp.restore(folder, "best")
    assert best.model == trained.model
    numbered = jaxcmp.restore(folder, 32)
    assert numbered.step == trained.step == 32
    kernel = np.asarray(numbered.variables["params"]["head"]["kernel"])
    np.testing.assert_array_equal(kernel, trained.variables["params"]["head"]["kernel"])


@pytest.mark.parametrize("images", [[], np.zeros((0, 8, 8, 1), np.uint8), np.array([])])
def test_no_images_give_no_probabilities(trained, images):
    probabilities = trained.predict(images)
    assert probabilities.shape == (0, 10) and probabilities.dtype == np.float32


def test_a_list_of_images_works_like_an_array(trained):
    images = list(np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), dtype=np.uint8))
    np.testing.assert_array_equal(trained.predict(images), trained.predict(np.stack(images)))


@pytest.mark.parametrize(
    "images",
    [np.zeros((1, 8, 8, 3), np.uint8), np.zeros((1, 9, 8, 1), np.uint8), np.zeros((1, 8, 8, 1))],
)
def test_images_of_another_shape_or_type_are_refused(trained, images):
    with pytest.raises(ValueError, match=r"images must be uint8 \[n, 8, 8, 1\], not"):
        trained.predict(images)


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(JaxcmpError, match="config.json"):
        jaxcmp.restore(tmp_path)


def test_a_run_folder_without_its_environment_is_one_line(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "run")
    (tmp_path / "run" / "environment.json").unlink()
    with pytest.raises(JaxcmpError, match="environment.json .*: it is missing") as error:
        jaxcmp.restore(tmp_path / "run")
    assert "\n" not in str(error.value)


def test_the_model_sees_the_middle_square_of_a_picture(tmp_path):
    picture = np.zeros((10, 40, 3), np.uint8)
    picture[:, 10:30] = 200
    Image.fromarray(picture).save(tmp_path / "picture.png")
    image = predict.read_image(tmp_path / "picture.png", image_size=4, num_channels=3)
    np.testing.assert_array_equal(image, 200)


def test_the_command_prints_the_top_classes(folder, tmp_path, capsys):
    Image.new("L", (8, 8), 100).save(tmp_path / "picture.png")
    code = predict.main([str(folder), str(tmp_path / "picture.png"), "--top=2"])
    out = capsys.readouterr().out
    assert code == 0
    assert out.count("%") == 2
    assert out.startswith(f"{tmp_path / 'picture.png'}: ")


def test_a_file_that_is_no_picture_is_one_line(folder, tmp_path, capsys):
    (tmp_path / "text.png").write_text("no picture")
    for path in (tmp_path / "text.png", tmp_path / "missing.png"):
        assert predict.main([str(folder), str(path)]) == 2
        err = capsys.readouterr().err
        assert err.startswith("jaxcmp: ") and path.name in err and err.count("\n") == 1


def test_a_model_of_another_size_sees_images_as_in_training(tmp_path):
    out = processes.train(
        tmp_path / "run",
        "--config.num_epochs=1",
        "--config.schedule.warmup_epochs=0",
        "--config.model.image_size=12",
        "--config.data.classes=7,1,4",
        "--config.model.num_classes=3",
        "--config.data.mean=0.5",
        "--config.data.std=0.25",
    )
    assert "images of 8x8 pixels are resized to 12x12 on the device\n" in out
    trained, run = jaxcmp.restore(tmp_path / "run"), read_run(tmp_path / "run")
    assert (trained.image_size, trained.class_names) == ((8, 8), ("7", "1", "4"))
    assert (trained.mean.tolist(), trained.std.tolist()) == ([0.5], [0.25])
    # The run's own answers, from the images by their place in the source.
    test, predictions = sample_data.load().test, run.load_predictions().test
    rows = np.searchsorted(test.ids, predictions.ids)
    np.testing.assert_array_equal(np.array([7, 1, 4])[predictions.labels], test.labels[rows])
    probabilities = np.asarray(trained.predict(test.images[rows]))
    logits = predictions.logits.astype(np.float64)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    # 36 patches of 2x2 pixels and the class token.
    assert run.cost["multiply_adds"]["components"]["blocks.qkv"] == 37 * 16 * 48


@pytest.mark.parametrize("name", ["vit", "resnet"])
def test_the_repr_of_a_trained_model_is_one_line(name):
    trained = make_trained(name, step=1234)
    assert len(repr(trained)) < 150 and repr(trained).isprintable()
    assert "step 1,234" in repr(trained) and "classes" in repr(trained)
