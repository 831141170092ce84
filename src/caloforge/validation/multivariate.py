"""All observables together: correlations, FPD and KPD, precision and recall, freaks, the permutation test."""

__all__ = [
    "MOMENTS",
    "MULTIVARIATE",
    "freaks",
    "in_part",
    "multivariate",
    "permuted",
    "same_conditions",
    "seen_together",
]

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

import numpy as np
from jaxtyping import Int
from numpy import ndarray as Array

from caloforge.classifiers.features import Features, high
from caloforge.classifiers.protocol import CALOCHALLENGE, Protocol
from caloforge.errors import EmptySample
from caloforge.metrics.correlation import measure_correlation_distance
from caloforge.metrics.freaks import Freaks, find_freaks
from caloforge.metrics.frechet import measure_fpd
from caloforge.metrics.kernel import measure_kpd
from caloforge.metrics.manifold import measure_manifold
from caloforge.metrics.measured import Measured
from caloforge.metrics.permutation import PermutationTest, permutation_test
from caloforge.metrics.separation import Histograms
from caloforge.physics.observables import OBSERVABLES, Observable
from caloforge.physics.structure import STRUCTURE
from caloforge.rng import stream
from caloforge.validation.evidence import EACH_TEST, PERMUTATIONS, Evidence
from caloforge.validation.key import Key
from caloforge.validation.parts import Subsample, subsamples
from caloforge.validation.sample import Sample
from caloforge.validation.univariate import fill_alike

MULTIVARIATE = ("correlation", "fpd", "kpd", "precision", "recall", "density", "coverage")
MOMENTS = ("fpd", "kpd")
_MOST = 25_000  # showers of each sample
_MOST_TESTED = 25_000
_IN_WHOLE, _IN_BINS = 10, 50  # pooled showers to a histogram bin, and to one within an energy bin
_IN_PLACES = frozenset(name for name, o in STRUCTURE.items() if o.per in ("layer", "ring"))


_MEASURES: dict[str, Callable[..., dict[str, Measured]]] = {
    "correlation": lambda t, g, rng: {"correlation": measure_correlation_distance(t, g, rng)},
    "fpd": lambda t, g, rng: {"fpd": measure_fpd(t, g, rng)},
    "kpd": lambda t, g, rng: {"kpd": measure_kpd(t, g, rng)},
    "manifold": measure_manifold,
}


def multivariate(
    observables: Mapping[str, Observable],
    truth: Sample,
    generated: Sample,
    protocol: Protocol,
    freaks: Int[Array, " f"],
    seed: int,
) -> dict[str, Measured]:
    """Every metric that sees all judged observables at once, from at most 25,000 showers of each sample.

    Under the CaloChallenge's protocol its own features, of the showers kept with their cells. FPD and KPD are moments,
    of which a handful of freaks would leave nothing but their own: they are left out, though not under that protocol.
    What needs more showers than there are is not measured.

    Args:
        observables: those judged, by name.
        truth: reference showers.
        generated: showers to judge.
        protocol: of the classifiers; decides on the features.
        freaks: generated showers outside the truth.
        seed: of resamples and choices.

    Raises:
        BadValue: a feature is infinite.
    """
    if protocol is CALOCHALLENGE:
        t, g = (protocol.inputs["high"].features(s.cells, s.table_of_cells).values for s in (truth, generated))
    else:
        chosen = [some(len(s), _MOST, stream(seed, f"features {len(s)}")) for s in (truth, generated)]
        t, g = (seen_together(observables, s, rows).values for s, rows in zip((truth, generated), chosen, strict=True))
    if t.shape[1] < 2:  # cells were judged, and nothing else
        return {}
    ordinary = g if protocol is CALOCHALLENGE else g[~np.isin(chosen[1], freaks)]
    measured: dict[str, Measured] = {}
    for name, measure in _MEASURES.items():
        with suppress(EmptySample):  # a checklist that asks for it cannot tell
            measured |= measure(t, ordinary if name in MOMENTS else g, stream(seed, name))
    return measured


def seen_together(
    observables: Mapping[str, Observable], sample: Sample, rows: Int[Array, " r"] | slice = slice(None)
) -> Features:
    """What the metrics of all observables together see.

    Where all are judged, those of local structure in each layer or ring are left out: they double the features, and
    with them the noise of FPD, and what they tell is in the pairs of the whole mesh.

    Args:
        observables: those judged, by name.
        sample: of showers.
        rows: which of them; all when not given.
    """
    left_out = _IN_PLACES if observables.keys() >= OBSERVABLES.keys() else ()
    names = (name for name in sample.table if name in observables and name not in left_out)
    return high({name: sample.table[name][rows] for name in names}, sample.incident_energy[rows])


