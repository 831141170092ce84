"""Gflash against Geant4 on the bundled sample: response, resolution, depth and radius at a few energies, as a table.

Run: python tools/studies/compare_gflash.py  (with --untuned for the paper's formulas without a measured constant)
"""

import argparse
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.bundled import BUNDLED, showers_path
from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.geometry.detector import detector
from caloforge.simulation.beam import Beam, Spectrum
from caloforge.simulation.gflash import showers as gflash
from caloforge.units import GeV

WINDOW = 0.15  # showers within this share of the energy


def figures(showers: Showers) -> dict[str, tuple[float, float]]:
    """Value and statistical error of each figure of merit."""
    mesh, energy = showers.binning, showers.energy.astype(float)
    response, total = showers.total_energy / showers.incident_energy, showers.total_energy
    assert mesh.z_edges is not None
    z = mesh.z_edges.mean(axis=1)[mesh.layer_of_voxel]
    depth, radius = energy @ z / total, energy @ mesh.r_centres / total
    spread = np.sqrt(energy @ z**2 / total - depth**2)
    resolution = (response / _line(showers.incident_energy, response)).std()
    return {
        "response, %": _mean(100 * response),
        "resolution, %": (100 * resolution, 100 * resolution / np.sqrt(2 * len(response))),
        "mean depth, mm": _mean(depth),
        "its spread, mm": (depth.std(), depth.std() / np.sqrt(2 * len(depth))),
        "length, mm": _mean(spread),
        "mean radius, mm": _mean(radius),
    }


def _mean(values: Float[Array, " n"]) -> tuple[float, float]:
    return float(values.mean()), float(values.std() / np.sqrt(len(values)))


def _line(energy: Float[Array, " n"], response: Float[Array, " n"]) -> Float[Array, " n"]:
    return np.polyval(np.polyfit(np.log(energy), response, 1), np.log(energy))


def profile_distance(first: Showers, second: Showers) -> tuple[float, float]:
    """Largest difference of the mean longitudinal profiles, as a share of the maximum; and summed, of the energy."""
    a, b = ((s.layer_energy / s.total_energy[:, None]).mean(axis=0) for s in (first, second))
    return float(abs(a - b).max() / a.max()), float(abs(a - b).sum() / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--energy", type=float, nargs="*", default=[10.0, 50.0], help="GeV")
    parser.add_argument("--untuned", action="store_true", help="calibration 1 and c of the general formula")
    options = parser.parse_args()
    stack = detector("par04-siw")
    if options.untuned:
        gflash.MEASURED.clear()
    print("tuning:", gflash.tuning_of(stack))
    with ShowerFile(showers_path(BUNDLED)) as file:
        sample = file.read()
    for energy in options.energy:
        truth = sample[abs(sample.incident_energy / (energy * GeV) - 1) < WINDOW]
        primaries = Beam(11, Spectrum(energy * GeV, energy * GeV)).primaries(len(truth), 1)
        fast = gflash.simulate(stack, replace(primaries, energy=truth.incident_energy.copy()), truth.binning)
        print(f"{energy:g} GeV, {len(truth)} showers each{'Geant4':>14}{'Gflash':>18}")
        for (name, (a, da)), (b, db) in zip(figures(truth).items(), figures(fast).values(), strict=True):
            print(f"  {name:<18} {a:8.3f} +- {da:.3f}   {b:8.3f} +- {db:.3f}   {100 * (b / a - 1):+.1f} %")
        worst, moved = profile_distance(truth, fast)
        print(
            f"  longitudinal profile: differs by at most {100 * worst:.1f} % of its maximum, {100 * moved:.1f} % moved"
        )


if __name__ == "__main__":
    main()
