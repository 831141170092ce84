"""Make ``nuclear_levels.npz.xz``: levels of nuclei fed by decays and captures, and the transitions between them.

Above A = 16 they come from two packages of A. M. Hurst on PyPI, whose metadata name a BSD licence (neither brings a
licence file):

- paceENSDF 0.6.3 (``ENSDF_JSON``): ENSDF's datasets of alpha, beta-minus and electron-capture decay;
- pyEGAF 1.0.14 (``EGAF_JSON``): capture of thermal neutrons, the Evaluated Gamma-ray Activation File (R. B. Firestone
  et al., IAEA STI/PUB/1263 (2007)). Primary photons and the state they start from are left out.

Levels of several datasets within 0.5 keV of each other are one level; its transitions are those of the dataset that has
most of them, and a conversion coefficient that it lacks is taken from the others. Up to A = 16 all comes from
``light_nuclei.csv``, levels under 20 MeV of nuclides in the evaluations named in it,
typed in and not yet compared with them line by line.

What is kept: the ground state, levels with a transition, levels that a transition ends on, isomers above 10 ns and,
up to A = 16, every level. Left out: levels whose energy is not fixed (``+X``), transitions below 1/1000 of the
strongest of their level, and those of unknown intensity beside others of a known one; where none is known, all get the
same share. From spin 0 to spin 0 no single photon can go: such a transition is made internal conversion. Spins and
half-lives below 0.1 ns are kept up to A = 16 only, where Geant4's break-up reads them. A ground state that no dataset
gives a half-life, as a level or as a parent, is stable; nuclides whose ground state is in no dataset are left out.

Run it from the repository root::

    pip install --no-deps --target FOLDER paceENSDF==0.6.3 pyEGAF==1.0.14
    python tools/tables/build_nuclear_levels.py FOLDER
"""

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from caloforge.simulation.tables.nuclear_levels import ENERGY_STEP, FILE, Scheme, pack

LAST_Z = 98
WEAKEST = 1e-3
SAME_LEVEL = 0.5  # keV
ISOMER, PROMPT = 1e-8, 1e-10  # s
LIGHT = 17  # mass number: below, the range of Geant4's Fermi break-up
ONLY_CONVERSION = 1e9
LIGHT_FILE = Path(__file__).with_name("light_nuclei.csv")
ELEMENTS = ("n", "H", "He", "Li", "Be", "B", "C", "N", "O", "F")
YEAR = 365.2422 * 86400
SECONDS = {"y": YEAR, "d": 86400, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12, "fs": 1e-15}
WIDTHS = {"meV": 1e-3, "eV": 1.0, "keV": 1e3, "MeV": 1e6}
DECAY_WIDTH = 6.582119569e-16 * np.log(2)  # eV s: hbar ln 2


@dataclass(frozen=True)
class Level:
    """A level of one nuclide: keV, s, twice the spin with the sign of the parity (0: unknown), whether the spin is
    surely zero, and (final level, intensity of the photon, conversion coefficient) of its transitions."""

    energy: float
    half_life: float
    spin: int
    is_scalar: bool
    transitions: list[tuple[int, float, float]]


Record = dict[str, Any]  # of a file of JSON
Nuclides = dict[tuple[int, int], list[list[Level]]]


def read_decays(folder: Path, nuclides: Nuclides) -> dict[tuple[int, int], float]:
    """Add the levels of every daughter in paceENSDF's files; the half-lives of the parents' ground states, s."""
    half_lives = {}
    for path in sorted(folder.glob("*.json")):
        data = json.loads(path.read_text())
        parent = data["parentDecay"][0]
        if parent["parentDecayLevelEnergy"] == 0 and parent["halfLife"]:
            key = data["parentAtomicNumber"], data["parentAtomicMass"]
            half_lives[key] = float(parent["halfLife"][0]["halfLifeConverted"] or 0)
        levels = _levels(data, lambda level: level["levelEnergyIsKnown"], lambda gamma: gamma["gammaIntensity"])
        if levels:
            nuclides[data["daughterAtomicNumber"], data["daughterAtomicMass"]].append(levels)
    return half_lives


