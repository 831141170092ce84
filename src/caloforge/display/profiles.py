r"""Mean and band of profiles along and across the axis: shares of the incident energy, by particle and energy.

Of each group of showers: the mean of :math:`E_\text{layer} / E_\text{inc}` (or of a ring's energy), and the 16 % and
84 % quantiles over showers, between which the middle 68 % lie.
"""

__all__ = ["Shares", "profile_bins"]

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array

from caloforge.data.showers import Showers
from caloforge.geometry.binning import Binning

_FEW_ENERGIES = 8  # that are taken apart one by one
_SHOWERS, _MOST_BINS = 100, 10  # of a bin of energies, of one particle
_BAND = (0.16, 0.84)


@dataclass(frozen=True, eq=False)
class Shares:
    """Shares of the incident energy of N showers, and their particles.

    Args:
        energy: incident energies, MeV.
        pdg: particles.
        layers: of each layer.
        rings: of each ring about the axis.
    """

    energy: Float[Array, " N"]
    pdg: Int[Array, " N"]
    layers: Float[Array, "N L"]
    rings: Float[Array, "N R"]

    @classmethod
    def of(cls, showers: Showers, edges: Sequence[float]) -> "Shares":
        """Those of some showers.

        Args:
            showers: N of them.
            edges: of the rings, mm.
        """
        scale = 1 / showers.incident_energy.astype(np.float64)[:, None]
        layers = _sums(showers, showers.binning.layer_of_voxel, showers.binning.n_layers)
        rings = _sums(showers, _ring(showers.binning, edges), len(edges) - 1)
        return cls(showers.incident_energy.astype(np.float64), showers.pdg, layers * scale, rings * scale)

    @classmethod
    def concatenate(cls, parts: Sequence["Shares"]) -> "Shares":
        """Join, in order.

        Args:
            parts: one at least.
        """
        names = ("energy", "pdg", "layers", "rings")
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _ring(mesh: Binning, edges: Sequence[float]) -> Int[Array, " V"]:
    """Ring of each cell's centre; what lies outside all is of the last one."""
    return np.clip(np.searchsorted(np.array(edges), mesh.r_centres, side="right") - 1, 0, len(edges) - 2)


def _sums(showers: Showers, place: Int[Array, " V"], count: int) -> Float[Array, "N k"]:
    """Energy at each place, MeV, float64."""
    order = np.argsort(place, kind="stable")
    sums = np.zeros((len(showers), count))
    present, starts = np.unique(place[order], return_index=True)
    sums[:, present] = np.add.reduceat(showers.energy[:, order], starts, axis=1, dtype=np.float64)
    return sums


def profile_bins(shares: Shares) -> list[dict[str, Any]]:
    """Mean and band of each particle and range of energies: single energies where there are few, else quantiles.

    Args:
        shares: of showers of the truth.
    """
    return [
        {
            "pdg": pdg,
            "low": float(shares.energy[rows].min()),
            "high": float(shares.energy[rows].max()),
            "showers": int(rows.sum()),
            "longitudinal": _band(shares.layers[rows]),
            "lateral": _band(shares.rings[rows]),
        }
        for pdg in np.unique(shares.pdg).tolist()
        for rows in _groups(shares.energy, shares.pdg == pdg)
    ]


def _groups(energy: Float[Array, " N"], chosen: Bool[Array, " N"]) -> Iterator[Bool[Array, " N"]]:
    values = np.unique(energy[chosen])
    if len(values) <= _FEW_ENERGIES:
        yield from (chosen & (energy == value) for value in values)
        return
    bins = max(1, min(_MOST_BINS, int(chosen.sum()) // _SHOWERS))
    edges = np.quantile(energy[chosen], np.linspace(0, 1, bins + 1))
    place = np.clip(np.searchsorted(edges, energy, side="right") - 1, 0, bins - 1)
    yield from (chosen & (place == i) for i in range(bins) if (chosen & (place == i)).any())


def _band(values: Float[Array, "n k"]) -> dict[str, list[float]]:
    low, high = np.quantile(values, _BAND, axis=0)
    return {
        name: [float(f"{x:.5g}") for x in row] for name, row in (("mean", values.mean(0)), ("low", low), ("high", high))
    }
