"""Cuts a file of showers in two halves and spoils copies of the second in known ways, to see that validation notices.

Writes half-a.h5 and, from the other half, half-b.h5 (as it is), response.h5 (cells x 1.02), swapped.h5 (two
neighbouring layers exchanged), smeared.h5 (cells x log-normal noise of mean 1) and, given a file of other showers,
foreign.h5 (one percent of the showers replaced, with their incident energies, but not their particle).
"""

import argparse
from pathlib import Path

import numpy as np

from caloforge.data.bundled import showers_path
from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.data.writer import write_showers
from caloforge.rng import stream

SHIFT, LAYER, NOISE, SHARE = 1.02, 6, 0.15, 0.01


def with_cells(showers: Showers, energy: np.ndarray, incident: np.ndarray | None = None) -> Showers:
    """The same conditions, other cells."""
    return Showers(
        energy=energy.astype(np.float32),
        incident_energy=showers.incident_energy if incident is None else incident,
        pdg=showers.pdg,
        theta=showers.theta,
        phi=showers.phi,
        binning=showers.binning,
    )


def swapped(showers: Showers) -> Showers:
    """Two neighbouring layers exchanged; they must have equal cells."""
    starts, energy = showers.binning.layer_starts, showers.energy.copy()
    first, second = (slice(starts[i], starts[i + 1]) for i in (LAYER, LAYER + 1))
    energy[:, first], energy[:, second] = showers.energy[:, second], showers.energy[:, first]
    return with_cells(showers, energy)


def smeared(showers: Showers) -> Showers:
    """Every cell times log-normal noise of mean one."""
    noise = stream(1, "smear").standard_normal(showers.energy.shape, np.float32)
    return with_cells(showers, showers.energy * np.exp(NOISE * noise - NOISE**2 / 2))


def mixed(showers: Showers, others: Showers) -> Showers:
    """Some showers replaced by others."""
    n = round(SHARE * len(showers))
    energy, incident = showers.energy.copy(), showers.incident_energy.copy()
    energy[:n], incident[:n] = others.energy[:n], others.incident_energy[:n]
    return with_cells(showers, energy, incident)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input", help="file of showers, or bundled")
    parser.add_argument("output", type=Path, help="folder")
    parser.add_argument("--foreign", help="file of other showers on the same mesh")
    options = parser.parse_args()
    with ShowerFile(showers_path(options.input)) as file:
        showers, detector = file.read(), file.detector
    middle = len(showers) // 2
    first, second = showers[:middle], showers[middle : 2 * middle]
    made = {
        "half-a": first,
        "half-b": second,
        "response": with_cells(second, SHIFT * second.energy),
        "swapped": swapped(second),
        "smeared": smeared(second),
    }
    if options.foreign:
        with ShowerFile(options.foreign) as file:
            made["foreign"] = mixed(second, file.read())
    options.output.mkdir(parents=True, exist_ok=True)
    for name, sample in made.items():
        write_showers(
            options.output / f"{name}.h5", sample, detector, {"tool": "tools/studies/spoil_sample.py", "kind": name}, 11
        )


if __name__ == "__main__":
    main()
