r"""Precision, recall, density and coverage: do generated showers lie where truth lies, and is all of truth reached?

Let :math:`B_k(t)` be the open ball around shower t that reaches to its k-th neighbour in its own sample. With s showers
of truth (t) and s generated ones (g),

.. math:: \text{precision} = \frac1s \sum_g \Big[g \in \bigcup_t B_k(t)\Big], \qquad
          \text{recall} = \frac1s \sum_t \Big[t \in \bigcup_g B_k(g)\Big],

.. math:: \text{density} = \frac1{ks} \sum_{g,t} [g \in B_k(t)], \qquad
          \text{coverage} = \frac1s \sum_t \big[\exists g: g \in B_k(t)\big].

Precision and density fall when generated showers lie outside the truth, recall and coverage when a part of the truth is
missing. Sources: Kynkäänniemi et al., arXiv:1904.06991; Naeem et al., arXiv:2002.09797.

Showers that are equal to the last bit (most photons of 5 MeV reach no cell) would make every ball around them empty or
overfull, as a tie falls. Ties are broken at random, in the value and in its floor alike: such showers are moved by a
hundredth of a standard deviation, so that they count as the cluster that they are.
"""

__all__ = ["manifold_metrics", "measure_manifold", "METRICS"]


import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array

from caloforge.metrics.measured import Measured, need_showers
from caloforge.metrics.neighbours import squared_distances
from caloforge.metrics.scaling import Pair, fill_undefined, standardise

METRICS = ("precision", "recall", "density", "coverage")
_FOLDS = 10
_TIE = 0.01  # standard deviations by which equal showers are moved: far above float32, far below any structure


def manifold_metrics(truth: Float[Array, "n f"], generated: Float[Array, "m f"], k: int = 5) -> dict[str, float]:
    """Precision, recall, density and coverage of two samples as they are, in Euclidean distance.

    Blocks of 500 showers at a time, so memory grows with the samples and not with their product.

    Args:
        truth: features of the reference showers, on one scale; all defined.
        generated: the same features of the showers to judge.
        k: a ball reaches to the k-th neighbour.

    Raises:
        EmptySample: a sample has not more than k showers.
    """
    need_showers(len(truth), len(generated), k + 1, f"a ball that reaches to neighbour {k}")
    t, g = _centred(truth, generated)
    return dict(zip(METRICS, _metrics(t, g, k).tolist(), strict=True))


def _centred(truth: Float[Array, "n f"], generated: Float[Array, "m f"]) -> Pair:
    """In float32, which distances from the truth's mean keep precise."""
    mean = truth.mean(axis=0, dtype=np.float64)
    return (truth - mean).astype(np.float32), (generated - mean).astype(np.float32)


def _metrics(truth: Float[Array, "n f"], generated: Float[Array, "m f"], k: int) -> Float[Array, " 4"]:
    around_truth, around_generated = _radii(truth, k), _radii(generated, k)
    hits, reached = np.zeros(len(generated)), np.zeros(len(truth), bool)
    covered = np.zeros(len(truth), bool)
    for rows, distance in squared_distances(truth, generated):
        inside = distance < around_truth[rows, None]
        hits += inside.sum(axis=0)
        covered[rows] = inside.any(axis=1)
        reached[rows] = (distance < around_generated).any(axis=1)
    return np.array([np.mean(hits > 0), reached.mean(), hits.mean() / k, covered.mean()])


def _radii(sample: Float[Array, "n f"], k: int) -> Float[Array, " n"]:
    """Squared distance to the k-th neighbour; the shower itself is not one."""
    parts = []
    for rows, distance in squared_distances(sample, sample):
        np.fill_diagonal(distance[:, rows], -np.inf)
        parts.append(np.partition(distance, k, axis=1)[:, k])
    return np.concatenate(parts)


