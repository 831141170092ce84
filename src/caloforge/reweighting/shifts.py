"""One observable at a time, before and after weighting: means and separation powers against truth.

Only one half of the showers enters, with weights fitted on the other: a mean over both halves would cancel what the
weights of each half learned by heart of the other.
"""

__all__ = ["Shift", "judged_half", "shifts"]

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.metrics.measured import Measured
from caloforge.metrics.separation import Resamples, measure_separation
from caloforge.physics.observables import Observable
from caloforge.reweighting.crossfit import Reweighting
from caloforge.reweighting.weights import effective_size
from caloforge.rng import stream
from caloforge.validation.parts import whole
from caloforge.validation.sample import Sample
from caloforge.validation.univariate import fill

Mean = tuple[float, float]


@dataclass(frozen=True)
class Shift:
    """An observable of true, generated and weighted showers.

    Args:
        name: of the observable.
        before: separation power without weights.
        after: with weights.
        means: of true, generated and weighted showers with standard errors, in the observable's unit; None where it has
            several columns.
    """

    name: str
    before: Measured
    after: Measured
    means: tuple[Mean, Mean, Mean] | None

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        means = dict(zip(("truth", "before", "after"), self.means, strict=True)) if self.means else None
        return {"separation_before": self.before.to_dict(), "separation_after": self.after.to_dict(), "mean": means}


def judged_half(
    truth: Sample, generated: Sample, reweighting: Reweighting
) -> tuple[Sample, Sample, Float[Array, " m"]]:
    """The showers of half 1 and their weights, which come from half 0.

    Args:
        truth: all true showers.
        generated: all generated showers.
        reweighting: the fit to them.
    """
    rows = [np.flatnonzero(half == 1) for half in reweighting.halves]
    return truth.thinned(rows[0]), generated.thinned(rows[1]), reweighting.weights[rows[1]]


def shifts(
    observables: Mapping[str, Observable],
    truth: Sample,
    generated: Sample,
    weights: Float[Array, " m"],
    seed: int,
) -> tuple[Shift, ...]:
    """Every observable of showers that took no part in the fit of the weights, the largest separation before first.

    The floor of the weighted showers is that of as many showers as they are worth (their effective number).

    Args:
        observables: by name.
        truth: true showers.
        generated: generated showers.
        weights: of each of them.
        seed: of the resamples.
    """
    rng, cut = stream(seed, "shifts"), whole(truth, generated)
    before = Resamples.draw(len(truth), len(generated), rng)
    after = replace(before, null=Resamples.draw(len(truth), round(effective_size(weights)), rng).null)
    result = []
    for name, observable in observables.items():
        t, g = fill(observable, truth, generated, cut)
        pair = measure_separation(t, g, before)[0], measure_separation(t, g, after, weights)[0]
        result.append(Shift(name, *pair, _means(observable, truth, generated, weights)))
    return tuple(sorted(result, key=lambda shift: -shift.before.significance))


def _means(
    observable: Observable, truth: Sample, generated: Sample, weights: Float[Array, " m"]
) -> tuple[Mean, Mean, Mean] | None:
    if observable.per != "shower":
        return None
    t, g = (s.table[observable.name][:, 0].astype(np.float64) for s in (truth, generated))
    return _mean(t, np.ones(len(t))), _mean(g, np.ones(len(g))), _mean(g, weights)


def _mean(values: Float[Array, " n"], weights: Float[Array, " n"]) -> Mean:
    r"""Weighted mean of the defined values, and its error :math:`\sqrt{\sum w^2 (x - \bar x)^2} / \sum w`."""
    defined = ~np.isnan(values)
    x, w = values[defined], weights[defined]
    mean = (w * x).sum() / w.sum()
    return float(mean), float(np.sqrt((w**2 * (x - mean) ** 2).sum()) / w.sum())
