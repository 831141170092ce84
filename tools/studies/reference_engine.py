"""Runs one set-up of `reference_setups` and hands out a row of counts for each event, or each block of events.

Import it only in a process of its own, after Geant4's data variables are set.
"""

__all__ = ["run", "start_in_vacuum", "values"]

from collections.abc import Callable
from typing import Any

import geant4_pybind as g4
from reference_setups import SETUPS, Build, Count, Row, nist, place, water

from caloforge.simulation.geant4.physics_build import build_physics
from caloforge.simulation.physics_lists import Physics

BARN = 1e-22  # in Geant4's mm^2
HADR05 = (
    *("G4HadronElasticPhysicsXS", "G4HadronPhysicsFTFP_BERT", "G4IonElasticPhysics", "G4IonPhysics"),
    *("G4StoppingPhysics", "G4EmExtraPhysics", "G4EmStandardPhysics", "G4DecayPhysics"),
)
# Thresholds in water, MeV, that the outputs print: range cuts of 0.1 mm (TestEm0, 10 MeV) and 1 mm (TestEm13, 100 MeV)
CUTS = {"eIoni": {10.0: 0.0851086, 100.0: 0.351334}, "eBrem": {10.0: 0.00111071, 100.0: 0.00293516}}


class _World(g4.G4VUserDetectorConstruction):  # type: ignore[misc]
    def __init__(self, build: Build) -> None:
        super().__init__()
        self.build = build
        self.referenced: list[Any] = []

    def Construct(self) -> Any:  # noqa: N802 Geant4's name
        self.build(self.referenced)
        return self.referenced[-1]


class _Gun(g4.G4VUserPrimaryGeneratorAction):  # type: ignore[misc]
    """Particle i depends on its seed alone."""

    def __init__(self, beam: tuple[str, float], start: Callable[[], float], seed: int) -> None:
        super().__init__()
        self.gun, self.seed = g4.G4ParticleGun(1), seed
        self.gun.SetParticleDefinition(g4.G4ParticleTable.GetParticleTable().FindParticle(beam[0]))
        self.gun.SetParticleEnergy(beam[1])
        self.gun.SetParticleMomentumDirection(g4.G4ThreeVector(0, 0, 1))
        self.gun.SetParticlePosition(g4.G4ThreeVector(0, 0, start()))

    def GeneratePrimaries(self, event: Any) -> None:  # noqa: N802
        g4.G4Random.setTheSeed(self.seed + event.GetEventID())
        self.gun.GeneratePrimaryVertex(event)


class _Steps(g4.G4UserSteppingAction):  # type: ignore[misc]
    def __init__(self, row: Row, count: Count) -> None:
        super().__init__()
        self.row, self.count = row, count

    def UserSteppingAction(self, step: Any) -> None:  # noqa: N802
        self.count(self.row, step)


class _Tracks(g4.G4UserTrackingAction):  # type: ignore[misc]
    def __init__(self, row: Row, born: Count | None, done: Count | None) -> None:
        super().__init__()
        self.row, self.born, self.done = row, born, done

    def PreUserTrackingAction(self, track: Any) -> None:  # noqa: N802
        if self.born is not None:
            self.born(self.row, track)

    def PostUserTrackingAction(self, track: Any) -> None:  # noqa: N802
        if self.done is not None:
            self.done(self.row, track)


class _Stacks(g4.G4UserStackingAction):  # type: ignore[misc]
    """Counts secondaries and stops them."""

    def __init__(self, row: Row, born: Count) -> None:
        super().__init__()
        self.row, self.born = row, born

    def ClassifyNewTrack(self, track: Any) -> Any:  # noqa: N802
        if track.GetParentID() == 0:
            return g4.fUrgent
        self.born(self.row, track)
        return g4.fKill


class _Events(g4.G4UserEventAction):  # type: ignore[misc]
    """Hands the row out at the end of every block and empties it."""

    def __init__(self, row: Row, block: int, emit: Callable[[dict[str, float]], None]) -> None:
        super().__init__()
        self.row, self.block, self.emit = row, block, emit

    def EndOfEventAction(self, event: Any) -> None:  # noqa: N802
        if (event.GetEventID() + 1) % self.block == 0:
            self.emit({name: float(value) / self.block for name, value in self.row.items()})
            self.row.clear()


class _Actions(g4.G4VUserActionInitialization):  # type: ignore[misc]
    def __init__(self, make: Callable[[], list[Any]]) -> None:
        super().__init__()
        self.make = make

    def Build(self) -> None:  # noqa: N802
        self.referenced = self.make()
        for action in self.referenced:
            self.SetUserAction(action)


class _List(g4.G4VModularPhysicsList):  # type: ignore[misc]
    """The constructors of Hadr05's list, with option 0 in place of its own photons and electrons."""

    def __init__(self) -> None:
        super().__init__()
        self.referenced = [getattr(g4, name)() for name in HADR05]
        for part in self.referenced:
            self.RegisterPhysics(part)


