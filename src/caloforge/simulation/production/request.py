"""Production: a request for showers, cut into shards that processes simulate, resumed where it stopped, and merged.

Cells and conditions depend on the request (detector, readout, beam, number, seed) alone: they are bit for bit the same
on any number of workers and any shard size. The provenance says when and how fast they were made, and so differs.
"""

__all__ = ["Request", "checked_size", "complete", "produce", "simulate"]

import hashlib
import importlib.metadata
import importlib.util
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from caloforge.data.provenance import Provenance
from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.errors import BadValue, Geant4Missing, UnknownName
from caloforge.geometry.binning import Binning
from caloforge.geometry.detector import is_preset
from caloforge.geometry.gdml import Calorimeter, GdmlDetector
from caloforge.geometry.layout import detector_to_yaml
from caloforge.simulation.beam import Beam
from caloforge.simulation.event_beam import EventBeam
from caloforge.simulation.physics_lists import OPTION_0, Physics
from caloforge.simulation.primaries import Mesh, Primaries
from caloforge.simulation.production.progress import Counter, Progress, ignore
from caloforge.simulation.production.shards import is_complete, join, shard_folder, size_of
from caloforge.simulation.production.worker import Shard
from caloforge.simulation.production.workers import run_all
from caloforge.simulation.readout_fit import check_readout
from caloforge.simulation.replacement import Replacement, shot_particles
from caloforge.simulation.tables.em_data import find_data
from caloforge.simulation.timing import NO_TIMING, Timing


@dataclass(frozen=True)
class Request:
    """What is asked for; two equal requests have the same showers.

    Args:
        detector: the stack, or a GDML file.
        beam: particles, energies and angles, or events.
        binning: the mesh, with depths.
        n: showers.
        seed: same seed, same showers.
        mesh: whether the mesh follows the ``axis`` of each shower or stays with the ``detector``.
        physics: list, cuts and limits.
        timing: whether to keep times of cells, and the gate.
        fast: what takes the place of Geant4 for some particles.

    Raises:
        UnknownName: a frame of the mesh other than these two.
        BadValue: no shower asked for, a negative seed, a mesh that does not fit the detector, or a particle or energy
            that the physics list does not cover.
    """

    detector: Calorimeter
    beam: Beam | EventBeam
    binning: Binning
    n: int
    seed: int
    mesh: Mesh = "axis"
    physics: Physics = OPTION_0
    timing: Timing = NO_TIMING
    fast: Replacement | None = None

    def __post_init__(self) -> None:
        if self.mesh not in get_args(Mesh):
            raise UnknownName("mesh", self.mesh, get_args(Mesh))
        self.beam.check(self.physics)
        check_readout(self.detector, self.binning)
        self.beam.primaries(1, self.seed)
        if self.n < 1:
            raise BadValue("number of showers", self.n, "ask for at least one")

    @property
    def facts(self) -> dict[str, Any]:
        """The request, the physics and the software, for the provenance of a file."""
        data = find_data(hadrons=self.physics.list.hadronic)
        self.beam.check_data(self.physics, data)
        return {
            "detector": self.detector.name,
            **_origin(self.detector),
            "readout": self.binning.name,
            **self.beam.facts,
            "mesh": self.mesh,
            "n": self.n,
            "seed": self.seed,
            **self.physics.facts,
            **self.timing.facts,
            "data_kind": data.kind,
            "hadronic_data_kind": data.hadronic,
            "data_tables": data.description,
            **({} if self.fast is None else {"fast": self.fast.facts}),
            "caloforge": importlib.metadata.version("caloforge"),
            "geant4_pybind": importlib.metadata.version("geant4-pybind"),
        }

    @property
    def primaries(self) -> Primaries:
        """All that is shot, and which of it is replaced."""
        shot = replace(self.beam.primaries(self.n, self.seed), mesh=self.mesh)
        return shot if self.fast is None else replace(shot, replaced=self.fast.selects(shot_particles(shot)))

    def shards(self, folder: Path, size: int, facts: dict[str, Any]) -> list[Shard]:
        """The request cut into files, named by a digest of all that decides their showers.

        Args:
            folder: of the files.
            size: showers in a shard.
            facts: those of the request, which the digest covers.
        """
        identity = [facts, repr(self.detector), self.binning.to_xml(), repr(self.beam), size]
        digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
        primaries = self.primaries
        parts = [primaries[start : start + size] for start in range(0, self.n, size)]
        paths = [folder / f"{digest}-{i:05d}.h5" for i in range(len(parts))]
        return [
            Shard(i, path, self.detector, self.binning, part, digest, self.physics, self.timing)
            for i, (path, part) in enumerate(zip(paths, parts, strict=True))
        ]


