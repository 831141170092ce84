"""What the scoring costs: processor time per GeV of Geant4 electrons with and without it, same seeds, in turn.

Run: python tools/benchmarks/benchmark_scoring.py  (half a minute; --readout siw-6480 for the fine mesh, --by-method for
the way of reading steps where the layout of their memory is not known)
"""

import argparse
import json
import statistics
import subprocess
import sys

from caloforge.geometry.detector import detector
from caloforge.geometry.readouts import readout
from caloforge.simulation.beam import Beam, parse_spectrum
from caloforge.simulation.geant4 import simulate as geant4
from caloforge.simulation.geant4 import step_reader
from caloforge.simulation.tables.em_data import find_data
from caloforge.units import GeV


def measure(options: argparse.Namespace) -> dict[str, float]:
    """Milliseconds of processor time per GeV in this process, and the sum of all cells as a check."""
    import os

    os.environ.update(find_data().environment)
    from caloforge.simulation.geant4 import scored_stack

    if options.bare:
        setattr(scored_stack.Stack, "ConstructSDandField", lambda self: None)  # noqa: B010 no sensitive detector: Geant4 alone
    if options.by_method:
        setattr(step_reader, "LAYOUT_KNOWN", ())  # noqa: B010 a tuple of another length
    stack, mesh = detector("par04-siw"), readout(options.readout)
    primaries = Beam(11, parse_spectrum(options.energy)).primaries(options.n, 1)
    geant4.simulate(stack, primaries[:2], mesh)
    showers, facts = geant4.simulate(stack, primaries, mesh)
    energy = float(primaries.energy.sum()) / GeV
    return {"ms_per_gev": 1e3 * facts.core_seconds / energy, "cells": float(showers.total_energy.sum())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--energy", default="5GeV")
    parser.add_argument("--readout", default="siw-1080")
    parser.add_argument("-n", type=int, default=100)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--by-method", action="store_true", help="as with a geant4-pybind of unknown layout")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options)))
        return
    command = [sys.executable, __file__, *sys.argv[1:], "--child"]
    times: dict[str, list[float]] = {"bare": [], "scored": []}
    for _ in range(options.repeat):
        for name, extra in (("bare", ["--bare"]), ("scored", [])):
            done = subprocess.run([*command, *extra], capture_output=True, text=True, check=True)
            times[name].append(json.loads(done.stdout.splitlines()[-1])["ms_per_gev"])
    bare, scored = (statistics.median(times[name]) for name in ("bare", "scored"))
    for name, values in times.items():
        print(f"{name:>7}: {statistics.median(values):.2f} ms/GeV  ({', '.join(f'{v:.2f}' for v in values)})")
    print(f"scoring adds {100 * (scored / bare - 1):.1f} % to Geant4 itself")


if __name__ == "__main__":
    main()
