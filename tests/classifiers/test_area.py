"""The AUC of a part of the showers, with the floor of the same part."""

import numpy as np
import pytest

from caloforge.classifiers.auc import FAST, classify
from caloforge.classifiers.features import Features
from caloforge.classifiers.ridge import ridge
from caloforge.classifiers.roc import auc_error


def sample(n, seed, shift):
    """Energies of one and two; a column that is shifted at energy two."""
    x = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)
    x[:, 0] = np.arange(n) % 2
    x[:, 1] += shift * x[:, 0]
    return Features(x, ("log10_incident_energy", "a", "b"))


@pytest.fixture(scope="module")
def judged():
    truth, generated = sample(2000, 0, 0.0), sample(1000, 1, 2.0)
    return classify(truth, generated, 1, procedure=ridge), truth.values[:, 0] == 1, generated.values[:, 0] == 1


def test_all_showers_have_the_auc_of_all(judged):
    whole = judged[0].area(*(np.ones(len(mask), bool) for mask in judged[1:]))
    assert whole.value == pytest.approx(judged[0].auc.value, abs=1e-3)  # folds count by their pairs
    assert whole.floor == pytest.approx(judged[0].auc.floor, abs=1e-3)
    assert whole.floor_spread == pytest.approx(np.sqrt(2) * auc_error(whole.floor, 1000, 1000))


def test_a_part_that_differs_is_told_from_one_that_does_not(judged):
    classified, *high = judged
    differs, same = (classified.area(*masks) for masks in (high, [~mask for mask in high]))
    assert differs.value > 0.85
    assert same.value == pytest.approx(0.5, abs=4 * same.error)
    assert same.error == pytest.approx(np.sqrt(1.5) * auc_error(same.value, 500, 500), rel=0.1)  # half of all showers


def test_the_floor_of_a_part_is_measured_there(judged):
    """From scores of truth against truth; the two parts are disjoint showers and so have floors of their own."""
    classified, *high = judged
    floors = [classified.area(*masks) for masks in (high, [~mask for mask in high])]
    assert floors[0].floor != floors[1].floor != 0.5
    for part in floors:
        assert part.floor == pytest.approx(0.5, abs=4 * part.floor_spread)
    scored = np.isfinite(classified.floor_scores)
    assert scored.sum() == 2 * classified.floor_size


def test_a_part_with_hardly_a_shower_has_none(judged):
    few = [np.arange(len(mask)) < 9 for mask in judged[1:]]
    assert judged[0].area(*few) is None
    assert FAST.folds == len(judged[0].folds)
