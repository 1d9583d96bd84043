"""Logistic regression whose penalty is chosen without the test images, and what it answers."""

import dataclasses
import warnings
from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jaxcmp.data.splits import held_out
from jaxcmp.data.streams import stream

# scikit-learn's C: the inverse of the penalty's strength; the strongest penalty comes first.
STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
HELD_OUT = 0.2
MAX_ITERATIONS = 2000


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A regression on standardised features; `strength` is its C."""

    pipeline: Any
    strength: float

    @property
    def has_converged(self) -> bool:
        return bool(self.pipeline[-1].n_iter_.max() < MAX_ITERATIONS)

    def answers(self, features: np.ndarray) -> np.ndarray:
        """The class of each row of features [n, width], int32 [n]."""
        return self.pipeline.predict(features.astype(np.float64))


def fit(features: np.ndarray, labels: np.ndarray, *, seed: int) -> Fitted:
    """Fits all rows [n, width], with the C that does best on a held-out fifth of each class."""
    # In float32 the search along a line can come to no end.
    features = features.astype(np.float64)
    kept, held = held_out(stream("probe", seed), labels, HELD_OUT)
    scores = []
    with warnings.catch_warnings():
        # Who calls is told by `has_converged`.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # From each penalty to the next it goes on from where it is.
        trial = make_pipeline(
            StandardScaler(), LogisticRegression(max_iter=MAX_ITERATIONS, warm_start=True)
        )
        for strength in STRENGTHS:
            trial[-1].set_params(C=strength)
            trial.fit(features[kept], labels[kept])
            scores.append(trial.score(features[held], labels[held]))
        # The first of equals is the simplest.
        strength = STRENGTHS[int(np.argmax(scores))]
        regression = LogisticRegression(C=strength, max_iter=MAX_ITERATIONS)
        pipeline = make_pipeline(StandardScaler(), regression).fit(features, labels)
    return Fitted(pipeline, strength)


def score(answers: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """The accuracy, its 95 % interval (Wilson 1927), and n."""
    correct, num = int(np.sum(answers == labels)), len(labels)
    interval = binomtest(correct, num).proportion_ci(0.95, method="wilson")
    low, high = (float(edge) for edge in interval)
    return {"accuracy": correct / num, "interval": [low, high], "n": num}