def _physics(name: str) -> Any:
    """em0 and FTFP_BERT as caloforge builds them; ``single``: em0 with each photon process by its own name."""
    if name == "hadr05":
        return _List()
    built, _ = build_physics(Physics("em0" if name == "single" else name))
    if name == "single":
        g4.G4EmParameters.Instance().SetGeneralProcessActive(False)
    return built


def _start(build: Build, physics: Any, make: Callable[[], list[Any]], cut: str) -> list[Any]:
    """Everything that must stay referenced; the run manager comes first."""
    parts = [g4.G4RunManager(), _World(build), physics, _Actions(make)]
    for part in parts[1:]:
        parts[0].SetUserInitialization(part)
    for command in ("/process/em/verbose 0", "/run/verbose 0"):
        g4.G4UImanager.GetUIpointer().ApplyCommand(command)
    parts[0].Initialize()
    g4.G4UImanager.GetUIpointer().ApplyCommand(f"/run/setCut {cut}")
    return parts


def run(name: str, number: int, seed: int, block: int, emit: Callable[[dict[str, float]], None]) -> None:
    """Simulate events of a set-up; a process can do this once.

    Args:
        name: of the set-up.
        number: of events.
        seed: of the first event; event i has seed + i.
        block: events that share a row.
        emit: is given each row: the counts of an event, or their mean over a block.
    """
    setup, row = SETUPS[name], Row()

    def make() -> list[Any]:
        actions = [_Gun(setup.beam, setup.start, seed), _Events(row, block, emit)]
        if setup.primary_only and setup.born is not None:
            return [*actions, _Stacks(row, setup.born)]
        steps = [] if setup.step is None else [_Steps(row, setup.step)]
        return [*actions, *steps, _Tracks(row, setup.born, setup.done)]

    cut = "0.7 mm" if setup.physics == "FTFP_BERT" else "1 mm"
    parts = _start(setup.build, _physics(setup.physics), make, cut)
    if setup.physics == "hadr05":
        g4.G4UImanager.GetUIpointer().ApplyCommand("/run/setCutForAGivenParticle proton 0 mm")
    parts[0].BeamOn(number)


def start_in_vacuum() -> list[Any]:
    """Geant4 with option 0 and a vacuum, after a particle, so that its tables stand; keep what is returned."""

    def build(keep: list[Any]) -> None:
        place(keep, g4.G4Box("world", 100.0, 100.0, 100.0), nist("G4_Galactic"))

    parts = _start(build, _physics("em0"), lambda: [_Gun(("gamma", 0.1), lambda: 0.0, 1)], "1 mm")
    parts[0].BeamOn(1)
    return parts


def values() -> dict[str, float]:
    """What TestEm0 and TestEm13 print of G4EmCalculator: germanium and the examples' water; no events."""

    def build(keep: list[Any]) -> None:
        keep += water()
        medium = keep[-1]
        box = g4.G4Box("box", 100.0, 100.0, 100.0)
        logical = g4.G4LogicalVolume(box, medium, "box")
        part = g4.G4LogicalVolume(g4.G4Box("part", 1.0, 1.0, 1.0), nist("G4_Ge"), "part")
        placed = g4.G4PVPlacement(None, g4.G4ThreeVector(), logical, "box", None, False, 0)
        inner = g4.G4PVPlacement(None, g4.G4ThreeVector(), part, "part", logical, False, 0)
        keep += [box, logical, part, inner, placed]

    parts = _start(build, _physics("single"), lambda: [_Gun(("gamma", 0.1), lambda: -50.0, 1)], "0.1 mm")
    parts[0].BeamOn(1)
    calculator, gamma, electron = g4.G4EmCalculator(), g4.G4Gamma.Gamma(), g4.G4Electron.Electron()
    germanium, medium = nist("G4_Ge"), parts[1].referenced[2]
    result = {}
    for process in ("compt", "phot", "Rayl"):
        volume = calculator.ComputeCrossSectionPerVolume(0.3, gamma, process, germanium)
        result[f"Ge, photons of 300 keV, {process}, b"] = volume / germanium.GetTotNbOfAtomsPerVolume() / BARN
    for process, cuts in CUTS.items():
        for energy, cut in cuts.items():
            rate = calculator.ComputeCrossSectionPerVolume(energy, electron, process, medium, cut) * g4.cm
            result[f"water, e- of {energy:.0f} MeV, {process}, /cm"] = rate
        for what, limit in (("below the cut", cuts[10.0]), ("in all", 10.0)):
            loss = calculator.ComputeDEDX(10.0, electron, process, medium, limit) * g4.cm
            result[f"water, e- of 10 MeV, {process} {what}, MeV/cm"] = loss
    for process in ("compt", "phot", "Rayl"):
        volume = calculator.ComputeCrossSectionPerVolume(0.1, gamma, process, medium)
        result[f"water, photons of 100 keV, {process}, cm2/g"] = volume * g4.cm
    return result