def read_captures(folder: Path, nuclides: Nuclides) -> None:
    """Add the levels of every nuclide in pyEGAF's files."""
    for path in sorted(folder.glob("*.json")):
        data = json.loads(path.read_text())
        levels = _levels(data, lambda level: not _is_capture_state(level), _cross_section)
        nuclides[data["nucleusZ"], data["nucleusA"]].append(levels)


def _levels(data: Record, is_used: Callable[[Record], bool], intensity: Callable[[Record], float]) -> list[Level]:
    used = [level for level in data["levelScheme"] if is_used(level)]
    place = {level["levelIndex"]: n for n, level in enumerate(used)}
    return [
        _level(
            level,
            [
                (place[gamma["levelIndexFinal"]], intensity(gamma), _conversion(gamma))
                for gamma in level["gammaDecay"]
                if gamma["levelIndexFinal"] in place
            ],
        )
        for level in used
    ]


def _is_capture_state(level: Record) -> bool:
    return any(gamma["gammaTransitionType"] == "primary" for gamma in level["gammaDecay"])


def _cross_section(gamma: Record) -> float:
    return float(gamma["gammaAbsoluteIntensities"][0]["partialElementalCrossSection"])


def _conversion(gamma: Record) -> float:
    measured = gamma.get("experimentalTotalInternalConversionCoefficient")
    return float(gamma["calculatedTotalInternalConversionCoefficient"] or measured or 0)


def _level(level: Record, transitions: list[tuple[int, float, float]]) -> Level:
    times = [part["halfLifeConverted"] for part in level["isomerDecay"] if part["halfLifeConverted"]]
    spins = [s for s in level["spins"] if s["spinReal"] is not None and not s["spinIsLimit"]]
    spin = spins[0] if len(spins) == len(level["spins"]) == 1 else None
    return Level(
        energy=float(level["levelEnergy"]),
        half_life=float(times[0]) if times else 0.0,
        spin=round(2 * spin["spinReal"]) * (spin["parity"] or 1) if spin else 0,
        is_scalar=bool(spin and spin["spinReal"] == 0 and not spin["spinIsTentative"]),
        transitions=transitions,
    )


def merge(datasets: list[list[Level]], ground_half_life: float) -> list[Level]:
    """The levels of all datasets of a nuclide as one list; see the module.

    Args:
        datasets: the levels of each, from the lowest up.
        ground_half_life: s, where no dataset has one.
    """
    order = sorted((level.energy, d, i) for d, levels in enumerate(datasets) for i, level in enumerate(levels))
    groups: list[dict[int, int]] = []  # of each merged level, its index in each dataset that has it
    first = -np.inf
    for energy, d, i in order:
        if not groups or energy > first + SAME_LEVEL or d in groups[-1]:
            groups.append({})
            first = energy
        groups[-1][d] = i
    place = {(d, i): n for n, group in enumerate(groups) for d, i in group.items()}
    merged = []
    for group in groups:
        versions = [(d, datasets[d][i]) for d, i in group.items()]
        d, best = max(versions, key=lambda v: (sum(share > 0 for _, share, _ in v[1].transitions), len(datasets[v[0]])))
        conversion: dict[int, float] = {}
        for version, level in versions:
            for final, _, alpha in level.transitions:
                conversion[place[version, final]] = max(alpha, conversion.get(place[version, final], 0.0))
        finals = [(place[d, final], share) for final, share, _ in best.transitions]
        merged.append(
            Level(
                energy=best.energy,
                half_life=max(level.half_life for _, level in versions),
                spin=best.spin,
                is_scalar=any(level.is_scalar for _, level in versions),
                transitions=[(final, share, conversion[final]) for final, share in finals],
            )
        )
    merged[0] = replace(merged[0], half_life=merged[0].half_life or ground_half_life)
    return merged