def measure_manifold(
    truth: Float[Array, "n f"],
    generated: Float[Array, "m f"],
    rng: np.random.Generator,
    k: int = 5,
    most: int = 5000,
    repeats: int = 100,
    scaled: bool = True,
) -> dict[str, Measured]:
    """Precision, recall, density and coverage with errors and floors, each from s = min(n/2, m, ``most``) showers.

    The numbers depend on how many showers there are, and a shower drawn twice would be its own neighbour. So the floor
    divides the truth at random into two disjoint samples of s showers, again and again, and the value takes s showers
    of the truth against s generated ones: **the same size, nothing twice**. The error is the spread over 10 disjoint
    folds of s/10 showers over the root of 10.

    Args:
        truth: features of the reference showers; NaN where undefined, see `caloforge.metrics.scaling`.
        generated: features of the showers to judge.
        rng: of the subsamples.
        k: the neighbour to which a ball reaches.
        most: largest s.
        repeats: draws of the floor.
        scaled: in units of the truth's standard deviations; False where features share a scale, such as log10 of cells.

    Returns:
        ``precision``, ``recall``, ``density``, ``coverage``.

    Raises:
        EmptySample: s is less than 10 (k + 2).
        BadValue: a value is infinite.
    """
    size = min(len(truth) // 2, len(generated), most)
    need_showers(len(truth) // 2, len(generated), _FOLDS * (k + 2), "precision and recall (truth is halved)")
    t, g = _centred(*_without_ties((standardise if scaled else fill_undefined)(truth, generated), rng))
    t, g = rng.permutation(t)[: 2 * size], rng.permutation(g)[:size]
    value = _metrics(t[:size], g, k)
    folds = zip(np.array_split(t[:size], _FOLDS), np.array_split(g, _FOLDS), strict=True)
    errors = np.array([_metrics(*fold, k) for fold in folds]).std(axis=0, ddof=1) / np.sqrt(_FOLDS)
    null = _halves(t, k, repeats, rng)
    columns = zip(METRICS, value, errors, null.mean(axis=0), null.std(axis=0, ddof=1), strict=True)
    return {name: Measured(*(float(x) for x in numbers)) for name, *numbers in columns}


def _without_ties(samples: Pair, rng: np.random.Generator) -> Pair:
    """Showers that occur more than once in both samples together, moved a little at random."""
    both = np.concatenate(samples)
    _, which, counts = np.unique(both, axis=0, return_inverse=True, return_counts=True)
    equal = np.flatnonzero(counts[which.reshape(-1)] > 1)
    if equal.size == 0:
        return samples
    spread = np.median(samples[0].std(axis=0)) or 1.0
    both[equal] += _TIE * spread * rng.normal(size=(equal.size, both.shape[1]))
    return both[: len(samples[0])], both[len(samples[0]) :]


def _halves(sample: Float[Array, "N f"], k: int, repeats: int, rng: np.random.Generator) -> Float[Array, "R 4"]:
    """The metrics of random halves of one sample, from one list of neighbours.

    A ball around a shower ends at the k-th neighbour of its own half, so it holds those before that one in the list.
    The list of 64 is too short once in 1e12 times; then the distances are taken anew.
    """
    near = _neighbours(sample, min(64, len(sample) - 1))
    once = np.repeat([False, True], len(sample) // 2)
    halves = [rng.permutation(once) for _ in range(repeats)]
    own = (np.cumsum(half[near] == half[:, None], axis=1, dtype=np.int16) for half in halves)
    return np.array(
        [
            _of_halves(near, count < k, half, k)
            if (count[:, -1] >= k).all()
            else _metrics(sample[~half], sample[half], k)
            for count, half in zip(own, halves, strict=True)
        ]
    )


def _neighbours(sample: Float[Array, "N f"], length: int) -> Int[Array, "N l"]:
    """The nearest showers of each shower, nearest first, without itself."""
    parts = []
    for rows, distance in squared_distances(sample, sample):
        np.fill_diagonal(distance[:, rows], -np.inf)
        near = np.argpartition(distance, length, axis=1)[:, : length + 1]
        order = np.argsort(np.take_along_axis(distance, near, axis=1), axis=1, kind="stable")
        parts.append(np.take_along_axis(near, order, axis=1)[:, 1:])
    return np.concatenate(parts)


def _of_halves(near: Int[Array, "N l"], inside: Bool[Array, "N l"], second: Bool[Array, " N"], k: int) -> Array:
    foreign = inside & (second[near] != second[:, None])
    hits = np.bincount(near[foreign & ~second[:, None]], minlength=len(near))[second]
    reached = np.bincount(near[foreign & second[:, None]], minlength=len(near))[~second]
    covered = foreign.any(axis=1)[~second]
    return np.array([np.mean(hits > 0), np.mean(reached > 0), hits.mean() / k, covered.mean()])
