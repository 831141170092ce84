r"""The two causes of mode collapse, in numbers: what a missing mode costs, and generator gradients that never visit it.

Truth :math:`P = (1-\epsilon) A + \epsilon B` with modes A and B that do not overlap, generator :math:`Q = A`:

.. math:: \mathrm{JS}(P, Q) = \tfrac12\Big[(1-\epsilon)\ln\frac{1-\epsilon}{1-\epsilon/2} + \epsilon\ln 2\Big]
          + \tfrac12 \ln\frac{1}{1-\epsilon/2}
          \;\xrightarrow{\epsilon\to 0}\; \tfrac{\epsilon}{2} \ln 2 ,

of at most :math:`\ln 2`: the game hardly punishes the loss of a rare mode. Divergence: Lin, IEEE Trans. Inf. Theory 37
(1991) 145.

Run: python tools/studies/collapse_causes.py            (with --seeds 3 for more games)
"""

import argparse
import math

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from scipy.stats import norm
from toy_game import REMEDIES, gradients, play

from caloforge.rng import stream, torch_stream

_RARITIES = (0.5, 0.1, 0.05, 0.01, 0.001)
_GAMES = ("minimax", "non-saturating", "non-saturating, R1", "wgan-gp")


def divergence(rarity: float) -> float:
    """Closed form, nats; ``rarity`` is the fraction of the missing mode, between 0 and 1 (both excluded)."""
    common, mixed = 1 - rarity, 1 - rarity / 2
    return 0.5 * (common * math.log(common / mixed) + rarity * math.log(2)) - 0.5 * math.log(mixed)


def sampled_divergence(rarity: float, distance: float, n: int, rng: np.random.Generator) -> tuple[float, float]:
    """The same from n draws of either distribution, with its standard error.

    The modes are normal distributions of width one, ``distance`` apart.
    """

    def density(x: Float[Array, " n"]) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
        common = norm.pdf(x)
        return (1 - rarity) * common + rarity * norm.pdf(x, distance), common

    truth = rng.normal(size=n) + distance * (rng.random(n) < rarity)
    (p, q), (p_generated, q_generated) = density(truth), density(rng.normal(size=n))
    terms = 0.5 * np.log(2 * p / (p + q)), 0.5 * np.log(2 * q_generated / (p_generated + q_generated))
    return float(sum(t.mean() for t in terms)), float(np.sqrt(sum(t.var() for t in terms) / n))


def print_cost() -> None:
    """Closed form beside a million draws."""
    print("Jensen-Shannon divergence of a generator that lacks one mode (nats; ln 2 = 0.6931)")
    print(f"{'rarity':>8}{'closed form':>14}{'sampled':>24}{'of ln 2':>10}")
    for rarity in _RARITIES:
        exact = divergence(rarity)
        value, error = sampled_divergence(rarity, 12.0, 1_000_000, stream(1, "missing mode"))
        print(f"{rarity:8g}{exact:14.6f}{value:14.6f} ± {error:.6f}{100 * exact / 0.693147:9.2f} %")


def print_gradients(seeds: int) -> None:
    """Gradient norms of the generator's loss at points, mode by mode, after the game."""
    print("\nGradient of the generator's loss, rare mode of 1 % (norms; - : nothing is generated there)")
    print(f"{'game':<20}{'seed':>5}{'generated':>11}{'common':>10}{'rare':>10}{'of total':>10}{'at true rare':>14}")
    for name in _GAMES:
        for seed in range(1, seeds + 1):
            common, rare = gradients(play(REMEDIES[name], seed), 20_000, torch_stream(seed, "gradients"))
            visited = f"{rare.at_generated:10.3f}" if rare.share > 0 else f"{'-':>10}"
            print(
                f"{name:<20}{seed:5d}{100 * rare.share:9.2f} %{common.at_generated:10.3f}{visited}"
                f"{100 * rare.of_total:8.2f} %{rare.at_truth:14.3f}",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print_cost()
    print_gradients(options.seeds)
