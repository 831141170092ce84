"""Several files of showers into one: the same mesh and detector, no shower twice, the provenance of every part kept."""

__all__ = ["merge_files"]

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt64
from numpy import ndarray as Array

from caloforge.data.ids import SURE_CELLS
from caloforge.data.opening import open_showers
from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile, ShowerWriter
from caloforge.errors import BadFile, BadValue, BinningMismatch
from caloforge.files import require_new
from caloforge.geometry.binning import Binning

_SUMS = ("n", "core_seconds")


def merge_files(
    paths: Sequence[str | Path],
    output: str | Path,
    mantissa_bits: int = 23,
    overwrite: bool = False,
    binning: Binning | None = None,
) -> Path:
    """Stream the showers of all files, in the order given, into one.

    Facts on which all parts agree stay at the top of the provenance; ``parts`` holds that of each file as it is.

    Args:
        paths: files of showers.
        output: HDF5 file of showers; it appears only when it is complete.
        mantissa_bits: bits of the mantissa of cell energies to keep; 23 changes nothing.
        overwrite: replace an output that exists.
        binning: mesh of the files, where they do not know it.

    Raises:
        BadValue: no file.
        BadFile: a file cannot be read, has another detector, or shares showers with one before it.
        BinningMismatch: the files do not share one mesh.
        UnwritablePath: the output exists, is an input, or cannot be written.
    """
    sources, output = [Path(path) for path in paths], Path(output)
    if not sources:
        raise BadValue("files to merge", 0, "give at least one")
    require_new(output, overwrite, sources)
    parts = _checked(sources, binning)
    with open_showers(sources[0], binning) as first:
        mesh, detector = first.binning, first.detector
    seen = []
    with ShowerWriter(output, mesh, detector, _provenance(parts), mantissa_bits) as writer:
        for source in sources:
            with open_showers(source, binning) as file:
                for batch in file.batches():
                    writer.append(batch)
                    seen.append(_ids(batch))
            _refuse_twice(seen, sources, parts)
    return output


def _checked(sources: Sequence[Path], binning: Binning | None) -> list[dict[str, Any]]:
    """What each file is, after meshes and detectors were compared, before anything is written."""
    parts: list[dict[str, Any]] = []
    with open_showers(sources[0], binning) as first:
        for source in sources:
            with open_showers(source, binning) as file:
                if file.binning.layers != first.binning.layers:
                    names = [f"{f.binning.name} in {f.path}" for f in (first, file)]
                    raise BinningMismatch(*names)
                if not _same_detector(file, first):
                    problem = f"detector {file.detector}, but {sources[0]} has {first.detector}"
                    raise BadFile(source, problem, "merge only showers of one detector")
                parts.append({"file": source.name, "showers": len(file), "provenance": file.provenance})
    return parts


def _ids(showers: Showers) -> UInt64[Array, " n"]:
    """Ids; 0 for showers with so few cells that two may be equal by chance."""
    return np.where((showers.energy > 0).sum(axis=1) >= SURE_CELLS, showers.ids, np.uint64(0))


def _refuse_twice(seen: Sequence[Array], sources: Sequence[Path], parts: list[dict[str, Any]]) -> None:
    ids = np.concatenate(seen)
    _, first, counts = np.unique(ids, return_index=True, return_counts=True)
    twice = first[(counts > 1) & (ids[first] != 0)]
    if len(twice):
        later = int(np.flatnonzero(ids == ids[twice[0]])[1])
        owner = np.repeat(np.arange(len(parts)), [part["showers"] for part in parts])
        one, other = sources[owner[twice[0]]], sources[owner[later]]
        problem = f"{len(twice)} of its showers lie in {one} too" if one != other else f"{len(twice)} showers twice"
        raise BadFile(other, problem, "give every file once, simulated with a seed of its own")


def _provenance(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """What all parts agree on, the sums, and the parts themselves."""
    facts = [part["provenance"] for part in parts]
    common = {key: value for key, value in facts[0].items() if all(f.get(key) == value for f in facts)}
    sums = {key: sum(f[key] for f in facts) for key in _SUMS if all(key in f for f in facts)}
    return {**common, **sums, "parts": parts}


def _same_detector(one: ShowerFile, other: ShowerFile) -> bool:
    """By name, and slab by slab where both files say so: a name may stand for different stacks."""
    stacks = {str(file.provenance["detector_yaml"]) for file in (one, other) if "detector_yaml" in file.provenance}
    return one.detector == other.detector and len(stacks) <= 1
