"""Evidence from tests with a shape of their own: response in bins, fitted laws, freaks, the two-sample tests."""

__all__ = ["of_freaks", "of_permutation", "of_physics", "of_response", "of_two_samples", "told_by"]

import math
from collections.abc import Iterator, Mapping, Sequence

from caloforge.classifiers.auc import Classified
from caloforge.classifiers.importance import Importance
from caloforge.classifiers.two_sample import Pairs, classifier_p_value, smallest_of
from caloforge.metrics.bins import energy_label
from caloforge.metrics.compared import Compared, PhysicsSummary
from caloforge.metrics.freaks import Freaks
from caloforge.metrics.measured import Measured
from caloforge.metrics.permutation import PermutationTest
from caloforge.metrics.response import ResponseSummary
from caloforge.validation.evidence import EACH_TEST, Evidence
from caloforge.validation.key import ALL_SHOWERS, Key, Place, Where

_LISTED = 3
_SURELY = 3.0  # standard errors that the loss of an input must have


def of_response(response: ResponseSummary, n: int) -> Iterator[Evidence]:
    """Bias and distance of the ratio of resolutions from one, in each bin of energy or theta with the bin's floor.

    Over all showers stands the largest of the energy bins, with the floor of a largest.

    Args:
        response: of all bins.
        n: showers of the smaller sample.
    """
    worst = response.bias_bin, response.ratio_bin
    yield Evidence(Key("response_bias"), response.bias_max, n, f"{100 * worst[0].bias:+.2f} % in {worst[0].label}")
    yield Evidence(Key("resolution_ratio"), response.ratio_distance, n, f"{worst[1].ratio:.3f} in {worst[1].label}")
    for b in (*response.bins, *response.angles):
        kind: Where = "energy bin" if b.of == "energy" else "angle bin"
        place, size = Place(kind, b.label), min(b.n_truth, b.n_generated)
        bias = Measured(abs(b.bias), b.bias_error, *_half_normal(b.bias_error))
        ratio = Measured(abs(b.ratio - 1), b.ratio_error, *_half_normal(b.ratio_error))
        yield Evidence(Key("response_bias", "", place), bias, size, f"{100 * b.bias:+.2f} %")
        yield Evidence(Key("resolution_ratio", "", place), ratio, size, f"{b.ratio:.3f}")


def _half_normal(sigma: float) -> tuple[float, float]:
    """Mean and standard deviation of the size of a normal number around zero."""
    return sigma * math.sqrt(2 / math.pi), sigma * math.sqrt(1 - 2 / math.pi)


def of_freaks(freaks: Freaks) -> Evidence:
    """Their rate, and in words their number, its interval and the rows of the first.

    Args:
        freaks: of the generated sample.
    """
    low, high = (100 * limit for limit in freaks.interval)
    listed = ", ".join(map(str, freaks.rows[:_LISTED]))
    more = f" and {len(freaks) - _LISTED} more" if len(freaks) > _LISTED else ""
    rows = f": rows {listed}{more}" if len(freaks) else ""
    detail = f"{len(freaks)} of {freaks.generated:,}, {low:.2g} to {high:.2g} % at 95 %{rows}"
    return Evidence(Key("freaks"), freaks.measured, freaks.generated, detail, freaks.p_value)


def of_permutation(test: PermutationTest, n: int, keys: Sequence[Key]) -> Evidence:
    """The p-value, and in words the observables that differ.

    Args:
        test: of all observables at once.
        n: showers of the smaller sample.
        keys: of the distances over all showers, which know the names of layers and rings.
    """
    p = test.p_value
    return _p_value("permutation", p, n, _culprits(test, keys), math.sqrt(p * (1 - p) / test.permutations))


def of_two_samples(
    histograms: Evidence, classifiers: Mapping[str, Classified], pairs: Pairs | None
) -> Iterator[Evidence]:
    """The p-value of the classifiers, and that of both tests together; of histograms alone where nothing classifies.

    Args:
        histograms: the permutation test.
        classifiers: by the name of what they see.
        pairs: of `caloforge.classifiers.two_sample.fold_p_values`.
    """
    tests = [histograms]
    if classifiers:
        p = classifier_p_value(classifiers.values(), pairs)
        tests.append(_p_value("classifier_test", p, max(c.size for c in classifiers.values())))
        yield tests[1]
    together = smallest_of([test.measured.value for test in tests])
    words = [f"{name} {test.words}" for name, test in zip(("histograms", "classifiers"), tests, strict=False)]
    yield _p_value("two_sample", together, histograms.n, ", ".join(words))


def told_by(importance: Sequence[Importance], tests: Sequence[Evidence]) -> str:
    """In words what gives the generated showers away; nothing where the classifiers may see nothing but chance.

    Args:
        importance: of each input of a classifier, the largest first.
        tests: of `of_two_samples`.
    """
    apart = any(test.key.metric == "classifier_test" and test.measured.value <= EACH_TEST for test in tests)
    sure = [i for i in importance if i.loss_of_auc > 0 and i.significance > _SURELY][:_LISTED] if apart else []
    return f"mostly by {', '.join(f'{i.name} ({i.loss_of_auc:.3f})' for i in sure)}" if sure else ""


def _p_value(metric: str, p: float, n: int, detail: str = "", error: float = 0.0) -> Evidence:
    """Between two samples of the truth it is uniform."""
    return Evidence(Key(metric), Measured(p, error, 0.5, math.sqrt(1 / 12)), n, detail)


def _culprits(test: PermutationTest, keys: Sequence[Key]) -> str:
    """The observables that differ, each with the place where it differs most."""
    first: dict[str, str] = {}
    for culprit in test.culprits:
        key = Key.parse(culprit.name)
        labels = [k.place.label for k in keys if k[:2] == key[:2] and k.place != ALL_SHOWERS]
        column = f" of {labels[culprit.column]}" if labels else ""
        part = "" if key.place == ALL_SHOWERS else f" in {key.place.label}"
        first.setdefault(key.observable, f"{key.observable}{column}{part} ({culprit.statistic})")
    more = f" and {len(first) - _LISTED} more observables" if len(first) > _LISTED else ""
    return ", ".join(list(first.values())[:_LISTED]) + more


def of_physics(summaries: Mapping[str, PhysicsSummary], n: int) -> Iterator[Evidence]:
    """Quantities of the physics summary of each particle: the generated value, with truth's in place of the floor.

    Args:
        summaries: of each particle; the name is empty where there is only one.
        n: showers of the smaller sample.
    """
    for particle, summary in summaries.items():
        everywhere = Place("overall", particle) if particle else ALL_SHOWERS
        for law, fit in summary.laws.items():
            for parameter, compared in fit.parameters.items():
                yield _compared(Key("physics", f"{law}.{parameter}", everywhere), compared, n)
        for b in summary.bins:
            label = f"{particle} {energy_label(b.low, b.high)}".strip()
            for name, compared in b.quantities.items():
                place = Place("energy bin", label)
                yield _compared(Key("physics", name, place), compared, min(b.n_truth, b.n_generated))


def _compared(key: Key, compared: Compared, n: int) -> Evidence:
    error = math.hypot(compared.truth_error, compared.generated_error)
    spread = compared.floor * math.sqrt(math.pi / 2)
    return Evidence(key, Measured(compared.generated, error, compared.truth, spread), n)
