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

__all__ = ["MATERIALS", "Material", "Medium", "medium"]

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array

from caloforge.errors import BadValue
from caloforge.geometry.detector import Detector, Slab
from caloforge.units import MeV

SCATTERING_ENERGY = 21.0 * MeV  # as in the paper, which rounds
_G_PER_CM2 = 0.1  # (g/cm3) mm in g/cm2


@dataclass(frozen=True)
class Material:
    """Bulk properties: Z and A (mean by weight), g/cm3, X0 in g/cm2, minimal dE/dx in MeV cm2/g."""

    z: float
    a: float
    density: float
    radiation_length: float
    mip: float

    @property
    def critical_energy(self) -> float:
        """MeV, by the paper's formula, on which its coefficients rest."""
        return float(2.66 * (self.radiation_length * self.z / self.a) ** 1.1)


# PDG, "Atomic and nuclear properties of materials" (2024), by the NIST name that Geant4 uses.
MATERIALS = {
    "G4_PLASTIC_SC_VINYLTOLUENE": Material(5.58, 11.06, 1.032, 43.90, 1.956),
    "G4_POLYSTYRENE": Material(5.61, 11.16, 1.060, 43.79, 1.936),
    "G4_Al": Material(13, 26.982, 2.699, 24.01, 1.615),
    "G4_Si": Material(14, 28.086, 2.329, 21.82, 1.664),
    "G4_lAr": Material(18, 39.948, 1.396, 19.55, 1.508),
    "G4_Fe": Material(26, 55.845, 7.874, 13.84, 1.451),
    "G4_Cu": Material(29, 63.546, 8.960, 12.86, 1.403),
    "G4_PbWO4": Material(68.4, 170.9, 8.300, 7.39, 1.229),
    "G4_W": Material(74, 183.84, 19.30, 6.76, 1.145),
    "G4_Pb": Material(82, 207.2, 11.35, 6.37, 1.122),
}


@dataclass(frozen=True, eq=False)
class Medium:
    """What the parametrisation needs to know of a detector.

    Args:
        z: effective atomic number.
        critical_energy: MeV.
        moliere_radius: mm.
        sampling_frequency: radiation lengths in one period, inverse: the paper's Fs; infinite if all is active.
        e_mip: the paper's ê; 1 if all is active.
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

    Raises:
        BadValue: a material that the table does not hold.
    """
    known = [_material(slab) for slab in detector.slabs]
    thickness = np.array([slab.thickness for slab in detector.slabs])
    z, density, x0, ec = (
        np.array([float(getattr(m, name)) for m in known])
        for name in ("z", "density", "radiation_length", "critical_energy")
    )
    weight = density * thickness / (density * thickness).sum()
    scatter = float((weight * ec / x0).sum())
    mean_x0, mean_density = 1 / float((weight / x0).sum()), float((density * thickness).sum() / thickness.sum())
    active = np.isin(np.arange(len(known)), detector.sensitive)
    sampling = not bool(active.all())
    period = float(thickness.sum()) / len(detector.sensitive) * mean_density * _G_PER_CM2
    depths, fractions = _periods(detector, known)
    return Medium(
        z=float((weight * z).sum()),
        critical_energy=mean_x0 * scatter,
        moliere_radius=SCATTERING_ENERGY / scatter / mean_density / _G_PER_CM2,
        sampling_frequency=mean_x0 / period if sampling else float("inf"),
        e_mip=_e_mip(z, weight, active) if sampling else 1.0,
        depths=depths,
        mip_fractions=fractions,
    )


def _material(slab: Slab) -> Material:
    if slab.material not in MATERIALS:
        raise BadValue("material", slab.material, f"the parametrisation knows {', '.join(MATERIALS)}")
    return MATERIALS[slab.material]


def _e_mip(z: Float[Array, " slabs"], weight: Float[Array, " slabs"], active: Bool[Array, " slabs"]) -> float:
    passive = np.average(z[~active], weights=weight[~active])
    return float(1 / (1 + 0.007 * (passive - np.average(z[active], weights=weight[active]))))


def _periods(detector: Detector, known: list[Material]) -> tuple[Float[Array, " periods"], Float[Array, " n"]]:
    """Periods meet halfway between sensitive slabs: the shower is sampled where the slab is."""
    faces, index = detector.faces, detector.sensitive
    between = (faces[index[:-1] + 1] + faces[index[1:]]) / 2
    edges = np.concatenate([[0.0], between, [detector.depth]])
    mass = np.array([_G_PER_CM2 * m.density for m in known]) * np.diff(faces)
    mip, lengths = mass * [m.mip for m in known], mass / [m.radiation_length for m in known]
    depth, deposit = (np.interp(edges, faces, np.concatenate([[0.0], np.cumsum(x)])) for x in (lengths, mip))
    return depth, mip[index] / np.diff(deposit)
