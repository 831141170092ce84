r"""The built-in approximate hadronic tables, Z = 1..98, and their Geant4 data folder (G4PARTICLEXS), from formulas.

Above the table's end Geant4 continues with its Glauber-Gribov model times (last value of the table / model), so the
last value of a neutron table is that of the model (V. M. Grichine, Nucl. Instrum. Methods B 267 (2009) 2460):

.. math:: \sigma_{in} = \frac{S}{2.4}\ln\Bigl(1 + 2.4\frac{\sigma_A}{S}\Bigr), \quad
          \sigma_{tot} = S \ln\Bigl(1 + \frac{\sigma_A}{S}\Bigr), \quad \sigma_A = Z\sigma_{np} + N\sigma_{nn}

with :math:`S` from the inelastic cross section above 2 GeV (Letaw, Silberberg and Tsao, Astrophys. J. Suppl. 51 (1983)
271). Cross sections are in barn, energies in MeV, until they are written in mm^2. Below 14 MeV:
`neutron_resonances` for the elements that it has, else the smooth `neutron_values`.
"""

__all__ = [
    "FILES",
    "SOURCES",
    "Element",
    "elements",
    "average_capture",
    "photonuclear",
    "neutron",
    "write_hadron_folder",
]

import csv
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array
from scipy.optimize import brentq

from caloforge.simulation.tables import neutron_resonances, neutron_values
from caloforge.simulation.tables.neutron_resonances import (
    END,
    FULL_GRID,
    GRID,
    WINDOW,
    Resonances,
    averaged,
    resonances,
)

OTHERS = "photonuclear: giant dipole (TRK sum), quasi-deuteron; joined to Glauber-Gribov"
SOURCES = f"{neutron_resonances.SOURCES}; {neutron_values.SOURCES}; {OTHERS}"
FILES = (  # all that decides these tables
    *("hadron_elements.csv", "hadron_tables.py", "neutron_values.py", "neutron_values.csv"),
    *(neutron_resonances.FILE, "neutron_resonances.py"),
)
BARN = 1e-22  # in mm^2 (Geant4's unit is mm)
MILLIBARN = 1e-3
THERMAL = 2.53e-8  # MeV, 2200 m/s
NEUTRON_GRID = FULL_GRID[::16]
PHOTON_GRID = np.linspace(1.0, 130.0, 259)  # Geant4 reads these as equidistant, the others as logarithmic
NP, NN = 0.422, 0.155  # barn: nucleon-nucleon at 20 MeV, as Geant4's Glauber-Gribov model takes them
NUCLEON_ABOVE_GEV = 0.042  # barn: mean nucleon-nucleon cross section at 2 GeV
RESONANCES = ((1e-3, 0.1), (0.1, 1.0))  # MeV, where scattering goes from thermal to averages: A above 24, below
FREE_BELOW = 1e-7  # MeV: to here scattering is that of the free atom at rest, also where the evaluated one goes on
BEFORE_END = 14.0  # MeV: from here a straight line to the model at the end
Values = Float[Array, " n"]


@dataclass(frozen=True)
class Element:
    """What is measured of an element, as ``tools/tables/build_hadron_elements.py`` collects it with the sources.

    Args:
        z: atomic number.
        a: mean mass number.
        scattering: bound scattering cross section of thermal neutrons, barn.
        absorption: their absorption, barn.
        not_captured: its part that makes charged particles, barn.
        capture: average capture at 30 keV, barn.
        separation: the lower of the separation energies of a neutron and a proton, main isotope, MeV.
    """

    z: int
    a: float
    scattering: float
    absorption: float
    not_captured: float
    capture: float
    separation: float

    @property
    def free(self) -> float:
        """Scattering of slow neutrons by the free atom, barn."""
        return self.scattering * (self.a / (self.a + 1)) ** 2

    @property
    def captured(self) -> float:
        """Capture of thermal neutrons, barn."""
        return max(self.absorption - self.not_captured, 1e-6)

    @cached_property
    def area(self) -> float:
        """S in barn: the Glauber-Gribov area that gives Letaw's inelastic cross section above 2 GeV."""
        letaw = 0.045 * self.a**0.7 * (1 + 0.016 * np.sin(5.3 - 2.63 * np.log(self.a))) * (0.8 if self.z == 2 else 1)
        return float(brentq(lambda s: _glauber(s, self.a * NUCLEON_ABOVE_GEV)[0] - letaw, 1e-4, 1e3))

    def at_end(self) -> tuple[float, float]:
        """Inelastic and elastic cross section of Geant4's model at 20 MeV, barn; hydrogen has no inelastic one."""
        if self.z == 1:
            return 0.0, NP
        inelastic, total = _glauber(self.area, self.z * NP + (self.a - self.z) * NN)
        return inelastic, total - inelastic


