"""Times of cells: whether a file holds them, and the gate after which a deposit is not counted."""

__all__ = ["NO_TIMING", "Timing"]

import math
from dataclasses import dataclass
from typing import Any

from caloforge.errors import BadValue


@dataclass(frozen=True)
class Timing:
    """What a simulation does with the time of a deposit, Geant4's global time of the event.

    Args:
        times: whether to keep the mean and the first time of every cell.
        gate: ns; later deposits are not counted.

    Raises:
        BadValue: a gate that is not positive.
    """

    times: bool = False
    gate: float = math.inf

    def __post_init__(self) -> None:
        if not self.gate > 0:  # NaN fails too
            raise BadValue("gate", self.gate, "give a positive time, such as 200ns")

    @property
    def facts(self) -> dict[str, Any]:
        """For the provenance of a file; nothing where nothing was asked for."""
        kept = {"cell_times": "global time of the event, ns"} if self.times else {}
        return kept | ({"gate_ns": self.gate} if math.isfinite(self.gate) else {})


NO_TIMING = Timing()
