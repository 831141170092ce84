"""Silicon response to contained hadrons over electrons, and who deposits it: the tables of ``docs/hadrons.md``.

The W-Si stack is repeated eight times, 1.2 m deep and 3 m wide, about ten interaction lengths. Electrons and hadrons
see the same physics list. Shares by particle come from Geant4's steps in silicon, which costs time. From the root::

    python tools/hadron_response.py --energy 10GeV -n 80 --shares 40
"""

import argparse
import os
import sys
from collections import Counter
from typing import Any

import numpy as np

from caloforge.geometry.detector import Detector, detector
from caloforge.geometry.readouts import readout
from caloforge.truth import geant4
from caloforge.truth.beam import PARTICLES, Beam, parse_spectrum
from caloforge.truth.physics_lists import Physics

TIMES = 8  # how often the stack is repeated
FAMILIES = {"e-": "e", "e+": "e", "pi+": "pi", "pi-": "pi", "proton": "p", "neutron": "n recoils", "alpha": "alpha"}
LIGHT = ("deuteron", "triton", "He3")


def start(physics: Physics) -> Any:
    """Geant4 with the deep stack."""
    stack = Detector("deep", detector("par04-siw").slabs * TIMES, 1500.0)
    return geant4._engine(stack, readout("siw-1080"), physics)


def account(running: Any) -> tuple[Counter[str], list[float]]:
    """From now on: deposits in silicon by family of particles; energy in silicon, in tungsten, and leaked, MeV."""
    from caloforge.truth.engine import g4

    silicon: Counter[str] = Counter()
    balance = [0.0, 0.0, 0.0]

    class Account(g4.G4UserSteppingAction):  # type: ignore[misc]
        def UserSteppingAction(self, step: Any) -> None:  # noqa: N802 Geant4's name
            deposit, track = step.GetTotalEnergyDeposit(), step.GetTrack()
            inside = step.GetPreStepPoint().GetMaterial().GetName() == "G4_Si"
            balance[0 if inside else 1] += deposit
            if inside:
                silicon[family(track.GetDefinition().GetParticleName())] += deposit
            if step.GetPostStepPoint().GetStepStatus() == g4.fWorldBoundary:
                balance[2] += track.GetKineticEnergy()

    running.account = Account()
    running.manager.SetUserAction(running.account)
    return silicon, balance


def family(name: str) -> str:
    """One of few: nuclei are named Si28, excited ones Si28[1778.969]."""
    if name in LIGHT or name in FAMILIES:
        return FAMILIES.get(name, "d, t, He3")
    return "ions" if name[-1].isdigit() or "[" in name else "others"


def respond(running: Any, particle: str, energy: str, n: int) -> tuple[float, float, float]:
    """Mean of silicon over incident energy, its error, rms over mean."""
    shots = Beam(PARTICLES[particle], parse_spectrum(energy)).shots(n, 1)
    _, total = running.shoot(shots, lambda index: None)
    response = total / shots.energy
    return response.mean(), response.std(ddof=1) / np.sqrt(n), response.std(ddof=1) / response.mean()


def ratios(running: Any, particles: list[str], energy: str, n: int) -> None:
    """Print one row for each particle: response, ratio to electrons, resolution."""
    e, e_error, _ = respond(running, "e-", energy, n)
    for particle in particles:
        h, h_error, width = respond(running, particle, energy, n)
        ratio = f"{h / e:.3f} ± {h / e * np.hypot(h_error / h, e_error / e):.3f}"
        row = f"{particle} {energy} | {100 * h:.2f} ± {100 * h_error:.2f} | {ratio} | {100 * width:.0f}"
        print(f"RESPONSE | {row} |", flush=True)


def shares(running: Any, particle: str, energy: str, n: int) -> None:
    """Print who deposits in silicon, and where the energy goes."""
    silicon, balance = account(running)
    respond(running, particle, energy, n)
    parts = ", ".join(f"{name} {100 * value / balance[0]:.1f} %" for name, value in silicon.most_common())
    places = zip(("silicon", "tungsten", "leaked"), balance, strict=True)
    print(f"SHARES {parts}")
    print("BALANCE", ", ".join(f"{name} {100 * e / n / parse_spectrum(energy).low:.1f} %" for name, e in places))


def main() -> None:
    parser = argparse.ArgumentParser(description="Contained hadrons over electrons in W-Si.")
    parser.add_argument("--energy", nargs="+", default=["10GeV"])
    parser.add_argument("--particle", nargs="+", default=["pi-"])
    parser.add_argument("--physics", default="FTFP_BERT")
    parser.add_argument("-n", type=int, default=80)
    parser.add_argument("--shares", type=int, default=0, help="showers for the shares by particle")
    options = parser.parse_args()
    running = start(Physics(options.physics))
    for energy in options.energy:
        ratios(running, options.particle, energy, options.n)
    if options.shares:
        shares(running, options.particle[0], options.energy[0], options.shares)
    sys.stdout.flush()
    os._exit(0)  # Geant4's hadronic lists crash in their destructors


if __name__ == "__main__":
    main()