def _glauber(area: float, sigma: float) -> tuple[float, float]:
    """Inelastic and total cross section."""
    return area * np.log1p(2.4 * sigma / area) / 2.4, area * np.log1p(sigma / area)


def elements() -> list[Element]:
    """Z = 1..98, from ``hadron_elements.csv``."""
    lines = resources.files("caloforge.simulation.tables").joinpath("hadron_elements.csv").read_text().splitlines()[1:]
    return [Element(int(z), *map(float, row)) for z, *row, _ in csv.reader(lines)]


def neutron(element: Element, energy: Values) -> dict[str, Values]:
    """Cross sections in barn: ``el``, ``inel`` (all but elastic and capture) and ``cap``.

    Args:
        element: the target.
        energy: kinetic energies in the laboratory, MeV.
    """
    evaluated = resonances().get(element.z)
    if evaluated is not None:
        return _evaluated(element, evaluated, energy)
    elastic, nonelastic = _elastic(element, energy), _nonelastic(element, energy)
    return {"el": elastic, "inel": nonelastic, "cap": average_capture(element, energy)}


def _evaluated(element: Element, evaluated: Resonances, energy: Values) -> dict[str, Values]:
    """The evaluated total and its capture; the models say which share of the total is non-elastic."""
    fast = neutron_values.fast_neutrons()[element.z]
    share = np.interp(np.log(GRID), np.log(fast.energy), fast.nonelastic / fast.total)
    speed, inside = np.sqrt(THERMAL / energy), GRID < BEFORE_END
    nodes = np.concatenate([[FREE_BELOW], GRID[inside], [END]])
    slow = element.not_captured * np.sqrt(THERMAL / GRID) * (GRID < 1)
    nonelastic, ends = share * evaluated.total, element.at_end()
    elastic = evaluated.total - nonelastic - slow - evaluated.capture

    def joined(first: float, sigma: Float[Array, " grid"], last: float) -> Values:
        return np.interp(energy, nodes, np.concatenate([[first], sigma[inside], [last]]))

    capture = np.interp(energy, GRID, evaluated.capture)
    return {
        "el": joined(element.free, elastic, ends[1]),
        "inel": joined(0.0, nonelastic, ends[0]) + element.not_captured * speed * (energy < 1),
        "cap": np.where(energy < GRID[0], element.captured * speed, capture),
    }


def _log_interp(energy: Values, points: list[tuple[float, float]]) -> Values:
    x, y = np.log(np.array(points)).T
    return np.exp(np.interp(np.log(energy), x, y))


def _elastic(element: Element, energy: Values) -> Values:
    """Free-atom thermal value up to the resonances, the averages above them, Geant4's model at 20 MeV."""
    free = element.free
    fast = neutron_values.fast_neutrons()[element.z]
    low, high = RESONANCES[element.a < 24] if element.z > 1 else (0.0, 0.0)
    model = [(e, s) for e, s in zip(fast.energy, fast.total - fast.nonelastic, strict=True) if high < e < BEFORE_END]
    slow = [(low, free)] if low else []
    return _log_interp(energy, [(1e-4, free), *slow, *model, (END, element.at_end()[1])])


def _nonelastic(element: Element, energy: Values) -> Values:
    """What the statistical model says, Geant4's model at 20 MeV; charged particles from slow neutrons as 1/v."""
    fast = neutron_values.fast_neutrons()[element.z]
    inside = fast.energy < BEFORE_END
    x, y = np.append(fast.energy[inside], END), np.append(fast.nonelastic[inside], element.at_end()[0])
    slow = element.not_captured * np.sqrt(THERMAL / energy) * (energy < 1)
    return np.interp(np.log(energy), np.log(x), y) + slow


