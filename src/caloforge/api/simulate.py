"""Full simulation from Python: words and numbers in, showers of Geant4 or GFlash out, in memory or in a file."""

__all__ = ["simulate"]

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TypedDict, Unpack, overload

from caloforge.api.beams import Quantity
from caloforge.api.calls import warn_in_python
from caloforge.api.dataset import Dataset, open_dataset
from caloforge.api.engines import APPROXIMATE, check_engine, run_engine, share_of_energy
from caloforge.api.fast import fast_sentences, with_fast
from caloforge.api.progress import bar
from caloforge.api.request import request_of, require_output
from caloforge.data.showers import Showers
from caloforge.geometry.binning import Binning
from caloforge.geometry.face import Face
from caloforge.geometry.gdml import Calorimeter
from caloforge.simulation.event_beam import EventBeam
from caloforge.simulation.production.progress import Progress


class Options(TypedDict, total=False):
    """Options of `simulate`."""

    energy: Quantity | None
    events: str | Path | None
    units: str | None
    face: str | Face | None
    n: int | None
    particle: str | int | None
    theta: Quantity | None
    phi: Quantity | None
    binning: str | Binning | None
    sensitive: str | Sequence[str] | None
    cells: str
    frame: str | None
    physics: str | None
    cut: Quantity | None
    max_step: Quantity | None
    tracking_cut: Quantity | None
    time: bool
    gate: Quantity | None
    seed: int
    engine: str
    fast: str | Path | None
    fast_above: Quantity | None
    fast_place: str | None
    workers: int
    shard_size: int | None
    mantissa_bits: int
    overwrite: bool
    executor: Executor | None
    progress: Callable[[Progress], None] | None
    warn: Callable[[str], None]
    command: str | None


@overload
def simulate(
    detector: str | Path | Calorimeter = ..., *, output: None = ..., **options: Unpack[Options]
) -> Showers: ...


@overload
def simulate(
    detector: str | Path | Calorimeter = ..., *, output: str | Path, **options: Unpack[Options]
) -> Dataset: ...


