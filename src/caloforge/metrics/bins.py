"""Bins of incident energy and of angle, in which samples are compared, and their labels."""

__all__ = ["angle_edges", "angle_label", "energy_edges", "energy_label"]

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.errors import EmptySample
from caloforge.units import GeV

_DISCRETE = 20
_ONE_ENERGY = 1.001  # ratio of the edges of a bin that holds a single energy
_ANGLE_BINS = 4
_SAME_ANGLE = 1e-4  # rad


def energy_edges(
    truth: Float[Array, " n"], generated: Float[Array, " m"], bins: int = 6, fewest: int = 50
) -> Float[Array, " e"]:
    """Edges (MeV) of energy bins: equal in log E over the truth, or one bin an energy where a few are discrete.

    Bins with less than ``fewest`` showers in either sample are merged with a neighbour.

    Args:
        truth: incident energies of the reference showers, MeV.
        generated: incident energies of the generated showers, MeV.
        bins: how many where energies are many.
        fewest: showers of either sample in a bin.

    Raises:
        EmptySample: a sample has fewer than ``fewest`` showers in the whole range.
    """
    energies = np.unique(truth).astype(float)
    low, high = energies[0] * (1 - 1e-6), energies[-1] * (1 + 1e-6)
    middles = np.sqrt(energies[1:] * energies[:-1])
    inner = middles if len(energies) <= _DISCRETE else np.geomspace(low, high, bins + 1)[1:-1]
    edges = np.array([low, *inner, high])
    while (counts := _fewest_counts(truth, generated, edges)).min() < fewest:
        if len(edges) == 2:
            raise EmptySample(f"response needs {fewest} showers in each sample", *_sizes(truth, generated, edges))
        edges = np.delete(edges, _edge_to_drop(counts))
    return edges


def _sizes(truth: Array, generated: Array, edges: Array) -> tuple[int, int]:
    first, second = (int(np.histogram(x, edges)[0].sum()) for x in (truth, generated))
    return first, second


def _fewest_counts(truth: Array, generated: Array, edges: Array) -> Int[Array, " b"]:
    return np.minimum(np.histogram(truth, edges)[0], np.histogram(generated, edges)[0])


def _edge_to_drop(counts: Int[Array, " b"]) -> int:
    """The edge between the poorest bin and its poorer neighbour."""
    poorest = int(counts.argmin())
    left = counts[poorest - 1] if poorest > 0 else np.inf
    right = counts[poorest + 1] if poorest + 1 < len(counts) else np.inf
    return poorest if left <= right else poorest + 1


def angle_edges(
    truth: Float[Array, " n"], generated: Float[Array, " m"], fewest: int = 100
) -> Float[Array, " e"] | None:
    """Edges (rad) of bins with equal numbers of true showers, or one bin an angle where few are discrete.

    There are four, or as many as have ``fewest`` showers of either sample.

    Args:
        truth: angles of the reference showers, rad.
        generated: angles of the generated showers, rad.
        fewest: showers of either sample in a bin.

    Returns:
        None where the truth's angles do not vary, or two bins would have too few showers.
    """
    if np.ptp(truth) < _SAME_ANGLE:
        return None
    values = np.unique(truth).astype(float)
    low, high = values[0] - _SAME_ANGLE, values[-1] + _SAME_ANGLE
    for bins in range(min(_ANGLE_BINS, len(truth) // fewest), 1, -1):
        inner = (
            (values[1:] + values[:-1]) / 2
            if len(values) <= bins
            else np.unique(np.quantile(truth, np.arange(1, bins) / bins).astype(float))
        )
        edges = np.array([low, *inner, high])
        if len(edges) > 2 and _fewest_counts(truth, generated, np.array([-np.inf, *inner, np.inf])).min() >= fewest:
            return edges
    return None


def energy_label(low: float, high: float) -> str:
    """A bin of energy in words: its range, or the energy where it holds only one.

    Args:
        low: lower edge, MeV.
        high: upper edge, MeV.

    Example:
        >>> energy_label(1e3, 2e3), energy_label(49_999.95, 50_000.05)
        ('1–2 GeV', '50 GeV')
    """
    if high / low < _ONE_ENERGY:
        return f"{np.sqrt(low * high) / GeV:.4g} GeV"
    return f"{low / GeV:.3g}–{high / GeV:.3g} GeV"


def angle_label(symbol: str, low: float, high: float) -> str:
    """A bin of an angle in words.

    Args:
        symbol: of the angle.
        low: lower edge, rad.
        high: upper edge, rad.

    Example:
        >>> angle_label("θ", 0.0, np.pi / 6)
        'θ 0°–30°'
    """
    first, last = (f"{round(float(np.degrees(x)), 1):g}" for x in (max(low, 0.0) if symbol == "θ" else low, high))
    return f"{symbol} {first}°–{last}°"
