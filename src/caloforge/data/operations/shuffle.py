"""A random order on disk: showers dealt into pieces that fit into memory, each piece put in order by itself.

Every shower draws a key, and the order is that of the keys: uniform over all orders, and the same whatever the pieces.
Memory holds one piece and 8 bytes a shower; the disk holds the showers twice for a while, beside the output.
"""

__all__ = ["shuffle_file"]

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from caloforge import __version__
from caloforge.data.opening import open_showers
from caloforge.data.operations.operation import block_rows
from caloforge.data.provenance import Step
from caloforge.data.store import ShowerFile
from caloforge.data.writer import ShowerWriter
from caloforge.files import require_new
from caloforge.geometry.binning import Binning
from caloforge.rng import stream

_PIECE_BYTES = 2**27


def shuffle_file(
    source: str | Path,
    output: str | Path,
    seed: int = 1,
    overwrite: bool = False,
    binning: str | Binning | None = None,
    piece_bytes: int = _PIECE_BYTES,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write the showers of a file in a random order.

    Args:
        source: file of showers, or ``bundled``.
        output: HDF5 file of showers; it appears only when it is complete.
        seed: of the order.
        overwrite: replace an output that exists.
        binning: mesh of the file, where it does not know it.
        piece_bytes: cell energies that are in memory at a time.
        progress: called with the showers read and those to read; every shower is read twice.

    Returns:
        The number of showers.

    Raises:
        BadFile: the source cannot be read.
        BadValue: a negative seed.
        UnwritablePath: the output exists, is the source, or cannot be written.
    """
    output = Path(output)
    with ExitStack() as stack:
        file = stack.enter_context(open_showers(source, binning))
        require_new(output, overwrite, [file.path])
        keys = stream(seed, "shuffle").random(len(file))
        step = Step(operation="shuffle", options={"seed": seed}, caloforge=__version__)
        facts = file.binning, file.detector
        copies = file.has_source_ids
        provenance = file.provenance.with_step(step)
        writer = stack.enter_context(ShowerWriter(output, *facts, provenance, source_ids=copies))
        beside = tempfile.TemporaryDirectory(prefix=f".{output.name}.", suffix=".partial", dir=output.absolute().parent)
        folder = Path(stack.enter_context(beside))
        count = -(-len(file) * file.binning.n_voxels * 4 // piece_bytes)
        piece_of = np.minimum((keys * count).astype(int), count - 1)
        paths = [folder / f"{number}.h5" for number in range(count)]
        total, done = 2 * len(file), 0
        with ExitStack() as pieces:
            writers = [pieces.enter_context(ShowerWriter(path, *facts, {}, source_ids=copies)) for path in paths]
            for start in range(0, len(file), rows := block_rows(file.binning)):
                block = file[start : start + rows]
                for number in np.unique(piece_of[start : start + rows]):
                    writers[number].append(block[piece_of[start : start + rows] == number])
                progress(done := done + len(block), total)
        for number, path in enumerate(paths):
            order = np.argsort(keys[piece_of == number], kind="stable")
            if len(order):
                with ShowerFile(path) as piece:
                    writer.append(piece.read()[order])
            path.unlink()
            progress(done := done + len(order), total)
        writer.keep_training_ids(file.training_ids)
        return len(file)
