"""Where the energy of showers goes, event by event, for several particles: the table of ``docs/truth.md``.

python tools/studies/energy_balance.py --detector par04-siw --particle e- gamma mu- pi- --energy 5GeV -n 20
"""

import argparse
import os
import sys

import numpy as np

from caloforge.geometry.detector import detector
from caloforge.geometry.readouts import default_readout
from caloforge.simulation.beam import PARTICLES, Beam, parse_spectrum
from caloforge.simulation.geant4 import simulate as geant4
from caloforge.simulation.physics_lists import PHYSICS_LISTS, Physics
from caloforge.simulation.timing import NO_TIMING

COLUMNS = ("sensitive", "passive", "leaked", "neutrinos", "invisible")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", default="par04-siw")
    parser.add_argument("--particle", nargs="+", choices=PARTICLES, default=["e-", "gamma", "mu-", "pi-"])
    parser.add_argument("--energy", default="5GeV")
    parser.add_argument("--physics", choices=PHYSICS_LISTS, default="FTFP_BERT")
    parser.add_argument("-n", type=int, default=20)
    options = parser.parse_args()
    stack = detector(options.detector)
    engine = geant4._engine(stack, default_readout(stack), Physics(options.physics), False, NO_TIMING)
    from caloforge.simulation.geant4.energy_balance import Ledger

    ledger = Ledger(engine)
    print("| particle | " + " | ".join(f"{name}, %" for name in COLUMNS) + " | largest invisible, % |")
    print("| --- " * (len(COLUMNS) + 2) + "|")
    for particle in options.particle:
        found = ledger.shoot(Beam(PARTICLES[particle], parse_spectrum(options.energy)).primaries(options.n, 1))
        shares = [f"{100 * (getattr(found, name) / found.incoming).mean():.2f}" for name in COLUMNS]
        worst = 100 * np.abs(found.invisible / found.incoming).max()
        print(f"| {particle} | " + " | ".join(shares) + f" | {worst:.2g} |", flush=True)
    sys.stdout.flush()
    os._exit(0)  # Geant4's hadronic lists crash in their destructors


if __name__ == "__main__":
    main()
