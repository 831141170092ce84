r"""Materials by NIST name or by composition: radiation length, critical energy and interaction length of each.

With mass fractions :math:`w_j` of elements of charge Z and mass A (g/mol),

.. math:: \frac{1}{X_0} = \sum_j \frac{w_j}{X_{0,j}}, \qquad
   \frac{1}{X_{0,j}} = 4\alpha r_e^2 \frac{N_A}{A}\{Z^2 [L_\mathrm{rad} - f(Z)] + Z L'_\mathrm{rad}\}, \qquad
   E_c = X_0 \sum_j \frac{w_j E_{c,j}}{X_{0,j}}, \qquad
   \frac{1}{\lambda} = \sum_j \frac{w_j}{35\,\text{g/cm}^2 A_j^{1/3}}

(X0 after Tsai, Rev. Mod. Phys. 46 (1974) 815; E_c = 610 MeV/(Z + 1.24), in gases 710 MeV/(Z + 0.92); PDG, Review of
Particle Physics 2024, "Passage of particles through matter". The interaction length is Geant4's estimate.)
"""

__all__ = ["Bulk", "Material", "atomic_number_and_mass", "bulk", "find_material", "nist_names", "symbols"]

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from caloforge.errors import BadValue, similar_names
from caloforge.units import MeV, mm

_ALPHA = 7.2973525693e-3
_PER_GRAM = 716.408  # g/cm2 mol: 1 / (4 alpha r_e^2 N_A)
_LIGHTEST = {1: (5.31, 6.144), 2: (4.79, 5.621), 3: (4.74, 5.805), 4: (4.71, 5.924)}  # L_rad and L'_rad of Tsai
_GAS = 0.01  # g/cm3: less is a gas
_SUM = 1e-2  # by how much mass fractions may miss one


@dataclass(frozen=True)
class Bulk:
    """What showers feel of a material.

    Args:
        radiation_length: mm.
        critical_energy: of electrons, MeV.
        interaction_length: mm.
        z: atomic number, mean by mass.
        a: atomic mass, g/mol, mean by mass.
        density: g/cm3.
        minimum_ionisation: smallest mean dE/dx, MeV cm2/g; None where the PDG's table is not carried.
    """

    radiation_length: float
    critical_energy: float
    interaction_length: float
    z: float
    a: float
    density: float
    minimum_ionisation: float | None


@dataclass(frozen=True)
class Material:
    """A material by composition.

    Args:
        name: any that is not a NIST name.
        density: g/cm3.
        fractions: element symbols and their mass fractions.

    Raises:
        BadValue: an unknown element, a density or fraction that is not positive, fractions that do not sum to one.
    """

    name: str
    density: float
    fractions: tuple[tuple[str, float], ...]

    def __post_init__(self) -> None:
        if not (math.isfinite(self.density) and self.density > 0):
            raise BadValue(f"density of {self.name}", self.density, "give a positive density in g/cm3")
        for symbol, fraction in self.fractions:
            if symbol not in _tables()["elements"]:
                raise BadValue(f"element of {self.name}", symbol, "write the symbol of an element from H to Cf")
            if not fraction > 0:
                raise BadValue(f"mass fraction of {symbol} in {self.name}", fraction, "give a positive mass fraction")
        total = sum(fraction for _, fraction in self.fractions)
        if not abs(total - 1) <= _SUM:
            raise BadValue(f"sum of the mass fractions of {self.name}", total, "mass fractions sum to one")

    @classmethod
    def from_atoms(cls, name: str, density: float, atoms: dict[str, float]) -> "Material":
        """From a chemical formula: ``from_atoms("PWO", 8.28, {"Pb": 1, "W": 1, "O": 4})``.

        Args:
            name: any that is not a NIST name.
            density: g/cm3.
            atoms: element symbols and their numbers in the formula.

        Raises:
            BadValue: as `Material`.
        """
        elements = _tables()["elements"]
        mass = {symbol: n * elements.get(symbol, (0, 1.0))[1] for symbol, n in atoms.items()}
        total = sum(mass.values()) or 1.0
        return cls(name, density, tuple((symbol, m / total) for symbol, m in mass.items()))


