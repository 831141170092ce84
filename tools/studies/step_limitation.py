"""Silicon response of the W-Si stack against step limitation and cuts: prints the table of ``docs/step-limitation.md``.

Each row is a call of caloforge's own simulation with other options. Run it from the repository root::

    python tools/studies/step_limitation.py -n 60 --energy 5GeV
"""

import argparse
import math
from collections.abc import Iterator

import numpy as np

from caloforge.geometry.detector import detector
from caloforge.geometry.readouts import readout
from caloforge.simulation.beam import Beam, parse_spectrum
from caloforge.simulation.physics_lists import Physics
from caloforge.simulation.production.request import Request, simulate

SETTINGS = {
    "em0 (Geant4's default)": Physics(),
    "converged": Physics("converged"),
    "em1": Physics("em1"),
    "em3": Physics("em3"),
    "FTFP_BERT": Physics("FTFP_BERT"),
    "em0, cut 0.7 mm": Physics(cut=0.7),
    "em0, cut 0.1 mm": Physics(cut=0.1),
    "em0, cut 0.05 mm": Physics(cut=0.05),
    "em0, cut 5 mm": Physics(cut=5.0),
    "converged, cut 0.05 mm": Physics("converged", cut=0.05),
    "em0, steps up to 0.1 mm": Physics(max_step=0.1),
    "converged, steps up to 0.1 mm": Physics("converged", max_step=0.1),
    "em0, tracking cut 0.1 MeV": Physics(tracking_cut=0.1),
}


def rows(energy: str, n: int, seed: int) -> Iterator[str]:
    """One line a setting: response and its error, relative to the converged one, resolution, time."""
    reference = None
    for name in sorted(SETTINGS, key=lambda name: name != "converged"):
        beam = Beam(11, parse_spectrum(energy))
        request = Request(detector("par04-siw"), beam, readout("siw-1080"), n, seed, physics=SETTINGS[name])
        showers, facts = simulate(request)
        per_shower = facts.host_ms_per_shower or math.nan
        response = showers.total_energy / showers.incident_energy / (1 - (facts.energy_outside_mesh or 0.0))
        mean, error = response.mean(), response.std(ddof=1) / np.sqrt(n)
        reference = reference or mean
        yield (
            f"| {name} | {100 * mean:.3f} ± {100 * error:.3f} | {mean / reference:.3f} ± {error / reference:.3f} "
            f"| {100 * response.std(ddof=1) / mean:.1f} | {per_shower / beam.spectrum.low * 1e3:.0f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Silicon response against step limitation and cuts.")
    parser.add_argument("-n", type=int, default=60, help="showers for each setting")
    parser.add_argument("--energy", default="5GeV")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print("| setting | silicon, % of E | to converged | rms/mean, % | ms/GeV |\n| --- | --- | --- | --- | --- |")
    for row in rows(options.energy, options.n, options.seed):
        print(row, flush=True)


if __name__ == "__main__":
    main()
