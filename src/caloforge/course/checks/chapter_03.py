"""Chapter 3: the KL of normal distributions, the variance of the average posterior, the beta whose space has holes."""

__all__ = ["check"]

from typing import Any

import numpy as np

from caloforge.course.answers import array_from, entries_of, function_of, number_of
from caloforge.errors import NotYet

_N, _Z = 50, 3


def check(answer: Any) -> str:
    """Mark the exercise of chapter 3.

    Args:
        answer: the functions ``rate`` and ``total_variance`` of means and standard deviations, and ``worst``, a beta.

    Raises:
        NotYet: what is wrong.
    """
    entries = entries_of(answer, ("rate", "total_variance", "worst"))
    rng = np.random.default_rng(3)
    mean, std = rng.normal(size=(_N, _Z)), rng.uniform(0.2, 1.5, (_N, _Z))
    rate = array_from(function_of(entries["rate"], "rate")(mean, std), (_N,), "the rates of all showers")
    terms = mean**2 + std**2 - 1 - np.log(std**2)
    exact = 0.5 * terms.sum(1)
    for wrong, sentence in (
        (2 * exact, "rate: a factor of one half is missing."),
        (-exact, "rate: the sign is wrong; a KL divergence is never negative."),
        (0.5 * (terms + np.log(std)).sum(1), "rate: ln sigma^2 is 2 ln sigma."),
        (0.5 * terms.mean(1), "rate: sum over the latents, do not average."),
        (0.5 * (mean**2 + std - 1 - np.log(std)).sum(1), "rate: std is sigma, and the formula has sigma squared."),
    ):
        if np.allclose(rate, wrong):
            raise NotYet(sentence)
    if not np.allclose(rate, exact):
        raise NotYet("rate: it differs from the closed form; try it with mean 0 and std 1, where it has to be 0.")
    variance = array_from(
        function_of(entries["total_variance"], "total_variance")(mean, std), (_Z,), "a variance for each latent"
    )
    if np.allclose(variance, mean.var(0), rtol=0.05):
        raise NotYet("total_variance: this is the variance of the means; the mean of std squared comes on top.")
    if np.allclose(variance, (std**2).mean(0), rtol=0.05):
        raise NotYet("total_variance: this is the mean variance; the variance of the means comes on top.")
    if not np.allclose(variance, (std**2).mean(0) + mean.var(0), rtol=0.03):  # ddof 0 or 1
        raise NotYet("total_variance: it is the mean of std squared plus the variance of mean, both over the showers.")
    worst = number_of(entries["worst"], "the worst beta")
    if worst not in (0.01, 1.0, 20.0):
        raise NotYet(f"worst: {worst:g} is none of the three beta.")
    if worst != 0.01:
        raise NotYet(
            f"worst: at beta {worst:g} the rate has its price, so the average posterior stays near N(0, 1); compute "
            "total_variance for each of the three models."
        )
    return "Where the rate is nearly free, the average posterior leaves N(0, 1), and new showers fall into holes."
