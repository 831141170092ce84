"""The linear classifier: what it must see, leaving one out, logits."""

import numpy as np
import pytest
from scipy.stats import norm

from caloforge.classifiers import ridge as module
from caloforge.classifiers.auc import FAST, classify
from caloforge.classifiers.data import draw
from caloforge.classifiers.features import Features
from caloforge.classifiers.network import ClassifierTraining, perceptron
from caloforge.classifiers.ridge import ridge
from caloforge.errors import BadValue


def gaussians(n, shift, seed, width=40):
    """Standard normal features behind an energy; the first two carry a shift of the mean."""
    values = np.random.default_rng(seed).normal(size=(n, 1 + width))
    values[:, 1:3] += shift
    return Features(values.astype(np.float32), ("log10_incident_energy", *(f"x[{i}]" for i in range(width))))


def test_the_auc_of_two_gaussians_is_the_best_that_there_is():
    result = classify(gaussians(4000, 0, 0), gaussians(2000, 1, 1), 1, procedure=ridge)
    assert result.auc.value == pytest.approx(norm.cdf(1.0), abs=2 * result.auc.error)  # shift sqrt(2), over sqrt(2)


def test_fewer_showers_than_features_are_fitted_as_well():
    """Rows in their own span: the solution by x x^T is that by x^T x."""
    x = np.random.default_rng(0).normal(size=(8, 12))
    values, vectors = module._principal(x, np.zeros(12), np.ones(8))
    whole, directions = np.linalg.eigh(x.T @ x)
    moment = x.T @ np.arange(8.0)
    assert vectors @ ((vectors.T @ moment) / (values + 0.5)) == pytest.approx(
        directions @ ((directions.T @ moment) / (whole + 0.5)), rel=1e-9
    )


def test_leaving_one_out_is_what_a_fit_without_it_predicts(monkeypatch):
    """One penalty; the logit's slope and offset come from predictions that a loop of fits gives as well."""
    rng = np.random.default_rng(0)
    x, labels, weights = rng.normal(size=(30, 4)), np.arange(30) % 2 == 1, rng.uniform(0.5, 1.5, 30)
    x[labels, 0] += 1
    monkeypatch.setattr(module, "_PENALTIES", np.array([0.1]))
    slope, offset = module._fit(x, labels, weights)
    target, penalty = np.where(labels, 1.0, -1.0), 0.1 * weights.sum()

    def fit(rows):
        w = weights[rows] / weights[rows].sum()
        centre, mean = w @ x[rows], w @ target[rows]
        c = x[rows] - centre
        beta = np.linalg.solve(
            (weights[rows][:, None] * c).T @ c + penalty * np.eye(4), (weights[rows] * c.T) @ (target[rows] - mean)
        )
        return lambda z: mean + (z - centre) @ beta

    left_out = np.array([fit(np.arange(30) != i)(x[i]) for i in range(30)])
    low, high = (np.average(left_out[side], weights=weights[side]) for side in (~labels, labels))
    variance = np.average((left_out - np.where(labels, high, low)) ** 2)
    expected = (high - low) / variance * (fit(np.arange(30))(x) - (low + high) / 2)
    assert x @ slope + offset == pytest.approx(expected, rel=1e-6)


def test_scores_are_logits():
    """Two normal classes a distance 1 apart in two columns: the logit is x1 + x2 - 1."""
    result = classify(gaussians(4000, 0, 0, 5), gaussians(4000, 1, 1, 5), 1, procedure=ridge)
    expected = gaussians(4000, 1, 1, 5).values[:, 1:3].sum(axis=1) - 1
    slope, offset = np.polyfit(expected, result.scores_generated, 1)
    assert (slope, offset) == (pytest.approx(1, abs=0.05), pytest.approx(0, abs=0.05))


def test_undefined_and_constant_columns_do_no_harm():
    first, second = gaussians(300, 0, 0), gaussians(300, 1, 1)
    for values in (first.values, second.values):
        values[:, 5], values[:, 6] = np.nan, 7.0
        values[::3, 7] = np.nan
    assert classify(first, second, 1, procedure=ridge).auc.value > 0.75


def test_one_seed_one_answer():
    samples = gaussians(200, 0, 0), gaussians(200, 0.5, 1)
    first, again = (classify(*samples, 5, procedure=ridge) for _ in range(2))
    assert np.array_equal(first.scores_generated, again.scores_generated)
    assert classify(*samples, 6, procedure=ridge).auc != first.auc


def test_more_classes_than_two_are_refused():
    x = gaussians(300, 0, 0).values
    classes, folds = draw((x, x, x), [np.arange(300)] * 3, 300, 5, 1)
    with pytest.raises(BadValue, match="two classes"):
        ridge(ClassifierTraining(classes, folds, 1, FAST, perceptron, lambda done: None, outputs=3))
