"""How far a production is: showers finished, and their share of the energy, which the time goes with."""

__all__ = ["Counter", "Progress", "ignore"]

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from caloforge.simulation.production.worker import Shard


@dataclass(frozen=True)
class Progress:
    """How far a production is; the time still needed goes with the energy (MeV), not with the number of showers.

    Args:
        showers: finished.
        n: asked for.
        energy: of the finished ones, MeV.
        total_energy: of all, MeV.
    """

    showers: int
    n: int
    energy: float
    total_energy: float


def ignore(progress: Progress) -> None:
    """What to do with the progress when nobody asks.

    Args:
        progress: how far the production is.
    """


class Counter:
    """Adds up finished showers, whichever thread reports them; tells the progress at once and after each.

    Args:
        shards: all of the production.
        missing: those of them that are to be simulated.
        progress: called with how far it is.
    """

    def __init__(self, shards: Sequence[Shard], missing: Sequence[Shard], progress: Callable[[Progress], None]) -> None:
        self._tell, self._lock = progress, threading.Lock()
        self._n, self._total = (
            sum(len(s.primaries) for s in shards),
            sum(float(s.primaries.energy.sum()) for s in shards),
        )
        self._showers = self._n - sum(len(s.primaries) for s in missing)
        self._energy = self._total - sum(float(s.primaries.energy.sum()) for s in missing)
        progress(Progress(self._showers, self._n, self._energy, self._total))

    def add(self, shard: Shard, index: int) -> None:
        """One more shower is finished.

        Args:
            shard: that it belongs to.
            index: of the shower in the shard.
        """
        with self._lock:
            self._showers += 1
            self._energy += float(shard.primaries.energy[index])
            self._tell(Progress(self._showers, self._n, self._energy, self._total))