def simulate(
    detector: str | Path | Calorimeter = "par04-siw",
    *,
    energy: Quantity | None = None,
    events: str | Path | None = None,
    units: str | None = None,
    face: str | Face | None = None,
    n: int | None = None,
    particle: str | int | None = None,
    theta: Quantity | None = None,
    phi: Quantity | None = None,
    binning: str | Binning | None = None,
    sensitive: str | Sequence[str] | None = None,
    cells: str = "mesh",
    frame: str | None = None,
    physics: str | None = None,
    cut: Quantity | None = None,
    max_step: Quantity | None = None,
    tracking_cut: Quantity | None = None,
    time: bool = False,
    gate: Quantity | None = None,
    seed: int = 1,
    engine: str = "geant4",
    fast: str | Path | None = None,
    fast_above: Quantity | None = None,
    fast_place: str | None = None,
    workers: int = 1,
    shard_size: int | None = None,
    mantissa_bits: int = 23,
    output: str | Path | None = None,
    overwrite: bool = False,
    executor: Executor | None = None,
    progress: Callable[[Progress], None] | None = None,
    warn: Callable[[str], None] = warn_in_python,
    command: str | None = None,
) -> Showers | Dataset:
    """Simulate showers with Geant4, in processes of their own.

    Args:
        detector: name of a calorimeter, a YAML or GDML file, a `Detector` or a `GdmlDetector`.
        energy: ``"50GeV"``, ``"5GeV,10GeV"`` in turn, ``"1GeV:100GeV:log"``, ``"1GeV:100GeV:uniform"``, or MeV.
        events: in place of energy, particle and angles: a file of HepMC events, all particles of one make one shower.
        units: of events that do not say them, ``"GEV,MM"``.
        face: of a GDML file: where the beam enters and its direction, ``"0,0,-10cm:z"``, or a `Face`; of others:
            where their face stands in the coordinates of the events, at the origin along z when not given.
        n: number of showers, 1000 when not given; of events, how many are read, all when not given.
        particle: name, PDG number, or a mixture, ``"e-:0.99,mu-:0.01"``; electrons when not given.
        theta: angle to the normal, ``"30deg"``, ``"0deg:30deg:solid-angle"``, or a number in rad; 0 when not given.
        phi: azimuth about the normal, likewise.
        binning: name of the mesh, XML file or `Binning`; the detector's own when not given.
        sensitive: of a GDML file: names of the volumes that are read, ``*`` and ``?`` allowed, text with commas or a
            list; those tagged ``SensDet`` when not given.
        cells: ``"mesh"`` about the axis, or of a GDML file ``"volumes"``: each placed sensitive volume is a cell.
        frame: whether it follows the ``"axis"`` of the shower, which is the rule, or stays with the ``"detector"``, as
            that of events does.
        physics: name of the physics list; FTFP_BERT for hadrons, else em0, when not given.
        cut: range cut for secondaries, ``"0.7mm"`` or a number in mm.
        max_step: longest step of charged particles, likewise.
        tracking_cut: charged particles stop below, ``"10keV"`` or a number in MeV.
        time: whether to keep the mean and the first time of every cell, see `Showers.time`.
        gate: deposits later than this are not counted, ``"200ns"`` or a number in ns of the event's global time.
        seed: same seed, same showers.
        engine: ``"geant4"``, or ``"gflash"`` for the Grindhammer-Peters parametrisation.
        fast: a model (bundle, run folder or name): particles that it knows are stopped at the face, and their showers
            come from it, see docs/geant4-hook.md.
        fast_above: kinetic energy from which on; the lowest of its training when not given.
        fast_place: where a cell's energy goes in another mesh, ``"centre"`` (when not given) or ``"uniform"`` in it.
        workers: processes on this machine.
        shard_size: showers in each file that a repeated call can skip.
        mantissa_bits: bits of cell energies to keep.
        output: HDF5 file to make; a call that was interrupted goes on from what its shards hold.
        overwrite: replace an output that exists.
        executor: where to simulate instead of this machine, a dask client's say.
        progress: called after every shower; a bar on a terminal when not given.
        warn: told where cross sections are approximate, and what is left out of events; a Python warning otherwise.
        command: the command line, for the provenance.

    Returns:
        `Showers` in memory; with ``output`` the `Dataset` of the file.

    Raises:
        BadValue: a value that is not of these forms, or that detector and physics list do not cover.
        BadFile: no HepMC events, or at fault, or none of their particles reaches the calorimeter.
        UnknownName: no such detector, mesh, frame, particle, physics list or engine.
        UnwritablePath: the output exists or cannot be written.
        Geant4Missing, Geant4Failed: geant4-pybind is not installed, or its process died.

    Example:
        >>> import caloforge as cf
        >>> cf.simulate("par04-siw", energy="10GeV", n=5, engine="gflash").energy.shape
        (5, 1080)
    """
    if output is not None:
        require_output(output, overwrite, detector, events, binning)
    request = request_of(
        detector,
        energy,
        n,
        particle,
        theta,
        phi,
        binning,
        sensitive,
        face,
        cells,
        frame,
        physics,
        cut,
        max_step,
        tracking_cut,
        seed,
        time,
        gate,
        events=events,
        units=units,
    )
    request = with_fast(request, fast, fast_above, fast_place)
    settings = {"physics": physics, "cut": cut, "max_step": max_step, "tracking_cut": tracking_cut, "gate": gate}
    check_engine(engine, settings | {"time": time or None, "fast": fast}, executor is not None)
    if engine == "geant4" and request.facts["hadronic_data_kind"] == "built-in":
        warn(APPROXIMATE)
    for text in fast_sentences(request)[1:]:
        warn(text)
    if isinstance(request.beam, EventBeam):
        beside = request.beam.beside_mesh(request.binning)
        for text in filter(None, (None if request.beam.complete else request.beam.sentence, beside)):
            warn(text)
    options = (engine, workers, shard_size, mantissa_bits, overwrite)
    with bar("simulating", 1.0) as shown, tempfile.TemporaryDirectory(prefix="caloforge-") as folder:
        path = Path(folder, "showers.h5") if output is None else Path(output)
        run_engine(request, path, *options, progress or share_of_energy(shown), executor, command)
        if output is not None:
            return open_dataset(output)
        with open_dataset(path) as dataset:
            return dataset.read()
