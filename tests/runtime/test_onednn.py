"""oneDNN gets a ResNet's bfloat16 convolutions on a CPU with AMX, and nothing else."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax
from small_configs import small

from jaxcmp import models
from jaxcmp.experiment import make_runner, prepare
from jaxcmp.models import ResNet, ViT
from jaxcmp.runtime import devices, onednn

SMALL = ResNet(image_size=8, stage_widths=(8, 16), stage_depths=(1, 1), dtype=jnp.bfloat16)


@pytest.fixture(autouse=True)
def _ask_again():
    is_built_in = onednn._is_built_in
    is_built_in.cache_clear()
    yield
    is_built_in.cache_clear()


def needs_onednn():
    if not onednn.convolves(jnp.bfloat16):
        pytest.skip("this XLA has no oneDNN for this processor")


def program_of(model):
    """Returns XLA's text of a step's gradient, compiled as a run compiles it."""
    model = models.on_cpu(model).clone(has_kernels=True)
    images = jnp.ones((4, 8, 8, 3))
    variables = jax.jit(model.init)(jax.random.key(0), images)

    def loss(variables):
        return jnp.asarray(model.apply(variables, images)).sum()

    gradient = jax.jit(jax.grad(loss), compiler_options=models.compiler_options(model))
    return str(gradient.lower(variables).compile().as_text())


def test_a_program_of_bfloat16_has_its_convolutions_of_all_three_kinds():
    needs_onednn()
    # Six convolutions, and their gradients by the image, but for the first.
    assert program_of(SMALL).count('"__onednn$convolution"') == 6 + 5


def test_the_programs_of_a_run_have_it():
    needs_onednn()
    settings = small("resnet", compute_dtype="bfloat16")
    runner = make_runner(prepare(settings), devices.make_mesh(jax.devices()[:1]))
    runner.compile()
    for program in (*runner.train_programs.values(), runner._eval_program):
        assert program is not None
        assert "__onednn$convolution" in str(program.as_text())
    runner.close()


def test_float32_and_a_vit_are_left_alone():
    assert not onednn.convolves(jnp.float32)
    assert "__onednn" not in program_of(SMALL.clone(dtype=jnp.float32))
    for model in (SMALL.clone(dtype=jnp.float32), ViT(dtype=jnp.bfloat16)):
        assert models.on_cpu(model) == model
        assert models.compiler_options(model) == {}


def test_xla_flags_win(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", f"--xla_dump_to=x --{onednn.OPTION}=false")
    # XLA reads them once, when it starts; this asks what it would be given.
    assert onednn.compiler_options() == {}
    assert not onednn.convolves(jnp.bfloat16)
    assert models.on_cpu(SMALL) == SMALL


@pytest.mark.parametrize("flags", [None, "", "flags\t: fpu avx512_bf16 amx_tile"])
def test_a_processor_without_amx_is_left_to_xla(flags, monkeypatch, tmp_path):
    # oneDNN convolves without it too, by slow code; on some processors it raises an error.
    monkeypatch.setattr(onednn, "CPU_INFO", tmp_path / "cpuinfo")
    if flags is not None:
        onednn.CPU_INFO.write_text(flags)
    monkeypatch.setattr(onednn, "_is_built_in", lambda: pytest.fail("nothing is compiled"))
    assert not onednn.convolves(jnp.bfloat16)
    assert models.on_cpu(SMALL) == SMALL


def test_one_with_amx_is_asked(monkeypatch, tmp_path):
    (tmp_path / "cpuinfo").write_text("flags\t: fpu amx_bf16 amx_tile\n")
    monkeypatch.setattr(onednn, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(onednn, "_is_built_in", lambda: True)
    assert onednn.convolves(jnp.bfloat16) and not onednn.convolves(jnp.float32)


def test_a_gpu_has_none(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert not onednn.convolves(jnp.bfloat16)


def test_what_xla_does_is_asked_and_not_what_version_it_is(monkeypatch):
    needs_onednn()
    monkeypatch.setattr(onednn, "compiler_options", dict)
    onednn._is_built_in.cache_clear()
    assert not onednn.convolves(jnp.bfloat16)


def test_images_on_several_devices_give_the_same_gradients():
    needs_onednn()
    x = jax.random.normal(jax.random.key(0), (8, 8, 8, 16), jnp.bfloat16)
    kernel = jax.random.normal(jax.random.key(1), (3, 3, 16, 16), jnp.bfloat16)

    def convolve(x):
        return lax.conv_general_dilated(
            x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    mesh = jax.make_mesh((jax.device_count(),), ("data",))
    split = jax.device_put(x, jax.NamedSharding(mesh, jax.P("data")))
    program = jax.jit(convolve, compiler_options=onednn.compiler_options())
    assert (program(split) == program(x)).all()
