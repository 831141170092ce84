r"""Features of two samples on one scale, taken from the truth alone: :math:`x \to (x - a)/s` column by column.

A value that does not exist (NaN: the centre of a layer without energy) is put at the truth's mean, where it says
nothing; how many values do not exist is left to the histograms, which count them.
"""

__all__ = ["Pair", "fill_undefined", "scale_by_largest", "standardise"]

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.errors import BadValue

Pair = tuple[Float[Array, "n f"], Float[Array, "m f"]]


def fill_undefined(truth: Float[Array, "n f"], generated: Float[Array, "m f"]) -> Pair:
    """Both samples in float64 with NaN put at the mean of the truth's defined values (zero where it has none).

    Raises:
        BadValue: a value is infinite.
    """
    if np.isinf(truth).any() or np.isinf(generated).any():
        raise BadValue("a feature", float("inf"), "use NaN where an observable is undefined")
    known = np.where(np.isnan(truth), 0, truth).sum(axis=0, dtype=np.float64)
    mean = known / np.maximum((~np.isnan(truth)).sum(axis=0), 1)
    first, second = (np.where(np.isnan(x), mean, x).astype(np.float64) for x in (truth, generated))
    return first, second


def scale_by_largest(truth: Float[Array, "n f"], generated: Float[Array, "m f"]) -> Pair:
    """Every column divided by the truth's largest absolute value, as the CaloChallenge does for FPD and KPD.

    A column that is zero throughout the truth keeps its unit.
    """
    first, second = fill_undefined(truth, generated)
    largest = np.abs(first).max(axis=0)
    scale = np.where(largest > 0, largest, 1)
    return first / scale, second / scale


def standardise(truth: Float[Array, "n f"], generated: Float[Array, "m f"]) -> Pair:
    """Every column with the truth's mean at zero and in units of the truth's standard deviation.

    A column that is constant in the truth is measured in standard deviations of both samples together.
    """
    first, second = fill_undefined(truth, generated)
    mean, spread = first.mean(axis=0), first.std(axis=0)
    constant = spread <= 1e-12 * np.abs(mean)
    if constant.any():
        spread[constant] = np.concatenate([first, second])[:, constant].std(axis=0)
    spread[spread <= 1e-12 * np.abs(mean)] = 1
    return (first - mean) / spread, (second - mean) / spread
