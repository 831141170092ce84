"""Every detector preset with every particle: mean response, resolution and time per GeV, as a Markdown table.

python tools/studies/presets_table.py --energy 10GeV -n 20 --workers 2
"""

import argparse
import math

import numpy as np

from caloforge.geometry.detector import DETECTORS, detector
from caloforge.geometry.readouts import default_readout
from caloforge.simulation.beam import PARTICLES, Beam, parse_spectrum
from caloforge.simulation.physics_lists import Physics, default_physics
from caloforge.simulation.production.request import Request, simulate
from caloforge.units import GeV


def row(name: str, particle: str, energy: str, n: int, seed: int, workers: int) -> str:
    """One line of the table."""
    stack = detector(name)
    physics = Physics(default_physics(PARTICLES[particle]))
    beam = Beam(PARTICLES[particle], parse_spectrum(energy))
    showers, facts = simulate(Request(stack, beam, default_readout(stack), n, seed, physics=physics), workers)
    response = 100 * showers.total_energy / showers.incident_energy
    error, spread = response.std(ddof=1) / np.sqrt(n), 100 * response.std(ddof=1) / response.mean()
    per_gev = (facts.host_ms_per_shower or math.nan) / (showers.incident_energy.mean() / GeV)
    return (
        f"| {name} | {particle} | {response.mean():.3g} ± {error:.2g} | {spread:.3g} | {per_gev:.2g} | {physics.name} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--energy", default="10GeV")
    parser.add_argument("-n", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--detector", nargs="+", default=list(DETECTORS), help="default: all presets")
    options = parser.parse_args()
    print(
        "| detector | particle | response, % | rms/mean, % | ms per GeV and core | physics |\n| --- "
        + "| --- " * 5
        + "|"
    )
    for name in options.detector:
        for particle in PARTICLES:
            print(row(name, particle, options.energy, options.n, options.seed, options.workers), flush=True)


if __name__ == "__main__":
    main()
