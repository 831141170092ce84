"""Make ``hadron_elements.csv``: mean mass and slow neutrons of the elements Z = 1..98, every value with its source.

Standard atomic weights, abundances, bound total scattering and absorption cross sections at 2200 m/s (barn) are those
of V. F. Sears, Neutron News 3 (1992) 26, and Rauch and Waschkowski, as tabulated by the PyPI package ``periodictable``
2.1.0; seven elements without a measured value (Po, At, Rn, Fr, Ac, Bk, Cf) take 10 b and 1 b. Capture at 30 keV:
Maxwellian averages of Bao et al., At. Data Nucl. Data Tables 76 (2000) 70, by isotope in ``capture_30kev.csv`` (U:
Wallner et al., Phys. Rev. Lett. 112 (2014) 192501; Th: Poenitz, Smith and others in EXFOR 10735, 1978), averaged over
the natural abundances; H, He, Be and B as 1/v from the thermal value; the others from the neighbours, linear in Z.
Absorbed without capture: all of Li and B; N: 1.86 b, S. F. Mughabghab, Atlas of Neutron Resonances (2018). Separation
energies of the main isotope: from the masses.

Run it from the repository root, with ``pip install periodictable==2.1.0``::

    python tools/tables/build_hadron_elements.py
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import periodictable

UNKNOWN = (10.0, 1.0)  # barn: scattering, absorption
NEUTRON, HYDROGEN, UNIT = 1.00866491595, 1.00782503190, 931.49410242  # u, u, MeV/u
THERMAL, AVERAGE = 2.53e-8, 0.03  # MeV
MEASURED = Path(__file__).with_name("capture_30kev.csv")
NOT_CAPTURED = {7: 1.86}  # barn; of Li and B all
ONE_OVER_V = (1, 2, 4, 5)


def slow(z: int) -> tuple[float, float, float]:
    """Scattering, absorption, and the part of the absorption that is not capture, barn."""
    element = periodictable.elements[z]
    known = element.neutron.total is not None and element.neutron.absorption is not None
    scattering, absorption = (element.neutron.total, element.neutron.absorption) if known else UNKNOWN
    return scattering, absorption, absorption if z in (3, 5) else NOT_CAPTURED.get(z, 0.0)


def capture_averages() -> dict[int, tuple[float, str]]:
    """Capture at 30 keV in barn and its source, of the elements that were measured."""
    rows: dict[int, list[tuple[float, float, str]]] = {}
    with MEASURED.open() as file:
        for row in csv.DictReader(file):
            z, a = int(row["z"]), int(row["a"])
            weight = periodictable.elements[z][a].abundance or (100.0 if z in (43, 90, 92) else 0.0)
            rows.setdefault(z, []).append((weight, 1e-3 * float(row["capture_mb"]), row["source"]))
    return {
        z: (float(np.average([c for _, c, _ in part], weights=[w for w, _, _ in part])), part[0][2])
        for z, part in rows.items()
    }


def capture(z: int, known: dict[int, tuple[float, str]]) -> tuple[float, str]:
    """Capture at 30 keV in barn, and where it comes from."""
    if z in known:
        return known[z]
    if z in ONE_OVER_V:
        _, absorption, other = slow(z)
        return max(absorption - other, 1e-6) * (THERMAL / AVERAGE) ** 0.5, "1/v"
    around = sorted(known)
    return float(np.interp(z, around, [known[k][0] for k in around])), "neighbours"


def separation(z: int) -> float:
    """The lower of the separation energies of a neutron and of a proton, MeV; zero for hydrogen."""
    if z == 1:
        return 0.0
    element = periodictable.elements[z]
    a = max(element.isotopes, key=lambda a: (element[a].abundance, -abs(a - element.mass)))
    neutron = element[a - 1].mass + NEUTRON - element[a].mass
    proton = periodictable.elements[z - 1][a - 1].mass + HYDROGEN - element[a].mass
    return UNIT * min(neutron, proton)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the table of elements behind the hadronic tables of caloforge.")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("src/caloforge/simulation/tables/hadron_elements.csv")
    )
    options = parser.parse_args()
    known = capture_averages()
    rows = ["z,mass,scattering_b,absorption_b,not_captured_b,capture_30kev_b,separation_mev,capture_source"]
    for z in range(1, 99):
        mass, (average, source) = periodictable.elements[z].mass, capture(z, known)
        rows.append(
            f"{z},{mass:.6g}," + ",".join(f"{x:.6g}" for x in slow(z)) + f",{average:.4g},{separation(z):.4g},{source}"
        )
    options.output.write_text("\n".join(rows) + "\n")
    print(f"{options.output}: {len(rows) - 1} elements")


if __name__ == "__main__":
    main()
