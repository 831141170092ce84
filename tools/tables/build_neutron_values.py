r"""Make ``neutron_values.csv``: total and non-elastic cross sections of neutrons, 1 keV to 20 MeV, of Z = 1..98.

Total and absorption from `optical_model` (Koning and Delaroche) at the mean mass of the element; the share of the
absorption that comes back as elastic neutrons from `compound_nucleus` (Hauser and Feshbach), isotope by isotope of more
than 1 % abundance; the rest is non-elastic. Levels: ENSDF (NNDC, Brookhaven) as in the PyPI package ``paceENSDF``
0.6.3, those fed by decays; masses and abundances: ``periodictable`` 2.1.0. Hydrogen by effective ranges,

.. math:: \sigma = \frac{3\pi}{k^2 + (r_t k^2/2 - 1/a_t)^2} + \frac{\pi}{k^2 + (r_s k^2/2 - 1/a_s)^2}

with R. W. Hackenburg's parameters (Phys. Rev. C 73 (2006) 044002). Run it from the repository root (two minutes)::

    pip install periodictable==2.1.0 && pip download --no-deps paceENSDF==0.6.3
    python tools/tables/build_neutron_values.py paceensdf-0.6.3-py3-none-any.whl
"""

import argparse
import json
import re
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import periodictable
from compound_nucleus import DISCRETE, Level, Nucleus, compound_elastic_share
from jaxtyping import Float
from numpy import ndarray as Array
from optical_model import HBAR_C, NEUTRON, NUCLEON, scatter

GRID = np.geomspace(1e-3, 20.0, 61)
FITTED = (24, 209)  # mass numbers for which the potential was made
A_T, R_T, A_S, R_S = 5.4114, 1.7468, -23.7153, 2.754  # fm
ABUNDANT, SAME = 1.0, 3e-3  # %; MeV within which two listed levels are one
LISTED = re.compile(r"paceENSDF/ENSDF_JSON/j_input_\w+?_\w+?_\d{6}_(\d{3})(\d{3})_")
Levels = dict[tuple[int, int], tuple[Level, ...]]


def read_levels(wheel: Path) -> Levels:
    """The ground state and the lowest excited states of every (Z, A), from all decays that feed it."""
    found: dict[tuple[int, int], list[Level]] = defaultdict(list)
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if match := LISTED.match(name):
                scheme = json.loads(archive.read(name)).get("levelScheme", [])
                known = [_level(int(match[2]), entry) for entry in scheme if entry["levelEnergyIsKnown"]]
                found[int(match[1]), int(match[2])] += known
    found[2, 4] = [Level(0.0, 0.0, 1), Level(20.21, 0.0, 1)]  # Tilley, Weller and Hale, Nucl. Phys. A 541 (1992) 1
    return {nuclide: _lowest(levels) for nuclide, levels in found.items()}


def _level(a: int, entry: dict) -> Level:  # type: ignore[type-arg]
    """Spins and parities that are not known count as the lowest, and as even."""
    known = [spin for spin in entry.get("spins", []) if spin.get("spinReal") is not None]
    spin, parity = (known[0]["spinReal"], known[0].get("parity")) if known else (0.5 * (a % 2), 1)
    return Level(1e-3 * float(entry["levelEnergy"]), float(spin), -1 if parity == -1 else 1)


def _lowest(levels: list[Level]) -> tuple[Level, ...]:
    kept: list[Level] = []
    for level in sorted(levels, key=lambda level: level.energy):
        if not kept or level.energy - kept[-1].energy > SAME:
            kept.append(level)
    return tuple(kept[: DISCRETE + 1])


def nucleus(z: int, a: int, levels: Levels) -> Nucleus | None:
    """The isotope, if its levels and the three masses are known."""
    elements = periodictable.elements
    try:
        masses = [elements[y][b].mass for y, b in ((z, a), (z + 1, a + 2), (z - 1, a - 2))]
        excess, above, below = (NUCLEON * (m - b) for m, b in zip(masses, (a, a + 2, a - 2), strict=True))
    except KeyError:
        return None
    return Nucleus(z, a, levels[z, a], excess, above, below) if (z, a) in levels else None


def isotopes(z: int, levels: Levels) -> list[tuple[Nucleus, float]]:
    """Isotopes and weights of a natural element; of an artificial one the best known near its mass."""
    element = periodictable.elements[z]
    natural = [(nucleus(z, a, levels), element[a].abundance) for a in element.isotopes]
    chosen = [(found, float(weight)) for found, weight in natural if found and weight > ABUNDANT]
    if chosen:
        return chosen
    known = [found for a in element.isotopes if (found := nucleus(z, a, levels))]
    return [(min(known, key=lambda found: abs(found.a - element.mass)), 1.0)]


def hydrogen() -> Float[Array, " n"]:
    """Total cross section, barn."""
    proton = 938.27209
    k2 = (NEUTRON * proton / (NEUTRON + proton)) * 2 * GRID * proton / (NEUTRON + proton) / HBAR_C**2
    triplet = 3 * np.pi / (k2 + (R_T * k2 / 2 - 1 / A_T) ** 2)
    return 0.01 * (triplet + np.pi / (k2 + (R_S * k2 / 2 - 1 / A_S) ** 2))


def element_values(z: int, levels: Levels) -> tuple[str, Float[Array, " n"], Float[Array, " n"]]:
    """Source, total and non-elastic cross section, barn."""
    if z == 1:
        return "effective ranges", hydrogen(), np.zeros_like(GRID)
    mass = periodictable.elements[z].mass
    waves, parts = scatter(z, mass, GRID), isotopes(z, levels)
    shares = [compound_elastic_share(found, GRID, waves, GRID) for found, _ in parts]
    share = np.average(shares, axis=0, weights=[weight for _, weight in parts])
    source = "optical model" if FITTED[0] <= mass <= FITTED[1] + 1 else "optical model, outside its range of A"
    return source, waves.total, waves.absorption * (1 - share)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="the wheel of paceENSDF 0.6.3")
    parser.add_argument("-o", "--output", type=Path, default=Path("src/caloforge/simulation/tables/neutron_values.csv"))
    options = parser.parse_args()
    levels = read_levels(options.wheel)
    rows = ["z,source,quantity," + ",".join(f"{e:.6g}" for e in GRID)]
    for z in range(1, 99):
        source, total, nonelastic = element_values(z, levels)
        for name, sigma in (("total_b", total), ("nonelastic_b", nonelastic)):
            rows.append(f'{z},"{source}",{name},' + ",".join(f"{s:.4g}" for s in sigma))
    options.output.write_text("\n".join(rows) + "\n")
    print(f"{options.output}: {(len(rows) - 1) // 2} elements")


if __name__ == "__main__":
    main()
