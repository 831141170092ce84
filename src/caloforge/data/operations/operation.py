"""What an operation on showers is, and how it is done to a file: block by block, into a new file.

An operation that changes cells leaves every shower its id, which from then on stands in the file (``source_ids``): a
coarser, turned or thinned copy of a shower falls into the same split as the shower itself and is known to a model that
was trained on either.
"""

__all__ = ["Operation", "apply_to_file", "block_rows"]

from abc import ABC
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from caloforge import __version__
from caloforge.data.opening import open_showers
from caloforge.data.provenance import Step
from caloforge.data.showers import Showers
from caloforge.data.writer import ShowerWriter
from caloforge.errors import EmptySample
from caloforge.files import require_new
from caloforge.geometry.binning import Binning

_BLOCK_BYTES = 2**25  # of cell energies that are in memory at a time


class Operation(BaseModel, ABC):
    """One thing done to showers; its fields are its options, as they stand in the provenance.

    Attributes:
        operation: its name, as on the command line.
        changes_cells: whether what comes out is another shower by its content.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)
    operation: ClassVar[str]
    changes_cells: ClassVar[bool] = False

    def mesh(self, binning: Binning) -> Binning:
        """The mesh that comes out.

        Args:
            binning: the mesh that goes in.

        Raises:
            BadValue: the operation cannot be done on this mesh.
        """
        return binning

    def rows(self, n: int) -> range:
        """Which showers of a file have to be read.

        Args:
            n: showers of the file.
        """
        return range(n)

    def apply(self, showers: Showers, first: int = 0) -> Showers:
        """What becomes of some showers.

        Args:
            showers: next to each other in the file.
            first: row of the first of them; a random choice depends on it and not on the blocks.
        """
        return showers

    @property
    def untrue(self) -> tuple[str, ...]:
        """Fields of the provenance that no longer hold afterwards."""
        return ()

    @property
    def options(self) -> dict[str, Any]:
        """The fields, as plain values."""
        return self.model_dump(mode="json", exclude_none=True)

    @property
    def step(self) -> Step:
        """What the provenance says of it."""
        return Step(operation=self.operation, options=self.options, caloforge=__version__)


def block_rows(binning: Binning) -> int:
    """Showers that are in memory at a time.

    Args:
        binning: their mesh.
    """
    return max(1, _BLOCK_BYTES // (4 * binning.n_voxels))


def apply_to_file(
    operation: Operation,
    source: str | Path,
    output: str | Path,
    overwrite: bool = False,
    binning: str | Binning | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Do an operation to all showers of a file.

    Args:
        operation: what is done.
        source: file of showers, or ``bundled``.
        output: HDF5 file of showers; it appears only when it is complete.
        overwrite: replace an output that exists.
        binning: mesh of the file, where it does not know it.
        progress: called with the showers read and those to read.

    Returns:
        The number of showers written.

    Raises:
        BadFile: the source cannot be read.
        BadValue: the operation cannot be done on its showers.
        EmptySample: no shower is left.
        UnwritablePath: the output exists, is the source, or cannot be written.
    """
    output, written = Path(output), 0
    with open_showers(source, binning) as file:
        require_new(output, overwrite, [file.path])
        mesh, rows, size = operation.mesh(file.binning), operation.rows(len(file)), block_rows(file.binning)
        provenance = file.provenance.with_step(operation.step, operation.untrue)
        copies = operation.changes_cells or file.has_source_ids
        with ShowerWriter(output, mesh, file.detector, provenance, source_ids=copies) as writer:
            for start in range(rows.start, rows.stop, size):
                stop = min(start + size, rows.stop)
                block = operation.apply(file[start:stop], start)
                if len(block):
                    writer.append(block)
                written += len(block)
                progress(stop - rows.start, len(rows))
            writer.note(**file.final_facts)
            writer.keep_training_ids(file.training_ids)
            if not written:
                raise EmptySample(f"{operation.operation} leaves no shower of {source}", 0)
    return written
