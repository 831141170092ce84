r"""Histogram edges of an observable, computed from the truth alone: linear, logarithmic, or whole numbers.

The range runs between the quantiles 0.1 % and 99.9 % of the truth. What lies outside is not dropped: it fills the
underflow and the overflow, which every distance counts. So the edges never depend on what was generated.
"""

__all__ = ["linear_edges", "logarithmic_edges", "integer_edges", "N_BINS"]

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

N_BINS = 50
_TAIL = 0.001


def _range(values: Float[Array, " n"]) -> tuple[float, float]:
    """Central 99.8 % of the finite values, widened where they are all equal; (0, 1) where there are none."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = (float(q) for q in np.quantile(finite, [_TAIL, 1 - _TAIL]))
    margin = 1e-6 * max(abs(low), abs(high), 1e-30)
    return (low, high) if high - low > margin else (low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1))


def linear_edges(values: Float[Array, " n"], bins: int = N_BINS) -> Float[Array, " e"]:
    """Equal bins over the range.

    Args:
        values: (n,) values of the observable in the truth; those that are not finite are left out.
        bins: how many.
    """
    return np.linspace(*_range(values), bins + 1)


def logarithmic_edges(values: Float[Array, " n"], bins: int = N_BINS) -> Float[Array, " e"]:
    """Bins of equal ratio over the range of the positive values; zeros fall in the underflow.

    Args:
        values: (n,) values of the observable in the truth; those that are not finite are left out.
        bins: how many.
    """
    return np.exp(linear_edges(np.log(values[values > 0].astype(np.float64)), bins))


def integer_edges(values: Float[Array, " n"], bins: int = N_BINS) -> Float[Array, " e"]:
    """Bins centred on whole numbers, as many numbers to a bin as keeps them under ``bins``.

    Args:
        values: (n,) values of the observable in the truth; those that are not finite are left out.
        bins: how many.
    """
    low, high = (round(edge) for edge in _range(values))
    step = max(1, -(-(high - low + 1) // bins))
    return np.arange(low, high + step + 1, step) - 0.5
