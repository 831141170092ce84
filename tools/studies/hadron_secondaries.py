"""Particles that are born in hadron showers: the table of photons and fragments in ``docs/hadrons.md``.

Two geometries of Geant4's example ParticleFluence, whose outputs Geant4 publishes (``Calo.out``, ``Layer.out``):
``copper-argon``, 60 times 25.1 mm of copper and 8.5 mm of liquid argon, a cylinder of five interaction lengths'
radius; any NIST material, a cylinder 1 m long and 1 m across. Pions of 50 GeV, FTFP_BERT, Geant4's own cuts. Shower i
depends on its seed alone. ``--no-levels`` gives Geant4 no levels of nuclei. From the root::

    python tools/studies/hadron_secondaries.py copper-argon -n 100
    python tools/studies/hadron_secondaries.py G4_GRAPHITE -n 150 --no-levels
"""

import argparse
import os
import tempfile
from collections import Counter
from typing import Any

import numpy as np

from caloforge.simulation.tables.em_data import find_data

LIMIT = 20.0  # MeV
COPPER, ARGON, RADIUS = 25.0933, 8.5, 752.8  # mm
NAMES = {22: "photons", 11: "electrons", 2112: "neutrons", 2212: "protons"}
ROWS = ("photons <", "photons of captures <", "electrons <", "neutrons <", "protons <", "ions <", "ions >")


def slabs(stack: str) -> list[tuple[str, float]]:
    """Materials and thicknesses, mm."""
    return [("copper", COPPER), ("argon", ARGON)] * 60 if stack == "copper-argon" else [(stack, 1000.0)]


def simulate(stack: str, number: int, seed: int) -> tuple[list[Counter[str]], list[Counter[str]]]:
    """How many particles of each kind are born in each shower, and their kinetic energy, MeV."""
    import geant4_pybind as g4

    depth = sum(thickness for _, thickness in slabs(stack))
    counts: list[Counter[str]] = []
    energies: list[Counter[str]] = []

    class Block(g4.G4VUserDetectorConstruction):  # type: ignore[misc]
        def Construct(self) -> Any:  # noqa: N802 Geant4's name
            nist = g4.G4NistManager.Instance()
            gram = g4.g / g4.mole
            own = {
                "copper": g4.G4Material("copper", 29.0, 63.54 * gram, 8.96 * g4.g / g4.cm3),
                "argon": g4.G4Material("argon", 18.0, 39.95 * gram, 1.4 * g4.g / g4.cm3),
            }
            box = g4.G4Box("world", 1e4, 1e4, 1e4)
            world = g4.G4LogicalVolume(box, nist.FindOrBuildMaterial("G4_Galactic"), "world")
            placed = g4.G4PVPlacement(None, g4.G4ThreeVector(), world, "world", None, False, 0)
            self.kept = [own, box, world, placed]
            front = -depth / 2
            for index, (name, thickness) in enumerate(slabs(stack)):
                radius = RADIUS if name in own else 500.0
                solid = g4.G4Tubs(name, 0.0, radius, thickness / 2, 0.0, 2 * np.pi)
                logical = g4.G4LogicalVolume(solid, own.get(name) or nist.FindOrBuildMaterial(name), name)
                middle = g4.G4ThreeVector(0, 0, front + thickness / 2)
                self.kept += [solid, logical, g4.G4PVPlacement(None, middle, logical, name, world, False, index)]
                front += thickness
            return placed

    class Gun(g4.G4VUserPrimaryGeneratorAction):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.gun = g4.G4ParticleGun(1)
            self.gun.SetParticleDefinition(g4.G4ParticleTable.GetParticleTable().FindParticle("pi-"))
            self.gun.SetParticleEnergy(50e3)
            self.gun.SetParticleMomentumDirection(g4.G4ThreeVector(0, 0, 1))
            self.gun.SetParticlePosition(g4.G4ThreeVector(0, 0, -depth / 2 - 1))

        def GeneratePrimaries(self, event: Any) -> None:  # noqa: N802
            self.gun.GeneratePrimaryVertex(event)

    class Births(g4.G4UserTrackingAction):  # type: ignore[misc]
        def PreUserTrackingAction(self, track: Any) -> None:  # noqa: N802
            if track.GetParentID() == 0:
                return
            code, energy = abs(track.GetDefinition().GetPDGEncoding()), track.GetKineticEnergy()
            side = "<" if energy < LIMIT else ">"
            names = [NAMES.get(code, "ions" if code > 10**9 else "others")]
            if code == 22 and track.GetCreatorProcess().GetProcessName() == "nCapture":
                names.append("photons of captures")
            for name in names:
                counts[-1][f"{name} {side}"] += 1
                energies[-1][f"{name} {side}"] += energy

    class Actions(g4.G4VUserActionInitialization):  # type: ignore[misc]
        def Build(self) -> None:  # noqa: N802
            self.kept = (Gun(), Births())
            for action in self.kept:
                self.SetUserAction(action)

    manager = g4.G4RunManager()
    kept = (Block(), g4.FTFP_BERT(), Actions())
    for part in kept:
        manager.SetUserInitialization(part)
    g4.G4UImanager.GetUIpointer().ApplyCommand("/process/em/fluo false")
    manager.Initialize()
    for index in range(number):
        counts.append(Counter())
        energies.append(Counter())
        g4.G4Random.setTheSeed(seed + index)
        manager.BeamOn(1)
    return counts, energies


def main() -> None:
    """Print one row for each kind of particle."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stack", help="copper-argon or a NIST material")
    parser.add_argument("-n", type=int, default=100, help="showers")
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--no-levels", action="store_true", help="an empty folder of levels")
    options = parser.parse_args()
    environment = find_data(hadrons=True).environment
    with tempfile.TemporaryDirectory() as empty:
        os.environ.update(environment | ({"G4LEVELGAMMADATA": empty} if options.no_levels else {}))
        counts, energies = simulate(options.stack, options.n, options.seed)
    levels = "without levels" if options.no_levels else "with levels"
    print(f"{options.stack}, {options.n} showers, {levels}, below (<) and above (>) {LIMIT:.0f} MeV")
    for row in ROWS:
        values = np.array([[float(part[row]) for part in parts] for parts in (counts, energies)])
        mean, error = values.mean(1), values.std(1, ddof=1) / np.sqrt(options.n)
        print(f"{row:22s} {mean[0]:9.2f} ± {error[0]:6.2f}   {mean[1]:9.1f} ± {error[1]:6.1f} MeV", flush=True)
    os._exit(0)  # Geant4 is not taken down in order under Python


if __name__ == "__main__":
    main()
