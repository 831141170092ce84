"""Full simulation in this process: Detector + Shots + Binning -> Showers, with one Geant4 run manager.

Geant4 allows one run manager per process and aborts the process on a fatal error, so `production` runs this in
processes of their own; call it directly only in a process that may be lost and that simulates one detector.
"""

__all__ = ["OPTION_0", "Facts", "Mesh", "Shots", "check_readout", "needs_points", "simulate"]

import importlib.util
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array

from caloforge.data.showers import Showers
from caloforge.errors import BadValue, Geant4Missing
from caloforge.geometry.binning import Binning
from caloforge.geometry.detector import Detector
from caloforge.simulation.physics_lists import Physics
from caloforge.simulation.tables.em_data import find_data
from caloforge.units import mm

if TYPE_CHECKING:
    from caloforge.simulation.geant4.engine import Engine

Mesh = Literal["axis", "detector"]
OPTION_0 = Physics()
_TOUCH = 1e-6 * mm  # depths nearer than this are equal


@dataclass(frozen=True, eq=False)
class Shots:
    """What is shot at the calorimeter: particles, their energies, and the seeds of Geant4's engine for every shower.

    Args:
        pdg: PDG numbers, int32.
        energy: kinetic energies, MeV, float32.
        seeds: two positive integers for every shower.
        angles: theta and phi, rad, float32; None if all are perpendicular to the face.
        mesh: whether the mesh follows the ``axis`` of each shower, as in Par04, or stays with the ``detector``.
    """

    pdg: Int[Array, " n"]
    energy: Float[Array, " n"]
    seeds: Int[Array, "n 2"]
    angles: Float[Array, "n 2"] | None = None
    mesh: Mesh = "axis"

    def __len__(self) -> int:
        return len(self.energy)

    def __getitem__(self, rows: slice) -> "Shots":
        angles = None if self.angles is None else self.angles[rows]
        return replace(self, pdg=self.pdg[rows], energy=self.energy[rows], seeds=self.seeds[rows], angles=angles)


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


def check_readout(detector: Detector, binning: Binning) -> Int[Array, " n"]:
    """Position of the mesh layer that holds the middle of each sensitive slab, or -1.

    Raises:
        BadValue: the mesh has no depth, or no sensitive slab lies in it.
    """
    middles = (detector.faces[:-1] + detector.faces[1:])[detector.sensitive] / 2
    layers = binning.layer_at_depth(middles)
    if (layers < 0).all() and not _overlap(detector, binning).any():
        raise BadValue("readout", binning.name, f"no sensitive slab of {detector.name} lies inside it")
    return layers


def _overlap(detector: Detector, binning: Binning) -> Bool[Array, "n L"]:
    """Which layers of the mesh each sensitive slab, thicker than they are, reaches into."""
    if binning.z_edges is None:
        raise BadValue("readout", binning.name, "it does not say at which depth its layers lie")
    low, high = binning.z_edges.T
    front, back = (detector.faces[detector.sensitive + i, None] for i in (0, 1))
    thicker = back - front > high - low + _TOUCH
    return thicker & (front < high - _TOUCH) & (back > low + _TOUCH)


def needs_points(detector: Detector, shots: Shots, binning: Binning) -> bool:
    """Whether the depth of each step, not its slab, decides its layer: inclined mesh, or slabs thicker than layers."""
    return (shots.angles is not None and shots.mesh == "axis") or bool(_overlap(detector, binning).any())


@lru_cache(maxsize=1)
def _engine(detector: Detector, binning: Binning, physics: Physics, points: bool) -> "Engine":
    """This process's Geant4, started on the first call; the data must be known before the import."""
    if importlib.util.find_spec("geant4_pybind") is None:
        raise Geant4Missing
    os.environ.update(find_data(hadrons=physics.list.hadronic).environment)
    from caloforge.simulation.geant4.engine import Engine

    return Engine(detector, binning, check_readout(detector, binning), physics, points)


def simulate(
    detector: Detector,
    shots: Shots,
    binning: Binning,
    each: Callable[[int], None] = lambda index: None,
    physics: Physics = OPTION_0,
) -> tuple[Showers, Facts]:
    """Simulate every shot; shower i depends on its energy and seeds alone, not on what ran before it.

    Energy in cells is what is deposited in sensitive slabs, MeV, without threshold, placed at the middle of each step.

    Args:
        detector: the stack; the same in all calls of one process.
        shots: particles, energies and seeds.
        binning: the mesh, with depths; the same in all calls of one process.
        each: called with the index of every finished shower.
        physics: list, cuts and limits; the same in all calls of one process.

    Raises:
        Geant4Missing: geant4-pybind is not installed.
        Geant4Failed: this process already simulated another detector, mesh or physics.
        BadValue: the mesh does not fit the detector.
    """
    start = time.process_time()
    engine = _engine(detector, binning, physics, needs_points(detector, shots, binning))
    ready = time.process_time()
    cells, total = engine.shoot(shots, each)
    done = time.process_time()
    facts = Facts(engine.version, done - ready, ready - start, float(total.sum()), float(cells.sum(dtype=np.float64)))
    showers = Showers.perpendicular(cells, shots.energy, binning, shots.pdg)
    if shots.angles is not None:
        showers = replace(showers, theta=shots.angles[:, 0], phi=shots.angles[:, 1])
    return showers, facts