def average_capture(element: Element, energy: Values) -> Values:
    """1/v up to 1 eV, a straight line (log-log) through the average at 30 keV, E^-0.8 above: no resonances.

    Args:
        element: the target.
        energy: kinetic energies in the laboratory, MeV.
    """
    line = [(e, element.captured * np.sqrt(THERMAL / e)) for e in (1e-10, 1e-6)]
    return _log_interp(energy, [*line, (0.03, element.capture), (END, element.capture * (END / 0.03) ** -0.8)])


def photonuclear(element: Element, energy: Values) -> Values:
    r"""Giant dipole resonance and quasi-deuteron, barn.

    One Lorentzian at :math:`31.2 A^{-1/3} + 20.6 A^{-1/6}` MeV (Berman and Fultz, Rev. Mod. Phys. 47 (1975) 713) of
    width :math:`0.026 E^{1.91}` (RIPL-2, IAEA-TECDOC-1506), its integral the Thomas-Reiche-Kuhn sum 60 NZ/A MeV mb,
    from the separation energy on; Levinger's quasi-deuteron (L = 6.5) with the Pauli blocking of Chadwick et al.,
    Phys. Rev. C 44 (1991) 814. Deformation is not considered.

    Args:
        element: the target; hydrogen has none.
        energy: of the photon, MeV.
    """
    if element.z == 1:
        return np.zeros_like(energy)
    pairs = element.z * (element.a - element.z) / element.a
    peak = 31.2 * element.a ** (-1 / 3) + 20.6 * element.a ** (-1 / 6)
    width = 0.026 * peak**1.91
    lorentz = (energy * width) ** 2 / ((energy**2 - peak**2) ** 2 + (energy * width) ** 2)
    over = np.maximum(energy - element.separation, 0)
    dipole = 60 * pairs * 2 / (np.pi * width) * lorentz * -np.expm1(-over)
    return MILLIBARN * (dipole + 6.5 * pairs * _deuteron(energy) * _blocking(energy) * (over > 0))


def _deuteron(energy: Values) -> Values:
    """Photodisintegration of the deuteron, mb."""
    return 61.2 * np.maximum(energy - 2.224, 0) ** 1.5 / energy**3


def _blocking(energy: Values) -> Values:
    polynomial = np.polynomial.Polynomial([8.3714e-2, -9.8343e-3, 4.1222e-4, -3.4762e-6, 9.3537e-9])
    return np.where(energy < 20, np.exp(-73.3 / energy), polynomial(np.maximum(energy, 20)))


def write_hadron_folder(folder: Path, window: float = WINDOW) -> None:
    """Write ``neutron`` and ``gamma`` with a file of each process and element into the new ``folder``.

    Geant4's lists read nothing else of this dataset: protons and pions have Barashenkov's cross sections with
    Glauber-Gribov's above, light ions Glauber-Gribov's, both in its code.

    Args:
        folder: to make.
        window: in ln E, over which neutrons are averaged where their resonances are known; 0: not at all.

    Raises:
        OSError: the folder exists or cannot be written.
    """
    for name in ("neutron", "gamma"):
        (folder / name).mkdir(parents=True)
    for element in elements():
        resonant = element.z in resonances()
        grid = FULL_GRID if resonant else NEUTRON_GRID
        for process, sigma in neutron(element, grid).items():
            values = averaged(grid, sigma, window) if resonant else sigma
            _write(folder / "neutron" / f"{process}{element.z}", grid, values)
        _write(folder / "gamma" / f"inel{element.z}", PHOTON_GRID, photonuclear(element, PHOTON_GRID))


def _write(path: Path, energy: Values, sigma: Values) -> None:
    """A ``G4PhysicsVector`` in MeV and mm^2."""
    rows = "".join(f"{e:.9g} {s:.6g}\n" for e, s in zip(energy.tolist(), (BARN * sigma).tolist(), strict=True))
    path.write_text(f"{energy[0]:.9g} {energy[-1]:.9g} {len(energy)}\n{len(energy)}\n{rows}")
