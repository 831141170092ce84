"""Full simulation in this process: Detector + Primaries + Binning -> Showers, with one Geant4 run manager.

Geant4 allows one run manager per process and aborts the process on a fatal error, so `production` runs this in
processes of their own; call it directly only in a process that may be lost and that simulates one detector.
"""

__all__ = ["Facts", "simulate"]

import importlib.util
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from caloforge.data.showers import Showers
from caloforge.errors import Geant4Missing
from caloforge.geometry.binning import Binning
from caloforge.geometry.gdml import Calorimeter
from caloforge.simulation.physics_lists import OPTION_0, Physics
from caloforge.simulation.primaries import Primaries
from caloforge.simulation.readout_fit import check_readout, needs_points
from caloforge.simulation.tables.em_data import find_data
from caloforge.simulation.timing import NO_TIMING, Timing

if TYPE_CHECKING:
    from caloforge.simulation.geant4.engine import Engine


@dataclass(frozen=True)
class Facts:
    """What only the simulation itself knows: versions, cost and containment.

    Args:
        geant4: version, such as ``11.4.1``.
        core_seconds: processor time of the showers, without Geant4's start.
        start_seconds: processor time of Geant4's start, if this call started it.
        sensitive_energy: energy deposited in the sensitive slabs, MeV, summed over the showers.
        cell_energy: the part of it inside the mesh, MeV.
    """

    geant4: str
    core_seconds: float
    start_seconds: float
    sensitive_energy: float
    cell_energy: float


@lru_cache(maxsize=1)
def _engine(
    detector: Calorimeter, binning: Binning, physics: Physics, points: bool, timing: Timing = NO_TIMING
) -> "Engine":
    """This process's Geant4, started on the first call; the data must be known before the import."""
    if importlib.util.find_spec("geant4_pybind") is None:
        raise Geant4Missing
    os.environ.update(find_data(hadrons=physics.list.hadronic).environment)
    from caloforge.simulation.geant4.engine import Engine

    return Engine(detector, binning, check_readout(detector, binning), physics, points, timing)


def simulate(
    detector: Calorimeter,
    primaries: Primaries,
    binning: Binning,
    each: Callable[[int], None] = lambda index: None,
    physics: Physics = OPTION_0,
    timing: Timing = NO_TIMING,
) -> tuple[Showers, Facts]:
    """Simulate every shot; shower i depends on its energy and seeds alone, not on what ran before it.

    Energy in cells is what is deposited in sensitive slabs, MeV, without threshold, placed at the middle of each step.

    Args:
        detector: the stack, or a GDML file; the same in all calls of one process.
        primaries: particles, energies and seeds.
        binning: the mesh, with depths; the same in all calls of one process.
        each: called with the index of every finished shower.
        physics: list, cuts and limits; the same in all calls of one process.
        timing: whether to keep times, and the gate; the same in all calls of one process.

    Raises:
        Geant4Missing: geant4-pybind is not installed.
        Geant4Failed: this process already simulated another detector, mesh or physics.
        BadValue: the mesh does not fit the detector.
    """
    start = time.process_time()
    engine = _engine(detector, binning, physics, needs_points(detector, primaries, binning), timing)
    ready = time.process_time()
    scores = engine.shoot(primaries, each)
    done = time.process_time()
    sums = float(scores.sensitive.sum()), float(scores.cells.sum(dtype=np.float64))
    facts = Facts(engine.version, done - ready, ready - start, *sums)
    showers = Showers.perpendicular(scores.cells, primaries.energy, binning, primaries.pdg)
    showers = replace(showers, times=scores.times)
    if primaries.angles is not None:
        showers = replace(showers, theta=primaries.angles[:, 0], phi=primaries.angles[:, 1])
    if primaries.events is not None:
        showers = replace(showers, events=primaries.events)
    return showers, facts
