r"""Make ``em_tables.npz``, the built-in electromagnetic data tables that Geant4 needs for Z = 1..98.

The numbers come from published evaluated data; no file of a package is carried over, everything is resampled:

- **bremsstrahlung**, :math:`(\beta^2/Z^2)\, k\, d\sigma/dk` in mb: Seltzer and Berger, At. Data Nucl. Data Tables 35
  (1986) 345, 57 energies to 10 GeV, as Geant4 has it; read from the tape of the National Bureau of Standards (5 Sep
  1984) in the repository of EGSnrc (``HEN_HOUSE/data/nist_brems.data``). The later tables of the NRC have another
  electron-electron part (Tessier and Kawrakow, NIM B 266 (2008) 625) and up to 8 % fewer soft photons;
- **photoelectric effect**, total: EPDL97 (Cullen, Hubbell and Kissel, UCRL-50400 vol. 6 rev. 5) through ``xraylib``
  4.3.0, up to 0.79 MeV (light elements) or 0.995 MeV; above, :math:`\sigma = \sum_{i=1}^4 a_i E^{-i}`, fitted to the
  values above 0.3 MeV with :math:`a_1` from NIST XCOM at 100 MeV, and joined continuously: within 5.3 % of XCOM for
  Z < 5 and 3.4 % for all others, from 1 MeV to 1 GeV;
- **photoelectric effect, by shell**: only the share of each shell is taken, from Kissel's cross sections in
  ``xraylib``, and held constant above twice the K edge (50 keV for light elements), where it hardly changes;
- **Rayleigh scattering**, as :math:`\sigma E^2`: EPDL97 through ``xraylib``; constant above the end of the table.

Run it from the repository root, with ``pip install numpy xraylib==4.3.0``::

    curl -LO https://raw.githubusercontent.com/nrc-cnrc/EGSnrc/master/HEN_HOUSE/data/nist_brems.data
    python tools/tables/build_em_tables.py nist_brems.data
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
import xraylib

ELEMENTS = range(1, 99)
SHELLS = range(31)
KEV = 1e-3  # in MeV, the unit of every energy in the file
BARN = 1e-22  # in mm^2
START = 0.1007  # keV, where xraylib's EPDL97 begins
TOLERANCE = 1e-3  # relative, of the linear interpolation between the photoelectric points that are kept
SIGMA_E = {  # b MeV: photoelectric sigma times E at 100 MeV, NIST XCOM (SRD 8); divided by Z^5 it is smooth in Z
    1: 7.811e-10,
    2: 3.282e-8,
    4: 1.203e-6,
    6: 9.156e-6,
    8: 3.747e-5,
    13: 3.873e-4,
    18: 1.791e-3,
    26: 9.687e-3,
    40: 0.06589,
    50: 0.1740,
    60: 0.3837,
    74: 0.9410,
    82: 1.460,
    92: 2.399,
    98: 3.158,
}


def read_bremsstrahlung(tape: Path) -> dict[str, np.ndarray]:
    """Two lines of heading with the sizes, energies in MeV, k/T, a heading, then (Z, k/T, T)."""
    heading, sizes, *lines = tape.read_text().splitlines()
    energies, fractions = map(int, sizes.split())
    values = np.array([float(x) for line in lines if not line.startswith("BREM") for x in line.split()])
    if not heading.startswith("BREME") or (len(values) - energies - fractions) % (energies * fractions):
        raise SystemExit(f"{tape} is not the tape of Seltzer and Berger's bremsstrahlung")
    kinetic, fraction, table = np.split(values, [energies, energies + fractions])
    return {
        "brem_fraction": fraction,
        "brem_kinetic": kinetic,
        "brem": np.swapaxes(table.reshape(-1, fractions, energies)[: len(ELEMENTS)], 1, 2).astype(np.float32),
    }


def upper_end(z: int) -> float:
    """The last energy in keV where xraylib has the photoelectric cross section of an element."""
    for end in (995.0, 790.0):
        try:
            xraylib.CSb_Photo(z, end)
        except ValueError:
            continue
        return end
    raise SystemExit(f"xraylib has no photoelectric cross section at 0.79 MeV for Z = {z}")


def shells_of(z: int) -> dict[int, float]:
    """Shell -> binding energy in keV, of the shells that hold electrons and have a cross section."""
    found = {}
    for shell in SHELLS:
        try:
            energy = xraylib.EdgeEnergy(z, shell)
            xraylib.CSb_Photo_Partial(z, shell, 1.3 * energy if energy > START else 1.0)
            if xraylib.ElectronConfig(z, shell) > 0:
                found[shell] = energy
        except ValueError:
            continue
    return found


def simplify(energy: np.ndarray, value: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Indices of the points between which linear interpolation stays within the tolerance; all edges are kept."""
    kept = {0, len(energy) - 1, *np.searchsorted(energy, edges).tolist()}
    while True:
        index = np.array(sorted(kept))
        error = np.abs(np.interp(energy, energy[index], value[index]) / value - 1)
        worst = {a + int(np.argmax(error[a : b + 1])) for a, b in pairwise(index)}
        worse = {i for i in worst if error[i] > TOLERANCE}
        if not worse:
            return index
        kept |= worse


