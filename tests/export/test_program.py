"""The exported program: it runs without this package, and says what `predict` says."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export
from sample_models import draw_images, make_trained

from jaxcmp.export import formats
from jaxcmp.export.formats import PLATFORMS, program

# XLA may merge the operations of the same program in another way.
ROUNDING = 1e-6
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
        exported = export.deserialize(bytearray(file.read()))
    np.save(f"{path}.npy", np.asarray(exported.call(np.load(f"{path}.images.npy"))))
print(sorted({name.partition(".")[0] for name in sys.modules} & {"jaxcmp", "flax", "orbax"}))
"""


@pytest.fixture(scope="module", params=["vit", "resnet"])
def trained(request):
    return make_trained(request.param)


@pytest.fixture(scope="module")
def content(trained) -> bytes:
    return program(trained)[0]


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
    np.testing.assert_allclose(found, np.asarray(trained.predict(images)), rtol=0, atol=ROUNDING)


def test_it_is_for_all_the_platforms_and_promises_what_jax_promises(content):
    exported = export.deserialize(bytearray(content))
    assert exported.platforms == PLATFORMS
    # Not one check of what will still run later was switched off.
    assert not exported.disabled_safety_checks
    assert str(exported.in_avals[0].shape) == "(n, 8, 8, 3)"


def test_each_platform_has_its_own_form_of_a_layer(monkeypatch):
    trained = make_trained("resnet")
    both = count_operations(trained)
    monkeypatch.setattr(formats, "PLATFORMS", ("cuda",))
    # A GPU convolves eight times and multiplies for the head; a CPU's stem is a product.
    assert count_operations(trained) == (8, 1)
    assert both[0] > 8 and both[1] > 2


def count_operations(trained) -> tuple[int, int]:
    """Convolutions and matrix products of a program."""
    text = export.deserialize(bytearray(program(trained)[0])).mlir_module()
    return text.count("stablehlo.convolution"), text.count("stablehlo.dot_general")


def test_the_same_weights_give_the_same_bytes(trained, content):
    assert program(trained)[0] == content


def test_it_says_nothing_of_the_folders_that_it_was_made_in(content):
    assert b"jaxcmp/" not in content and b"site-packages" not in content


def test_errors_elsewhere_keep_their_source_lines(trained):
    before = jax.config.values["jax_traceback_in_locations_limit"]
    program(trained)
    assert jax.config.values["jax_traceback_in_locations_limit"] == before != 0


def test_images_of_another_size_than_the_models_are_resized_inside():
    trained = make_trained("vit", images=(10, 6))
    content, _ = program(trained)
    images = draw_images(trained, 2)
    assert images.shape[1:3] == (10, 6)
    found = np.asarray(export.deserialize(bytearray(content)).call(images))
    np.testing.assert_allclose(found, np.asarray(trained.predict(images)), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("name", ["vit", "resnet"])
def test_reduced_precision_survives(name):
    trained = make_trained(name, dtype=jnp.bfloat16)
    content, _ = program(trained)
    images = draw_images(trained, 2)
    found = np.asarray(export.deserialize(bytearray(content)).call(images))
    # Eight bits of which are left after each layer.
    np.testing.assert_allclose(found, np.asarray(trained.predict(images)), rtol=0, atol=2e-2)
