r"""Connected clusters of cells: cells above a threshold that hang together along r, alpha and the depth.

Two cells belong to one cluster when a chain of neighbours (`adjacency`), all above the threshold, leads from one to
the other. The thresholds are no energy (hits), and a thousandth of the visible energy. The largest cluster is the one
with most cells, and of those with most energy.
"""

__all__ = ["CLUSTER_COLUMNS", "clusters", "largest_cluster", "outside_largest_cluster"]

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array
from scipy import sparse

from caloforge.physics.adjacency import neighbours
from caloforge.physics.moments import ratio
from caloforge.physics.pair_sums import blocks
from caloforge.physics.sums import Sums

_SHARES = (0.0, 1e-3)
CLUSTER_COLUMNS = tuple("hits" if share == 0 else f"> {share:g} Etot" for share in _SHARES)


def _measured(s: Sums) -> Float[Array, "3 N T"]:
    """Number of clusters, cells and energy (MeV) of the largest, at each threshold."""
    graph = sparse.triu(neighbours(s.binning)).tocoo()
    values = np.zeros((3, len(s), len(_SHARES)))
    for rows, energy in blocks(s):
        for k, share in enumerate(_SHARES):
            chosen = energy > (share * s.total_energy[rows]).astype(np.float32)
            values[:, rows, k] = _largest(energy, chosen, graph)
    return values


def _largest(energy: Float[Array, "V n"], chosen: Bool[Array, "V n"], graph: sparse.coo_array) -> Float[Array, "3 n"]:
    n, (cell, shower) = energy.shape[1], np.nonzero(chosen)
    node = np.full(chosen.shape, -1)
    node[cell, shower] = np.arange(len(cell))
    edge, where = np.nonzero(chosen[graph.row] & chosen[graph.col])
    ends = node[graph.row[edge], where], node[graph.col[edge], where]
    from scipy.sparse.csgraph import connected_components  # half a second that most work does without

    links = sparse.coo_array((np.ones(len(edge), np.int8), ends), shape=(len(cell), len(cell)))
    count, label = connected_components(links, directed=False) if len(cell) else (0, np.zeros(0, int))
    owner = np.zeros(count, int)
    owner[label] = shower
    cells = np.bincount(label, minlength=count)
    energies = np.bincount(label, energy[cell, shower], minlength=count)
    order = np.lexsort((energies, cells, owner))  # the last cluster of each shower is its largest
    last = order[np.flatnonzero(np.diff(owner[order], append=-1))]
    result = np.zeros((3, n))
    result[0] = np.bincount(owner, minlength=n)
    result[1, owner[last]], result[2, owner[last]] = cells[last], energies[last]
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
