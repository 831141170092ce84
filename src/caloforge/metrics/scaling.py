r"""Features of two samples on one scale, taken from the truth alone: :math:`x \to (x - a)/s` column by column.

A value that does not exist (NaN: the centre of a layer without energy) is put at the truth's mean, where it says
nothing; how many values do not exist is left to the histograms, which count them. A column that the truth never
defines says nothing at all.

A truth whose values are zero up to rounding (the width of a layer whose hits all lie in one ring is some
:math:`10^{-7}` mm) gives no scale: such a column is measured on the scale of both samples together, and left in its own
unit where they only hold rounding, too. A single foreign shower then counts as one shower and not :math:`10^7` times.

Ranks need no scale: each value becomes the share of the truth's values below it, :math:`F(x)`, equal values half.
"""

__all__ = ["ROUNDING", "Pair", "fill_undefined", "rank", "scale_by_largest", "standardise"]

from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.errors import BadValue

Pair = tuple[Float[Array, "n f"], Float[Array, "m f"]]

ROUNDING = 1e-5
"""Values up to this are rounding, in units of the observables (mm, MeV, shares): roots of float64's 1e-16 of a mesh."""
_CONSTANT = 1e-6  # float32 holds a constant to 6e-8
_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")


def fill_undefined(truth: Float[Array, "n f"], generated: Float[Array, "m f"]) -> Pair:
    """Both samples in float64 with NaN put at the mean of the truth's defined values; zero throughout if it has none.

    Args:
        truth: features of the reference showers; NaN where undefined.
        generated: the same features of the showers to judge.

    Raises:
        BadValue: a value is infinite.
    """
    _require_finite(truth, generated)
    defined = ~np.isnan(truth)
    mean = np.where(defined, truth, 0).sum(axis=0, dtype=np.float64) / np.maximum(defined.sum(axis=0), 1)
    first, second = (np.where(np.isnan(x), mean, x).astype(np.float64) for x in (truth, generated))
    second[:, ~defined.any(axis=0)] = 0
    return first, second


def _require_finite(truth: Float[Array, "n f"], generated: Float[Array, "m f"]) -> None:
    if np.isinf(truth).any() or np.isinf(generated).any():
        raise BadValue("a feature", float("inf"), "use NaN where an observable is undefined")


def rank(truth: Float[Array, "n f"], generated: Float[Array, "m f"]) -> Pair:
    """Every value by its rank among the truth's, from 0 to 1; values equal up to rounding share the middle of theirs.

    An outlier is 0 or 1, however far out it lies. An undefined value sits at 1/2, the mean of the truth's ranks.

    Args:
        truth: features of the reference showers; NaN where undefined.
        generated: the same features of the showers to judge.

    Raises:
        BadValue: a value is infinite.
    """
    _require_finite(truth, generated)
    ranks = np.full(truth.shape, 0.5), np.full(generated.shape, 0.5)
    for column, values in enumerate(truth.T):
        defined = values[~np.isnan(values)].astype(np.float64)
        if defined.size == 0:
            continue
        step = max(ROUNDING, _CONSTANT * float(np.abs(defined).max()))
        order = np.sort(np.rint(defined / step))
        for out, sample in zip(ranks, (truth, generated), strict=True):
            x = np.rint(sample[:, column].astype(np.float64) / step)
            ascending = np.argsort(x)[: np.count_nonzero(~np.isnan(x))]  # neighbours are looked up beside each other
            below, upto = (np.searchsorted(order, x[ascending], side=side) for side in _SIDES)
            out[ascending, column] = (below + upto) / (2 * len(order))
    return ranks


def scale_by_largest(truth: Float[Array, "n f"], generated: Float[Array, "m f"]) -> Pair:
    """Every column divided by the truth's largest absolute value, as the CaloChallenge does for FPD and KPD.

    A column that is zero up to rounding throughout the truth is divided by the largest value of both samples.

    Args:
        truth: features of the reference showers; NaN where undefined.
        generated: the same features of the showers to judge.

    Raises:
        BadValue: a value is infinite.
    """
    first, second = fill_undefined(truth, generated)
    of_truth, of_generated = (np.abs(x).max(axis=0) for x in (first, second))
    scale = _first_scale(of_truth, np.maximum(of_truth, of_generated))
    first /= scale
    second /= scale
    return first, second


def standardise(truth: Float[Array, "n f"], generated: Float[Array, "m f"]) -> Pair:
    """Every column with the truth's mean at zero and in units of the truth's standard deviation.

    A column that is constant up to rounding in the truth is measured in standard deviations of both samples together.

    Args:
        truth: features of the reference showers; NaN where undefined.
        generated: the same features of the showers to judge.

    Raises:
        BadValue: a value is infinite.
    """
    first, second = fill_undefined(truth, generated)
    mean = first.mean(axis=0)
    spreads = [x.std(axis=0) for x in (first, np.concatenate([first, second]))]
    constant = [spread <= _CONSTANT * np.abs(mean) for spread in spreads]
    spread = _first_scale(*(np.where(still, 0, spread) for still, spread in zip(constant, spreads, strict=True)))
    return (first - mean) / spread, (second - mean) / spread


def _first_scale(of_truth: Float[Array, " f"], of_both: Float[Array, " f"]) -> Float[Array, " f"]:
    """The truth's where it is more than rounding, else that of both, else one."""
    return np.where(of_truth > ROUNDING, of_truth, np.where(of_both > ROUNDING, of_both, 1.0))
