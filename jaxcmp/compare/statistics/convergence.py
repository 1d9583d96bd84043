"""The number of epochs that an accuracy takes to come close to where it ends."""

import numpy as np


def smooth(values: np.ndarray, window: int = 5) -> np.ndarray:
    """The centred moving mean, float64 [n], of values [n]; `window` is odd.

    Near both ends the window shrinks to what lies evenly on either side, so that a straight line
    stays as it is, and the first and the last value too.
    """
    values = np.asarray(values, np.float64)
    last = len(values) - 1
    reach = [min(window // 2, i, last - i) for i in range(len(values))]
    means = [values[i - r : i + r + 1].mean() for i, r in enumerate(reach)]
    return np.array(means, np.float64)


def epochs_to_converge(
    accuracy: np.ndarray, epochs: np.ndarray, *, within: float = 0.005, window: int = 5
) -> int:
    """The first epoch evaluated whose smoothed accuracy is close to the final one.

    `accuracy` [n] in [0, 1] is that after each of `epochs` [n], which are counted from 1; close is
    at most `within` above or below the last smoothed value, and `window` a number of evaluations.
    Raises ValueError if there is none, or a value is not finite.
    """
    smoothed = smooth(accuracy, window)
    if not len(smoothed) or not np.isfinite(smoothed).all():
        raise ValueError("an accuracy is missing")
    # Accuracies are decimal fractions: a distance of 0.005 is one, however it is rounded.
    is_close = np.abs(smoothed - smoothed[-1]) <= within + 1e-9
    return int(epochs[is_close.argmax()])
