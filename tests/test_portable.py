"""The exported program: it runs without this package, and says what `predict` says."""

import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest
from jax import export
from sample_models import draw_images, make_trained

from jaxcmp.export.portable import portable_program

PLATFORMS = ("cpu", "cuda")
# Nothing of jaxcmp can be imported, although it may be installed.
ALONE = """
import sys
import numpy as np

class Refusal:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("jaxcmp", "flax"):
            raise ImportError(f"{name} is not here")

sys.meta_path.insert(0, Refusal())
from jax import export

for path in sys.argv[1:]:
    with open(path, "rb") as file:
        program = export.deserialize(bytearray(file.read()))
    np.save(f"{path}.npy", np.asarray(program.call(np.load(f"{path}.images.npy"))))
print(sorted({name.partition(".")[0] for name in sys.modules} & {"jaxcmp", "flax", "orbax"}))
"""


@pytest.fixture(scope="module", params=["vit", "resnet"])
def trained(request):
    return make_trained(request.param)


@pytest.fixture(scope="module")
def content(trained) -> bytes:
    return portable_program(trained, PLATFORMS)[0]


@pytest.mark.parametrize("num", [1, 3])
def test_any_number_of_images_gets_the_probabilities_of_predict(trained, content, num):
    images = draw_images(trained, num)
    found = np.asarray(export.deserialize(bytearray(content)).call(images))
    assert (found.shape, found.dtype) == ((num, 3), np.float32)
    np.testing.assert_array_equal(found, np.asarray(trained.predict(images)))


def test_a_process_without_this_package_runs_it(trained, content, tmp_path):
    images = draw_images(trained, 4)
    path = tmp_path / "model.stablehlo"
    path.write_bytes(content)
    np.save(f"{path}.images.npy", images)
    # Isolated: without the environment's paths and without the folder that it is started in.
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, str(path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
    found = np.load(f"{path}.npy")
    # That process compiles with the optimisation that tests do without.
    np.testing.assert_allclose(found, np.asarray(trained.predict(images)), atol=1e-6)


def test_it_holds_the_layers_of_each_platform(trained, content):
    both = export.deserialize(bytearray(content))
    assert both.platforms == PLATFORMS
    assert not both.disabled_safety_checks
    alone = export.deserialize(bytearray(portable_program(trained, ["cuda"])[0]))
    # A GPU's program has one form of each layer and nothing to choose.
    assert alone.platforms == ("cuda",)
    assert "stablehlo.case" in both.mlir_module()
    assert "stablehlo.case" not in alone.mlir_module()


def test_the_same_weights_give_the_same_bytes(trained, content):
    assert portable_program(trained, PLATFORMS)[0] == content


def test_it_says_nothing_of_the_folder_that_it_was_made_in(content):
    assert b"jaxcmp/" not in content and b"site-packages" not in content


def test_the_note_says_where_it_runs_and_for_how_long(trained):
    _, note = portable_program(trained, ["cpu"])
    assert "StableHLO for cpu, with weights and normalisation inside" in note
    assert "from images uint8 [n, 8, 8, 3] to probabilities float32 [n, 3]" in note
    assert "six months newer" in note


def test_reduced_precision_survives():
    trained = make_trained("vit", dtype=jnp.bfloat16)
    content, _ = portable_program(trained, ["cpu"])
    images = draw_images(trained, 2)
    found = np.asarray(export.deserialize(bytearray(content)).call(images))
    np.testing.assert_array_equal(found, np.asarray(trained.predict(images)))
