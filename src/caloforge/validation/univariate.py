"""One observable at a time: separation power, Wasserstein and Kolmogorov-Smirnov of each, in a part of both samples."""

__all__ = ["Distance", "MOST_SORTED", "UNIVARIATE", "distances", "fill"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array
from scipy.sparse import csr_array

from caloforge.metrics.distances import KolmogorovSmirnov, kolmogorov_smirnov, measure_wasserstein
from caloforge.metrics.measured import Measured
from caloforge.metrics.separation import Histograms, Resamples, measure_separation, well_filled
from caloforge.physics.observables import Observable
from caloforge.rng import stream
from caloforge.validation.parts import Subsample
from caloforge.validation.sample import Sample

MOST_SORTED = (2_500, 10_000)  # showers for Wasserstein, in a part and in the whole: it sorts every resample
UNIVARIATE = ("separation", "wasserstein", "ks")


@dataclass(frozen=True)
class Distance:
    """A distance between the distributions of one observable: the mean over its columns (layers, rings), and each.

    ``p_values`` are those of the Kolmogorov-Smirnov test, not corrected for the number of columns.
    """

    mean: Measured
    columns: tuple[Measured, ...]
    per: str
    labels: tuple[str, ...] = ("",)
    p_values: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON; ``per_layer`` or ``per_ring`` where there is more than one column."""
        p = {"p_values": list(self.p_values)} if self.p_values else {}
        if len(self.columns) == 1:
            return self.mean.to_dict() | p
        return {**self.mean.to_dict(), f"per_{self.per}": [column.to_dict() for column in self.columns], **p}


def distances(
    observables: Mapping[str, Observable], truth: Sample, generated: Sample, subsample: Subsample, seed: int
) -> dict[str, Distance]:
    """All distances of all observables in one part of both samples, as ``separation/response`` and so on.

    Resamples are shared by the observables. Wasserstein takes the first ``MOST_SORTED`` showers. Cells have a
    separation power only: their values are not kept one by one.
    """
    place = f"{subsample.kind} {subsample.label}"
    resamples = Resamples.draw(*subsample.sizes, stream(seed, f"resamples {place}"))
    found = {}
    for name, observable in observables.items():
        labels = observable.column_names(truth.binning)

        def of(
            mean: Measured, columns: Sequence[Measured], o: Observable = observable, at: tuple[str, ...] = labels
        ) -> Distance:
            return Distance(mean, tuple(columns), o.per, at if len(columns) == len(at) else ("",))

        found[f"separation/{name}"] = of(*measure_separation(*fill(observable, truth, generated, subsample), resamples))
        if observable.per != "cell":
            t, g = truth.table[name][subsample.truth], generated.table[name][subsample.generated]
            most, rng = MOST_SORTED[subsample.kind == "overall"], stream(seed, f"wasserstein {place} {name}")
            found[f"wasserstein/{name}"] = of(*measure_wasserstein(t[:most], g[:most], rng))
            found[f"ks/{name}"] = _kolmogorov_smirnov(kolmogorov_smirnov(t, g), observable, labels)
    return found


def _kolmogorov_smirnov(
    tests: Sequence[KolmogorovSmirnov], observable: Observable, labels: tuple[str, ...]
) -> Distance:
    """The mean over columns has the mean of their errors, as if they rose and fell together: an upper bound."""
    columns = tuple(test.measured for test in tests)
    numbers = np.array([[m.value, m.error, m.floor, m.floor_spread] for m in columns]).mean(axis=0)
    mean = Measured(*(float(x) for x in numbers))
    return Distance(mean, columns, observable.per, labels, tuple(test.p_value for test in tests))


def fill(
    observable: Observable, truth: Sample, generated: Sample, subsample: Subsample, fewest: int = 10
) -> tuple[Histograms, Histograms]:
    """Histograms of one observable in a part of both samples.

    Edges come from that part of the truth, ``fewest`` true showers to a bin at least.
    """
    name = observable.name
    parts = ((truth, subsample.truth), (generated, subsample.generated))
    if observable.per == "cell":
        pooled = [Histograms(csr_array(s.pooled[name].rows[mask]), s.pooled[name].edges) for s, mask in parts]
        return pooled[0], pooled[1]
    values = [s.table[name][mask] for s, mask in parts]
    edges = [well_filled(observable.edges(column), column, fewest) for column in values[0].T]
    return Histograms.fill(values[0], edges), Histograms.fill(values[1], edges)


def fill_alike(
    observable: Observable, truth: Sample, generated: Sample, fewest: int = 10
) -> tuple[Histograms, Histograms]:
    """Histograms with edges from both samples together, which a relabelling of the showers does not change."""
    name = observable.name
    if observable.per == "cell":
        return truth.pooled[name], generated.pooled[name]
    both = np.concatenate([truth.table[name], generated.table[name]])
    edges: list[Float[Array, " _"]] = [well_filled(observable.edges(column), column, fewest) for column in both.T]
    filled = Histograms.fill(both, edges)
    n = len(truth)
    return Histograms(csr_array(filled.rows[:n]), filled.edges), Histograms(csr_array(filled.rows[n:]), filled.edges)
