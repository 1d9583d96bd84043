"""The probe: features as in evaluation, the choice of the penalty, and the command."""

import dataclasses
import json
from functools import partial

import jax
import numpy as np
import processes
import pytest
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_configs import small

from jaxcmp import experiment, probe
from jaxcmp.checkpoint.manager import restore_variables
from jaxcmp.data.random_streams import stream
from jaxcmp.data.splits import held_out
from jaxcmp.errors import CommandError
from jaxcmp.models.packing import unpack
from jaxcmp.runtime import devices
from jaxcmp.step import predict_logits

QUICK = ("--config.model.width=16", "--config.model.depth=1", "--config.model.num_heads=2")


def run(*arguments):
    return processes.run(*arguments, module="jaxcmp.probe")


def test_random_weights_make_a_baseline_with_its_interval_and_n(tmp_path):
    config = ("--config=configs/vit.py:digits", *QUICK, "--config.model.mlp_width=16")
    written = tmp_path / "probe.json"
    code, out, err = run(*config, "--num_train=300", f"--json={written}")
    assert code == 0, err
    results = json.loads(written.read_text())
    first, _, train, test, last = out.splitlines()
    assert first == "vit, random weights: logistic regression on frozen features"
    assert train.split()[0] == "train" and train.split()[-1] == f"{results['train']['n']}"
    assert test.split()[-1] == "359"
    assert f"{results['test']['accuracy']:.2%}" in test
    assert last.startswith(f"16 features, C={results['C']:g}; features in ")
    assert abs(results["train"]["n"] - 300) <= 5
    low, high = results["test"]["interval"]
    # Ten digits, of which even random features tell many apart.
    assert 0.2 < low < results["test"]["accuracy"] < high
    assert results["weights"] is None and results["environment"]["device_count"] == 1


def test_weights_of_a_run_are_described_and_their_arrays_counted(unbroken, tmp_path):
    written = tmp_path / "probe.json"
    code, out, err = run(*processes.TINY, f"--config.init.path={unbroken}", f"--json={written}")
    assert code == 0, err
    results = json.loads(written.read_text())
    assert results["weights"]["kind"] == "run"
    num_loaded = len(results["weights"]["rows"])
    assert out.startswith(f"vit, {unbroken.name} ({num_loaded} loaded): logistic regression")
    assert results["train"]["n"] == 1438


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no configuration given"),
        (["--config=configs/vit.py:digits", "--num_train=10"], "--num_train=10 must be 0 for all"),
        (
            # Missing data would be reported later.
            ["--config=configs/vit.py", "--config.init.path=none.npz", "--config.data.name=none"],
            "none.npz cannot be read",
        ),
        (["--config=configs/vit.py:digits", "--num_trian=10"], "did you mean --num_train?"),
    ],
)
def test_a_wrong_command_is_one_line(arguments, words):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("jaxcmp: ") and words in err and err.count("\n") == 1


def test_a_file_that_cannot_be_written_is_named_before_data_is_read(tmp_path):
    place = tmp_path / "none" / "probe.json"
    code, out, err = run("--config=configs/vit.py", "--config.data.name=none", f"--json={place}")
    assert (code, out) == (1, "")
    assert err == f"jaxcmp: {place} cannot be written: No such file or directory\n"


