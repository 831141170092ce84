"""Set-ups of Geant4's own examples with the tables that caloforge finds, counted as the examples count.

The Geant4 side of `geant4_reference`: import it only in a process of its own, after Geant4's data variables are set.
What each example counts is told in its sources (``examples/extended/.../src`` of Geant4 11.4: ``SteppingAction.cc``,
``TrackingAction.cc``, ``Run.cc``).
"""

__all__ = ["SETUPS", "Build", "Count", "Row", "Setup", "nist", "place", "water"]

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import geant4_pybind as g4

LIMIT = 20.0  # MeV, between slow and fast particles of ParticleFluence
SPECIES = {11: "electrons", 22: "photons", 2112: "neutrons", 2212: "protons"}
SPARSE = "G4_Galactic"
LAYERS = ("G4_POLYSTYRENE", "G4_GRAPHITE", "G4_Si", "G4_lAr", "G4_Fe", "G4_Cu", "G4_W", "G4_Pb", "G4_PbWO4")
Row = Counter[str]
Build = Callable[[list[Any]], None]  # fills a list with what must stay referenced, the world's placement last
Count = Callable[[Row, Any], None]  # adds a step or a track to the row of the event


@dataclass(frozen=True)
class Setup:
    """One example.

    Args:
        build: its geometry.
        beam: particle and kinetic energy in MeV, along z.
        start: where it starts on the axis, mm, once the world is built.
        physics: one of the constructors in `reference_engine`.
        step: counts a step into the row of the event.
        born: counts a track before its first step.
        done: counts a track after its last step.
        primary_only: secondaries are counted where they are made and go no further.
    """

    build: Build
    beam: tuple[str, float]
    start: Callable[[], float]
    physics: str = "em0"
    step: Count | None = None
    born: Count | None = None
    done: Count | None = None
    primary_only: bool = False


def material(name: str, z: float, a: float, density: float) -> Any:
    """A simple material; a in g/mol, density in g/cm3."""
    return g4.G4Material(name, z, a * g4.g / g4.mole, density * g4.g / g4.cm3)


def compound(name: str, density: float, atoms: list[tuple[Any, int]]) -> Any:
    """A compound of elements by their atoms."""
    new = g4.G4Material(name, density * g4.g / g4.cm3, len(atoms))
    for element, number in atoms:
        new.AddElement(element, number)
    return new


def water() -> list[Any]:
    """The examples' water, with their atomic weights and mean excitation energy."""
    gram = g4.g / g4.mole
    hydrogen, oxygen = g4.G4Element("hydrogen", "H", 1.0, 1.01 * gram), g4.G4Element("oxygen", "O", 8.0, 16.0 * gram)
    new = compound("Water", 1.0, [(hydrogen, 2), (oxygen, 1)])
    new.GetIonisation().SetMeanExcitationEnergy(78.0 * g4.eV)
    return [hydrogen, oxygen, new]


def nist(name: str) -> Any:
    return g4.G4NistManager.Instance().FindOrBuildMaterial(name)


def place(keep: list[Any], solid: Any, medium: Any, mother: Any = None, z: float = 0.0, copy: int = 0) -> Any:
    """A volume in its mother, named after its material; returns the logical one."""
    name = str(medium.GetName())
    logical = g4.G4LogicalVolume(solid, medium, name)
    placed = g4.G4PVPlacement(None, g4.G4ThreeVector(0, 0, z), logical, name, mother, False, copy)
    keep += [solid, logical, placed]
    return logical


def box(size: float) -> Build:
    """A cube of one material, which is the world: TestEm1's aluminium of 10 m, TestEm18's water of 1 cm."""

    def build(keep: list[Any]) -> None:
        keep += [material("Aluminium", 13.0, 26.98, 2.7)] if size > 1000 else water()
        place(keep, g4.G4Box("box", *3 * [size / 2]), keep[-1])

    return build


def sampling(media: Callable[[], tuple[list[Any], list[tuple[Any, float]]]], width: float) -> Build:
    """Fifty replicas of a layer of two slabs in a world of vacuum, nested as in TestEm3 and Hadr05."""

    def build(keep: list[Any]) -> None:
        own, slabs = media()
        keep += own
        thickness = sum(depth for _, depth in slabs)
        world = place(keep, g4.G4Box("world", 0.6 * width, 0.6 * width, 30 * thickness), nist(SPARSE))
        placed = keep[-1]
        stack = place(keep, g4.G4Box("stack", width / 2, width / 2, 25 * thickness), nist(SPARSE), world)
        layer = g4.G4LogicalVolume(g4.G4Box("layer", width / 2, width / 2, thickness / 2), nist(SPARSE), "layer")
        keep += [layer, g4.G4PVReplica("layer", layer, stack, g4.kZAxis, 50, thickness)]
        front = -thickness / 2
        for number, (medium, depth) in enumerate(slabs, 1):
            solid = g4.G4Box("slab", width / 2, width / 2, depth / 2)
            place(keep, solid, medium, layer, front + depth / 2, number)
            front += depth
        keep.append(placed)

    return build


def lead_argon() -> tuple[list[Any], list[tuple[Any, float]]]:
    return [], [(nist("G4_Pb"), 2.3), (nist("G4_lAr"), 5.7)]


def iron_scintillator() -> tuple[list[Any], list[tuple[Any, float]]]:
    elements = [g4.G4NistManager.Instance().FindOrBuildElement(z) for z in (6, 1)]
    scintillator = compound("Scintillator", 1.032, [(elements[0], 9), (elements[1], 10)])
    return elements, [(material("Iron", 26.0, 55.85, 7.87), 36.0), (scintillator, 4.0)]


