r"""The detector: a planar stack of slabs, some of them sensitive, and its mean radiation length and Molière radius.

Depth z is measured from the face, along the axis. For a stack of thickness fractions :math:`f_j`,

.. math:: 1/X_0 = \sum_j f_j / X_{0,j}, \qquad 1/R_M = \sum_j f_j E_{c,j} / (E_s X_{0,j}), \quad E_s = 21.2\,\text{MeV}

(PDG, Review of Particle Physics 2024, section "Passage of particles through matter", equations for mixtures).
"""

__all__ = ["Slab", "Detector", "DETECTORS", "detector"]

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.errors import BadValue, UnknownName
from caloforge.units import MeV, mm

_SCATTERING_ENERGY = 21.2052 * MeV  # m_e c^2 sqrt(4 pi / alpha)


@dataclass(frozen=True)
class _Bulk:
    radiation_length: float  # mm
    critical_energy: float  # MeV, for electrons


# PDG, "Atomic and nuclear properties of materials" (2024).
_BULK = {
    "G4_W": _Bulk(3.504 * mm, 7.97 * MeV),
    "G4_Si": _Bulk(93.70 * mm, 40.19 * MeV),
    "G4_Pb": _Bulk(5.612 * mm, 7.43 * MeV),
}


@dataclass(frozen=True)
class Slab:
    """One plane of the stack: Geant4 (NIST) material name, thickness in mm, and whether its energy is read."""

    material: str
    thickness: float
    sensitive: bool = False

    def __post_init__(self) -> None:
        if not self.thickness > 0:
            raise BadValue(f"thickness of a {self.material} slab", self.thickness, "give a positive thickness in mm")


@dataclass(frozen=True)
class Detector:
    """Slabs from the face inwards; ``half_width`` in mm is half the side of the square stack.

    Raises:
        BadValue: no slab is sensitive, or a material has no entry in the table of bulk properties.
    """

    name: str
    slabs: tuple[Slab, ...]
    half_width: float = 500.0

    def __post_init__(self) -> None:
        if not any(slab.sensitive for slab in self.slabs):
            raise BadValue(f"detector {self.name}", "no sensitive slab", "mark the slabs whose energy is read")
        for slab in self.slabs:
            if slab.material not in _BULK:
                raise BadValue("material", slab.material, f"use one of {', '.join(_BULK)}")

    @cached_property
    def faces(self) -> Float[Array, " faces"]:
        """Depth of each slab's face, then of the end of the stack, mm."""
        return np.cumsum([0.0, *(slab.thickness for slab in self.slabs)])

    @property
    def depth(self) -> float:
        return float(self.faces[-1])

    @cached_property
    def sensitive(self) -> Int[Array, " n"]:
        """Indices of the sensitive slabs."""
        return np.flatnonzero([slab.sensitive for slab in self.slabs])

    def _mean(self, of: Callable[[_Bulk], float]) -> float:
        return sum(slab.thickness * of(_BULK[slab.material]) for slab in self.slabs) / self.depth

    @property
    def radiation_length(self) -> float:
        """Mean X0 of the stack, mm."""
        return 1 / self._mean(lambda bulk: 1 / bulk.radiation_length)

    @property
    def moliere_radius(self) -> float:
        """Mean Molière radius of the stack, mm."""
        return _SCATTERING_ENERGY / self._mean(lambda bulk: bulk.critical_energy / bulk.radiation_length)


def _sampling(name: str, n: int, absorber: Slab, active: Slab) -> Detector:
    return Detector(name, (absorber, active) * n)


DETECTORS: dict[str, Callable[[], Detector]] = {
    # Geant4 11.4 examples/extended/parameterisations/Par04: 90 x (1.4 mm W + 0.3 mm Si), here planar.
    "par04-siw": lambda: _sampling("par04-siw", 90, Slab("G4_W", 1.4 * mm), Slab("G4_Si", 0.3 * mm, sensitive=True)),
}


def detector(name: str) -> Detector:
    """The detector of that name.

    Raises:
        UnknownName: no such preset.
    """
    if name not in DETECTORS:
        raise UnknownName("detector", name, DETECTORS)
    return DETECTORS[name]()
