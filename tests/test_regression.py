"""The regression: as good as scikit-learn's own, and chosen without the test images."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jaxcmp.data.splits import held_out
from jaxcmp.data.streams import stream
from jaxcmp.probe import regression


def blobs(num, *, width=6, spread=1.0, seed=0):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(1).normal(size=(3, width))
    labels = rng.integers(0, 3, num, dtype=np.int32)
    return (centres[labels] + spread * rng.normal(size=(num, width))).astype(np.float32), labels


def test_classes_that_lie_apart_are_told_apart():
    fitted = regression.fit(*blobs(200, spread=0.1), seed=0)
    features, labels = blobs(100, spread=0.1, seed=2)
    assert fitted.has_converged
    assert (fitted.answers(features) == labels).all()


def test_features_count_alike_whatever_their_unit():
    features, labels = blobs(200)
    scale = np.array([1e-4, 1, 1e4, 1, 1, 1], np.float32)
    one, other = (regression.fit(x, labels, seed=0) for x in (features, features * scale))
    assert one.strength == other.strength
    np.testing.assert_array_equal(one.answers(features), other.answers(features * scale))


@pytest.mark.parametrize("signal", [0.3, 3.0])
def test_the_penalty_is_the_strongest_of_those_best_on_a_held_out_fifth(signal):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    features = rng.normal(size=(300, 40)) + signal * np.eye(40)[labels]
    kept, held = held_out(stream("probe", 5), labels, 0.2)
    assert len(held) == pytest.approx(60, abs=2)
    scores = []
    for strength in regression.STRENGTHS:
        trial = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
        trial.fit(features[kept], labels[kept])
        scores.append(trial.score(features[held], labels[held]))
    assert len(set(scores)) > 1
    best = regression.STRENGTHS[scores.index(max(scores))]
    assert regression.fit(features, labels, seed=5).strength == best


def test_a_constant_feature_does_no_harm():
    features, labels = blobs(100, spread=0.1)
    constant = np.concatenate([features, np.ones((100, 1), np.float32)], axis=1)
    fitted = regression.fit(constant, labels, seed=0)
    assert (fitted.answers(constant) == labels).mean() > 0.95


def test_a_search_that_is_cut_short_is_told_and_warns_nobody(monkeypatch):
    monkeypatch.setattr(regression, "MAX_ITERATIONS", 1)
    assert not regression.fit(*blobs(100), seed=0).has_converged


@pytest.mark.parametrize(("correct", "num"), [(90, 100), (0, 50), (50, 50)])
def test_the_interval_is_wilsons(correct, num):
    labels = np.zeros(num, int)
    found = regression.score((np.arange(num) >= correct).astype(int), labels)
    z = norm.ppf(0.975)
    share = correct / num
    centre = (share + z**2 / (2 * num)) / (1 + z**2 / num)
    half = z * np.sqrt(share * (1 - share) / num + z**2 / (4 * num**2)) / (1 + z**2 / num)
    assert (found["accuracy"], found["n"]) == (share, num)
    assert found["interval"] == pytest.approx([centre - half, centre + half], abs=1e-9)
