"""Make ``nuclear_levels.npz.xz``: levels of nuclei up to Z = 98 and the transitions between them, from RIPL-3.

R. Capote et al., Nucl. Data Sheets 110 (2009) 3107: the discrete levels of the Reference Input Parameter Library are
those of ENSDF, with conversion coefficients where ENSDF has none (Verpelli and Capote, INDC(NDS)-0702 (2015), the
revision used). Get the files ``z000.dat`` to ``z118.dat`` from https://www-nds.iaea.org/RIPL-3/ (segment "levels").

What is kept: the ground state, levels with a transition, levels that a transition ends on, isomers above 10 ns and,
below A = 17, every level under 20 MeV (the fragments that light nuclei break into). Left out: levels whose energy is
not fixed (``+X``), transitions below 1/1000 of the strongest of their level, and those of unknown intensity beside
others of a known one; where none is known, all get the same share. From spin 0 to spin 0 no single photon can go:
such a transition is made internal conversion. Spins and half-lives below 0.1 ns are kept below A = 17 only, where
Geant4's break-up reads them.

Run it from the repository root::

    python tools/tables/build_nuclear_levels.py RIPL_FOLDER
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from caloforge.simulation.tables.nuclear_levels import ENERGY_STEP, FILE, Scheme, pack

LAST_Z = 98
WEAKEST = 1e-3
ISOMER, PROMPT = 1e-8, 1e-10  # s
LIGHT, LIGHT_LIMIT = 17, 20.0  # mass number, MeV: the range of Geant4's Fermi break-up
ONLY_CONVERSION = 1e9


@dataclass(frozen=True)
class Level:
    """A record of a level: MeV, s, and (final level, share, conversion coefficient) of its transitions."""

    energy: float
    spin: float
    parity: int
    half_life: float
    spin_is_measured: bool
    floats: bool
    transitions: list[tuple[int, float, float]]


def read(path: Path) -> Iterator[tuple[int, int, list[Level]]]:
    """Atomic number, mass number and levels of each nuclide of a file of RIPL-3."""
    lines = iter(path.read_text(errors="replace").splitlines())
    for line in lines:
        if line.strip():
            a, z, count = (int(line[i : i + 5]) for i in (5, 10, 15))
            yield z, a, [_level(next(lines), lines) for _ in range(count)]


def _level(line: str, lines: Iterator[str]) -> Level:
    rows = [next(lines) for _ in range(int(line[34:37]))]
    time = float(line[24:34].strip() or 0)
    return Level(
        energy=float(line[4:14]),
        spin=float(line[15:20]),
        parity=int(line[20:23]),
        half_life=np.inf if time < 0 else time,
        spin_is_measured=line[38] == "u",
        floats=bool(line[40:44].strip()),
        transitions=[(int(row[39:43]) - 1, float(row[66:76]), float(row[77:87])) for row in rows],
    )


def scheme(z: int, a: int, levels: list[Level]) -> Scheme:
    """What is kept of the levels of a nuclide, in the package's form."""
    fixed = [i for i, level in enumerate(levels) if i == 0 or not level.floats]
    decays = {i: _transitions(levels, i, set(fixed)) for i in fixed}
    kept = {0}
    for i in fixed[1:]:
        light = a < LIGHT and levels[i].energy < LIGHT_LIMIT
        if decays[i] or light or levels[i].half_life > ISOMER:
            kept |= {i} | {final for final, _, _ in decays[i]}
    order = sorted(kept)
    place = {i: n for n, i in enumerate(order)}
    rows = [(place[i], place[f], share, alpha) for i in order for f, share, alpha in decays[i]]
    upper, lower, share, alpha = np.array(rows).reshape(-1, 4).T
    return Scheme(
        z=z,
        a=a,
        energy=np.array([0.0] + [1e3 * levels[i].energy for i in order[1:]]),
        half_life=np.array([t if a < LIGHT or t > PROMPT else 0.0 for t in (levels[i].half_life for i in order)]),
        spin=np.array([_spin(levels[i]) if a < LIGHT else 0 for i in order]),
        upper=upper.astype(int),
        lower=lower.astype(int),
        share=share,
        alpha=alpha,
    )


def _spin(level: Level) -> int:
    return 0 if level.spin < 0 else round(2 * level.spin) * (level.parity or 1)


def _transitions(levels: list[Level], i: int, fixed: set[int]) -> list[tuple[int, float, float]]:
    """Final level, share and conversion coefficient of the transitions of level ``i`` that are kept."""
    rows = [t for t in levels[i].transitions if t[0] in fixed and _steps(levels[t[0]]) < _steps(levels[i])]
    strongest = max((share for _, share, _ in rows), default=0.0)
    if strongest == 0:
        rows = [(final, 1.0, alpha) for final, _, alpha in rows]
    total = sum(share for _, share, _ in rows if share > WEAKEST * strongest)
    return [
        (final, share / total, ONLY_CONVERSION if _no_photon(levels[i], levels[final]) else alpha)
        for final, share, alpha in rows
        if share > WEAKEST * strongest
    ]


def _steps(level: Level) -> int:
    return round(1e3 * level.energy / ENERGY_STEP)


def _no_photon(upper: Level, lower: Level) -> bool:
    return upper.spin == lower.spin == 0 and upper.spin_is_measured and lower.spin_is_measured


def main() -> None:
    """Write the file of the package."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ripl", type=Path, help="folder with z000.dat ... of RIPL-3")
    folder = parser.parse_args().ripl
    schemes = [scheme(*n) for z in range(1, LAST_Z + 1) for n in read(folder / f"z{z:03}.dat")]
    packed = pack(schemes)
    Path("src/caloforge/simulation/tables", FILE).write_bytes(packed)
    levels, transitions = sum(len(s.energy) for s in schemes), sum(len(s.upper) for s in schemes)
    print(f"{len(schemes)} nuclides, {levels} levels, {transitions} transitions, {len(packed) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
