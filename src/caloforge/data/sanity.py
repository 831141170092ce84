"""Are the energies of a file possible: units by both readings, showers that are odd, axes that are swapped."""

__all__ = [
    "Look",
    "doubts_of",
    "refuse_small_energies",
    "refuse_swapped_axes",
    "regular_shape",
    "require_units",
    "question_of_excess",
]

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array

from caloforge.data.checks import doubts_of_response, excess_of_response, rest_energies
from caloforge.errors import BadFile, UnitsUnknown
from caloforge.geometry.binning import Binning
from caloforge.units import GeV, MeV, format_energy

_MOST, _LEAST = 1.5, 1e-5  # response of one shower
_FEWEST_CELLS = 100  # of a mesh whose showers never fill all of it
_GRID_VALUES, _ON_GRID = 4, 1e-3  # different energies that make a grid, and how near they lie to powers
_SURELY_MEV = 50 * MeV, 1024 * MeV  # incident energies all above the first, or one above the second, are in MeV
_SHOWERS_FOR_AXES = 10
_MORE_INFORMATION = 0.3  # nats; of 10 to 200 electrons, cells in the wrong order have 0.7 to 0.8 more


@dataclass(frozen=True)
class Look:
    """Some showers, as a look into a file sees them.

    Args:
        start: index of the first.
        total: energy in all cells or points, MeV.
        incident: kinetic energy of the incident particle, MeV.
        pdg: its PDG particle number.
        hits: number of cells or points with energy.
        cells: of the mesh; None for points.
        particles: PDG numbers of all incident particles, where several made a shower; None stands for ``pdg``.
    """

    start: int
    total: Float[Array, " n"]
    incident: Float[Array, " n"]
    pdg: Int[Array, " n"]
    hits: Int[Array, " n"]
    cells: int | None = None
    particles: Int[Array, " m"] | None = None

    @property
    def excess(self) -> str | None:
        """Why the energies are hardly in MeV throughout."""
        return excess_of_response(self.total, self.incident, self.pdg if self.particles is None else self.particles)

    @property
    def above(self) -> Bool[Array, " n"]:
        """Which showers hold more than their particle may leave: its energy and, if it annihilates, twice its mass."""
        masses = rest_energies(self.pdg) if self.particles is None else np.full(len(self.pdg), np.inf)
        return self.total > _MOST * (self.incident + 2 * masses)


def doubts_of(looks: Sequence[Look]) -> list[str]:
    """What is odd, though possible: one sentence a kind, with the first shower that shows it.

    Args:
        looks: into one file, in order.
    """
    excess = [look.excess for look in looks if look.excess]
    low = [text for look in looks for text in doubts_of_response(look.total, look.incident, look.pdg)]
    response = np.concatenate([look.total / look.incident for look in looks])
    hits = np.concatenate([look.hits for look in looks])
    above = np.concatenate([look.above for look in looks])
    index = np.concatenate([look.start + np.arange(len(look.total)) for look in looks])
    return [
        *(excess[:1] or _single(above, index, f"more than {_MOST} times their incident energy")),
        *low[:1],
        *_single(response == 0, index, "no energy in any cell"),
        *_single(
            (response > 0) & (response < _LEAST), index, f"less than {_LEAST:g} of their incident energy in the cells"
        ),
        *_full(hits, looks[0].cells),
        *_grid(np.concatenate([look.incident for look in looks])),
    ]


def _single(odd: Array, index: Array, what: str) -> Iterator[str]:
    if odd.any():
        yield f"{int(odd.sum())} of {len(odd)} showers looked at have {what}, the first is shower {int(index[odd][0])}"


def _full(hits: Array, cells: int | None) -> Iterator[str]:
    if cells is not None and cells >= _FEWEST_CELLS and (hits == cells).all():
        yield f"every shower looked at has energy in all {cells} cells: is a threshold, or noise, missing or added?"


def _grid(incident: Array) -> Iterator[str]:
    """Incident energies that are one energy times powers of 2 or 10."""
    values = np.unique(incident)
    for base in (2, 10):
        steps = np.log(values / values[0]) / np.log(base)
        if _GRID_VALUES <= len(values) <= 64 and np.abs(steps - steps.round()).max() < _ON_GRID:
            ends = " to ".join(format_energy(float(value)) for value in values[[0, -1]])
            yield f"incident energies are powers of {base}, {ends}: between them a model sees nothing"
            return


