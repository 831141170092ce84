r"""A calorimeter as a stack of slabs, planar or cylindrical, some of them sensitive, and its mean properties.

Depth is measured from the face inwards, along the normal where the beam enters. For thickness fractions :math:`f_j`,

.. math:: 1/X_0 = \sum_j f_j / X_{0,j}, \qquad 1/R_M = \sum_j f_j E_{c,j} / (E_s X_{0,j}), \quad E_s = 21.2\,\text{MeV}

(PDG, Review of Particle Physics 2024, section "Passage of particles through matter", equations for mixtures).
"""

__all__ = ["SCATTERING_ENERGY", "Detector", "Slab"]

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.errors import BadValue
from caloforge.geometry.materials import Bulk, Material, bulk, find_material, nist_names
from caloforge.units import MeV

_FALL = 0.5  # b of the mean profile, per radiation length
SCATTERING_ENERGY = 21.2052 * MeV  # m_e c^2 sqrt(4 pi / alpha)


@dataclass(frozen=True)
class Slab:
    """One layer of the stack.

    Args:
        material: NIST's name, or that of one of the detector's own.
        thickness: mm.
        sensitive: whether its energy is read.

    Raises:
        BadValue: a thickness that is not positive.
    """

    material: str
    thickness: float
    sensitive: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.thickness) and self.thickness > 0):
            raise BadValue(f"thickness of a {self.material} slab", self.thickness, "give a positive thickness in mm")


@dataclass(frozen=True)
class Detector:
    """Slabs from the face inwards.

    Args:
        name: what files and reports call it.
        slabs: planes, or half shells about an axis along y if there is an ``inner_radius``.
        half_width: mm; half the side of the square planes, or half the length of the cylinder.
        materials: the detector's own ones, beside NIST's.
        inner_radius: mm, from the axis to the face; None for planes.

    Raises:
        BadValue: no slab is sensitive, an unknown material, a size that is not positive, two materials of one name.
    """

    name: str
    slabs: tuple[Slab, ...]
    half_width: float = 500.0
    materials: tuple[Material, ...] = ()
    inner_radius: float | None = None

    def __post_init__(self) -> None:
        if not any(slab.sensitive for slab in self.slabs):
            raise BadValue(f"sensitive: true of detector {self.name}", None, "mark the slabs whose energy is read")
        for what, size in (("half_width", self.half_width), ("inner_radius", self.inner_radius)):
            if size is not None and not (math.isfinite(size) and size > 0):
                raise BadValue(f"{what} of {self.name}", size, "give a positive length in mm")
        names = [material.name for material in self.materials]
        for name in names:
            if names.count(name) > 1 or name in nist_names():
                raise BadValue("name of a material", name, "give it a name that no other material has, NIST's included")
        for slab in self.slabs:
            find_material(slab.material, self.materials)

    def containment(self, energy: float) -> float:
        r"""Mean share of an electron's energy that the depth holds, by the gamma distribution of the profile.

        With t = depth / X0 and b = 1/2, :math:`P(a, b t)`, where :math:`(a - 1)/b = \ln(E/E_c) - 1/2` is the depth of
        the maximum. A rule of thumb, for electrons that enter perpendicularly; what leaves sideways is not in it.

        Args:
            energy: kinetic, MeV.

        Source: PDG, Review of Particle Physics 2024, section 34.5.
        """
        from scipy.special import gammainc  # slow, and few ask

        maximum = max(math.log(energy / self.critical_energy) - 0.5, 0.0)
        return float(gammainc(1 + _FALL * maximum, _FALL * self.depth / self.radiation_length))

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

    def bulk_of(self, slab: Slab) -> Bulk:
        """Bulk properties of a slab's material.

        Args:
            slab: one of the stack.
        """
        return bulk(find_material(slab.material, self.materials))

    def _mean(self, of: Callable[[Bulk], float]) -> float:
        return sum(slab.thickness * of(self.bulk_of(slab)) for slab in self.slabs) / self.depth

    @property
    def radiation_length(self) -> float:
        """Mean X0 of the stack, mm."""
        return 1 / self._mean(lambda bulk: 1 / bulk.radiation_length)

    @property
    def moliere_radius(self) -> float:
        """Mean Molière radius of the stack, mm."""
        return SCATTERING_ENERGY / self._mean(lambda bulk: bulk.critical_energy / bulk.radiation_length)

    @property
    def critical_energy(self) -> float:
        """Mean critical energy, MeV: :math:`E_s X_0 / R_M`."""
        return SCATTERING_ENERGY * self.radiation_length / self.moliere_radius

    @property
    def interaction_length(self) -> float:
        """Mean nuclear interaction length of the stack, mm."""
        return 1 / self._mean(lambda bulk: 1 / bulk.interaction_length)

    @property
    def sampling_fraction(self) -> float:
        """Sensitive part of the thickness."""
        return sum(slab.thickness for slab in self.slabs if slab.sensitive) / self.depth

    @property
    def ionisation_fraction(self) -> float:
        r"""Sensitive part of the ionisation of a relativistic electron, :math:`E_c / X_0` per length (Rossi).

        Showers leave somewhat less: low-energy photons are absorbed where Z is high.
        """
        loss = [s.thickness * self.bulk_of(s).critical_energy / self.bulk_of(s).radiation_length for s in self.slabs]
        return sum(part for part, slab in zip(loss, self.slabs, strict=True) if slab.sensitive) / sum(loss)

    def depth_at(self, x: Float[Array, " n"], z: Float[Array, " n"]) -> Float[Array, " n"]:
        """Depth of points behind the face, mm; the beam enters at the origin, the normal is z.

        Args:
            x: across the normal, mm.
            z: along the normal, mm.
        """
        if self.inner_radius is None:
            return z
        return np.hypot(x, z + self.inner_radius) - self.inner_radius

    def face_at(self, x: float) -> tuple[float, tuple[float, float, float]]:
        """Where the face lies (z, mm) and its normal inwards, at a distance x (mm) from where the beam enters.

        Args:
            x: across the normal of the origin, mm; on a cylinder, at most its radius.
        """
        if self.inner_radius is None:
            return 0.0, (0.0, 0.0, 1.0)
        height = math.sqrt(max(self.inner_radius**2 - x**2, 0.0))
        return height - self.inner_radius, (x / self.inner_radius, 0.0, height / self.inner_radius)
