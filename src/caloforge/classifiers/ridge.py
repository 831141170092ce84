r"""Linear classifier in closed form: ridge regression of the labels, its penalty by leaving one out, scores as logits.

With labels :math:`t = \pm 1`, standardised features x and weights :math:`w` of the showers

.. math:: \beta_\lambda = \Big(\sum_i w_i x_i x_i^\top + \lambda\Big)^{-1} \sum_i w_i x_i (t_i - \bar t), \qquad
          t_i - f_{-i} = \frac{t_i - f_i}{1 - H_{ii}}

where :math:`f_{-i}` is the prediction of a shower by the others, known without solving again. The penalty that predicts
best among thirteen is taken. For classes whose predictions are normal of one width s around :math:`m_0` and
:math:`m_1`, the logit is :math:`(m_1 - m_0)/s^2 \cdot (f - (m_0 + m_1)/2)`, with the moments of :math:`f_{-i}`. Few
showers and hundreds of features that rise and fall together are what it is good at. Source: Hoerl and Kennard,
Technometrics 12 (1970) 55; Allen, Technometrics 16 (1974) 125 (leaving one out).
"""

__all__ = ["ridge"]

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray as Array
from threadpoolctl import threadpool_limits
from torch import nn

from caloforge.classifiers.auc import Run, cross_validate
from caloforge.classifiers.network import ClassifierTraining
from caloforge.classifiers.standardise import Standardise
from caloforge.errors import BadValue

_PENALTIES = np.logspace(-5, 1, 13)  # of the sum of the weights
_ROUNDING = 1e-12
_AT_ONCE = 1024  # showers
_SMALLEST_SLOPE = 1e-3  # where nothing was learned the scores still have an order


class _RidgeTraining(ClassifierTraining):
    """As `ClassifierTraining`, with a linear function for a network."""

    def train(self, train: Bool[Array, " N"], stop: Bool[Array, " N"], number: int = 0, of: int = 1) -> nn.Module:
        """A linear function of the showers of ``train`` and ``stop``: leaving one out replaces those set aside."""
        rows, classes = np.flatnonzero(train | stop), self.classes
        scale = Standardise.fit(classes, rows)
        x = np.concatenate([scale(torch.from_numpy(piece)).numpy() for piece in classes.pieces(rows)])
        weights = np.ones(len(rows)) if classes.weights is None else classes.weights[rows]
        with threadpool_limits(self.settings.threads, "blas"):
            slope, offset = _fit(x, classes.labels[rows] == 1, weights.astype(np.float64))
        self.progress((number + 1) / of)
        return nn.Sequential(scale, _linear(slope, offset)).eval()


@dataclass(frozen=True, eq=False)
class _Moments:
    """Mean of the predictions of each class, and their common variance."""

    truth: float
    generated: float
    variance: float

    @classmethod
    def of(cls, f: Float[Array, " n"], generated: Bool[Array, " n"], weights: Float[Array, " n"]) -> "_Moments":
        means = [float(np.average(f[here], weights=weights[here])) for here in (~generated, generated)]
        return cls(means[0], means[1], float(np.average((f - np.where(generated, means[1], means[0])) ** 2)))


def _fit(
    x: Float[Array, "n f"], generated: Bool[Array, " n"], weights: Float[Array, " n"]
) -> tuple[Float[Array, " f"], float]:
    """Coefficients of the logit, and its offset."""
    total = weights.sum()
    share = weights / total
    target = np.where(generated, 1.0, -1.0)
    mean = share @ target
    centre = sum(s @ part for part, s in _pieces(x, np.zeros(x.shape[1]), share))
    values, vectors = _principal(x, centre, weights)
    moment = vectors.T @ sum((w * (t - mean)) @ part for part, w, t in _pieces(x, centre, weights, target))
    inverse = 1 / (values[:, None] + _PENALTIES * total)
    wrong = np.empty((len(x), len(_PENALTIES)))  # of each shower by the others, for each penalty
    start = 0
    for part, w, t in _pieces(x, centre, weights, target):
        turned = part @ vectors
        leverage = w[:, None] * (np.square(turned) @ inverse + 1 / total)
        off = (t - mean)[:, None] - turned @ (inverse * moment[:, None])
        wrong[start : start + len(part)] = off / (1 - np.minimum(leverage, 1 - 1e-9))
        start += len(part)
    best = int((share @ wrong**2).argmin())
    slope, left_out = vectors @ (inverse[:, best] * moment), target - wrong[:, best]
    moments = _Moments.of(left_out, generated, weights)
    steepness = max((moments.generated - moments.truth) / max(moments.variance, 1e-12), _SMALLEST_SLOPE)
    middle = (moments.truth + moments.generated) / 2
    return steepness * slope, steepness * float(mean - centre @ slope - middle)


def _pieces(
    x: Float[Array, "n f"], centre: Float[Array, " f"], *others: Float[Array, " n"]
) -> Iterator[tuple[Array, ...]]:
    """Some showers at a time in float64, less the centre, and what else is known of them: the whole is float32."""
    for start in range(0, len(x), _AT_ONCE):
        here = slice(start, start + _AT_ONCE)
        yield x[here] - centre, *(other[here] for other in others)


def _principal(
    x: Float[Array, "n f"], centre: Float[Array, " f"], weights: Float[Array, " n"]
) -> tuple[Float[Array, " d"], Float[Array, "f d"]]:
    """Eigenvalues and eigenvectors with any weight of x^T x about the centre, by the smaller of x^T x and x x^T."""
    if x.shape[1] <= len(x):
        roots = (np.sqrt(w)[:, None] * part for part, w in _pieces(x, centre, weights))
        values, vectors = np.linalg.eigh(sum(part.T @ part for part in roots))
        return np.maximum(values, 0), vectors
    whole = np.sqrt(weights)[:, None] * (x - centre)
    values, left = np.linalg.eigh(whole @ whole.T)
    some = values > _ROUNDING * values[-1]
    return values[some], whole.T @ (left[:, some] / np.sqrt(values[some]))


def _linear(slope: Float[Array, " f"], offset: float) -> nn.Linear:
    linear = nn.Linear(len(slope), 1)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(slope[None]))
        linear.bias.fill_(offset)
    return linear.requires_grad_(False)


def ridge(training: ClassifierTraining) -> Run:
    """Cross-validation of linear classifiers: a procedure for `caloforge.classifiers.auc.classify`.

    Of the settings of the networks only folds and threads count.

    Args:
        training: two classes, folds and settings.

    Raises:
        BadValue: more than two classes.
    """
    if training.outputs != 1:
        raise BadValue("number of outputs", training.outputs, "ridge regression tells two classes apart, by one logit")
    return cross_validate(_RidgeTraining(**vars(training)))
