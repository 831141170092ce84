r"""How much of each mode of the truth a generator recovers: fractions with intervals, corrected for misclassification.

A classifier learns the labels of the truth from its features. With :math:`C_{ij}` the chance that a shower of mode i is
taken for mode j (measured on truth that the classifier did not see) and :math:`q_j` the fraction of the generated
showers taken for mode j, the fractions :math:`f_i` of the modes solve

.. math:: q_j = \sum_i f_i\, C_{ij} .

Only showers in the core of a mode count: within the distance to the mode's nearest true shower that 90 % of its
own showers keep. The others are one more class, neither, whose share in truth is part of :math:`C`: bad showers do not
count as a mode because they resemble the other one even less.

Intervals are quantiles over draws of all counts from their Dirichlet posteriors (Jeffreys prior), so a mode that was
never generated has an interval too: it starts at zero.

Where no label tells modes apart, a mixture of Gaussians does, if their density has a valley between them
(`caloforge.physics.mixture`): then its modes are the labels.
"""

__all__ = ["CORE", "MODE_COLUMNS", "ModeFraction", "find_modes", "measure_modes", "judge_modes"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from sklearn.linear_model import LogisticRegression

from caloforge.diagnosis.finding import ALPHA, Effect, judge
from caloforge.errors import EmptySample
from caloforge.metrics.neighbours import nearest
from caloforge.physics.mixture import best_mixture, separate_modes
from caloforge.validation.finding import Finding, cannot_tell

MODE_COLUMNS = ("response", "centre_z", "mean_r")  # energy, depth and radius
_FAR = 8.0  # standard deviations: beyond, a shower counts as one at this distance
_FOLDS = 5
_DRAWS = 4000
_CLIP = 5.0
_RIDGE = 1e-2
CORE = 0.9
_CERTAIN = 1e6
_TOLERANCE, _CONCERN = 0.2, 0.5
_FEWEST = 5 * _FOLDS
_TOO_RARE = "train with training.balance=1 (without labels training.balance_by=clusters), or a wgan"
_TOO_FREQUENT = "train longer: this model has not learned the other modes, and training.balance cannot make up for it"


@dataclass(frozen=True)
class ModeFraction:
    """Fraction of one mode in truth and in a generated sample.

    ``ratio`` is generated over truth, with its standard error and its 95 % interval; ``efficiency`` is how often the
    classifier knows a shower of this mode.
    """

    label: int
    name: str
    truth: float
    generated: float
    interval: tuple[float, float]
    ratio: float
    ratio_error: float
    ratio_interval: tuple[float, float]
    efficiency: float
    n_truth: int
    n_generated: int


def find_modes(features: Float[Array, "N f"], names: Sequence[str], rng: np.random.Generator) -> Int[Array, " N"]:
    """Mode of each shower from its `MODE_COLUMNS`: 0 for the most common one, and for all where there is but one."""
    columns = [names.index(name) for name in MODE_COLUMNS if name in names]
    t = np.clip(np.nan_to_num(features[:, columns]), -_FAR, _FAR)
    mixture = best_mixture(t, rng)
    return separate_modes(mixture)[np.argmax(mixture.log_joint(t), axis=1)]


def measure_modes(
    truth: Float[Array, "N f"],
    labels: Int[Array, " N"],
    generated: Float[Array, "M f"],
    rng: np.random.Generator,
    named: Mapping[int, str] | None = None,
    core: float = CORE,
) -> tuple[ModeFraction, ...]:
    """Fraction of each mode; features are standardised (`ConditionalScale`), NaN counts as average.

    ``named``: what to call the labels; ``core``: part of a mode's own showers that are near enough to count.

    Raises:
        EmptySample: a mode has fewer than 25 showers, or nothing was generated.
    """
    names, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(generated) == 0 or counts.min() < _FEWEST:
        raise EmptySample(f"mode fractions need {_FEWEST} showers of each mode", int(counts.min()), len(generated))
    confusion, taken = _classify(truth, index, generated, rng, core)
    point = _unfold(confusion / confusion.sum(axis=1, keepdims=True), taken / taken.sum())
    drawn = _draws(confusion, taken, counts, rng)
    called = [(int(label), (named or {}).get(int(label), str(label))) for label in names]
    return tuple(_summary(called[i], i, point, drawn, confusion, counts, len(generated)) for i in range(len(names)))


def judge_modes(modes: tuple[ModeFraction, ...]) -> tuple[Finding, ...]:
    r"""One finding for each mode; the level is shared out among them and between too few and too many.

    With r the generated over the true fraction the effect is :math:`1 - r`, of a mode that is too frequent
    :math:`1 - 1/r`.
    """
    return tuple(_judge(mode, ALPHA / (2 * len(modes))) for mode in modes)


def _judge(mode: ModeFraction, alpha: float) -> Finding:
    test = f"Recovered fraction of mode {mode.name}"
    if mode.efficiency < 0.5:
        return cannot_tell(test, f"a classifier knows only {100 * mode.efficiency:.0f} % of its showers")
    low, high = mode.ratio_interval
    evidence = (
        f"{100 * mode.generated:.2f} % generated against {100 * mode.truth:.2f} % in Geant4: "
        f"{mode.ratio:.2f} of it recovered (95 % interval {low:.2f} to {high:.2f})"
    )
    size, error, remedy = 1 - mode.ratio, mode.ratio_error, _TOO_RARE
    if mode.ratio > 1:
        size, error, remedy = 1 - 1 / mode.ratio, mode.ratio_error / mode.ratio**2, _TOO_FREQUENT
    effect = Effect(size, error, mode.n_generated, _TOLERANCE, _CONCERN)
    return judge(test, effect, evidence, remedy, alpha, truth=mode.truth, generated=mode.generated)


def _terms(features: Float[Array, "N f"]) -> Float[Array, "N p"]:
    """1, t, t^2: what a quadratic discriminant sees."""
    t = np.clip(np.nan_to_num(features), -_CLIP, _CLIP)
    return np.concatenate([np.ones((len(t), 1)), t, t**2], axis=1)


def _classify(
    truth: Float[Array, "N f"],
    index: Int[Array, " N"],
    generated: Float[Array, "M f"],
    rng: np.random.Generator,
    core: float,
) -> tuple[Float[Array, "c c"], Float[Array, " c"]]:
    """Counts (true mode, taken for) of held-out truth, and of generated showers; the last class is neither."""
    n_modes = int(index.max()) + 1
    terms, fold = _terms(truth), _stratified_folds(index, rng)
    taken, probability = np.empty(len(truth), np.int64), np.zeros((len(generated), n_modes))
    for k in range(_FOLDS):
        held_out = fold == k
        classifier = _logistic_regression(terms[~held_out], index[~held_out], n_modes)
        taken[held_out] = classifier.predict(terms[held_out])
        probability += classifier.predict_proba(_terms(generated))
    made = np.argmax(probability, axis=1)
    for mode in range(n_modes):
        _set_apart(mode, (truth, index, taken), (generated, made), n_modes, core)
    confusion = np.zeros((n_modes + 1, n_modes + 1))
    np.add.at(confusion, (index, taken), 1)
    confusion[-1, -1] = _CERTAIN
    return confusion, np.bincount(made, minlength=n_modes + 1).astype(np.float64)


def _set_apart(
    mode: int,
    known: tuple[Float[Array, "N f"], Int[Array, " N"], Int[Array, " N"]],
    judged: tuple[Float[Array, "M f"], Int[Array, " M"]],
    neither: int,
    core: float,
) -> None:
    """Give the class ``neither`` to what was taken for the mode and is too far from it; changes the classes."""
    truth, index, taken = known
    own = truth[index == mode]
    distance = np.zeros(len(truth))
    distance[index == mode] = nearest(own, own, same=True)
    reach = np.quantile(distance[index == mode], core)
    strangers = (taken == mode) & (index != mode)
    distance[strangers] = nearest(truth[strangers], own)
    taken[(taken == mode) & (distance > reach)] = neither
    generated, made = judged
    rows = np.flatnonzero(made == mode)
    made[rows[nearest(generated[rows], own) > reach]] = neither


def _stratified_folds(index: Int[Array, " N"], rng: np.random.Generator) -> Int[Array, " N"]:
    """Every mode has its share in every fold, however rare."""
    fold = np.empty(len(index), np.int64)
    for mode in range(int(index.max()) + 1):
        rows = rng.permutation(np.flatnonzero(index == mode))
        fold[rows] = np.arange(len(rows)) % _FOLDS
    return fold


def _logistic_regression(x: Float[Array, "N p"], index: Int[Array, " N"], n_modes: int) -> LogisticRegression:
    """Multinomial, every mode with the same total weight, a ridge on all terms."""
    weight = (1 / np.bincount(index, minlength=n_modes))[index] / n_modes
    strength = (2 if n_modes == 2 else 1) / _RIDGE  # of two modes only the difference of their coefficients is fitted
    return LogisticRegression(C=strength, fit_intercept=False, max_iter=500).fit(x, index, weight)


def _unfold(rates: Float[Array, "*R m m"], taken: Float[Array, "*R m"]) -> Float[Array, "*R m"]:
    """Fractions of the modes, not negative and summing to one."""
    solved = np.linalg.solve(np.swapaxes(rates, -1, -2), taken[..., None])[..., 0]
    positive = np.maximum(solved, 0)
    return positive / positive.sum(axis=-1, keepdims=True)


def _draws(
    confusion: Float[Array, "c c"], taken: Float[Array, " c"], counts: Int[Array, " m"], rng: np.random.Generator
) -> tuple[Float[Array, "R c"], Float[Array, "R m"]]:
    """Draws of the generated fractions, with those of neither mode, and of the true ones."""
    rates = np.stack([rng.dirichlet(row + 0.5, _DRAWS) for row in confusion], axis=1)
    generated = _unfold(rates, rng.dirichlet(taken + 0.5, _DRAWS))
    return generated, rng.dirichlet(counts + 0.5, _DRAWS)


def _summary(
    called: tuple[int, str],
    i: int,
    point: Float[Array, " c"],
    drawn: tuple[Float[Array, "R c"], Float[Array, "R m"]],
    confusion: Float[Array, "c c"],
    counts: Int[Array, " m"],
    n_generated: int,
) -> ModeFraction:
    generated, ratio = drawn[0][:, i], drawn[0][:, i] / drawn[1][:, i]
    truth = float(counts[i] / counts.sum())
    low, high = (float(q) for q in np.quantile(generated, [0.025, 0.975]))
    ratio_low, ratio_high = (float(q) for q in np.quantile(ratio, [0.025, 0.975]))
    return ModeFraction(
        *called,
        truth,
        float(point[i]),
        (low, high),
        float(point[i]) / truth,
        float(ratio.std(ddof=1)),
        (ratio_low, ratio_high),
        float(confusion[i, i] / confusion[i].sum()),
        int(counts[i]),
        n_generated,
    )
