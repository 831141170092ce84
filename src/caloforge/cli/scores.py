"""`caloforge score`, what it does: scores of showers, and their table."""

__all__ = [
    "observables_asked",
    "Scores",
    "likelihood_scores",
    "observable_scores",
    "summary_of",
    "score_table",
    "without_nan",
]

import math
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array
from scipy.stats import kstest

from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.generation.likelihood import (
    credible_interval,
    likelihood_ranks,
    log_likelihood,
    rank_among_draws,
    tail_probability,
)
from caloforge.geometry.binning import Binning
from caloforge.physics.observables import OBSERVABLES, select
from caloforge.rng import stream
from caloforge.training.run import Run


def observables_asked(observable: list[str] | None) -> list[str]:
    """Names to score, of observables that have one value a shower; all of them where none is asked for.

    Args:
        observable: the names.

    Raises:
        BadValue: one has several values a shower.
    """
    one_value = [name for name, o in OBSERVABLES.items() if o.per == "shower"]
    for name in select(observable or []):
        if name not in one_value:
            raise BadValue("--observable", name, f"it has several values a shower; choose of {', '.join(one_value)}")
    return observable or one_value


Scores = dict[str, Float[Array, " N"]]


def likelihood_scores(run: Run, given: Showers, alike: Showers, samples: int, seed: int) -> Scores:
    """Log likelihoods (nats) and their ranks among showers of the model.

    Args:
        run: the model.
        given: N showers.
        alike: showers of the model at the conditions of each, one after the other.
        samples: draws of the latent.
        seed: same seed, same numbers.
    """
    value, error = log_likelihood(run.model, run.pipeline, given, seed, samples)
    drawn, _ = log_likelihood(run.model, run.pipeline, alike, seed + 1, samples)
    rank, rank_error = likelihood_ranks(value, drawn.reshape(len(given), -1))
    return {"value": value, "error": error, "rank": rank, "rank_error": rank_error}


def observable_scores(name: str, given: Showers, alike: Showers, level: float, seed: int) -> Scores:
    """Values of an observable, their tail probabilities, their ranks among draws and the credible interval.

    Args:
        name: of the observable.
        given: N showers.
        alike: showers of the model at the conditions of each, one after the other.
        level: part that an interval holds.
        seed: of the ranks of equal values.
    """
    observed = OBSERVABLES[name](given)[:, 0].astype(np.float64)
    drawn = OBSERVABLES[name](alike)[:, 0].astype(np.float64).reshape(len(given), -1)
    tail, error = tail_probability(observed, drawn)
    rank = rank_among_draws(observed, drawn, stream(seed, f"rank of {name}"))
    low, high = credible_interval(drawn, level)
    return {"value": observed, "tail": tail, "tail_error": error, "rank": rank, "low": low, "high": high}


def summary_of(entry: Scores, level: float) -> dict[str, float]:
    """Are ranks uniform, and as many values in their intervals as should be, as for showers that the model describes?

    Args:
        entry: scores by one observable or by the likelihood.
        level: part that an interval holds.
    """
    rank = entry["rank"][~np.isnan(entry["rank"])]
    if not len(rank):  # no shower has this observable
        return {"mean": math.nan, "uniform_p_value": math.nan}
    facts = {"mean": float(np.nanmean(entry["value"])), "uniform_p_value": float(kstest(rank, "uniform").pvalue)}
    if "low" in entry:
        value, low, high = (entry[end][~np.isnan(entry["value"])] for end in ("value", "low", "high"))
        inside = (value >= low) & (value <= high)
        facts |= {"inside": float(inside.mean()), "inside_error": math.sqrt(level * (1 - level) / len(inside))}
    return facts


def score_table(summary: dict[str, dict[str, float]], level: float, mesh: Binning) -> str:
    """One line for each kind of score.

    Args:
        summary: of each kind.
        level: part that an interval holds.
        mesh: of the showers, which has a unit of depth.
    """
    units = {name: o.unit_on(mesh) for name, o in OBSERVABLES.items()}
    units["log_likelihood"] = "nats"
    lines = [f"{'':24}{'mean':>12} {'':5}{'in ' + format(level, '.0%') + ' interval':>16}{'ranks uniform: p':>18}"]
    for name, row in summary.items():
        inside = f"{row['inside']:.1%} ± {row['inside_error']:.1%}" if "inside" in row else ""
        lines.append(f"{name:24}{row['mean']:12.4g} {units[name]:5}{inside:>16}{row['uniform_p_value']:18.2g}")
    return "\n".join(lines)


def without_nan(scores: dict[str, Scores]) -> dict[str, Any]:
    """Lists for JSON, which knows no NaN: None in its place.

    Args:
        scores: of each kind.
    """
    return {
        name: {k: [None if math.isnan(x) else x for x in v.tolist()] for k, v in entry.items()}
        for name, entry in scores.items()
    }
