"""Showers of Geant4 for a page: some to look at, more to judge by, and profiles of still more; read in one pass."""

__all__ = ["Truth", "read_truth"]

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt64
from numpy import ndarray as Array

from caloforge.data.mesh_file import MeshFile
from caloforge.data.showers import Showers
from caloforge.data.unseen import unseen_showers
from caloforge.display.mesh import lateral_edges
from caloforge.display.profiles import Shares, profile_bins
from caloforge.errors import EmptySample

_PROFILE = 5000  # showers that make the profiles, from blocks all over the file
_BLOCK = 100  # showers read at a time
_KEPT_BYTES = 2**27  # of cells kept in memory, at most
_MOST_KEPT = 500  # showers


@dataclass(frozen=True, eq=False)
class Truth:
    """What a page takes from a file of showers.

    Args:
        showers: those to look at come first, the others are for a classifier.
        shown: how many are to look at.
        profiles: mean and band by particle and energy.
        trained: showers left out since the model was trained on them.
    """

    showers: Showers
    shown: int
    profiles: list[dict[str, Any]]
    trained: int = 0


def read_truth(file: MeshFile, n: int, training_ids: UInt64[Array, " k"]) -> Truth:
    """Read a file: n showers from all over it to look at, profiles of up to 5,000.

    Args:
        file: open.
        n: showers to look at.
        training_ids: of the showers that the model was trained on, which are left out.

    Raises:
        EmptySample: no shower, or none that did not train the model.
        BadFile: damaged.
    """
    edges = lateral_edges(file.binning)
    room = max(n, min(_MOST_KEPT, _KEPT_BYTES // (4 * file.binning.n_voxels)))
    total = min(len(file), _PROFILE)
    shares: list[Shares] = []
    kept: list[Showers] = []
    read = unseen = 0
    for block in _blocks(file):
        new = unseen_showers(block, training_ids) if len(training_ids) else block
        read, unseen = read + len(block), unseen + len(new)
        if len(new) == 0:
            continue
        shares.append(Shares.of(new, edges))
        due = min(len(new), -(-room * read // total) - sum(len(part) for part in kept))
        kept.append(new[np.unique(np.linspace(0, len(new) - 1, max(1, due)).astype(int))])
    if not shares:
        what = "all of these showers trained the model, a display needs others" if read else "a display needs showers"
        raise EmptySample(what, unseen)
    showers = Showers.concatenate(kept)
    first = np.unique(np.linspace(0, len(showers) - 1, min(n, len(showers))).astype(int))
    others = np.setdiff1d(np.arange(len(showers)), first)
    order = np.concatenate([first, others])
    return Truth(showers[order], len(first), profile_bins(Shares.concatenate(shares)), read - unseen)


def _blocks(file: MeshFile) -> Iterator[Showers]:
    """The whole file, or blocks evenly from its first to its last shower."""
    if len(file) <= _PROFILE:
        yield from file.batches(_BLOCK)
        return
    for start in np.linspace(0, len(file) - _BLOCK, _PROFILE // _BLOCK).astype(int).tolist():
        yield file[start : start + _BLOCK]
