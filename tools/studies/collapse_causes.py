"""The two causes of mode collapse, in numbers: what a missing mode costs, and generator gradients that never visit it.

Run: python tools/studies/collapse_causes.py            (with --seeds 3 for more games)
"""

import argparse

import torch

from caloforge.diagnosis.missing_mode import divergence, sampled_divergence
from caloforge.diagnosis.toy_game import REMEDIES, gradients, play
from caloforge.rng import stream, torch_stream

_RARITIES = (0.5, 0.1, 0.05, 0.01, 0.001)
_GAMES = ("minimax", "non-saturating", "non-saturating, R1", "wgan-gp")


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
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print_cost()
    print_gradients(chosen.seeds)
