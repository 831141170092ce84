"""Response to contained hadrons over electrons, and who deposits it: the tables of ``docs/hadrons.md``.

Three stacks, 3 m wide: ``siw``, the Par04 W-Si stack eight times, 1.2 m or ten interaction lengths deep; ``cular``, 100
times 25 mm of copper and 8.5 mm of liquid argon (as in the ATLAS hadronic endcap, JINST 3 (2008) S08003), 3.4 m or 16;
``fesci``, 120 times 20 mm of iron and 5 mm of scintillator, 3 m or 15. Electrons and hadrons see the same physics
list. Shares by particle come from Geant4's steps in the sensitive slabs, which costs time. ``--scale 14:1.5``
multiplies the non-elastic cross section of neutrons below 19 MeV on an element, in copied tables. From the root::

    python tools/studies/hadron_response.py --stack cular --energy 2GeV 10GeV 50GeV -n 150
    python tools/studies/hadron_response.py --energy 10GeV -n 80 --shares 40 --scale 14:0
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from caloforge.geometry.binning import Binning, Layer
from caloforge.geometry.detector import Detector, Slab, detector
from caloforge.simulation.beam import PARTICLES, Beam, parse_spectrum
from caloforge.simulation.geant4 import simulate as geant4
from caloforge.simulation.physics_lists import Physics
from caloforge.simulation.tables.em_data import find_data
from caloforge.simulation.timing import NO_TIMING

STACKS = {
    "siw": detector("par04-siw").slabs * 8,
    "cular": (Slab("G4_Cu", 25.0), Slab("G4_lAr", 8.5, sensitive=True)) * 100,
    "fesci": (Slab("G4_Fe", 20.0), Slab("G4_PLASTIC_SC_VINYLTOLUENE", 5.0, sensitive=True)) * 120,
}
SENSITIVE = ("G4_Si", "G4_lAr", "G4_PLASTIC_SC_VINYLTOLUENE")
JOIN = 19.0  # MeV: the end of the tables belongs to Geant4's model
FAMILIES = {"e-": "e", "e+": "e", "pi+": "pi", "pi-": "pi", "proton": "p", "neutron": "n recoils", "alpha": "alpha"}
LIGHT = ("deuteron", "triton", "He3")


def start(stack: str, physics: Physics) -> Any:
    """Geant4 with the deep stack; only the sum of the sensitive slabs is used."""
    block = Detector("deep", STACKS[stack], 1500.0)
    return geant4._engine(block, Binning((Layer(0, (0.0, 1500.0), 1, (0.0, block.depth)),)), physics, False, NO_TIMING)


def scale_tables(changes: list[str], folder: Path) -> None:
    """From now on: a copy of the neutron tables with other non-elastic cross sections."""
    original = Path(find_data(hadrons=True).environment["G4PARTICLEXSDATA"])
    shutil.copytree(original, folder / "G4PARTICLEXS")
    for change in changes:
        z, factor = change.split(":")
        path = folder / "G4PARTICLEXS" / "neutron" / f"inel{z}"
        head, count, *rows = path.read_text().splitlines()
        points = [tuple(map(float, row.split())) for row in rows]
        scaled = [f"{e:.9g} {s * float(factor) if e < JOIN else s:.6g}" for e, s in points]
        path.write_text("\n".join([head, count, *scaled]) + "\n")
    os.environ["G4PARTICLEXSDATA"] = str(folder / "G4PARTICLEXS")


def account(running: Any) -> tuple[Counter[str], list[float]]:
    """From now on: deposits in sensitive slabs by family of particles; energy in them, in the others, leaked, MeV."""
    import geant4_pybind as g4

    visible: Counter[str] = Counter()
    balance = [0.0, 0.0, 0.0]

    class Account(g4.G4UserSteppingAction):  # type: ignore[misc]
        def UserSteppingAction(self, step: Any) -> None:  # noqa: N802 Geant4's name
            deposit, track = step.GetTotalEnergyDeposit(), step.GetTrack()
            inside = step.GetPreStepPoint().GetMaterial().GetName() in SENSITIVE
            balance[0 if inside else 1] += deposit
            if inside:
                visible[family(track.GetDefinition().GetParticleName())] += deposit
            if step.GetPostStepPoint().GetStepStatus() == g4.fWorldBoundary:
                balance[2] += track.GetKineticEnergy()

    running.account = Account()
    running.manager.SetUserAction(running.account)
    return visible, balance


def family(name: str) -> str:
    """One of few: nuclei are named Si28, excited ones Si28[1778.969]."""
    if name in LIGHT or name in FAMILIES:
        return FAMILIES.get(name, "d, t, He3")
    return "ions" if name[-1].isdigit() or "[" in name else "others"


def respond(running: Any, particle: str, energy: str, n: int) -> tuple[float, float, float]:
    """Mean of the sensitive slabs over incident energy, its error, rms over mean."""
    primaries = Beam(PARTICLES[particle], parse_spectrum(energy)).primaries(n, 1)
    total = running.shoot(primaries, lambda index: None).sensitive
    response = total / primaries.energy
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
    """Print who deposits in sensitive slabs, and where the energy goes."""
    visible, balance = account(running)
    respond(running, particle, energy, n)
    parts = ", ".join(f"{name} {100 * value / balance[0]:.1f} %" for name, value in visible.most_common())
    places = zip(("sensitive", "absorber", "leaked"), balance, strict=True)
    print(f"SHARES {parts}")
    print("BALANCE", ", ".join(f"{name} {100 * e / n / parse_spectrum(energy).low:.1f} %" for name, e in places))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", choices=STACKS, default="siw")
    parser.add_argument("--energy", nargs="+", default=["10GeV"])
    parser.add_argument("--particle", nargs="+", default=["pi-"])
    parser.add_argument("--physics", default="FTFP_BERT")
    parser.add_argument("-n", type=int, default=80)
    parser.add_argument("--shares", type=int, default=0, help="showers for the shares by particle")
    parser.add_argument("--scale", nargs="*", default=[], metavar="Z:FACTOR", help="of non-elastic neutrons")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.scale:
            scale_tables(options.scale, Path(folder))
        measure(options)
    sys.stdout.flush()
    os._exit(0)  # Geant4's hadronic lists crash in their destructors


def measure(options: argparse.Namespace) -> None:
    """All rows that were asked for."""
    running = start(options.stack, Physics(options.physics))
    for energy in options.energy:
        ratios(running, options.particle, energy, options.n)
    if options.shares:
        shares(running, options.particle[0], options.energy[0], options.shares)


if __name__ == "__main__":
    main()