def _origin(detector: Calorimeter) -> dict[str, Any]:
    """What a detector is, whole or by its digest."""
    if isinstance(detector, GdmlDetector):
        return detector.facts
    origin = "preset" if is_preset(detector) else "user's own"
    return {"detector_origin": origin, "detector_yaml": detector_to_yaml(detector)}


def produce(
    request: Request,
    output: str | Path,
    workers: int = 1,
    shard_size: int | None = None,
    mantissa_bits: int = 23,
    overwrite: bool = False,
    progress: Callable[[Progress], None] = ignore,
    executor: Executor | None = None,
    command: str | None = None,
) -> Path:
    """Simulate a request into one file.

    Shards lie in the folder ``output.shards`` until all are there. Calling again after Ctrl-C, a crash or a kill
    simulates only the shards that are missing.

    Args:
        request: what to simulate.
        output: HDF5 file of showers, see `caloforge.data.store`; it appears only when it is complete.
        workers: processes on this machine.
        shard_size: showers in a shard, default about a 16th of them and at most 200.
        mantissa_bits: bits of the mantissa of cell energies to keep.
        overwrite: replace an output that exists.
        progress: called at the start, then after every shower, from a thread.
        executor: where to simulate instead of this machine; it must see the folder of ``output``.
        command: the command line, for the provenance.

    Raises:
        BadValue: workers, shard size or mantissa bits out of range.
        UnwritablePath: the output exists or cannot be written; found before anything is simulated.
        Geant4Missing: geant4-pybind is not installed.
        Geant4Failed: a Geant4 process died; finished shards stay.
        ClusterFailed: the executor lost a shard.
    """
    size = checked_size(request, workers, shard_size, mantissa_bits)
    output = Path(output)
    with shard_folder(output, overwrite) as folder:
        facts = request.facts
        shards = request.shards(folder, size, facts)
        complete(shards, workers, progress, executor)
        told = facts | {"command": command, "mantissa_bits": mantissa_bits}
        join([shard.path for shard in shards], output, told, request.fast, request.primaries)
        shutil.rmtree(folder)
    return output


def complete(
    shards: Sequence[Shard],
    workers: int,
    progress: Callable[[Progress], None] = ignore,
    executor: Executor | None = None,
) -> None:
    """Simulate those of the shards that no earlier call wrote.

    Args:
        shards: of one request.
        workers: processes on this machine.
        progress: called at the start, then after every shower, from a thread.
        executor: where to simulate instead of this machine.

    Raises:
        Geant4Failed: a Geant4 process died; finished shards stay.
        ClusterFailed: the executor lost a shard.
    """
    missing = [shard for shard in shards if not is_complete(shard.path, len(shard.primaries))]
    run_all(missing, workers, Counter(shards, missing, progress).add, executor)


def simulate(
    request: Request, workers: int = 1, progress: Callable[[Progress], None] = ignore
) -> tuple[Showers, Provenance]:
    """Simulate in processes of their own, leaving no file: the showers and their provenance.

    Args:
        request: what to simulate.
        workers: processes on this machine.
        progress: called at the start, then after every shower, from a thread.

    Raises:
        BadValue, Geant4Missing, Geant4Failed: as `produce`.
    """
    with tempfile.TemporaryDirectory(prefix="caloforge-") as folder:
        path = produce(request, Path(folder, "showers.h5"), workers, progress=progress)
        with ShowerFile(path) as file:
            return file.read(), file.provenance


def checked_size(request: Request, workers: int, shard_size: int | None, mantissa_bits: int) -> int:
    """The shard size, after everything that can be refused without simulating was looked at.

    Args:
        request: what to simulate.
        workers: processes on this machine.
        shard_size: showers in a shard; about a 16th of them and at most 200 if None.
        mantissa_bits: bits of the mantissa of cell energies to keep.

    Raises:
        Geant4Missing: geant4-pybind is not installed.
        BadValue: workers, shard size or mantissa bits out of range.
    """
    if importlib.util.find_spec("geant4_pybind") is None:
        raise Geant4Missing
    if workers < 1:
        raise BadValue("number of workers", workers, "give at least one")
    return size_of(request.n, shard_size, mantissa_bits)
