r"""Connected clusters of cells: cells above a threshold that hang together along r, alpha and the depth.

Two cells belong to one cluster when a chain of neighbours (`adjacency`), all above the threshold, leads from one to
the other. The thresholds are no energy (hits), and a thousandth of the visible energy. The largest cluster is the one
with most cells, and of those with most energy.
"""

__all__ = ["CLUSTER_COLUMNS", "clusters", "largest_cluster", "outside_largest_cluster"]

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array
from scipy import sparse

from caloforge.physics.adjacency import neighbours
from caloforge.physics.cell_blocks import blocks
from caloforge.physics.moments import ratio
from caloforge.physics.sums import Sums

_SHARES = (0.0, 1e-3)
CLUSTER_COLUMNS = tuple("hits" if share == 0 else f"> {share:g} Etot" for share in _SHARES)


def _measured(s: Sums) -> Float[Array, "3 N T"]:
    """Number of clusters, cells and energy (MeV) of the largest, at each threshold."""
    graph = sparse.triu(neighbours(s.binning)).tocoo()
    values = np.zeros((3, len(s), len(_SHARES)))
    for rows, energy in blocks(s):
        both = np.flatnonzero((energy[graph.row] > 0) & (energy[graph.col] > 0))
        pair, shower = both // energy.shape[1], both % energy.shape[1]
        ends = [cell[pair] * energy.shape[1] + shower for cell in (graph.row, graph.col)]
        for k, share in enumerate(_SHARES):
            chosen = (energy > (share * s.total_energy[rows]).astype(np.float32)).reshape(-1)
            linked = chosen[ends[0]] & chosen[ends[1]]
            values[:, rows, k] = _largest(energy, chosen, [end[linked] for end in ends])
    return values


def _largest(
    energy: Float[Array, "V n"], chosen: Bool[Array, " Vn"], ends: list[Int[Array, " e"]]
) -> Float[Array, "3 n"]:
    """Of the cells chosen, numbered through as they lie, and the two ends of each pair of them."""
    cells, n = np.flatnonzero(chosen), energy.shape[1]
    node = np.empty(chosen.size, np.int32)
    node[cells] = np.arange(len(cells))
    shower, energies = cells % n, energy.reshape(-1)[cells]
    from scipy.sparse.csgraph import connected_components  # half a second that most work does without

    rows, columns = (node[end] for end in ends)
    links = sparse.coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(len(cells), len(cells)))
    count, label = connected_components(links, directed=False) if len(cells) else (0, np.zeros(0, int))
    owner = np.zeros(count, int)
    owner[label] = shower
    sizes, sums = np.bincount(label, minlength=count), np.bincount(label, energies, minlength=count)
    order = np.lexsort((sums, sizes, owner))  # the last cluster of each shower is its largest
    last = order[np.flatnonzero(np.diff(owner[order], append=-1))]
    result = np.zeros((3, n))
    result[0] = np.bincount(owner, minlength=n)
    result[1, owner[last]], result[2, owner[last]] = sizes[last], sums[last]
    return result


def clusters(s: Sums) -> Float[Array, "N 2"]:
    """Number of clusters.

    Args:
        s: N showers and their sums.
    """
    return s.once(_measured)[0]


def largest_cluster(s: Sums) -> Float[Array, "N 2"]:
    """Cells of the largest cluster.

    Args:
        s: N showers and their sums.
    """
    return s.once(_measured)[1]


def outside_largest_cluster(s: Sums) -> Float[Array, "N 2"]:
    """Share of the visible energy outside the largest cluster.

    Args:
        s: N showers and their sums.
    """
    total = np.broadcast_to(s.total_energy[:, None], (len(s), len(_SHARES)))
    return 1 - ratio(s.once(_measured)[2], total)
