"""The steps of an event as columns: what they deposit, where, when, and in which layer."""

__all__ = ["StepBuffer", "Steps"]

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array

from caloforge.simulation.geant4.step_reader import WIDTH


@dataclass(frozen=True)
class StepBuffer:
    """Where the steps of an event in one layer gather.

    Args:
        layer: of the mesh.
        neutral: whether they are those of particles without charge.
        data: `WIDTH` doubles of each step, see `step_reader`.
        cells: the cell of each step, where the readout is by volumes.
    """

    layer: int
    neutral: bool
    data: bytearray = field(default_factory=bytearray)
    cells: list[int] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.data) // (8 * WIDTH)

    @property
    def places(self) -> Int[Array, " n"]:
        """Of each step the cell, where it is kept, else the layer."""
        return np.array(self.cells, int) if self.cells else np.full(self.size, self.layer)

    def clear(self) -> None:
        self.data.clear()
        self.cells.clear()


@dataclass(frozen=True)
class Steps:
    """Steps of one event.

    Args:
        rows: of each: deposit, x, y, z and global time at its start, the same at its end; MeV, mm, ns.
        layer: in which it lies, or in which cell, where the readout is by volumes.
        neutral: whether the particle has no charge.
    """

    rows: Float[Array, "n 9"]
    layer: Int[Array, " n"]
    neutral: Bool[Array, " n"]

    @classmethod
    def take(cls, buffers: Sequence[StepBuffer]) -> "Steps":
        """The steps in all buffers, which are empty afterwards.

        Args:
            buffers: one at least.
        """
        rows = np.frombuffer(b"".join(buffer.data for buffer in buffers)).reshape(-1, WIDTH)
        layer = np.concatenate([buffer.places for buffer in buffers])
        neutral = np.repeat([buffer.neutral for buffer in buffers], [buffer.size for buffer in buffers])
        for buffer in buffers:
            buffer.clear()
        return cls(rows, layer, neutral)

    @property
    def deposit(self) -> Float[Array, " n"]:
        """MeV."""
        return self.rows[:, 0]

    @property
    def twice_x(self) -> Float[Array, " n"]:
        """Twice the x of the middle of each step, mm; a half comes last, after any turning."""
        return self.rows[:, 1] + self.rows[:, 5]

    @property
    def twice_y(self) -> Float[Array, " n"]:
        """Likewise y."""
        return self.rows[:, 2] + self.rows[:, 6]

    @property
    def twice_z(self) -> Float[Array, " n"]:
        """Likewise z."""
        return self.rows[:, 3] + self.rows[:, 7]

    @property
    def time(self) -> Float[Array, " n"]:
        """When the energy is left, ns: halfway through the step of a charged particle, which ionises all along it, and
        at the end of that of a neutral one, which interacts there."""
        start, end = self.rows[:, 4], self.rows[:, 8]
        return np.where(self.neutral, end, (start + end) / 2)

    def until(self, gate: float) -> "Steps":
        """The steps that leave their energy no later than the gate.

        Args:
            gate: ns.
        """
        early = self.time <= gate
        return Steps(self.rows[early], self.layer[early], self.neutral[early])
