"""Several files from one, by the ids of the showers: no shower, nor a changed copy of it, is ever in two of them.

The position of a shower in the unit interval is that of `caloforge.data.splits`, so fractions 0.7, 0.05 and 0.25 cut
where training, validation and test are cut in a run.
"""

__all__ = ["split_file"]

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import numpy as np

from caloforge import __version__
from caloforge.data.opening import open_showers
from caloforge.data.operations.operation import block_rows
from caloforge.data.provenance import Step
from caloforge.data.splits import positions
from caloforge.data.writer import ShowerWriter
from caloforge.errors import BadValue, EmptySample
from caloforge.files import require_new
from caloforge.geometry.binning import Binning

_ROUNDING = 1e-9


def split_file(
    source: str | Path,
    outputs: Mapping[str | Path, float],
    overwrite: bool = False,
    binning: str | Binning | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[Path, int]:
    """Deal the showers of a file out to several.

    Args:
        source: file of showers, or ``bundled``.
        outputs: HDF5 file -> its fraction of the showers, in the order of the unit interval; at most 1 in all.
        overwrite: replace outputs that exist.
        binning: mesh of the file, where it does not know it.
        progress: called with the showers read and those to read.

    Returns:
        The number of showers of each file.

    Raises:
        BadFile: the source cannot be read.
        BadValue: fractions that are not positive or exceed 1 together.
        EmptySample: a file would get no shower.
        UnwritablePath: an output exists, is the source, or cannot be written.
    """
    fractions = list(outputs.values())
    if not (fractions and all(f > 0 for f in fractions) and sum(fractions) <= 1 + _ROUNDING):  # NaN fails, too
        raise BadValue("fractions", fractions, "give positive numbers that are at most 1 together")
    edges = np.cumsum([0.0, *fractions])
    edges[edges > 1 - _ROUNDING] = 1.0
    with ExitStack() as stack:
        file = stack.enter_context(open_showers(source, binning))
        counts = {require_new(path, overwrite, [file.path]): 0 for path in outputs}
        writers = []
        for path, (low, high) in zip(counts, pairwise(edges.tolist()), strict=True):
            step = Step(operation="split", options={"from": low, "to": high}, caloforge=__version__)
            provenance = file.provenance.with_step(step)
            copies = file.has_source_ids
            writer = ShowerWriter(path, file.binning, file.detector, provenance, source_ids=copies)
            writers.append(stack.enter_context(writer))
        for start in range(0, len(file), rows := block_rows(file.binning)):
            block = file[start : start + rows]
            place = np.searchsorted(edges, positions(block), side="right") - 1
            for number, path in enumerate(counts):
                chosen = block[place == number]
                if len(chosen):
                    writers[number].append(chosen)
                counts[path] += len(chosen)
            progress(start + len(block), len(file))
        for path, count in counts.items():
            if not count:
                raise EmptySample(f"no shower of {source} falls to {path}", 0)
        for writer in writers:
            writer.keep_training_ids(file.training_ids)
    return counts
