"""Physics by the names that users know: which list, which cuts and step limits, and what they cover.

Names only: Geant4's objects are made in `physics_build`, in the process that simulates.
"""

__all__ = ["HADRONS", "PHYSICS_LISTS", "SECONDARY_HADRONS", "Physics", "PhysicsList", "default_physics", "OPTION_0"]

from dataclasses import dataclass
from typing import Any

from caloforge.errors import BadValue, UnknownName
from caloforge.simulation.tables.em_data import DataSource
from caloforge.units import GeV, MeV, format_energy, keV, mm

HADRONS = {"pi+": 211, "pi-": -211, "p": 2212, "n": 2112, "K+": 321, "K-": -321}
# Hadrons of generators' events; beams have none, showers make them.
SECONDARY_HADRONS = {
    "p~": -2212,
    "n~": -2112,
    "K(L)0": 130,
    "K(S)0": 310,
    "Lambda": 3122,
    "Lambda~": -3122,
    "Sigma+": 3222,
    "Sigma-": 3112,
    "Sigma~-": -3222,
    "Sigma~+": -3112,
    "Xi0": 3322,
    "Xi-": 3312,
    "Xi~0": -3322,
    "Xi~+": -3312,
    "Omega-": 3334,
    "Omega~+": -3334,
    "pi0": 111,
}
_ALL_HADRONS = frozenset(HADRONS.values()) | frozenset(SECONDARY_HADRONS.values())
TABLES_END = 20 * MeV  # below, hadrons rest on the data files alone


@dataclass(frozen=True)
class PhysicsList:
    """One list of Geant4.

    Geant4's kernel gives a bare electromagnetic constructor a range cut of 1 mm; complete lists set 0.7 mm themselves.

    Args:
        title: in the provenance.
        hadronic: whether it has hadronic processes.
        official_only: whether it needs Geant4's official datasets.
        cut: range cut for secondaries, mm.
        commands: for Geant4 before its start.
        low: lowest kinetic energy it covers, MeV.
        high: highest kinetic energy it covers, MeV.
    """

    title: str
    hadronic: bool = False
    official_only: bool = False
    cut: float = 1.0 * mm
    commands: tuple[str, ...] = ()
    low: float = 1 * keV
    high: float = 1e5 * GeV


PHYSICS_LISTS: dict[str, PhysicsList] = {
    "em0": PhysicsList("G4EmStandardPhysics (option 0)"),
    "em1": PhysicsList("G4EmStandardPhysics_option1"),
    "em3": PhysicsList("G4EmStandardPhysics_option3"),
    "em4": PhysicsList("G4EmStandardPhysics_option4", official_only=True),  # Livermore and Penelope data
    "converged": PhysicsList(
        "G4EmStandardPhysics (option 0), UseDistanceToBoundary",
        commands=("/process/msc/StepLimit UseDistanceToBoundary",),
    ),
    "FTFP_BERT": PhysicsList("FTFP_BERT", hadronic=True, cut=0.7 * mm),
    "QGSP_BERT": PhysicsList("QGSP_BERT", hadronic=True, cut=0.7 * mm),
}


@dataclass(frozen=True)
class Physics:
    """The physics of a simulation.

    Args:
        name: one of `PHYSICS_LISTS`.
        cut: range cut for the production of e-, e+, gamma and p, mm; by default that of the list.
        max_step: longest step in the detector, mm; none by default.
        tracking_cut: kinetic energy in MeV below which charged particles stop and deposit the rest; none by default.

    Raises:
        UnknownName: no such list.
        BadValue: a cut or limit that is not positive.
    """

    name: str = "em0"
    cut: float | None = None
    max_step: float | None = None
    tracking_cut: float | None = None

    def __post_init__(self) -> None:
        if self.name not in PHYSICS_LISTS:
            raise UnknownName("physics list", self.name, PHYSICS_LISTS, "docs/truth.md")
        for what in ("cut", "max_step", "tracking_cut"):
            value = getattr(self, what)
            if value is not None and not 0 < value < float("inf"):
                raise BadValue(what.replace("_", " "), value, "give a positive length or energy")

    @property
    def list(self) -> PhysicsList:
        return PHYSICS_LISTS[self.name]

    @property
    def production_cut(self) -> float:
        """The range cut in mm: the one that was asked for, else that of the list."""
        return self.list.cut if self.cut is None else self.cut

    @property
    def commands(self) -> tuple[str, ...]:
        """Commands for Geant4 before its start, beyond those of every run."""
        cut = self.tracking_cut
        kinds = () if cut is None else ("lowestElectronEnergy", "lowestMuHadEnergy")
        return (*self.list.commands, *(f"/process/em/{kind} {cut} MeV" for kind in kinds))

    @property
    def facts(self) -> dict[str, Any]:
        """For the provenance of a file."""
        return {
            "physics": self.name,
            "physics_list": self.list.title,
            "production_cut_mm": self.production_cut,
            "max_step_mm": self.max_step,
            "tracking_cut_mev": self.tracking_cut,
        }

    def check_beam(self, pdg: int, name: str, low: float, high: float) -> None:
        """That the list has this particle at these kinetic energies.

        Args:
            pdg: PDG number of the particle.
            name: of the particle, for the sentence.
            low: lowest kinetic energy, MeV.
            high: highest kinetic energy, MeV.

        Raises:
            BadValue: a hadron with a list of electromagnetic processes, or energies outside the range of the list.
        """
        if pdg in _ALL_HADRONS and not self.list.hadronic:
            lists = ", ".join(name for name, physics_list in PHYSICS_LISTS.items() if physics_list.hadronic)
            raise BadValue("particle", name, f"{self.name} has no hadronic processes; use one of {lists}")
        for energy in (low, high):
            if not self.list.low <= energy <= self.list.high:
                ends = f"{format_energy(self.list.low)} and {format_energy(self.list.high)}"
                raise BadValue("energy", format_energy(energy), f"{self.name} covers energies between {ends}")

    def check_data(self, data: DataSource, pdg: int, low: float) -> None:
        """That these data files suffice.

        Args:
            data: the files that Geant4 would read.
            pdg: PDG number of the particle.
            low: lowest kinetic energy, MeV.

        Raises:
            BadValue: the list needs official datasets, or hadrons start where the built-in tables are all there is.
        """
        if self.list.official_only and data.kind != "official":
            remedy = "it reads Livermore data that the built-in tables lack; set G4LEDATA to the official G4EMLOW"
            raise BadValue("physics list", self.name, remedy)
        if pdg in HADRONS.values() and low < TABLES_END and data.hadronic != "official":
            remedy = "below 20MeV the built-in hadronic tables are too rough for a beam; set G4PARTICLEXSDATA"
            raise BadValue("energy of a hadron", format_energy(low), remedy)


def default_physics(*pdg: int) -> str:
    """FTFP_BERT if there are hadrons among them, option 0 for all others."""
    return "FTFP_BERT" if set(pdg) & _ALL_HADRONS else "em0"


OPTION_0 = Physics()
