"""Geant4's objects for a `Physics`: the list and the step limits. Import only where `engine` may be imported."""

__all__ = ["build_physics", "apply_limits"]

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geant4_pybind as g4

from caloforge.simulation.physics_lists import Physics

CONSTRUCTORS: dict[str, Callable[[], Any]] = {
    "em0": g4.G4EmStandardPhysics,
    "em1": g4.G4EmStandardPhysics_option1,
    "em3": g4.G4EmStandardPhysics_option3,
    "em4": g4.G4EmStandardPhysics_option4,
    "converged": g4.G4EmStandardPhysics,
}
COMPLETE: dict[str, Callable[[], Any]] = {"FTFP_BERT": g4.FTFP_BERT, "QGSP_BERT": g4.QGSP_BERT}
REGION = "DefaultRegionForTheWorld"
FLUORESCENCE = "fluor"  # the folder of G4EMLOW with transitions of atoms; the built-in tables have none


class _Electromagnetic(g4.G4VModularPhysicsList):  # type: ignore[misc]
    """One electromagnetic constructor and nothing else."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.referenced = [CONSTRUCTORS[name]()]
        self.RegisterPhysics(self.referenced[0])


def build_physics(physics: Physics) -> tuple[Any, list[Any]]:
    """The physics list, before the start, and what must stay referenced with it.

    Lists that make characteristic X-rays (options 3 and 4) do so where the data have the transitions.

    Args:
        physics: list, cuts and limits.
    """
    built = COMPLETE[physics.name]() if physics.name in COMPLETE else _Electromagnetic(physics.name)
    if not Path(os.environ["G4LEDATA"], FLUORESCENCE).is_dir():
        g4.G4EmParameters.Instance().SetFluo(False)
    referenced = []
    if physics.max_step is not None:
        referenced.append(g4.G4StepLimiterPhysics())
        built.RegisterPhysics(referenced[0])
    built.SetVerboseLevel(0)
    return built, referenced


def apply_limits(physics: Physics) -> list[Any]:
    """After the start: the range cut, and the longest step of charged particles; what must stay referenced.

    ``SetDefaultCutValue`` before the start has no effect on a list that is made in Python.

    Args:
        physics: list, cuts and limits.
    """
    g4.G4UImanager.GetUIpointer().ApplyCommand(f"/run/setCut {physics.production_cut} mm")
    if physics.max_step is None:
        return []
    limits = g4.G4UserLimits(physics.max_step)
    g4.G4RegionStore.GetInstance().GetRegion(REGION, False).SetUserLimits(limits)
    return [limits]