def in_part(
    observables: Mapping[str, Observable],
    truth: Sample,
    generated: Sample,
    part: Subsample,
    freaks: Int[Array, " f"],
    seed: int,
) -> Iterator[Evidence]:
    """FPD and KPD in one part of the samples, where it has showers enough: 300 and 100.

    They see the observables of whole showers, since a part has too few showers for all layers and rings.

    Args:
        observables: those judged, by name.
        truth: reference showers.
        generated: showers to judge.
        part: of both.
        freaks: generated showers to leave out: they stand by themselves, and FPD would see little else in their part.
        seed: of resamples.
    """
    names = [name for name, o in observables.items() if o.per == "shower" and name in truth.table]
    if not names:
        return
    rows = [np.flatnonzero(part.truth), np.setdiff1d(np.flatnonzero(part.generated), freaks)]
    t, g = (
        high({name: s.table[name][r] for name in names}, s.incident_energy[r]).values
        for s, r in zip((truth, generated), rows, strict=True)
    )
    detail = without(int(part.generated[freaks].sum()))
    for metric, measure in (("fpd", measure_fpd), ("kpd", measure_kpd)):
        with suppress(EmptySample):  # the page says how many it needs
            measured = measure(t, g, stream(seed, f"{metric} {part.place.kind} {part.place.label}"))
            yield Evidence(Key(metric, "", part.place), measured, min(map(len, rows)), detail)


def without(freaks: int) -> str:
    """What was left out, in words.

    Args:
        freaks: how many showers.
    """
    return f"without {freaks} freak{'s' if freaks > 1 else ''}" if freaks else ""


def freaks(observables: Mapping[str, Observable], truth: Sample, generated: Sample, seed: int) -> Freaks | None:
    """Generated showers outside anything in the truth, of which at most 25,000 showers take part.

    Args:
        observables: those judged, by name.
        truth: reference showers.
        generated: showers to judge.
        seed: of choices and folds.

    Returns:
        None where there are too few showers, or only cells are judged.
    """
    t = truth.thinned(some(len(truth), _MOST, stream(seed, f"features {len(truth)}")))
    names = [name for name in observables if name in t.table]
    if not names:
        return None
    tables = [{name: s.table[name] for name in names} for s in (t, generated)]
    conditions = [(s.incident_energy, s.pdg) for s in (t, generated)]
    with suppress(EmptySample):  # a checklist that asks for them cannot tell
        return find_freaks(tables[0], tables[1], (conditions[0], conditions[1]), stream(seed, "freaks"))
    return None


def some(n: int, most: int, rng: np.random.Generator) -> Int[Array, " r"]:
    """At most so many of n rows, in order.

    Args:
        n: rows.
        most: how many to choose.
        rng: of the choice.
    """
    return np.arange(n) if n <= most else np.sort(rng.permutation(n)[:most])


def same_conditions(truth: Sample, generated: Sample) -> bool:
    """Whether shower i of both samples was asked for alike.

    Args:
        truth: reference showers.
        generated: showers to judge.
    """
    return len(truth) == len(generated) and all(
        np.array_equal(getattr(truth, name), getattr(generated, name))
        for name in ("incident_energy", "pdg", "theta", "phi")
    )


def permuted(
    observables: Mapping[str, Observable],
    truth: Sample,
    generated: Sample,
    seed: int,
    permutations: int = PERMUTATIONS,
) -> PermutationTest:
    """The permutation test of every column of every observable, in the whole and in every part of the samples.

    At most 25,000 showers of each sample take part, and of one sample not more than four times those of the other: more
    would cost much and tell little. Showers with the same conditions one by one are tested as pairs.

    Args:
        observables: those judged, by name.
        truth: reference showers.
        generated: showers to judge.
        seed: of choices and permutations.
        permutations: how often labels are exchanged.
    """
    paired = same_conditions(truth, generated)
    most = min(_MOST_TESTED, 4 * min(len(truth), len(generated)))
    t, g = (s.thinned(some(len(s), most, stream(seed, f"tested {len(s)}"))) for s in (truth, generated))
    pairs = _histograms(observables, t, g, subsamples(t, g))
    return permutation_test(pairs, (len(t), len(g)), stream(seed, "permutation"), permutations, EACH_TEST, paired)


def _histograms(
    observables: Mapping[str, Observable], truth: Sample, generated: Sample, parts: tuple[Subsample, ...]
) -> Iterator[tuple[str, tuple[Histograms, Histograms]]]:
    for name, observable in observables.items():
        filled, coarse = fill_alike(observable, truth, generated, _IN_WHOLE, _IN_BINS * max(len(parts), 1))
        yield Key("separation", name).text, filled
        for part in parts:
            masks = (part.truth, part.generated)
            first, second = (h.of_part(mask) for h, mask in zip(coarse, masks, strict=True))
            yield Key("separation", name, part.place).text, (first, second)
