"""How many epochs an accuracy takes to come close to where it ends."""

import numpy as np


def smooth(values: np.ndarray, window: int = 5) -> np.ndarray:
    """The centred moving mean, float64 [epochs], of values [epochs].

    Near both ends the window shrinks to what lies evenly on either side, so that a straight line
    stays as it is, and the first and the last value too. Raises ValueError unless `window` is odd.
    """
    if window < 1 or window % 2 == 0:
        raise ValueError(f"a window of {window} epochs has no centre: it takes an odd number")
    values = np.asarray(values, np.float64)
    last = len(values) - 1
    reach = [min(window // 2, epoch, last - epoch) for epoch in range(len(values))]
    means = [values[epoch - r : epoch + r + 1].mean() for epoch, r in enumerate(reach)]
    return np.array(means, np.float64)


def epochs_to_converge(accuracy: np.ndarray, *, within: float = 0.005, window: int = 5) -> int:
    """The first epoch, counted from 1, whose smoothed accuracy is close to the final one.

    `accuracy` [epochs] in [0, 1], one value after each epoch; close is at most `within` above or
    below the last smoothed value. Raises ValueError if there is no epoch, or a value is not finite.
    """
    smoothed = smooth(accuracy, window)
    if not len(smoothed) or not np.isfinite(smoothed).all():
        raise ValueError("an accuracy is missing")
    # Accuracies are decimal fractions: a distance of 0.005 is one, however it is rounded.
    is_close = np.abs(smoothed - smoothed[-1]) <= within + 1e-9
    return int(is_close.argmax()) + 1
