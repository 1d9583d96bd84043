"""Power laws of the error by training images, and where two arms change places."""

import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np

from jaxcmp.compare.statistics.means import Estimate, Lead


@dataclasses.dataclass(frozen=True)
class PowerLaw:
    """error = coefficient * num_images ** -exponent."""

    coefficient: float
    exponent: float

    def error(self, num_images: np.ndarray) -> np.ndarray:
        """The errors that it predicts, of the shape of `num_images`."""
        return self.coefficient * num_images**-self.exponent


def fit_power_law(num_images: np.ndarray, errors: np.ndarray) -> PowerLaw:
    """The power law with the least squares in log-log, over all runs.

    `num_images` [m] to train on and test `errors` [m] in (0, 1], one of each run. Raises
    ValueError unless all are above zero and there are two sizes. Source: Hestness et al. 2017.
    """
    num_images, errors = np.asarray(num_images, np.float64), np.asarray(errors, np.float64)
    if num_images.shape != errors.shape:
        raise ValueError(f"{num_images.shape} sizes do not fit {errors.shape} errors")
    if not (np.all(num_images > 0) and np.all(errors > 0)):
        raise ValueError("a power law has no place for an error, or a number of images, of zero")
    if len(np.unique(num_images)) < 2:
        raise ValueError("a power law takes runs of two training-set sizes at least")
    fit = np.polynomial.polynomial.polyfit(np.log(num_images), np.log(errors), 1)
    return PowerLaw(float(np.exp(fit[0])), -float(fit[1]))


def changes_of_lead(leads: Mapping[int, Estimate]) -> list[tuple[int, int]]:
    """Neighbouring numbers of images between which two arms change places.

    `leads` are the first arm's by number of images, in order. Only sizes at which one of the two is
    really ahead count: between them, others may leave it open.
    """
    real = [(size, each.lead) for size, each in leads.items() if each.lead.is_real]
    return [(a, b) for (a, one), (b, two) in itertools.pairwise(real) if one is not two]


def changes_of_mean(leads: Mapping[int, Estimate]) -> list[tuple[int, int]]:
    """Finds changes like `changes_of_lead`, by the means alone, whatever seeds could explain."""
    apart = [(size, each.mean) for size, each in leads.items() if each.lead is not Lead.TIE]
    return [(a, b) for (a, one), (b, two) in itertools.pairwise(apart) if one * two < 0]
