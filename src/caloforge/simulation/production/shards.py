"""The files of a production: the folder of shards beside the output, which of them are complete, and their joining."""

__all__ = ["default_size", "is_complete", "join", "shard_folder", "size_of"]

import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from caloforge.data.store import ShowerFile
from caloforge.data.writer import ShowerWriter, trim_mantissa
from caloforge.errors import BadFile, BadValue, UnwritablePath
from caloforge.files import require_new
from caloforge.simulation.primaries import Primaries
from caloforge.simulation.replacement import Added, Replacement, replaced_counts, shot_particles


@contextmanager
def shard_folder(output: Path, overwrite: bool) -> Iterator[Path]:
    """The folder beside the output; making it shows that the output can be written. Removed if nothing is in it.

    Args:
        output: file of the whole production.
        overwrite: whether the output may exist.

    Raises:
        UnwritablePath: the output exists or cannot be written.
    """
    require_new(output, overwrite)
    folder = output.absolute().with_name(f"{output.name}.shards")  # absolute: a cluster's workers run elsewhere
    try:
        folder.mkdir(exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UnwritablePath(output, error.strerror or str(error)) from error
    try:
        yield folder
    finally:
        with suppress(OSError):
            folder.rmdir()


def default_size(n: int) -> int:
    """Showers in a shard where nobody says: about a 16th of them, 10 to 200.

    Args:
        n: of the request.
    """
    return min(200, max(10, math.ceil(n / 16)))


def size_of(n: int, shard_size: int | None, mantissa_bits: int) -> int:
    """Showers in a shard, after what can be refused of shards was looked at.

    Args:
        n: of the request.
        shard_size: as asked for; `default_size` if None.
        mantissa_bits: bits of the mantissa of cell energies to keep.

    Raises:
        BadValue: shard size or mantissa bits out of range.
    """
    size = default_size(n) if shard_size is None else shard_size
    if size < 1:
        raise BadValue("shard size", size, "give at least one shower to each shard")
    trim_mantissa(np.zeros(1, np.float32), mantissa_bits)
    return size


def is_complete(path: Path, n: int) -> bool:
    """Whether an earlier call wrote this shard; a damaged file does not count.

    Args:
        path: of its file.
        n: showers in it.
    """
    try:
        with ShowerFile(path) as file:
            return len(file) == n
    except BadFile:
        return False


def join(
    paths: Sequence[Path],
    output: Path,
    provenance: dict[str, Any],
    fast: Replacement | None = None,
    primaries: Primaries | None = None,
) -> None:
    """Stream shards in order into the output; each is read as a whole.

    Args:
        paths: of the shards, in order.
        output: HDF5 file of showers.
        provenance: of the production; it says how many mantissa bits to keep, all where it is silent.
        fast: what made the showers of replaced particles.
        primaries: of all shards, where there is such.

    Raises:
        BadFile: a shard is missing or damaged.
        UnwritablePath: the output cannot be written.
    """
    with ShowerFile(paths[0]) as first:
        binning, detector, training_ids = first.binning, first.detector, first.training_ids
    facts: list[dict[str, Any]] = []
    n = 0
    filler = None if fast is None or primaries is None else fast.filler(primaries)
    with ShowerWriter(output, binning, detector, provenance, provenance.get("mantissa_bits", 23)) as writer:
        for path in paths:
            with ShowerFile(path) as file:
                showers, cost = file.read(), _cost(file)
                n += len(file)
            if filler is not None:
                added = filler.add(showers)
                showers, cost = added.showers, _with(cost, added, 0.0 if facts else filler.start_seconds)
            writer.append(showers)
            facts.append(cost)
        if fast is not None and primaries is not None:
            counts = replaced_counts(primaries)
            writer.keep_replaced(counts)
            training_ids = fast.training_ids
            shot = len(shot_particles(primaries))
            replaced = {"showers_replaced": int((counts > 0).sum()), "particles_replaced": int(counts.sum())}
            writer.note(fast={**fast.facts, **replaced, "particles": shot})
        writer.keep_training_ids(training_ids)
        writer.note(**_summary(facts, n))


def _cost(file: ShowerFile) -> dict[str, Any]:
    """What a shard of a simulation notes; of a model, its time alone."""
    return file.provenance.cost or {"core_seconds": 1e-3 * (file.provenance.host_ms_per_shower or 0.0) * len(file)}


def _with(cost: dict[str, Any], added: Added, start_seconds: float) -> dict[str, Any]:
    """The cost of a shard with that of the showers added to it."""
    more = {
        "core_seconds": added.core_seconds,
        "start_seconds": start_seconds,
        "sensitive_energy": added.energy,
        "cell_energy": added.cell_energy,
    }
    return cost | {name: cost[name] + value for name, value in more.items()}


def _summary(facts: list[dict[str, Any]], n: int) -> dict[str, Any]:
    """Versions, cost and containment of the whole production."""
    total = {key: sum(f[key] for f in facts) for key in facts[0] if key != "geant4"}
    if "geant4" not in facts[0]:
        return {"host_ms_per_shower": 1e3 * total["core_seconds"] / n}
    return {
        "geant4": facts[0]["geant4"],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "host_ms_per_shower": 1e3 * total["core_seconds"] / n,
        "core_seconds": total["core_seconds"] + total["start_seconds"],
        "energy_outside_mesh": _outside(total["cell_energy"], total["sensitive_energy"]),
    }


def _outside(cells: float, sensitive: float) -> float:
    """Share of the energy that no cell holds; cells are float32, and all particles may have flown through."""
    return max(0.0, 1 - cells / sensitive) if sensitive > 0 else 0.0