def test_random_weights_equal_those_of_a_run_with_the_same_seed():
    config = small("resnet", seed=3)
    prepared = experiment.prepare(config)
    variables, said = probe.initial_variables(prepared, config.seed, None)
    runner = experiment.make_runner(prepared, devices.make_mesh(jax.devices()[:1]))
    state = runner.init()
    assert said is None
    for ours, theirs in zip(
        jax.tree.leaves(variables),
        jax.tree.leaves(unpack({"params": state.params, "batch_stats": state.batch_stats})),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("overrides", [{}, {"model.image_size": 12, "data.placement": "stream"}])
def test_the_head_on_the_features_is_the_runs_own_evaluation(overrides):
    config = small("resnet", **overrides)
    prepared = experiment.prepare(config)
    variables, _ = probe.initial_variables(prepared, config.seed, None)
    test = prepared.dataset.test
    features = probe.features_of(prepared, variables, test.images, batch_size=100)
    assert features.shape == (359, 4) and features.dtype == np.float32
    head = variables["params"]["head"]
    images = np.asarray(test.images[:])
    predict = partial(predict_logits, prepared.model, mean=prepared.dataset.mean)
    logits = jax.jit(partial(predict, std=prepared.dataset.std))(variables, images)
    expected = features @ np.asarray(head["kernel"]) + np.asarray(head["bias"])
    np.testing.assert_allclose(logits, expected, atol=1e-4)


def test_a_part_has_each_class_in_its_share_and_is_the_same_for_both_arms():
    parts = []
    for arm in ("vit", "resnet"):
        split = experiment.prepare(small(arm)).dataset.train
        parts.append(probe.take(split, 200, 0))
        sizes = np.bincount(parts[-1].labels)
        np.testing.assert_allclose(sizes, np.bincount(split.labels) * 200 / 1438, atol=0.5)
        assert probe.take(split, 0, 0) is split
    np.testing.assert_array_equal(parts[0].ids, parts[1].ids)


@pytest.mark.parametrize("num_images", [29, 1439, -1])
def test_a_part_too_small_or_too_large_is_refused(num_images):
    split = experiment.prepare(small("resnet")).dataset.train
    message = f"--num_train={num_images} must be 0 for all, or from 30 .* to 1438"
    with pytest.raises(CommandError, match=message):
        probe.take(split, num_images, 0)


def test_two_images_of_each_class_are_too_few_to_hold_some_out():
    split = experiment.prepare(small("resnet")).dataset.train
    two = dataclasses.replace(split.take(np.arange(20)), labels=np.arange(20) // 2)
    with pytest.raises(CommandError, match="no class has 3 training images, and a probe holds"):
        probe.take(two, 0, 0)


def test_weights_of_a_run_are_the_ones_it_is_evaluated_with(unbroken):
    config = small("vit", **{"init.path": str(unbroken)})
    source = experiment.read_weights(config)
    variables, said = probe.initial_variables(experiment.prepare(config), config.seed, source)
    assert said is not None and said["kind"] == "run"
    _, restored = restore_variables(unbroken / "checkpoints")
    for ours, theirs in zip(
        jax.tree.leaves(variables["params"]), jax.tree.leaves(restored["params"]), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def blobs(num, *, width=6, spread=1.0, seed=0):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(1).normal(size=(3, width))
    labels = rng.integers(0, 3, num, dtype=np.int32)
    return (centres[labels] + spread * rng.normal(size=(num, width))).astype(np.float32), labels


def test_separable_classes_are_separated():
    fitted = probe.fit(*blobs(200, spread=0.1), seed=0)
    features, labels = blobs(100, spread=0.1, seed=2)
    assert probe.has_converged(fitted)
    assert (fitted.predict(features) == labels).all()


def test_the_scale_of_features_does_not_matter():
    features, labels = blobs(200)
    scale = np.array([1e-4, 1, 1e4, 1, 1, 1], np.float32)
    one, other = (probe.fit(x, labels, seed=0) for x in (features, features * scale))
    assert one[-1].C == other[-1].C
    np.testing.assert_array_equal(one.predict(features), other.predict(features * scale))


@pytest.mark.parametrize("signal", [0.3, 3.0])
def test_the_penalty_is_the_strongest_of_those_best_on_a_held_out_fifth(signal):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    features = rng.normal(size=(300, 40)) + signal * np.eye(40)[labels]
    kept, held = held_out(stream("probe", 5), labels, 0.2)
    assert len(held) == pytest.approx(60, abs=2)
    scores = []
    for strength in probe.STRENGTHS:
        trial = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
        trial.fit(features[kept], labels[kept])
        scores.append(trial.score(features[held], labels[held]))
    assert len(set(scores)) > 1
    best = probe.STRENGTHS[scores.index(max(scores))]
    assert probe.fit(features, labels, seed=5)[-1].C == best


def test_a_constant_feature_does_no_harm():
    features, labels = blobs(100, spread=0.1)
    constant = np.concatenate([features, np.ones((100, 1), np.float32)], axis=1)
    fitted = probe.fit(constant, labels, seed=0)
    assert (fitted.predict(constant) == labels).mean() > 0.95


def test_an_unconverged_fit_is_reported_without_a_warning(monkeypatch):
    monkeypatch.setattr(probe, "MAX_ITERATIONS", 1)
    assert not probe.has_converged(probe.fit(*blobs(100), seed=0))


@pytest.mark.parametrize(("correct", "num"), [(90, 100), (0, 50), (50, 50)])
def test_the_interval_is_wilsons(correct, num):
    labels = np.zeros(num, int)
    results = probe.score((np.arange(num) >= correct).astype(int), labels)
    z = norm.ppf(0.975)
    share = correct / num
    centre = (share + z**2 / (2 * num)) / (1 + z**2 / num)
    half = z * np.sqrt(share * (1 - share) / num + z**2 / (4 * num**2)) / (1 + z**2 / num)
    assert (results["accuracy"], results["n"]) == (share, num)
    assert results["interval"] == pytest.approx([centre - half, centre + half], abs=1e-9)