def crystal(keep: list[Any]) -> None:
    """TestEm2's cylinder of PbWO4: 20 radiation lengths long, 5 in radius, which is the world."""
    length = nist("G4_PbWO4").GetRadlen()
    place(keep, g4.G4Tubs("crystal", 0.0, 5 * length, 10 * length, 0.0, 2 * g4.pi), nist("G4_PbWO4"))


def cylinders(name: str = "") -> Build:
    """ParticleFluence's cylinders in vacuum: 1 m of a NIST material, or Calo's 60 times copper and liquid argon.

    Copper is ten interaction lengths deep in all and the radius is five (atlasHec.in).
    """

    def build(keep: list[Any]) -> None:
        world = place(keep, g4.G4Box("world", 1e4, 1e4, 1e4), nist(SPARSE))
        placed, radius, slabs = keep[-1], 500.0, [(nist(name), 1000.0)] if name else []
        if not name:
            copper, argon = material("copper", 29.0, 63.54, 8.96), material("argon", 18.0, 39.95, 1.4)
            radius, slabs = 752.8, [(copper, 25.0933), (argon, 8.5)] * 60
        front = -sum(depth for _, depth in slabs) / 2
        for number, (medium, depth) in enumerate(slabs):
            solid = g4.G4Tubs("slab", 0.0, radius, depth / 2, 0.0, 2 * g4.pi)
            place(keep, solid, medium, world, front + depth / 2, number)
            front += depth
        keep.append(placed)

    return build


def in_slabs(row: Row, step: Any) -> None:
    """TestEm3: deposits, charged path and steps in the slabs."""
    medium = str(step.GetPreStepPoint().GetMaterial().GetName())
    if medium == SPARSE:
        return
    row[f"deposit in {medium}"] += step.GetTotalEnergyDeposit()
    charged = step.GetTrack().GetDefinition().GetPDGCharge() != 0
    row["charged steps" if charged else "neutral steps"] += 1
    if charged:
        row[f"charged path in {medium}"] += step.GetStepLength()


def secondaries(row: Row, track: Any) -> None:
    """TestEm3: every secondary, whatever its energy."""
    if track.GetTrackID() > 1:
        row[str(track.GetDefinition().GetParticleName())] += 1


def processes(row: Row, step: Any) -> None:
    """TestEm1 and Hadr05: deposits in each material and the process that ends each step."""
    row[f"deposit in {step.GetPreStepPoint().GetMaterial().GetName()}"] += step.GetTotalEnergyDeposit()
    process = step.GetPostStepPoint().GetProcessDefinedStep()
    if process is not None:
        row[str(process.GetProcessName())] += 1


def tracks(row: Row, track: Any) -> None:
    """TestEm1: tracks, and the path of the first."""
    row["charged tracks" if track.GetDefinition().GetPDGCharge() else "neutral tracks"] += 1
    if track.GetTrackID() == 1:
        row["path of the electron"] += track.GetTrackLength()


def deposit_and_steps(row: Row, step: Any) -> None:
    """TestEm2: the deposit in percent of the electron's total energy, steps."""
    row["deposit"] += step.GetTotalEnergyDeposit() / (5000 + g4.electron_mass_c2) * 100
    row["charged steps" if step.GetTrack().GetDefinition().GetPDGCharge() else "neutral steps"] += 1


def paths(row: Row, track: Any) -> None:
    """TestEm2: paths in radiation lengths."""
    name = "charged path" if track.GetDefinition().GetPDGCharge() else "neutral path"
    row[name] += track.GetTrackLength() / track.GetMaterial().GetRadlen()


def transfers(row: Row, track: Any) -> None:
    """TestEm18: what the electron makes on its way, with its energy."""
    name = str(track.GetDefinition().GetParticleName())
    row[name] += 1
    row[f"{name}, energy"] += track.GetKineticEnergy()


def births(row: Row, track: Any) -> None:
    """ParticleFluence: particles born in matter, below and above 20 MeV, and their kinetic energy."""
    if track.GetParentID() == 0 or track.GetLogicalVolumeAtVertex().GetName() == SPARSE:
        return
    code, energy = abs(track.GetDefinition().GetPDGEncoding()), track.GetKineticEnergy()
    side = "<" if energy < LIMIT else ">"
    name = SPECIES.get(code, "ions" if code > 10**9 else "others")
    row[f"{name} {side}"] += 1
    row[f"{name} {side}, energy"] += energy
    if code == 22 and track.GetCreatorProcess().GetProcessName() == "nCapture":
        row["photons of captures"] += 1


def _layer(name: str) -> Setup:
    return Setup(cylinders(name), ("pi-", 50e3), lambda: -550.0, "FTFP_BERT", born=births)


SETUPS: dict[str, Setup] = {
    "testem1": Setup(box(1e4), ("e-", 100.0), lambda: -4999.0, "single", processes, done=tracks),
    "testem2": Setup(
        crystal, ("e-", 5e3), lambda: -10 * nist("G4_PbWO4").GetRadlen(), "em0", deposit_and_steps, done=paths
    ),
    "testem3": Setup(sampling(lead_argon, 400.0), ("e-", 1e3), lambda: -239.9, "em0", in_slabs, secondaries),
    "testem18": Setup(box(10.0), ("e-", 100.0), lambda: -5.0, "em0", born=transfers, primary_only=True),
    **{"layer-" + name.removeprefix("G4_").lower(): _layer(name) for name in LAYERS},
    "calo": Setup(cylinders(), ("pi-", 50e3), lambda: -1100.0, "FTFP_BERT", born=births),
    "hadr05": Setup(sampling(iron_scintillator, 1500.0), ("proton", 5e3), lambda: -1199.9, "hadr05", processes),
}
