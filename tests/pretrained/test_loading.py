"""Loading weights from a path into a training state: options, checks before data, devices."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import trials
from sample_weights import (
    LAYOUTS,
    VIT,
    assert_loads_whole,
    assert_same,
    named,
    published,
    random_variables,
    write,
)

from jaxcmp.augment import Augment
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.models.packing import unpack
from jaxcmp.optim import make_optimizer
from jaxcmp.pretrained import check, read, start
from jaxcmp.runtime import devices
from jaxcmp.step import TrainStep


def train_step(**options):
    sgd = {"clip_norm": 0.0, "layer_decay": 1.0, "momentum": 0.9, "weight_decay": 0.0}
    mean, std = np.full(3, 0.5, np.float32), np.ones(3, np.float32)
    return TrainStep(
        model=VIT,
        optimizer=make_optimizer("sgd", **sgd),
        schedule=optax.constant_schedule(0.1),
        augment=Augment(VIT.num_classes, mean, std, trials.options()),
        mixing_steps=0,
        steps_per_epoch=1,
        **options,
    )


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize(("layout", "model"), LAYOUTS.items(), ids=LAYOUTS)
def test_a_file_is_loaded_whatever_its_format_and_names(tmp_path, layout, model, suffix):
    path = write(tmp_path / f"w{suffix}", published(layout))
    said = assert_loads_whole(path, model, seen="ImageNet-21k")
    assert said["schema"] == 1 and len(said["rows"]) == len(named(random_variables(model)))
    assert (said["path"], said["kind"], said["format"]) == (str(path), "file", suffix[1:])
    assert (said["layout"], len(said["sha256"]), said["checkpoint"]) == (layout, 64, None)
    assert said["seen"]["name"] == "ImageNet-21k" and said["seen"]["num_train"] is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"checkpoint": "last"}, "init.checkpoint='last' must be newest, best, or the number"),
        ({"checkpoint": "-1"}, "must be newest, best"),
        ({"checkpoint": "best"}, "init.checkpoint=best is for run folders"),
    ],
)
def test_an_option_that_cannot_be_is_a_wrong_command(tmp_path, options, words):
    path = write(tmp_path / "w.npz", published("vit_npz"))
    with pytest.raises(CommandError, match="^[^\n]*$") as caught:
        read(path, **options)
    assert words in str(caught.value)


def test_names_that_nobody_knows_are_refused_with_the_first_of_them(tmp_path):
    path = write(tmp_path / "w.npz", {"encoder.weight": np.ones(3), "b": np.ones(2)})
    with pytest.raises(JaxcmpError, match="not known here, the first of them encoder.weight, b"):
        read(path)


def test_patterns_stand_with_commas_between_them(tmp_path):
    path = write(tmp_path / "w.npz", published("vit_npz"))
    source = read(path, allow_missing="stem/*, head/*", allow_unused=",x*")
    assert source.allow_missing == ("stem/*", "head/*")
    assert source.allow_unused == ("x*",)


@pytest.mark.parametrize(("layout", "model"), LAYOUTS.items(), ids=LAYOUTS)
def test_weights_are_checked_before_there_are_images(tmp_path, layout, model):
    source = read(write(tmp_path / "w.npz", published(layout)))
    check(source, model)
    check(source, model.clone(num_classes=7), num_channels=3)
    with pytest.raises(CommandError, match="is for 3 channels and they have 1"):
        check(source, model, num_channels=1)
    other = {"vit": {"depth": 3}, "resnet": {"stage_depths": (2, 2)}}[source.model_name]
    with pytest.raises(CommandError, match="would fit"):
        check(source, model.clone(**other))
    (another,) = set(LAYOUTS.values()) - {model}
    with pytest.raises(CommandError, match="give a configuration whose model.name is"):
        check(source, another)


@pytest.mark.parametrize("is_averaging", [False, True])
def test_a_state_begins_with_the_weights_on_its_devices(tmp_path, is_averaging):
    everywhere = devices.replicated(devices.make_mesh())
    step = train_step(average_decay=0.5 * is_averaging)
    init = jax.jit(step.init, static_argnames="num_channels", out_shardings=everywhere)
    state = init(jax.random.key(0), num_channels=3)
    source = read(write(tmp_path / "w.safetensors", published("timm_vit", seed=9)))
    begun, said = start(state, source, VIT, ("cat", "dog", "frog"))
    # A step was compiled for these.
    assert jax.tree.structure(begun) == jax.tree.structure(state)
    for old, new in zip(jax.tree.leaves(state), jax.tree.leaves(begun), strict=True):
        assert (old.shape, old.dtype, old.sharding) == (new.shape, new.dtype, new.sharding)
    params = unpack(begun.params)
    assert_same(params, random_variables(VIT, 9)["params"])
    assert jax.tree.all(jax.tree.map(jnp.array_equal, begun.opt_state, state.opt_state))
    if is_averaging:
        assert jax.tree.all(jax.tree.map(jnp.array_equal, begun.average["params"], begun.params))
        # A step gives its state away, and no buffer twice.
        both = begun.average["params"].arrays, begun.params.arrays
        assert not any(one is other for one, other in zip(*both, strict=True))
    assert len(said["rows"]) == len(named(params))


def test_what_stays_new_is_as_the_state_had_it(tmp_path):
    state = train_step().init(jax.random.key(0), num_channels=3)
    arrays = published("timm_vit")
    del arrays["pos_embed"]
    path = write(tmp_path / "w.npz", arrays)
    begun, _ = start(state, read(path, allow_missing="positions"), VIT, ())
    params, fresh = unpack(begun.params), unpack(state.params)
    np.testing.assert_array_equal(params["positions"], fresh["positions"])
    assert jnp.array_equal(params["cls"], arrays["cls_token"])


def test_a_name_too_long_for_the_system_cannot_be_read():
    with pytest.raises(CommandError, match="cannot be read: File name too long"):
        read("x" * 300)
