r"""What a latent tells of a shower shape: mutual information and correlation, each with its error and its floor.

Both are taken of normal scores (ranks as quantiles of a Gaussian, ties in random order). Mutual information does not
change with them, tails do no harm, and independent variables have one and the same distribution of estimates, whatever
they are: one **permutation floor** serves every pair. With :math:`\epsilon_i` the distance (maximum norm) to the k-th
neighbour of point i in the plane, and :math:`n_x, n_y` the points closer than that in either coordinate,

.. math:: I(X; Y) = \psi(k) + \psi(N) - \big\langle \psi(n_x + 1) + \psi(n_y + 1) \big\rangle \quad\text{nats},

which is :math:`-\frac12\ln(1 - \rho^2)` for Gaussians of correlation :math:`\rho`. What is far above that for the
measured correlation is told in a way that no correlation sees. Source: Kraskov, Stögbauer and Grassberger (KSG,
estimator 1), arXiv:cond-mat/0305641.
"""

__all__ = ["Dependence", "measure_dependence", "mutual_information", "normal_scores"]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array
from scipy.spatial import cKDTree
from scipy.special import digamma, ndtri
from scipy.stats import norm

from caloforge.errors import EmptySample
from caloforge.metrics.measured import standard_error
from caloforge.rng import stream

_NEIGHBOURS = 20  # few scatter much, many blur: 20 of 5,000 cost less than 0.01 nats
_FEWEST = 100
_PERMUTATIONS = 100
_FALSE_ALARM = 0.01  # that any pair of independent ones is called significant


@dataclass(frozen=True, eq=False)
class Dependence:
    """What Z latents tell of T shapes.

    Args:
        latents: names of the rows.
        shapes: names of the columns.
        information: estimate of each pair, nats; a little below zero where there is none.
        information_error: its standard error.
        correlation: of the normal scores; its error is at most 1/sqrt(n).
        together: for each shape the part of the variance of its scores that is linear in all latents (adjusted R^2).
        floor: mean and standard deviation of the information of independent variables.
        n: showers.
    """

    latents: tuple[str, ...]
    shapes: tuple[str, ...]
    information: Float[Array, "Z T"]
    information_error: Float[Array, "Z T"]
    correlation: Float[Array, "Z T"]
    together: Float[Array, " T"]
    floor: tuple[float, float]
    n: int

    @property
    def least(self) -> float:
        """Information above which a pair is significant: independent ones all stay below in 99 % of matrices."""
        return self.floor[0] + float(norm.isf(_FALSE_ALARM / self.information.size)) * self.floor[1]

    @property
    def significant(self) -> Bool[Array, "Z T"]:
        """Pairs that tell something of each other."""
        return self.information > self.least

    def most_telling(self, of_a_kind: int) -> list[tuple[int, int]]:
        """Significant pairs (latent, shape), the highest first: no latent and no shape twice, some of each kind.

        Kinds of latents differ in the first letter of their names.

        Args:
            of_a_kind: most latents of one kind.
        """
        chosen: list[tuple[int, int]] = []
        for flat in np.argsort(self.information, axis=None)[::-1]:
            latent, shape = (int(i) for i in np.unravel_index(flat, self.information.shape))
            fresh = all(latent != z and shape != t for z, t in chosen)
            alike = sum(self.latents[z][0] == self.latents[latent][0] for z, _ in chosen)
            if fresh and alike < of_a_kind and self.significant[latent, shape]:
                chosen.append((latent, shape))
        return chosen

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "estimator": f"KSG 1, {_NEIGHBOURS} neighbours, normal scores (arXiv:cond-mat/0305641)",
            "n": self.n,
            "latents": list(self.latents),
            "shapes": list(self.shapes),
            "information": self.information.tolist(),
            "information_error": self.information_error.tolist(),
            "floor": {"mean": self.floor[0], "std": self.floor[1], "significant_above": self.least},
            "correlation": self.correlation.tolist(),
            "linear_in_all_latents": dict(zip(self.shapes, self.together.tolist(), strict=True)),
        }


def normal_scores(values: Float[Array, " n"], rng: np.random.Generator) -> Float[Array, " n"]:
    """Ranks as quantiles of the standard normal; ties in random order. Source: van der Waerden.

    Args:
        values: any distribution, no NaN.
        rng: draws the order of ties.
    """
    order = np.lexsort((rng.random(len(values)), values))
    scores = np.empty(len(values))
    scores[order] = ndtri((np.arange(len(values)) + 0.5) / len(values))
    return scores


def mutual_information(
    x: Float[Array, " n"], y: Float[Array, " n"], neighbours: int = _NEIGHBOURS
) -> tuple[float, float]:
    """Estimate in nats and its standard error; x and y without ties, best as `normal_scores`.

    Args:
        x: (n,) values of one variable.
        y: (n,) values of the second.
        neighbours: k; fewer scatter more, more blur.
    """
    points = np.stack([x, y], axis=1)
    distance = np.asarray(cKDTree(points).query(points, neighbours + 1, p=np.inf)[0])
    within = np.nextafter(distance[:, -1], 0)
    terms = digamma(_closer(x, within) + 1) + digamma(_closer(y, within) + 1)
    value = digamma(neighbours) + digamma(len(x)) - terms.mean()
    return float(value), standard_error(terms)


def _closer(v: Float[Array, " n"], within: Float[Array, " n"]) -> Int[Array, " n"]:
    """How many other points lie not further than ``within`` along one coordinate."""
    line = np.sort(v)
    return np.searchsorted(line, v + within, "right") - np.searchsorted(line, v - within, "left") - 1


def measure_dependence(
    latents: Float[Array, "n Z"],
    shapes: Float[Array, "n T"],
    names: tuple[Sequence[str], Sequence[str]],
    seed: int,
) -> Dependence:
    """Information and correlation of every latent with every shape, the incident energy already taken out of both.

    Args:
        latents: one row a shower.
        shapes: of the same showers; showers with a NaN are left out.
        names: of the latents and of the shapes.
        seed: of the order of ties and of the permutations.

    Raises:
        EmptySample: fewer than 100 showers with all shapes.
    """
    defined = np.isfinite(shapes).all(axis=1)
    if (n := int(defined.sum())) < _FEWEST:
        raise EmptySample(f"what a latent tells needs {_FEWEST} showers in which every shape is defined", n)
    rng = stream(seed, "scores")
    z, t = (np.stack([normal_scores(c, rng) for c in v[defined].T], axis=1) for v in (latents, shapes))
    pairs = np.array([[mutual_information(a, b) for b in t.T] for a in z.T])
    return Dependence(
        tuple(names[0]), tuple(names[1]), pairs[..., 0], pairs[..., 1], z.T @ t / (t**2).sum(axis=0),
        _linear(z, t), _floor(z[:, 0], stream(seed, "floor")), n,
    )  # fmt: skip


def _linear(z: Float[Array, "n Z"], t: Float[Array, "n T"]) -> Float[Array, " T"]:
    """Adjusted R^2 of each column of t by least squares on all columns of z; the scores have mean zero."""
    left = t - z @ np.linalg.lstsq(z, t, rcond=None)[0]
    return 1 - ((left**2).sum(axis=0) / (len(t) - z.shape[1])) / ((t**2).sum(axis=0) / len(t))


def _floor(scores: Float[Array, " n"], rng: np.random.Generator) -> tuple[float, float]:
    """Mean and standard deviation of the information of scores with themselves in random order."""
    values = [mutual_information(scores, rng.permutation(scores))[0] for _ in range(_PERMUTATIONS)]
    return float(np.mean(values)), float(np.std(values, ddof=1))
