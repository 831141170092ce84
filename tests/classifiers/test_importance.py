import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import nn

from caloforge.classifiers.auc import Classified, ClassifierSettings, Fold, classify
from caloforge.classifiers.features import Features
from caloforge.classifiers.importance import permutation_importance
from caloforge.classifiers.roc import auc
from caloforge.metrics.measured import Measured

QUICK = ClassifierSettings(hidden=32, epochs=12, folds=3)
NAMES = ("energy", "a", "b[layer 0]", "b[layer 1]", "c")


def sample(n, seed):
    return np.random.default_rng(seed).normal(size=(n, len(NAMES))).astype(np.float32)


def judged_by(network, n, seed, shift):
    """A given network on showers whose column ``a`` is shifted."""
    x, y = sample(n, 2 * seed), sample(n, 2 * seed + 1)
    y[:, 1] += shift
    rows, nothing = np.arange(n), Measured(0, 0, 0, 0)
    fold = Fold(network, rows, rows)
    return Classified(nothing, nothing, x[:, 0], y[:, 0], n, n, (fold,)), Features(x, NAMES), Features(y, NAMES)


@pytest.fixture
def looks_at_a():
    network = nn.Linear(len(NAMES), 1)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[0.0, 1.0, 0.0, 0.0, 0.0]]))
    return network


def test_the_loss_is_known_where_one_column_tells_everything(looks_at_a):
    """Exchanged, the column tells nothing: the loss is Phi(d / sqrt 2) - 1/2; its error is the scatter over samples."""
    losses, errors = [], []
    for seed in range(60):
        first, *others = permutation_importance(*judged_by(looks_at_a, 300, seed, 1.0), seed)
        losses.append(first.loss_of_auc)
        errors.append(first.error)
        assert first.name == "a"
        assert all(other.loss_of_auc == other.significance == 0 for other in others)
    assert np.mean(losses) == pytest.approx(norm.cdf(1 / np.sqrt(2)) - 0.5, abs=4 * np.mean(errors) / np.sqrt(60))
    assert np.std(losses) == pytest.approx(np.mean(errors), rel=0.3)


def test_the_column_that_differs_is_found_by_name_and_by_layer():
    x, y = sample(1200, 1), sample(1200, 2)
    y[:, 3] += 1.0
    truth, generated = Features(x, NAMES), Features(y, NAMES)
    found = classify(truth, generated, 1, QUICK)
    ranked = permutation_importance(found, truth, generated, 1)
    assert ranked[0].name == "b"
    assert {importance.name for importance in ranked} == {"energy", "a", "b", "c"}
    assert ranked[0].significance > 10
    assert all(abs(other.loss_of_auc) < 0.02 for other in ranked[1:])
    assert permutation_importance(found, truth, generated, 1) == ranked
    layers = permutation_importance(found, truth, generated, 1, truth.by_name())
    assert layers[0].name == "b[layer 1]"
    assert ranked[0].loss_of_auc == pytest.approx(found.auc.value - 0.5, abs=0.05)


def test_values_are_exchanged_at_equal_incident_energy():
    """A column that only repeats the incident energy gives nothing away, though the network may lean on it."""
    rng = np.random.default_rng(3)
    tables = []
    for shift in (0.0, 1.0):
        energy = rng.uniform(3, 5, 1500)
        tables.append(np.stack([energy, 5 * energy, 5 * energy + rng.normal(shift, 1, 1500)], 1).astype(np.float32))
    truth, generated = (Features(table, ("energy", "copy", "tells")) for table in tables)
    found = classify(truth, generated, 1, ClassifierSettings(hidden=32, epochs=30, folds=3))
    ranked = {i.name: i for i in permutation_importance(found, truth, generated, 1)}
    assert found.auc.value > 0.7
    assert ranked["tells"].loss_of_auc == pytest.approx(found.auc.value - 0.5, abs=0.05)
    assert abs(ranked["copy"].loss_of_auc) < 0.02


def test_before_any_exchange_the_placements_give_the_auc(looks_at_a):
    classified, truth, generated = judged_by(looks_at_a, 300, 0, 1.0)
    importance = permutation_importance(classified, truth, generated, 1, {"a": np.array([1])}, repeats=40)[0]
    assert importance.loss_of_auc == pytest.approx(auc(truth.values[:, 1], generated.values[:, 1]) - 0.5, abs=0.02)
