"""Job arrays: part i of n makes its shards of a request, and the shards of all parts are merged at the end.

The folder of the shards carries a manifest for each request, ``<digest>.json``: its facts, the names of its shards and
the number of showers in each, so that merging needs nothing but the folder.
"""

__all__ = [
    "ArrayStatus",
    "ArrayTask",
    "array_status",
    "merge_shards",
    "parse_task",
    "read_status",
    "require_enough",
    "simulate_task",
    "write_manifest",
]

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caloforge.errors import BadFile, BadValue
from caloforge.files import replace_when_complete, require_new
from caloforge.simulation.production.progress import Progress, ignore
from caloforge.simulation.production.request import Request, checked_size, complete
from caloforge.simulation.production.shards import is_complete, join, shard_folder

_DIGEST = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class ArrayTask:
    """One job of an array: shards index, index + count, ... of the request.

    Args:
        index: from 1 to ``count``.
        count: jobs of the array.

    Raises:
        BadValue: an index outside 1 to count.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise BadValue("shard", f"{self.index}/{self.count}", "write i/n with i from 1 to n")


def parse_task(text: str) -> ArrayTask:
    """The part from text such as ``3/8``.

    Args:
        text: ``i/n``.

    Raises:
        BadValue: not of that form, or i outside 1 to n.
    """
    match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
    if match is None:
        raise BadValue("shard", text, "write i/n with i from 1 to n, for example 3/8")
    return ArrayTask(int(match[1]), int(match[2]))


@dataclass(frozen=True)
class ArrayStatus:
    """How far a job array is.

    Args:
        folder: of the shards.
        total: number of shards.
        missing: file names of those that are not complete.
        facts: of the request, from the manifest.
        names: file names of all shards, in order.
    """

    folder: Path
    total: int
    missing: tuple[str, ...]
    facts: dict[str, Any]
    names: tuple[str, ...]


def simulate_task(
    request: Request,
    part: ArrayTask,
    output: str | Path,
    workers: int = 1,
    shard_size: int | None = None,
    mantissa_bits: int = 23,
    overwrite: bool = False,
    progress: Callable[[Progress], None] = ignore,
    command: str | None = None,
) -> ArrayStatus:
    """Simulate one part into the folder ``output.shards``, which all parts of the array share.

    Shards that are there are not simulated again. Nothing is merged: that is `merge_shards`, once all parts are over.

    Args:
        request: what the whole array simulates.
        part: which job of the array this is.
        output: the file that `merge_shards` will make.
        workers: processes on this machine.
        shard_size: showers in a shard, the same in all jobs; default as `produce`.
        mantissa_bits: bits of the mantissa of cell energies to keep.
        overwrite: whether the output may exist.
        progress: called at the start, then after every shower, from a thread.
        command: the command line, for the provenance.

    Raises:
        BadValue: as `produce`, or more parts than shards.
        UnwritablePath, Geant4Missing, Geant4Failed: as `produce`.
    """
    size = checked_size(request, workers, shard_size, mantissa_bits)
    with shard_folder(Path(output), overwrite) as folder:
        facts = request.facts
        shards = request.shards(folder, size, facts)
        require_enough(part, len(shards))
        told = facts | {"command": command, "mantissa_bits": mantissa_bits}
        sizes = {shard.path.name: len(shard.primaries) for shard in shards}
        manifest = write_manifest(folder, shards[0].label, sizes, told)
        complete(shards[part.index - 1 :: part.count], workers, progress)
        return read_status(manifest)


def require_enough(part: ArrayTask, shards: int) -> None:
    """Refuse more parts than shards, some of which would have nothing to do.

    Args:
        part: a job of the array.
        shards: of the request.

    Raises:
        BadValue: more parts than shards.
    """
    if part.count > shards:
        remedy = f"there are only {shards}; give a smaller shard_size (--shard-size)"
        raise BadValue("shard", f"{part.index}/{part.count}", remedy)


def write_manifest(folder: Path, label: str, sizes: Mapping[str, int], facts: Mapping[str, Any]) -> Path:
    """What merging needs to know; every part writes the same one, under a name of its own first.

    Args:
        folder: of the shards.
        label: digest of the request, 16 hexadecimal digits.
        sizes: file name of each shard, in order -> showers in it.
        facts: for the provenance of the merged file.
    """
    path = folder / f"{label}.json"
    text = json.dumps({"facts": facts, "shards": sizes})
    replace_when_complete(path, lambda beside: beside.write_text(text))
    return path


def read_status(manifest: Path) -> ArrayStatus:
    """How far the array of one manifest is.

    Args:
        manifest: as `write_manifest` leaves it.

    Raises:
        BadFile: not such a file.
    """
    try:
        content = json.loads(manifest.read_text())
        facts, sizes = content["facts"], dict(content["shards"])
    except (OSError, ValueError, KeyError) as error:
        raise BadFile(manifest, "not the manifest of a job array", "run one of its jobs again") from error
    missing = tuple(name for name, n in sizes.items() if not is_complete(manifest.parent / name, n))
    return ArrayStatus(manifest.parent, len(sizes), missing, facts, tuple(sizes))


def array_status(folder: str | Path) -> ArrayStatus:
    """How far the job array with this folder of shards is; a complete request wins over abandoned ones.

    Args:
        folder: ``OUTPUT.shards`` of the jobs.

    Raises:
        BadFile: no job array worked here, or shards of more than one request lie here and none or several are complete.
    """
    folder = Path(folder)
    statuses = [read_status(path) for path in sorted(folder.glob("*.json")) if _DIGEST.fullmatch(path.stem)]
    if not statuses:
        raise BadFile(folder, "no job array has worked in this folder", "give the folder OUTPUT.shards of its jobs")
    complete = [status for status in statuses if not status.missing] or statuses
    if len(complete) > 1:
        raise BadFile(
            folder, f"shards of {len(complete)} different requests", "give every job the same options and data"
        )
    return complete[0]


def merge_shards(
    folder: str | Path, output: str | Path, mantissa_bits: int | None = None, overwrite: bool = False
) -> Path:
    """Join the shards of a finished job array: cells and conditions are those of one undisturbed call, bit for bit.

    Args:
        folder: ``OUTPUT.shards`` of the jobs; it is kept.
        output: HDF5 file of showers.
        mantissa_bits: bits of the mantissa of cell energies; default what the jobs were told.
        overwrite: replace an output that exists.

    Raises:
        BadFile: shards are missing, or belong to different requests.
        UnwritablePath: the output exists or cannot be written.
    """
    array, output = array_status(folder), Path(output)
    if array.missing:
        missing = f"{len(array.missing)} of {array.total} shards are missing, the first is {array.missing[0]}"
        raise BadFile(array.folder, missing, "run the jobs of the array again, they simulate only what is missing")
    require_new(output, overwrite)
    bits = {} if mantissa_bits is None else {"mantissa_bits": mantissa_bits}
    join([array.folder / name for name in array.names], output, array.facts | bits)
    return output
