"""Showers that trained no model: a run folder keeps the ids of its training showers, judgements leave them out.

A shower is known by its id (`caloforge.data.ids`), in whatever file it comes. Showers with fewer than `SURE_CELLS`
cells hit are never left out: two of them may be equal by chance.
"""

__all__ = ["NO_IDS", "TrainingIds", "Unseen", "left_out_sentences", "part_of", "sure_ids", "unseen_showers"]

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, UInt64
from numpy import ndarray as Array

from caloforge.data.ids import SURE_CELLS
from caloforge.data.provenance import Provenance
from caloforge.data.showers import NO_IDS, Showers
from caloforge.data.source import KnownSource, Source
from caloforge.data.split_names import PARTS, Part
from caloforge.data.splits import SplitOf
from caloforge.errors import EmptySample, UnknownName
from caloforge.geometry.binning import Binning


@dataclass(frozen=True, eq=False)
class TrainingIds:
    """Ids of the showers that a training saw.

    Args:
        train: of those that the optimiser saw.
        validation: of those that told when to stop.
    """

    train: UInt64[Array, " n"] = field(default_factory=NO_IDS.copy)
    validation: UInt64[Array, " m"] = field(default_factory=NO_IDS.copy)

    @property
    def all(self) -> UInt64[Array, " k"]:
        """Sorted, each once."""
        return np.union1d(self.train, self.validation)


def sure_ids(showers: Showers) -> UInt64[Array, " n"]:
    """Ids of the showers with enough cells that an equal id means the same shower.

    Args:
        showers: N of them.
    """
    return showers.ids[(showers.energy > 0).sum(axis=1) >= SURE_CELLS]


def unseen_showers(showers: Showers, training_ids: UInt64[Array, " k"]) -> Showers:
    """The showers that are not among those trained on, in their order.

    Args:
        showers: N of them.
        training_ids: of the showers trained on.
    """
    return showers[_unseen(showers, training_ids)]


def _unseen(showers: Showers, training_ids: UInt64[Array, " k"]) -> Bool[Array, " N"]:
    return ~np.isin(showers.ids, training_ids)


def left_out_sentences(count: int, silent: Iterable[str] = ()) -> list[str]:
    """What every judgement says of the showers that it left out, one sentence each without its full stop.

    Args:
        count: showers of the truth that a model was trained on.
        silent: names of generated samples that do not say which showers their model was trained on.
    """
    sentences = [f"{count} showers of the truth left out: the model was trained on them"] if count else []
    return sentences + [f"{name} does not say which showers its model was trained on: none left out" for name in silent]


@dataclass(frozen=True, eq=False)
class Unseen:
    """A source of showers without those that a model was trained on.

    Args:
        source: a file, a part of one, or showers.
        training_ids: of the showers to leave out.
    """

    source: KnownSource
    training_ids: UInt64[Array, " k"]

    @property
    def binning(self) -> Binning:
        """The mesh."""
        return self.source.binning

    @property
    def detector(self) -> str:
        """Name of the detector, or "unknown"."""
        return self.source.detector

    @property
    def provenance(self) -> Provenance:
        """How the source was made."""
        return self.source.provenance

    def batches(self, size: int = 1000) -> Iterator[Showers]:
        """At most ``size`` showers at a time; a batch may be empty.

        Args:
            size: showers read at a time.
        """
        return (unseen_showers(batch, self.training_ids) for batch in self.source.batches(size))

    def count_left_out(self) -> int:
        """Number of showers that were trained on; reads the source.

        Raises:
            EmptySample: all of them were.
        """
        counts = [(len(batch), int(_unseen(batch, self.training_ids).sum())) for batch in self.source.batches()]
        total, unseen = (sum(column) for column in zip(*counts, strict=True))
        if unseen == 0:
            raise EmptySample("the model was trained on all of these showers, a judgement needs others", 0)
        return total - unseen


def part_of(source: KnownSource, part: Part, training_ids: UInt64[Array, " k"]) -> Source:
    """Some of the showers of a source, read when they are asked for.

    Args:
        source: a file, a part of one, or showers.
        part: which.
        training_ids: of the showers that ``"auto"`` leaves out.

    Raises:
        UnknownName: no such part.
    """
    if part not in PARTS:
        raise UnknownName("split", part, PARTS)
    if part == "all":
        return source
    return Unseen(source, training_ids) if part == "auto" else SplitOf(source, part)