# PDG, "Atomic and nuclear properties of materials" (2024): X0 and E_c where it lists them; other materials by formula.
_PDG = {
    "G4_Al": (88.97 * mm, 42.70 * MeV),
    "G4_Si": (93.70 * mm, 40.19 * MeV),
    "G4_Fe": (17.57 * mm, 21.68 * MeV),
    "G4_Cu": (14.36 * mm, 19.42 * MeV),
    "G4_W": (3.504 * mm, 7.97 * MeV),
    "G4_Pb": (5.612 * mm, 7.43 * MeV),
    "G4_lAr": (140.0 * mm, 32.84 * MeV),
    "G4_PbWO4": (8.903 * mm, 9.64 * MeV),
    "G4_POLYSTYRENE": (413.1 * mm, 93.11 * MeV),
}
_MINIMUM = {  # the same table: minimum ionisation, MeV cm2/g
    "G4_PLASTIC_SC_VINYLTOLUENE": 1.956,
    "G4_POLYSTYRENE": 1.936,
    "G4_Al": 1.615,
    "G4_Si": 1.664,
    "G4_lAr": 1.508,
    "G4_Fe": 1.451,
    "G4_Cu": 1.403,
    "G4_PbWO4": 1.229,
    "G4_W": 1.145,
    "G4_Pb": 1.122,
}


@cache
def _tables() -> dict[str, Any]:
    text = (files("caloforge.geometry") / "nist_materials.json").read_text(encoding="utf-8")
    tables: dict[str, Any] = json.loads(text)
    return tables


def nist_names() -> list[str]:
    """Names of all materials that Geant4 builds by NIST name."""
    return list(_tables()["materials"])


def symbols() -> list[str]:
    """Symbols of the elements that materials consist of, hydrogen to californium."""
    return list(_tables()["elements"])


def atomic_number_and_mass(symbol: str) -> tuple[int, float]:
    """Z and A (g/mol) of an element, as Geant4's NIST elements have them.

    Args:
        symbol: of an element, hydrogen to californium.
    """
    z, mass = _tables()["elements"][symbol]
    return int(z), float(mass)


def find_material(name: str, own: tuple[Material, ...] = ()) -> Material:
    """The material of that name, among the detector's own ones or NIST's.

    Args:
        name: NIST's, or that of one of ``own``.
        own: the detector's own materials.

    Raises:
        BadValue: no such material; the sentence names similar ones.
    """
    for material in own:
        if material.name == name:
            return material
    if name not in _tables()["materials"]:
        names = [*nist_names(), *(material.name for material in own)]
        close = similar_names(name, names) or ["G4_Si", "G4_W", "G4_POLYSTYRENE"]
        remedy = f"use a NIST name ({', '.join(close)} ...) or define it by composition under materials"
        raise BadValue("material", name, remedy)
    density, fractions = _tables()["materials"][name]
    return Material(name, density, tuple(fractions.items()))


@cache
def bulk(material: Material) -> Bulk:
    """Bulk properties, from the PDG's table where it has the material, else by the formulas above.

    Args:
        material: by composition.

    Source: PDG, Review of Particle Physics 2024; X0 after Tsai, Rev. Mod. Phys. 46 (1974) 815.
    """
    per_x0 = per_rm = per_lambda = mean_z = mean_a = 0.0
    for symbol, fraction in material.fractions:
        z, mass = _tables()["elements"][symbol]
        inverse = fraction / _element_radiation_length(z, mass)
        per_x0 += inverse
        per_rm += inverse * (710 / (z + 0.92) if material.density < _GAS else 610 / (z + 1.24))
        per_lambda += fraction / (35 * (mass ** (1 / 3) if z > 1 else 1.0))
        mean_z, mean_a = mean_z + fraction * z, mean_a + fraction * mass
    x0, critical = _PDG.get(material.name, (10 / (material.density * per_x0), per_rm / per_x0))
    minimum = _MINIMUM.get(material.name)
    return Bulk(x0, critical, 10 / (material.density * per_lambda), mean_z, mean_a, material.density, minimum)


def _element_radiation_length(z: int, mass: float) -> float:
    """X0 of an element, g/cm2."""
    a2 = (_ALPHA * z) ** 2
    coulomb = a2 * (1 / (1 + a2) + 0.20206 - 0.0369 * a2 + 0.0083 * a2**2 - 0.002 * a2**3)
    l1, l2 = _LIGHTEST.get(z, (math.log(184.15 * z ** (-1 / 3)), math.log(1194 * z ** (-2 / 3))))
    return _PER_GRAM * mass / (z**2 * (l1 - coulomb) + z * l2)
