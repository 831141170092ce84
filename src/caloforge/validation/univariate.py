"""One observable at a time: separation power, Wasserstein and Kolmogorov-Smirnov of each, in a part of both samples."""

__all__ = ["MOST_SORTED", "UNIVARIATE", "distances", "fill", "fill_alike", "mean_and_columns"]

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from caloforge.metrics.distances import KolmogorovSmirnov, kolmogorov_smirnov, measure_wasserstein
from caloforge.metrics.measured import Measured
from caloforge.metrics.separation import Histograms, Resamples, fill_well, measure_separation
from caloforge.physics.observables import Observable
from caloforge.rng import stream
from caloforge.validation.evidence import Evidence
from caloforge.validation.key import ALL_SHOWERS, Key, Place, Where
from caloforge.validation.parts import Subsample
from caloforge.validation.sample import Sample

MOST_SORTED = (2_500, 10_000)  # showers for Wasserstein, in a part and in the whole: it sorts every resample
_RESORTED = 30  # resamples of Wasserstein
UNIVARIATE = ("separation", "wasserstein", "ks")


def distances(
    observables: Mapping[str, Observable], truth: Sample, generated: Sample, subsample: Subsample, seed: int
) -> Iterator[Evidence]:
    """All distances of all observables in one part of both samples; over all showers each layer and ring, too.

    Resamples are shared by the observables. Wasserstein takes the first ``MOST_SORTED`` showers, with resamples of
    their own. Cells have a separation power only: their values are not kept one by one.

    Args:
        observables: those judged, by name.
        truth: reference showers.
        generated: showers to judge.
        subsample: the part of both.
        seed: of the resamples.
    """
    place, n = f"{subsample.place.kind} {subsample.place.label}", min(subsample.sizes)
    resamples = Resamples.draw(*subsample.sizes, stream(seed, f"resamples {place}"))
    most = MOST_SORTED[subsample.place == ALL_SHOWERS]
    n_first, m_first = (min(size, most) for size in subsample.sizes)
    of_first = Resamples.draw(n_first, m_first, stream(seed, f"wasserstein {place}"), _RESORTED)
    for name, observable in observables.items():

        def numbers(
            metric: str, mean: Measured, columns: Sequence[Measured], size: int, o: Observable = observable
        ) -> Iterator[Evidence]:
            yield Evidence(Key(metric, o.name, subsample.place), mean, size)
            if subsample.place == ALL_SHOWERS and len(columns) > 1:
                for label, column in zip(o.column_names(truth.binning), columns, strict=True):
                    yield Evidence(Key(metric, o.name, Place(_part_of_shower(o.per), label)), column, size)

        mean, columns = measure_separation(*fill(observable, truth, generated, subsample), resamples)
        yield from numbers("separation", mean, columns, n)
        if observable.per == "cell":
            continue
        t, g = truth.table[name][subsample.truth], generated.table[name][subsample.generated]
        yield from numbers("wasserstein", *measure_wasserstein(t[:most], g[:most], of_first), min(n, most))
        tests = kolmogorov_smirnov(t, g)
        for item, p in zip(numbers("ks", *mean_and_columns(tests), n), _p_values(tests), strict=False):
            yield replace(item, p_value=p)


def _part_of_shower(per: str) -> Where:
    return "layer" if per == "layer" else "ring" if per == "ring" else "column"


def mean_and_columns(tests: Sequence[KolmogorovSmirnov]) -> tuple[Measured, tuple[Measured, ...]]:
    """The mean over columns has the mean of their errors, as if they rose and fell together: an upper bound.

    Args:
        tests: of each column of an observable.
    """
    columns = tuple(test.measured for test in tests)
    numbers = np.array([[m.value, m.error, m.floor, m.floor_spread] for m in columns]).mean(axis=0)
    return Measured(*(float(x) for x in numbers)), columns


def _p_values(tests: Sequence[KolmogorovSmirnov]) -> list[float]:
    """Of the mean over columns the smallest of theirs, then each."""
    values = [test.p_value for test in tests]
    return [min(values), *values]


def fill(
    observable: Observable, truth: Sample, generated: Sample, subsample: Subsample, fewest: int = 10
) -> tuple[Histograms, Histograms]:
    """Histograms of one observable in a part of both samples.

    Edges come from that part of the truth, ``fewest`` true showers to a bin at least.

    Args:
        observable: of showers, layers, rings or cells.
        truth: reference showers.
        generated: showers to judge.
        subsample: the part of both.
        fewest: true showers in a bin.
    """
    name = observable.name
    parts = ((truth, subsample.truth), (generated, subsample.generated))
    if observable.per == "cell":
        pooled = [Histograms(csr_array(s.pooled[name].rows[mask]), s.pooled[name].edges) for s, mask in parts]
        return pooled[0], pooled[1]
    t, g = (s.table[name][mask] for s, mask in parts)
    first, second = fill_well((t, g), [observable.edges(column) for column in t.T], fewest)
    return first, second


def fill_alike(
    observable: Observable, truth: Sample, generated: Sample, *fewest: int
) -> Iterator[tuple[Histograms, Histograms]]:
    """Histograms with edges from both samples together, which a relabelling of the showers does not change.

    Args:
        observable: of showers, layers, rings or cells.
        truth: reference showers.
        generated: showers to judge.
        fewest: showers of both samples in a bin; a pair of histograms for each.
    """
    name = observable.name
    if observable.per == "cell":
        yield from [(truth.pooled[name], generated.pooled[name])] * len(fewest)
        return
    both = (truth.table[name], generated.table[name])
    edges = [observable.edges(column) for column in np.concatenate(both).T]
    for few in fewest:
        first, second = fill_well(both, edges, few, deciding=2)
        yield first, second