def photo_total(z: int, bindings: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Energy in keV and sigma E^3 in b keV^3, with both sides of every edge; constant below the start of EPDL97."""
    end = upper_end(z)
    edges = np.array([e * side for e in bindings for side in (1 - 1e-6, 1 + 1e-6) if e > START])
    fine = np.unique(np.concatenate([np.geomspace(START, end, 4000), edges]))
    value = np.array([xraylib.CSb_Photo(z, float(e)) * e**3 for e in fine])
    index = simplify(fine, value, edges)
    low = sorted({e * side for e in bindings if e < START for side in (1 - 1e-6, 1 + 1e-6)})[1:]
    return np.append(low, fine[index]), np.append(np.full(len(low), value[0]), value[index])


def shell_shares(z: int, shells: dict[int, float], energy: np.ndarray) -> np.ndarray:
    """Part of the photoelectric cross section that each shell has, (shells, energies); each column sums to one."""
    # xraylib's partial cross sections are per electron of a filled sub-level: the occupation weighs them
    shares = np.zeros((len(shells), len(energy)))
    last = max(50.0, 2 * shells[0])
    for i, (shell, binding) in enumerate(shells.items()):
        for j, e in enumerate(np.clip(energy, 1.001 * binding, last)):
            if energy[j] >= binding:
                shares[i, j] = partial(z, shell, float(e)) * xraylib.ElectronConfig(z, shell)
    shares[-1, shares.sum(axis=0) == 0] = 1
    return shares / shares.sum(axis=0)


def partial(z: int, shell: int, energy: float) -> float:
    """Kissel's cross section of one shell, at the first energy where it is defined if ``energy`` lies below that."""
    for step in range(60):
        try:
            return xraylib.CSb_Photo_Partial(z, shell, energy * 1.002**step)
        except ValueError:
            continue
    raise SystemExit(f"xraylib has no cross section for Z = {z}, shell {shell}, near {energy} keV")


def high_energy_fit(z: int) -> np.ndarray:
    """a_i in b MeV^i of sigma = sum a_i E^-i: a_1 from XCOM, the others fitted above 0.3 MeV, scaled to fit the end."""
    energy = np.geomspace(300, upper_end(z), 60) * KEV
    sigma = np.array([xraylib.CSb_Photo(z, float(e / KEV)) for e in energy])
    terms = energy[:, None] ** -np.arange(1.0, 5.0) / sigma[:, None]
    first = z**5 * np.interp(z, list(SIGMA_E), [value / n**5 for n, value in SIGMA_E.items()])
    others = np.linalg.lstsq(terms[:, 1:], 1 - first * terms[:, 0])[0]
    a = np.array([first, *others])
    return a / (terms[-1] @ a)


def photoelectric() -> dict[str, np.ndarray]:
    """All elements, one after the other: the points of element Z are ``start[Z-1]:start[Z]``."""
    energies, values, bindings, shares, fits = [], [], [], [], []
    for z in ELEMENTS:
        shells = shells_of(z)
        energy, value = photo_total(z, list(shells.values()))
        energies.append(energy * KEV)
        values.append(value * KEV**3)
        bindings.append(np.array(list(shells.values())) * KEV)
        shares.append(shell_shares(z, shells, energy).ravel())
        fits.append(high_energy_fit(z))
    return {
        "photo_start": np.cumsum([0] + [len(e) for e in energies]).astype(np.int32),
        "photo_energy": np.concatenate(energies),
        "photo_sigma_e3": np.concatenate(values).astype(np.float32),
        "photo_fit": np.array(fits),
        "shell_start": np.cumsum([0] + [len(b) for b in bindings]).astype(np.int32),
        "shell_binding": np.concatenate(bindings),
        "shell_share": np.concatenate(shares).astype(np.float32),
    }


def rayleigh() -> dict[str, np.ndarray]:
    """sigma E^2 in mm^2 MeV^2 on one grid; below 0.1 keV sigma is constant."""
    energy = np.concatenate([np.geomspace(0.01, START, 8)[:-1], np.geomspace(START, 790, 160)])
    sigma = [[xraylib.CSb_Rayl(z, float(max(e, START))) for e in energy] for z in ELEMENTS]
    values = np.array(sigma) * BARN * (energy * KEV) ** 2
    return {"rayleigh_energy": energy * KEV, "rayleigh_sigma_e2": values.astype(np.float32)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the built-in electromagnetic data tables of caloforge.")
    parser.add_argument("bremsstrahlung", type=Path, help="nist_brems.data")
    parser.add_argument("-o", "--output", type=Path, default=Path("src/caloforge/simulation/tables/em_tables.npz"))
    options = parser.parse_args()
    tables = read_bremsstrahlung(options.bremsstrahlung) | photoelectric() | rayleigh()
    np.savez_compressed(options.output, allow_pickle=False, **tables)
    for name, values in tables.items():
        print(f"{name:18} {values.dtype!s:8} {values.shape}")
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
