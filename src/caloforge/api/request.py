"""What a simulation is asked for, from words and numbers: everything is checked here, before anything is simulated."""

__all__ = ["in_mev", "request_of", "require_output"]

import math
from collections.abc import Sequence
from pathlib import Path

from caloforge.api.beams import Quantity, beam_of, frame_of
from caloforge.api.calorimeter import find_calorimeter, of_gdml
from caloforge.errors import BadValue
from caloforge.files import require_new
from caloforge.geometry.binning import Binning
from caloforge.geometry.face import Face
from caloforge.geometry.gdml import Calorimeter
from caloforge.geometry.readouts import default_readout
from caloforge.geometry.readouts import readout as find_readout
from caloforge.simulation.physics_lists import Physics, default_physics
from caloforge.simulation.production.request import Request
from caloforge.simulation.timing import Timing
from caloforge.units import parse_energy, parse_length, parse_time


def request_of(
    detector: str | Path | Calorimeter,
    energy: Quantity | None = None,
    n: int | None = None,
    particle: str | int | None = None,
    theta: Quantity | None = None,
    phi: Quantity | None = None,
    binning: str | Binning | None = None,
    sensitive: str | Sequence[str] | None = None,
    face: str | Face | None = None,
    cells: str = "mesh",
    frame: str | None = None,
    physics: str | None = None,
    cut: Quantity | None = None,
    max_step: Quantity | None = None,
    tracking_cut: Quantity | None = None,
    seed: int = 1,
    time: bool = False,
    gate: Quantity | None = None,
    *,
    events: str | Path | None = None,
    units: str | None = None,
) -> Request:
    """What `simulate` is asked for, checked before anything is simulated; errors as there.

    Args:
        detector: name of a calorimeter, a YAML or GDML file, a `Detector` or a `GdmlDetector`.
        energy: text with a unit, or a number in MeV.
        n: number of showers, or of events to read.
        particle: name, PDG number, or a mixture.
        theta: angle to the normal, text with a unit or a number in rad.
        phi: azimuth about the normal, likewise.
        binning: name of the mesh, XML file or `Binning`; the detector's own when not given.
        sensitive: of a GDML file: names of the volumes that are read, ``*`` and ``?`` allowed, text with commas or a
            list; those tagged ``SensDet`` when not given.
        face: of a GDML file: where the beam enters and its direction, ``"0,0,-10cm:z"``, or a `Face`.
        cells: ``"mesh"`` about the axis, or of a GDML file ``"volumes"``: each placed sensitive volume is a cell.
        frame: whether it follows the ``"axis"`` of the shower or stays with the ``"detector"``.
        physics: name of the physics list; FTFP_BERT for hadrons, else em0, when not given.
        cut: range cut for secondaries, text with a unit or a number in mm.
        max_step: longest step of charged particles, likewise.
        tracking_cut: charged particles stop below, text with a unit or a number in MeV.
        seed: same seed, same showers.
        time: whether to keep the mean and the first time of every cell.
        gate: deposits later than this are not counted, text with a unit or a number in ns.
        events: file of HepMC events, in place of energy, particle and angles.
        units: of events that do not say them.

    Raises:
        BadValue: a value that is not of these forms, or that detector and physics list do not cover.
        BadFile: events at fault, or none of them reaches the calorimeter.
        UnknownName: no such detector, mesh, frame, particle or physics list.
        BadFile, Geant4Missing: a GDML file at fault, or without Geant4.
    """
    mesh_frame = frame_of(frame, events is not None)
    own_face = None if events is not None and not of_gdml(detector) else face  # else it is where events see it
    if cells == "volumes" and binning is not None:
        raise BadValue("cells", cells, "a mesh by --binning has no volumes for cells: give the one or the other")
    if cells == "volumes" and frame == "axis":
        raise BadValue("frame", frame, "volumes stay with the detector and follow no axis: leave it out")
    stack = find_calorimeter(detector, sensitive, own_face, cells)
    beam, showers = beam_of(stack, energy, n, particle, theta, phi, events, units, face)
    own = default_readout(stack) if binning is None else binning
    mesh = find_readout(own) if isinstance(own, str) else own
    along_axis = cells == "mesh"  # volumes stay where they are
    setting = Physics(
        physics or default_physics(*beam.particles),
        None if cut is None else _in_mm(cut),
        None if max_step is None else _in_mm(max_step),
        None if tracking_cut is None else in_mev(tracking_cut),
    )
    timing = Timing(time, math.inf if gate is None else _in_ns(gate))
    return Request(stack, beam, mesh, showers, seed, mesh_frame if along_axis else "detector", setting, timing)


def require_output(output: str | Path, overwrite: bool, *inputs: object) -> None:
    """Refuse a file of showers in the place of something, or of what the simulation reads, before anything is read.

    Args:
        output: file to make.
        overwrite: whether an earlier result may go.
        inputs: detector, events and mesh, those that are no paths too.

    Raises:
        UnwritablePath: it is a folder, an input, or exists and ``overwrite`` is off.
    """
    require_new(output, overwrite, [source for source in inputs if isinstance(source, str | Path)])


def _in_mm(length: Quantity) -> float:
    return parse_length(length if isinstance(length, str) else f"{float(length)!r}mm")


def _in_ns(time: Quantity) -> float:
    return parse_time(time) if isinstance(time, str) else float(time)


def in_mev(energy: Quantity) -> float:
    """An energy in MeV.

    Args:
        energy: text with a unit, or a number in MeV.

    Raises:
        BadValue: no energy.
    """
    return parse_energy(energy if isinstance(energy, str) else f"{float(energy)!r}MeV")
