"""Train / validation / test by the id of the shower: it never changes side, whatever file it comes in.

The position of a shower in the unit interval is its id (`caloforge.data.ids`) over 2^64. The split alone does not prove
that a model has not seen a shower, since the rule or the file may have been another when the model was trained; for
that a run folder keeps the ids of its training showers.
"""

__all__ = ["Split", "SPLITS", "SplitOf", "positions", "split_mask", "take_split"]

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array

from caloforge.data.provenance import Provenance
from caloforge.data.showers import Showers
from caloforge.data.source import KnownSource
from caloforge.data.split_names import SPLITS, Split
from caloforge.errors import UnknownName
from caloforge.geometry.binning import Binning


def positions(showers: Showers) -> Float[Array, " N"]:
    """Position of each shower in the unit interval: its id over 2^64.

    Args:
        showers: N of them.
    """
    return (showers.ids >> np.uint64(11)).astype(np.float64) * 2.0**-53


def split_mask(showers: Showers, split: Split) -> Bool[Array, " N"]:
    """Which showers belong to the split; the three masks are disjoint and cover every shower.

    Args:
        showers: to choose among.
        split: ``"train"``, ``"validation"`` or ``"test"``.

    Raises:
        UnknownName: no such split.
    """
    if split not in SPLITS:
        raise UnknownName("split", split, SPLITS)
    low, high = SPLITS[split]
    position = positions(showers)
    return (position >= low) & (position < high)


def take_split(showers: Showers, split: Split) -> Showers:
    """The showers of one split, in their order.

    Args:
        showers: N of them.
        split: which of the three.
    """
    return showers[split_mask(showers, split)]


@dataclass(frozen=True)
class SplitOf:
    """The showers of one split of a file or of other showers, in their order, read in batches.

    Args:
        file: all of the showers.
        split: which of the three.
    """

    file: KnownSource
    split: Split

    @property
    def binning(self) -> Binning:
        """The mesh of the file."""
        return self.file.binning

    @property
    def detector(self) -> str:
        """Name of the detector, or "unknown"."""
        return self.file.detector

    @property
    def provenance(self) -> Provenance:
        """How the file was made."""
        return self.file.provenance

    def batches(self, size: int = 1000) -> Iterator[Showers]:
        """At most ``size`` showers at a time; a batch may be empty.

        Args:
            size: showers read at a time.
        """
        return (take_split(batch, self.split) for batch in self.file.batches(size))