def read_light() -> Iterator[tuple[int, int, list[Level]]]:
    """Atomic number, mass number and levels of the nuclides of ``light_nuclei.csv``."""
    rows = defaultdict(list)
    with LIGHT_FILE.open(newline="") as file:
        for row in csv.DictReader(file):
            element, mass = row["nuclide"].split("-")
            rows[ELEMENTS.index(element), int(mass)].append(row)
    for (z, a), lines in rows.items():
        place = {float(line["level_keV"]): n for n, line in enumerate(lines)}
        levels = []
        for line in lines:
            pairs = [pair.split(":") for pair in line["gammas"].split()]
            spin = _spin(line["spin"])
            levels.append(
                Level(
                    energy=float(line["level_keV"]),
                    half_life=_half_life(line["half_life_or_width"]),
                    spin=spin,
                    is_scalar=spin == 0,
                    transitions=[(place[float(final)], float(share), 0.0) for final, share in pairs],
                )
            )
        yield z, a, levels


def _spin(text: str) -> int:
    numerator, _, half = text[:-1].partition("/")
    return (1 if half else 2) * int(numerator) * (-1 if text[-1] == "-" else 1)


def _half_life(text: str) -> float:
    if text in ("", "stable"):
        return np.inf if text else 0.0
    number, unit = text.split()
    return float(number) * SECONDS[unit] if unit in SECONDS else DECAY_WIDTH / (float(number) * WIDTHS[unit])


def scheme(z: int, a: int, levels: list[Level]) -> Scheme:
    """What is kept of the levels of a nuclide, in the package's form."""
    decays = [_transitions(levels, i) for i in range(len(levels))]
    kept = {0}
    for i, level in enumerate(levels[1:], 1):
        if decays[i] or a < LIGHT or level.half_life > ISOMER:
            kept |= {i} | {final for final, _, _ in decays[i]}
    order = sorted(kept)
    place = {i: n for n, i in enumerate(order)}
    rows = [(place[i], place[f], share, alpha) for i in order for f, share, alpha in decays[i]]
    upper, lower, share, alpha = np.array(rows).reshape(-1, 4).T
    times = [levels[i].half_life for i in order]
    return Scheme(
        z=z,
        a=a,
        energy=np.array([levels[i].energy for i in order]),
        half_life=np.array([time if a < LIGHT or time > PROMPT else 0.0 for time in times]),
        spin=np.array([levels[i].spin if a < LIGHT else 0 for i in order]),
        upper=upper.astype(int),
        lower=lower.astype(int),
        share=share,
        alpha=alpha,
    )


def _transitions(levels: list[Level], i: int) -> list[tuple[int, float, float]]:
    """Final level, share and conversion coefficient of the transitions of level ``i`` that are kept."""
    rows = [t for t in levels[i].transitions if _steps(levels[t[0]]) < _steps(levels[i])]
    if not any(intensity > 0 for _, intensity, _ in rows):
        rows = [(final, 1.0, 0.0) for final, _, _ in rows]
    scalar = [levels[i].is_scalar and levels[final].is_scalar for final, _, _ in rows]
    rows = [(f, w * (1 + a), ONLY_CONVERSION if s else a) for (f, w, a), s in zip(rows, scalar, strict=True)]
    strongest = max((share for _, share, _ in rows), default=0.0)
    rows = [row for row in rows if row[1] > WEAKEST * strongest]
    total = sum(share for _, share, _ in rows)
    return [(final, share / total, alpha) for final, share, alpha in rows]


def _steps(level: Level) -> int:
    return round(level.energy / ENERGY_STEP)


def main() -> None:
    """Write the file of the package."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", type=Path, help="folder with paceENSDF and pyEGAF")
    folder = parser.parse_args().packages
    nuclides: Nuclides = defaultdict(list)
    read_captures(folder / "pyEGAF" / "EGAF_JSON", nuclides)
    half_lives = read_decays(folder / "paceENSDF" / "ENSDF_JSON", nuclides)
    heavy = [
        (z, a, merge(datasets, half_lives.get((z, a), np.inf)))
        for (z, a), datasets in nuclides.items()
        if a >= LIGHT and z <= LAST_Z and any(levels[0].energy == 0 for levels in datasets)
    ]
    schemes = [scheme(*nuclide) for nuclide in sorted([*read_light(), *heavy], key=lambda n: n[:2])]
    packed = pack(schemes)
    Path("src/caloforge/simulation/tables", FILE).write_bytes(packed)
    levels, transitions = sum(len(s.energy) for s in schemes), sum(len(s.upper) for s in schemes)
    print(f"{len(schemes)} nuclides, {levels} levels, {transitions} transitions, {len(packed) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
