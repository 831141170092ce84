"""Spoils that need a second sample: showers, or cells, of another particle or another model mixed into the first.

Others are taken at the incident energy nearest to that of the shower they replace.
"""

__all__ = ["MIXED_CELLS", "MIXED_SHOWERS", "foreign_spoils", "mix_showers", "mix_cells"]

from dataclasses import replace
from functools import partial

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.data.showers import Showers
from caloforge.errors import EmptySample
from caloforge.geometry.binning import require_one_mesh
from caloforge.rng import stream
from caloforge.validation.spoils import Spoil

MIXED_SHOWERS, MIXED_CELLS = "1 % other showers", "5 % other cells"


def _nearest(energies: Float[Array, " n"], others: Showers) -> Int[Array, " n"]:
    """Rows of the others whose incident energies are nearest; one may be taken twice."""
    order = np.argsort(others.incident_energy, kind="stable")
    table = np.log(others.incident_energy[order])
    wanted = np.log(energies)
    right = np.clip(np.searchsorted(table, wanted), 1, len(table) - 1) if len(table) > 1 else np.zeros(len(wanted), int)
    left = np.maximum(right - 1, 0)
    return order[np.where(np.abs(table[left] - wanted) <= np.abs(table[right] - wanted), left, right)]


def _need_others(showers: Showers, others: Showers) -> None:
    require_one_mesh(showers.binning, others.binning)
    if len(others) == 0:
        raise EmptySample("a sample to mix in needs showers", len(others))


def mix_showers(showers: Showers, seed: int, others: Showers, share: float = 0.01) -> Showers:
    """A share of the showers replaced by others of nearest incident energy, which they bring; their particle is hidden.

    Args:
        showers: to spoil.
        seed: of the choice.
        others: of another particle or model, on the same mesh.
        share: of the showers, rounded to whole ones.

    Raises:
        BinningMismatch: the meshes differ.
        EmptySample: no others.
    """
    _need_others(showers, others)
    rows = stream(seed, "spoil-mix").permutation(len(showers))[: round(share * len(showers))]
    energy, incident = showers.energy.copy(), showers.incident_energy.copy()
    source = _nearest(incident[rows], others)
    energy[rows], incident[rows] = others.energy[source], others.incident_energy[source]
    return replace(showers, energy=energy, incident_energy=incident, times=None)


def mix_cells(showers: Showers, seed: int, others: Showers, share: float = 0.05) -> Showers:
    """In every shower a random share of the cells taken from another shower of nearest incident energy.

    Args:
        showers: to spoil.
        seed: of the choice of cells.
        others: of another particle or model, on the same mesh.
        share: chance of each cell to be taken.

    Raises:
        BinningMismatch: the meshes differ.
        EmptySample: no others.
    """
    _need_others(showers, others)
    taken = stream(seed, "spoil-cells").random(showers.energy.shape, np.float32) < share
    source = _nearest(showers.incident_energy, others)
    return replace(showers, energy=np.where(taken, others.energy[source], showers.energy), times=None)


def foreign_spoils(others: Showers) -> dict[str, Spoil]:
    """The spoils that need a second sample: 1 % of its showers, 5 % of its cells.

    Args:
        others: of another particle or model, on the mesh of the showers to spoil.
    """
    return {
        MIXED_SHOWERS: partial(mix_showers, others=others),
        MIXED_CELLS: partial(mix_cells, others=others),
    }
