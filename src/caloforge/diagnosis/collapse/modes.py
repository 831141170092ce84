r"""How much of each mode of the truth a generator recovers: fractions with intervals, corrected for misclassification.

A classifier learns the labels of the truth from its features. With :math:`C_{ij}` the chance that a shower of mode i is
taken for mode j (measured on truth that the classifier did not see) and :math:`q_j` the fraction of the generated
showers taken for mode j, the fractions :math:`f_i` of the modes solve

.. math:: q_j = \sum_i f_i\, C_{ij} .

Showers outside the core of every mode are one more class, whose share in truth is part of :math:`C`
(`caloforge.diagnosis.collapse.confusion`).

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

from caloforge.diagnosis.collapse.confusion import FOLDS, confusion_of
from caloforge.diagnosis.finding import ALPHA, Effect, judge
from caloforge.errors import EmptySample
from caloforge.physics.mixture import best_mixture, separate_modes
from caloforge.validation.finding import Finding, cannot_tell

MODE_COLUMNS = ("response", "centre_z", "mean_r")  # energy, depth and radius
_FAR = 8.0  # standard deviations: beyond, a shower counts as one at this distance
_DRAWS = 4000
CORE = 0.9
_TOLERANCE, _CONCERN = 0.2, 0.5
_FEWEST = 5 * FOLDS
_TOO_RARE = "train with training.balance=1 (without labels training.balance_by=clusters), or a wgan"
_TOO_FREQUENT = "train longer: this model has not learned the other modes, and training.balance cannot make up for it"


@dataclass(frozen=True)
class ModeFraction:
    """Fraction of one mode in truth and in a generated sample.

    Args:
        label: of the mode, such as a PDG number.
        name: what to call it.
        truth: fraction in the truth.
        generated: fraction in the generated sample, corrected for misclassification.
        interval: 95 % interval of that.
        ratio: generated over truth.
        ratio_error: its standard error.
        ratio_interval: its 95 % interval.
        efficiency: how often the classifier knows a shower of this mode.
        n_truth: true showers of the mode.
        n_generated: generated showers of all modes.
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
    """Mode of each shower from its `MODE_COLUMNS`: 0 for the most common one, and for all where there is but one.

    Args:
        features: standardised, of N showers.
        names: of the f features.
        rng: of the starts of the mixtures.
    """
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
    """Fraction of each mode in a generated sample.

    Args:
        truth: standardised features (`ConditionalScale`) of N showers; NaN counts as average.
        labels: mode of each of them.
        generated: features of M generated showers.
        rng: of folds and of draws from the posteriors.
        named: what to call the labels.
        core: part of a mode's own showers that are near enough to count.

    Raises:
        EmptySample: a mode has fewer than 25 showers, or nothing was generated.
    """
    names, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(generated) == 0 or counts.min() < _FEWEST:
        raise EmptySample(f"mode fractions need {_FEWEST} showers of each mode", int(counts.min()), len(generated))
    confusion, taken = confusion_of(truth, index, generated, rng, core)
    point = _unfold(confusion / confusion.sum(axis=1, keepdims=True), taken / taken.sum())
    drawn = _draws(confusion, taken, counts, rng)
    called = [(int(label), (named or {}).get(int(label), str(label))) for label in names]
    return tuple(_summary(called[i], i, point, drawn, confusion, counts, len(generated)) for i in range(len(names)))


def judge_modes(modes: tuple[ModeFraction, ...]) -> tuple[Finding, ...]:
    r"""One finding for each mode; the level is shared out among them and between too few and too many.

    With r the generated over the true fraction the effect is :math:`1 - r`, of a mode that is too frequent
    :math:`1 - 1/r`.

    Args:
        modes: all of one sample.
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