def question_of_excess(path: Path, look: Look) -> UnitsUnknown | None:
    """The question for units where cells hold more than particles brought, with the response of each reading.

    Args:
        path: of the file.
        look: at some of its showers, with energies read as MeV.
    """
    if look.excess is None:
        return None
    response = float(look.total.sum() / look.incident.sum())
    readings = {
        "": f"as MeV the response is {response:.3g}",
        "incident=GeV": f"with incident energies in GeV {response / 1000:.3g}",
        "cells=keV": f"with cells in keV {response / 1000:.3g}",
    }
    return UnitsUnknown(path, f"from shower {look.start}, {look.excess}", readings)


def refuse_small_energies(path: Path, incident: Float[Array, " n"], total: Float[Array, " n"]) -> None:
    """Ask where incident energies, read as MeV, are those that files in GeV have.

    Args:
        path: of a file that does not say its units.
        incident: incident energies, read as MeV.
        total: deposited energies, read as MeV.

    Raises:
        UnitsUnknown: with both readings.
    """
    low, high = float(incident.min()), float(incident.max())
    if low >= _SURELY_MEV[0] and high > _SURELY_MEV[1]:
        return
    response = float(total.sum() / incident.sum())
    ends = [" to ".join(dict.fromkeys(format_energy(unit * end) for end in (low, high))) for unit in (MeV, GeV)]
    readings = {
        "MeV": f"as MeV, incident energies are {ends[0]}",
        "GeV": f"as GeV {ends[1]}",
    }
    raise UnitsUnknown(path, f"the file does not say its units, and its response {response:.3g} fits both", readings)


def require_units(path: Path, incident: Float[Array, " n"], total: Float[Array, " n"]) -> UnitsUnknown:
    """The question for units of a layout that fixes none, incident energies taken as GeV, the usual unit.

    Args:
        path: of the file.
        incident: incident energies as the file has them.
        total: deposited energies as the file has them.
    """
    response = float(total.sum() / incident.sum())
    readings = {
        "MeV": f"all in MeV the response is {response:.3g}",
        "GeV": f"all in GeV {response:.3g}",
        "incident=GeV,cells=MeV": f"incident energies in GeV and the rest in MeV {response / 1000:.3g}",
        "incident=MeV,cells=GeV": f"incident energies in MeV and the rest in GeV {response * 1000:.3g}",
    }
    return UnitsUnknown(path, "the file does not say its units", readings)


def refuse_swapped_axes(path: Path, share: Float[Array, "n V"], binning: Binning) -> None:
    r"""Refuse showers whose cells lie in the order ring, sector, layer (Par04's).

    The mean of many showers falls into a profile in depth times one in radius, with no preference in azimuth, so the
    mutual information of its three axes, :math:`\sum_i H(p_i) - H(p)`, is small; in another order it is not.

    Args:
        path: of the file.
        share: cells of some showers in flat order, each shower divided by its energy.
        binning: the mesh.

    Raises:
        BadFile: swapped axes.
    """
    shape = regular_shape(binning)
    if shape is None or len(share) < _SHOWERS_FOR_AXES or min(shape) < 2 or not share.any():
        return
    mean = share.mean(axis=0, dtype=float) / share.mean(axis=0, dtype=float).sum()
    as_is, swapped = _mutual_information(mean.reshape(shape)), _mutual_information(mean.reshape(shape[::-1]))
    if as_is > swapped + _MORE_INFORMATION and as_is > 2 * swapped:
        problem = (
            f"depth, azimuth and radius share {as_is:.2f} nats, but {swapped:.2f} if the axes are r, alpha, layer: "
            "the cells lie in another order than layer, alpha, r"
        )
        raise BadFile(
            path, problem, f"give axes='r,alpha,layer' (caloforge convert {path} OUT.h5 --axes r,alpha,layer)"
        )


def regular_shape(binning: Binning) -> tuple[int, int, int] | None:
    """Layers, sectors and rings of a mesh whose layers are alike; None for others.

    Args:
        binning: the mesh.
    """
    shapes = {(layer.n_alpha, layer.n_r) for layer in binning.layers}
    return (binning.n_layers, *shapes.pop()) if len(shapes) == 1 else None


def _mutual_information(p: Float[Array, "a b c"]) -> float:
    """Of the three axes of a density that sums to 1, in nats."""
    marginals = (p.sum(axis=axes) for axes in ((1, 2), (0, 2), (0, 1)))
    return sum(map(_entropy, marginals)) - _entropy(p)


def _entropy(p: Float[Array, "..."]) -> float:
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())
