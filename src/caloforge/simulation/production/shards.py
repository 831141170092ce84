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
from caloforge.simulation.production.worker import Shard


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


def join(paths: Sequence[Path], output: Path, provenance: dict[str, Any]) -> None:
    """Stream shards in order into the output; ``provenance`` says how many mantissa bits to keep.

    Args:
        paths: of the shards, in order.
        output: HDF5 file of showers.
        provenance: of the production; it says how many mantissa bits to keep.

    Raises:
        BadFile: a shard is missing or damaged.
        UnwritablePath: the output cannot be written.
    """
    with ShowerFile(paths[0]) as first:
        binning, detector = first.binning, first.detector
    facts: list[dict[str, Any]] = []
    n = 0
    with ShowerWriter(output, binning, detector, provenance, provenance["mantissa_bits"]) as writer:
        for path in paths:
            with ShowerFile(path) as file:
                writer.append(file.read())
                facts.append(file.provenance.cost or {})
                n += len(file)
        writer.note(**_summary(facts, n))


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
