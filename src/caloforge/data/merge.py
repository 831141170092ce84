"""Several files of showers into one: the same mesh and detector, no shower twice, the provenance of every part kept."""

__all__ = ["compare_files", "joined_provenance", "merge_files"]

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt64
from numpy import ndarray as Array

from caloforge.data.ids import SURE_CELLS
from caloforge.data.opening import open_showers
from caloforge.data.origins import compare_origins
from caloforge.data.provenance import Part, Provenance
from caloforge.data.showers import Showers
from caloforge.data.writer import ShowerWriter
from caloforge.errors import BadFile, BadValue, BinningMismatch
from caloforge.files import require_new
from caloforge.geometry.binning import Binning

_REMEDY = "merge only showers of one detector whose meshes lie in one frame"
_APART = "merge files of events by themselves"
_TIMES = "merge only files that were simulated with --time, or only files without it"
_SUMS = ("n", "core_seconds")


def merge_files(
    paths: Sequence[str | Path],
    output: str | Path,
    mantissa_bits: int = 23,
    overwrite: bool = False,
    binning: Binning | None = None,
    warn: Callable[[str], None] = lambda text: None,
    copies: bool = False,
) -> Path:
    """Stream the showers of all files, in the order given, into one.

    Facts on which all parts agree stay at the top of the provenance; ``parts`` holds that of each file as it is, and
    ``warnings`` what differs between them.

    Args:
        paths: files of showers.
        output: HDF5 file of showers; it appears only when it is complete.
        mantissa_bits: bits of the mantissa of cell energies to keep; 23 changes nothing.
        overwrite: replace an output that exists.
        binning: mesh of the files, where they do not know it.
        warn: called with each difference in physics list, cuts and tables.
        copies: allow showers twice, turned copies say.

    Raises:
        BadValue: no file.
        BadFile: a file cannot be read, has another detector or frame of the mesh, holds events or times of cells
            where others do not, has another gate, or shares showers with one before it, be they rounded.
        BinningMismatch: the files do not share one mesh.
        UnwritablePath: the output exists, is an input, or cannot be written.
    """
    sources, output = [Path(path) for path in paths], Path(output)
    if not sources:
        raise BadValue("files to merge", 0, "give at least one")
    require_new(output, overwrite, sources)
    mesh, parts, warnings, changed = compare_files(sources, binning)
    for text in warnings:
        warn(text)
    with open_showers(sources[0], binning) as first:
        detector = first.detector
    ids, training_ids = [], []
    with ShowerWriter(output, mesh, detector, joined_provenance(parts, warnings), mantissa_bits, changed) as writer:
        for source in sources:
            with open_showers(source, binning) as file:
                training_ids.append(file.training_ids)
                for batch in file.batches():
                    writer.append(batch)
                    ids.append(_sure_ids(batch))
        if not copies:
            _refuse_twice(np.concatenate(ids), sources, parts)
        writer.keep_training_ids(np.concatenate(training_ids))
    return output


def compare_files(
    sources: Sequence[Path], binning: str | Binning | None
) -> tuple[Binning, list[Part], list[str], bool]:
    """The mesh, what each file is, what differs and whether any holds changed copies; the first file is the measure.

    Args:
        sources: files of showers, one at least.
        binning: mesh of the files, where they do not know it.

    Raises:
        BadFile, BinningMismatch: as `merge_files`, where they do not go together.
    """
    parts: list[Part] = []
    warnings: list[str] = []
    changed = False
    with open_showers(sources[0], binning) as first:
        mesh = first.binning
        for source in sources:
            with open_showers(source, binning) as file:
                if not file.binning.same_cells(first.binning):
                    raise BinningMismatch(*(f"{f.binning.name} in {f.path}" for f in (first, file)))
                if file.holds_events != first.holds_events:
                    kinds = ["events" if f.holds_events else "single particles" for f in (file, first)]
                    raise BadFile(source, f"showers of {kinds[0]}, those of {sources[0]} are of {kinds[1]}", _APART)
                if file.holds_times != first.holds_times:
                    kinds = ["has" if f.holds_times else "lacks" for f in (file, first)]
                    raise BadFile(source, f"{kinds[0]} times of cells, {sources[0]} {kinds[1]} them", _TIMES)
                mesh, changed = mesh.with_depths_of(file.binning), changed or file.has_source_ids
                differences = compare_origins(first, file, first.oblique or file.oblique)
                for text in (*differences.detectors, *differences.frames):
                    raise BadFile(source, f"{text} from {sources[0]}", _REMEDY)
                for text in differences.gates:
                    raise BadFile(source, f"{text} of {sources[0]}", "merge only showers with one gate")
                warnings += [f"{source}: {text}" for text in differences.settings]
                parts.append(Part(file=source.name, showers=len(file), provenance=file.provenance))
    return mesh, parts, warnings, changed


def _sure_ids(showers: Showers) -> UInt64[Array, " n"]:
    """Ids; 0 for showers with so few cells that two may be equal by chance."""
    return np.where(np.count_nonzero(showers.energy, axis=1) >= SURE_CELLS, showers.ids, np.uint64(0))


def _refuse_twice(ids: UInt64[Array, " N"], sources: Sequence[Path], parts: Sequence[Part]) -> None:
    """One sort of all ids, at the end; equal ones then stand side by side in the order of the files."""
    order = np.argsort(ids, kind="stable")
    equal = np.flatnonzero((ids[order[1:]] == ids[order[:-1]]) & (ids[order[1:]] != 0))
    if len(equal) == 0:
        return
    owner = np.repeat(np.arange(len(parts)), [part.showers for part in parts])
    first, second = (sources[owner[order[i]]] for i in (equal[0], equal[0] + 1))
    problem = f"{len(equal)} of its showers lie in {first} too" if first != second else f"{len(equal)} showers twice"
    raise BadFile(second, problem, "give every file once, simulated with a seed of its own")


def joined_provenance(parts: Sequence[Part], warnings: list[str]) -> Provenance:
    """What all parts agree on, the sums, and the parts themselves.

    Args:
        parts: one at least.
        warnings: what differs between them.
    """
    facts = [part.provenance.facts for part in parts]
    common = {key: value for key, value in facts[0].items() if all(f.get(key) == value for f in facts)}
    sums: dict[str, Any] = {
        key: sum(f[key] for f in facts) for key in _SUMS if all(f.get(key) is not None for f in facts)
    }
    noted = {"warnings": warnings} if warnings else {}
    return Provenance.model_validate({**common, **sums, **noted, "parts": [part.facts for part in parts]})
