r"""What a missing mode costs a generator: the Jensen-Shannon divergence as a function of the mode's rarity.

Truth :math:`P = (1-\epsilon) A + \epsilon B` with modes A and B that do not overlap, generator :math:`Q = A`:

.. math:: \mathrm{JS}(P, Q) = \tfrac12\Big[(1-\epsilon)\ln\frac{1-\epsilon}{1-\epsilon/2} + \epsilon\ln 2\Big]
          + \tfrac12 \ln\frac{1}{1-\epsilon/2}
          \;\xrightarrow{\epsilon\to 0}\; \tfrac{\epsilon}{2} \ln 2 ,

of at most :math:`\ln 2`: the game hardly punishes the loss of a rare mode. Divergence: Lin, IEEE Trans. Inf. Theory 37
(1991) 145.
"""

__all__ = ["divergence", "sampled_divergence"]

import math

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array
from scipy.stats import norm


def divergence(rarity: float) -> float:
    """Closed form, nats; ``rarity`` is the fraction of the missing mode, between 0 and 1 (both excluded)."""
    kept, mixed = 1 - rarity, 1 - rarity / 2
    return 0.5 * (kept * math.log(kept / mixed) + rarity * math.log(2)) - 0.5 * math.log(mixed)


def sampled_divergence(rarity: float, distance: float, n: int, rng: np.random.Generator) -> tuple[float, float]:
    """The same from n draws of either distribution, with its standard error.

    The modes are normal distributions of width one, ``distance`` apart.
    """

    def density(x: Float[Array, " n"]) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
        common = norm.pdf(x)
        return (1 - rarity) * common + rarity * norm.pdf(x, distance), common

    of_truth = rng.normal(size=n) + distance * (rng.random(n) < rarity)
    (p, q), (p_made, q_made) = density(of_truth), density(rng.normal(size=n))
    terms = 0.5 * np.log(2 * p / (p + q)), 0.5 * np.log(2 * q_made / (p_made + q_made))
    return float(sum(t.mean() for t in terms)), float(np.sqrt(sum(t.var() for t in terms) / n))
