"""A request simulated by the Grindhammer-Peters parametrisation into a file of showers; no Geant4, one process."""

__all__ = ["produce"]

import importlib.metadata
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from caloforge.data.writer import ShowerWriter
from caloforge.errors import BadValue
from caloforge.files import require_new
from caloforge.geometry.gdml import GdmlDetector
from caloforge.simulation.gflash import showers as gflash
from caloforge.simulation.production.progress import Progress, ignore
from caloforge.simulation.production.request import Request

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
    detector = request.detector
    if isinstance(detector, GdmlDetector):
        raise BadValue("engine", "gflash", f"it knows stacks of slabs, not the GDML of {detector.name}")
    tuning = tuning or gflash.tuning_of(detector)
    primaries, start = request.beam.primaries(request.n, request.seed), time.process_time()
    gflash.check(detector, primaries)
    facts = _facts(request, tuning) | {"command": command, "mantissa_bits": mantissa_bits}
    total = float(primaries.energy.sum(dtype=float))
    with ShowerWriter(output, request.binning, request.detector.name, facts, mantissa_bits) as writer:
        progress(Progress(0, request.n, 0.0, total))
        for first in range(0, request.n, _BATCH):
            part = primaries[first : first + _BATCH]
            writer.append(gflash.simulate(detector, part, request.binning, tuning=tuning))
            done = first + len(part)
            progress(Progress(done, request.n, float(primaries.energy[:done].sum(dtype=float)), total))
        seconds = time.process_time() - start
        writer.note(core_seconds=seconds, host_ms_per_shower=1e3 * seconds / request.n)
    return output


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
