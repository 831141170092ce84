r"""The effective medium of a sampling calorimeter, as the parametrisation of Grindhammer and Peters sees it.

A stack of slabs with densities :math:`\rho_j` and thicknesses :math:`d_j` acts as one medium with weights
:math:`w_j = \rho_j d_j / \sum \rho d` (hep-ex/0001020, section 4):

.. math:: Z = \sum_j w_j Z_j, \quad 1/X_0 = \sum_j w_j / X_{0,j},
   \quad 1/R_M = \tfrac{1}{E_s} \sum_j w_j E_{c,j}/X_{0,j},
   \quad E_c = X_0 \sum_j w_j E_{c,j} / X_{0,j}

in g/cm2, with :math:`E_c = 2.66 (X_0 Z/A)^{1.1}` MeV and :math:`E_s = 21` MeV; its sampling frequency is
:math:`F_s = X_0 / (d_\text{active} + d_\text{passive})`, and the ratio of the responses to electrons and to minimum
ionising particles :math:`\hat e = 1 / (1 + 0.007 (Z_\text{passive} - Z_\text{active}))`.
"""

__all__ = ["Medium", "medium"]

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array

from caloforge.errors import BadValue
from caloforge.geometry.detector import Detector, Slab
from caloforge.geometry.materials import Bulk
from caloforge.units import MeV

SCATTERING_ENERGY = 21.0 * MeV  # as in the paper, which rounds
_G_PER_CM2 = 0.1  # (g/cm3) mm in g/cm2


@dataclass(frozen=True, eq=False)
class Medium:
    """What the parametrisation needs to know of a detector.

    Args:
        z: effective atomic number.
        critical_energy: MeV.
        moliere_radius: mm.
        sampling_frequency: radiation lengths in one period, inverse: the paper's Fs; infinite if all is active.
        e_mip: ê, response to electrons over minimum ionising particles; 1 if all is active.
        depths: where the period of each sensitive slab begins and where the last ends, in radiation lengths.
        mip_fractions: share of a minimum ionising particle's deposit in a period that its sensitive slab takes.
    """

    z: float
    critical_energy: float
    moliere_radius: float
    sampling_frequency: float
    e_mip: float
    depths: Float[Array, " periods"]
    mip_fractions: Float[Array, " n"]


def medium(detector: Detector) -> Medium:
    """The effective medium of a detector.

    Args:
        detector: a planar stack.

    Source: hep-ex/0001020, section 4.

    Raises:
        BadValue: a material that the table does not hold.
    """
    bulks = [_bulk(detector, slab) for slab in detector.slabs]
    thickness = np.array([slab.thickness for slab in detector.slabs])
    z, a, density, length = (
        np.array([float(getattr(m, name)) for m in bulks]) for name in ("z", "a", "density", "radiation_length")
    )
    x0 = _G_PER_CM2 * density * length
    ec = 2.66 * (x0 * z / a) ** 1.1  # the paper's formula, on which its coefficients rest
    weight = density * thickness / (density * thickness).sum()
    scatter = float((weight * ec / x0).sum())
    mean_x0, mean_density = 1 / float((weight / x0).sum()), float((density * thickness).sum() / thickness.sum())
    active = np.isin(np.arange(len(bulks)), detector.sensitive)
    sampling = not bool(active.all())
    period = float(thickness.sum()) / len(detector.sensitive) * mean_density * _G_PER_CM2
    depths, fractions = _periods(detector, bulks)
    return Medium(
        z=float((weight * z).sum()),
        critical_energy=mean_x0 * scatter,
        moliere_radius=SCATTERING_ENERGY / scatter / mean_density / _G_PER_CM2,
        sampling_frequency=mean_x0 / period if sampling else float("inf"),
        e_mip=_e_mip(z, weight, active) if sampling else 1.0,
        depths=depths,
        mip_fractions=fractions,
    )


def _bulk(detector: Detector, slab: Slab) -> Bulk:
    bulk = detector.bulk_of(slab)
    if bulk.minimum_ionisation is None:
        raise BadValue("material", slab.material, "its minimum ionisation is not known: use Geant4")
    return bulk


def _e_mip(z: Float[Array, " slabs"], weight: Float[Array, " slabs"], active: Bool[Array, " slabs"]) -> float:
    passive = np.average(z[~active], weights=weight[~active])
    return float(1 / (1 + 0.007 * (passive - np.average(z[active], weights=weight[active]))))


def _periods(detector: Detector, bulks: list[Bulk]) -> tuple[Float[Array, " periods"], Float[Array, " n"]]:
    """Periods meet halfway between sensitive slabs: the shower is sampled where the slab is."""
    faces, index = detector.faces, detector.sensitive
    between = (faces[index[:-1] + 1] + faces[index[1:]]) / 2
    edges = np.concatenate([[0.0], between, [detector.depth]])
    mass = np.array([_G_PER_CM2 * m.density for m in bulks]) * np.diff(faces)
    mip = mass * np.array([float(m.minimum_ionisation or 0.0) for m in bulks])
    lengths = np.diff(faces) / np.array([m.radiation_length for m in bulks])
    depth, deposit = (np.interp(edges, faces, np.concatenate([[0.0], np.cumsum(x)])) for x in (lengths, mip))
    return depth, mip[index] / np.diff(deposit)
