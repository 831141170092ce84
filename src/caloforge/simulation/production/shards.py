"""The files of a production: the folder of shards beside the output, which of them are complete, and their joining."""

__all__ = ["is_complete", "join", "shard_folder"]

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from caloforge.data.store import ShowerFile
from caloforge.data.writer import ShowerWriter
from caloforge.errors import BadFile, UnwritablePath
from caloforge.files import require_new
from caloforge.simulation.primaries import Primaries
from caloforge.simulation.production.worker import Shard
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


def is_complete(shard: Shard) -> bool:
    """Whether an earlier call wrote this shard; a damaged file does not count.

    Args:
        shard: with the path of its file.
    """
    try:
        with ShowerFile(shard.path) as file:
            return len(file) == len(shard.primaries)
    except BadFile:
        return False


def join(
    paths: Sequence[Path],
    output: Path,
    provenance: dict[str, Any],
    fast: Replacement | None = None,
    primaries: Primaries | None = None,
) -> None:
    """Stream shards in order into the output; ``provenance`` says how many mantissa bits to keep.

    Args:
        paths: of the shards, in order.
        output: HDF5 file of showers.
        provenance: of the production; it says how many mantissa bits to keep.
        fast: what made the showers of replaced particles.
        primaries: of all shards, where there is such.

    Raises:
        BadFile: a shard is missing or damaged.
        UnwritablePath: the output cannot be written.
    """
    with ShowerFile(paths[0]) as first:
        binning, detector = first.binning, first.detector
    facts: list[dict[str, Any]] = []
    n = 0
    filler = None if fast is None or primaries is None else fast.filler(primaries)
    with ShowerWriter(output, binning, detector, provenance, provenance["mantissa_bits"]) as writer:
        for path in paths:
            with ShowerFile(path) as file:
                showers, cost = file.read(), file.provenance.cost or {}
                n += len(file)
            if filler is not None:
                added = filler.add(showers)
                showers, cost = added.showers, _with(cost, added, 0.0 if facts else filler.start_seconds)
            writer.append(showers)
            facts.append(cost)
        if fast is not None and primaries is not None:
            counts = replaced_counts(primaries)
            writer.keep_replaced(counts)
            writer.keep_training_ids(fast.training_ids)
            shot = len(shot_particles(primaries))
            replaced = {"showers_replaced": int((counts > 0).sum()), "particles_replaced": int(counts.sum())}
            writer.note(fast={**fast.facts, **replaced, "particles": shot})
        writer.note(**_summary(facts, n))


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
