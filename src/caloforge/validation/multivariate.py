"""All observables together: correlations, Fréchet and kernel physics distance, precision and recall, permutation test."""

__all__ = ["MULTIVARIATE", "multivariate", "features", "same_conditions", "tested"]

from collections.abc import Iterator, Mapping

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array
from scipy.sparse import csr_array, diags_array

from caloforge.physics.observables import Observable
from caloforge.rng import stream
from caloforge.validation.conditional import Cut
from caloforge.validation.correlation import measure_correlation_distance
from caloforge.validation.frechet import measure_fpd
from caloforge.validation.kernel import measure_kpd
from caloforge.validation.manifold import measure_manifold
from caloforge.validation.metrics import Histograms, Measured
from caloforge.validation.permutation import PermutationTest, permutation_test
from caloforge.validation.sample import Sample
from caloforge.validation.univariate import fill_alike

MULTIVARIATE = ("correlation", "fpd", "kpd", "precision", "recall", "density", "coverage")
_MOST = 50_000  # showers of each sample, as many as the CaloChallenge takes
_MOST_TESTED = 20_000
_IN_BINS = 50  # pooled showers to a histogram bin within an energy bin


def features(sample: Sample, observables: Mapping[str, Observable], rows: Array | slice) -> Float[Array, "n f"]:
    """log10 of the incident energy and every judged observable; energies enter as logarithms."""
    columns = [np.log10(sample.incident_energy[rows])[:, None]]
    for name, table in sample.table.items():
        if name in observables:
            values = table[rows]
            columns.append(np.log10(values + 1e-8) if observables[name].unit == "MeV" else values)
    return np.concatenate(columns, axis=1, dtype=np.float32)


def multivariate(
    observables: Mapping[str, Observable], truth: Sample, generated: Sample, seed: int
) -> dict[str, Measured]:
    """Every metric that sees all judged observables at once, from at most 50,000 showers of each sample."""
    t, g = (
        features(s, observables, _some(len(s), _MOST, stream(seed, f"features {name}")))
        for name, s in (("truth", truth), ("generated", generated))
    )
    return {
        "correlation": measure_correlation_distance(t, g, stream(seed, "correlation")),
        "fpd": measure_fpd(t, g, stream(seed, "fpd")),
        "kpd": measure_kpd(t, g, stream(seed, "kpd")),
        **measure_manifold(t, g, stream(seed, "manifold")),
    }


def _some(n: int, most: int, rng: np.random.Generator) -> slice | Array:
    return slice(None) if n <= most else np.sort(rng.permutation(n)[:most])


def same_conditions(truth: Sample, generated: Sample) -> bool:
    """Whether shower i of both samples was asked for alike."""
    return len(truth) == len(generated) and all(
        np.array_equal(getattr(truth, name), getattr(generated, name))
        for name in ("incident_energy", "pdg", "theta", "phi")
    )


def tested(
    observables: Mapping[str, Observable], truth: Sample, generated: Sample, parts: tuple[Cut, ...], seed: int
) -> PermutationTest:
    """The permutation test of every column of every observable, in the whole and in every part of the samples."""
    paired = same_conditions(truth, generated)
    pairs = dict(_histograms(observables, truth, generated, parts))
    return permutation_test(
        {name: pair[0] for name, pair in pairs.items()},
        {name: pair[1] for name, pair in pairs.items()},
        stream(seed, "permutation"),
        permutations=999,
        paired=paired,
    )


def _histograms(
    observables: Mapping[str, Observable], truth: Sample, generated: Sample, parts: tuple[Cut, ...]
) -> Iterator[tuple[str, tuple[Histograms, Histograms]]]:
    for name, observable in observables.items():
        filled = fill_alike(observable, truth, generated)
        yield name, filled
        coarse = fill_alike(observable, truth, generated, _IN_BINS * max(len(parts), 1))
        for part in parts:
            masks = (part.truth, part.generated)
            first, second = (_only(h, mask) for h, mask in zip(coarse, masks, strict=True))
            yield f"{name} in {part.label}", (first, second)


def _only(histograms: Histograms, mask: Array) -> Histograms:
    """The showers of a part; the others fill nothing."""
    return Histograms(csr_array(diags_array(mask.astype(np.float32)) @ histograms.rows), histograms.edges)
