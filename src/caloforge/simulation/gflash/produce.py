"""A request by the Grindhammer-Peters parametrisation, whole or in parts of an array; no Geant4, one process."""

__all__ = ["produce", "produce_task"]

import hashlib
import importlib.metadata
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from caloforge.data.writer import ShowerWriter
from caloforge.errors import BadValue
from caloforge.files import require_new
from caloforge.geometry.binning import Binning
from caloforge.geometry.detector import Detector
from caloforge.geometry.gdml import GdmlDetector
from caloforge.simulation.gflash import showers as gflash
from caloforge.simulation.primaries import Primaries
from caloforge.simulation.production.array import ArrayStatus, ArrayTask, read_status, require_enough, write_manifest
from caloforge.simulation.production.progress import Progress, ignore
from caloforge.simulation.production.request import Request
from caloforge.simulation.production.shards import is_complete, shard_folder, size_of

_BATCH = 1024


def produce(
    request: Request,
    output: str | Path,
    mantissa_bits: int = 23,
    overwrite: bool = False,
    progress: Callable[[Progress], None] = ignore,
    command: str | None = None,
    tuning: gflash.Tuning | None = None,
) -> Path:
    """Write the request's showers; the incident energies are those that Geant4 would be shot with.

    Args:
        request: detector, beam, mesh, number and seed.
        output: HDF5 file of showers; it appears only when it is complete.
        mantissa_bits: bits of the mantissa of cell energies to keep.
        overwrite: replace an output that exists.
        progress: called at the start, then after every shower.
        command: the command line, for the provenance.
        tuning: response and resolution; default `gflash.tuning_of` the detector.

    Raises:
        BadValue: mantissa bits, particle, energy, material or mesh outside what the parametrisation covers.
        UnwritablePath: the output exists or cannot be written.
    """
    output = Path(output)
    require_new(output, overwrite)
    detector, tuning, primaries = _prepared(request, tuning)
    energy = primaries.energy.cumsum(dtype=float)

    def finished(done: int) -> None:
        progress(Progress(done, request.n, float(energy[done - 1]) if done else 0.0, float(energy[-1])))

    facts = _facts(request, tuning) | {"command": command, "mantissa_bits": mantissa_bits}
    _write(output, detector, request.binning, primaries, tuning, facts, finished)
    return output


def produce_task(
    request: Request,
    part: ArrayTask,
    output: str | Path,
    shard_size: int | None = None,
    mantissa_bits: int = 23,
    overwrite: bool = False,
    progress: Callable[[Progress], None] = ignore,
    command: str | None = None,
) -> ArrayStatus:
    """One part of a job array, as `caloforge.simulation.production.array.simulate_task` makes those of Geant4.

    Args:
        request: of the whole array.
        part: which job of the array this is.
        output: the file that merging will make.
        shard_size: showers in a shard, the same in all jobs; as many as of Geant4 where not given.
        mantissa_bits: bits of the mantissa of cell energies to keep in the merged file.
        overwrite: whether the output may exist.
        progress: called at the start, then after every shard, with the showers of this part.
        command: the command line, for the provenance.

    Raises:
        BadValue: as `produce`, or more parts than shards.
        UnwritablePath: the output exists or cannot be written.
    """
    size = size_of(request.n, shard_size, mantissa_bits)
    detector, tuning, primaries = _prepared(request, None)
    with shard_folder(Path(output), overwrite) as folder:
        facts = _facts(request, tuning)
        label = _label(request, facts, size)
        parts = {f"{label}-{i:05d}.h5": primaries[s : s + size] for i, s in enumerate(range(0, request.n, size))}
        require_enough(part, len(parts))
        told = facts | {"command": command, "mantissa_bits": mantissa_bits}
        manifest = write_manifest(folder, label, {name: len(shot) for name, shot in parts.items()}, told)
        mine = list(parts.items())[part.index - 1 :: part.count]
        counts = np.cumsum([0, *(len(shot) for _, shot in mine)])
        energy = np.cumsum([0.0, *(shot.energy.sum(dtype=float) for _, shot in mine)])
        for i, (name, shot) in enumerate(mine):
            progress(Progress(int(counts[i]), int(counts[-1]), float(energy[i]), float(energy[-1])))
            if not is_complete(folder / name, len(shot)):
                _write(folder / name, detector, request.binning, shot, tuning, facts)
        progress(Progress(int(counts[-1]), int(counts[-1]), float(energy[-1]), float(energy[-1])))
        return read_status(manifest)


def _prepared(request: Request, tuning: gflash.Tuning | None) -> tuple[Detector, gflash.Tuning, Primaries]:
    """What a request needs, after everything that can be refused was looked at."""
    detector = request.detector
    if isinstance(detector, GdmlDetector):
        raise BadValue("engine", "gflash", f"it knows stacks of slabs, not the GDML of {detector.name}")
    primaries = request.primaries
    gflash.check(detector, primaries)
    return detector, tuning or gflash.tuning_of(detector), primaries


def _write(
    path: Path,
    detector: Detector,
    binning: Binning,
    primaries: Primaries,
    tuning: gflash.Tuning,
    facts: dict[str, Any],
    finished: Callable[[int], None] = lambda done: None,
) -> None:
    """Showers of these particles into a file; called back with how many are there."""
    start = time.process_time()
    with ShowerWriter(path, binning, detector.name, facts, facts.get("mantissa_bits", 23)) as writer:
        finished(0)
        for first in range(0, len(primaries), _BATCH):
            part = primaries[first : first + _BATCH]
            writer.append(gflash.simulate(detector, part, binning, tuning=tuning))
            finished(first + len(part))
        seconds = time.process_time() - start
        writer.note(core_seconds=seconds, host_ms_per_shower=1e3 * seconds / len(primaries))


def _label(request: Request, facts: dict[str, Any], size: int) -> str:
    """Digest of all that decides the showers of the shards."""
    what = {name: fact for name, fact in facts.items() if name != "date"}
    identity = [what, repr(request.detector), request.binning.to_xml(), repr(request.beam), size]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]


def _facts(request: Request, tuning: gflash.Tuning) -> dict[str, Any]:
    return {
        "engine": gflash.NAME,
        "detector": request.detector.name,
        "readout": request.binning.name,
        **{name: request.beam.facts[name] for name in ("particle", "energy")},  # perpendicular
        "n": request.n,
        "seed": request.seed,
        "tuning": asdict(tuning),
        "caloforge": importlib.metadata.version("caloforge"),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
