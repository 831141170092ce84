"""Boosted trees: see what they must, nothing where there is nothing, and say what they looked at."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from caloforge.classifiers.auc import FAST, classify
from caloforge.classifiers.data import draw
from caloforge.classifiers.features import Features
from caloforge.classifiers.importance import permutation_importance
from caloforge.classifiers.network import ClassifierTraining, perceptron
from caloforge.classifiers.trees import TreeSettings, boosted, boosted_trees, families, observed
from caloforge.errors import BadValue, EmptySample
from caloforge.physics.observables import OBSERVABLES, tabulate

SMALL = boosted(TreeSettings(trees=60))


def gaussians(n, shift, seed, width=6):
    """Features of which the second and third carry a shift of the mean."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, width))
    values[:, 1:3] += shift
    return Features(values.astype(np.float32), ("log10_incident_energy", *"abcde"))


def test_the_auc_of_two_gaussians():
    """Means 1 apart in two columns of unit width: Phi(sqrt(2) / sqrt(2)) = 0.841 at best; the floor is a half."""
    result = classify(gaussians(4000, 0, 0), gaussians(2000, 1, 1), 1, procedure=SMALL)
    assert result.auc.value == pytest.approx(0.841, abs=3 * result.auc.error + 0.015)  # trees are not quite the best
    assert result.auc.floor == pytest.approx(0.5, abs=3 * result.auc.floor_spread)


def test_what_only_two_columns_together_tell():
    """Both columns standard normal in both classes; the signs are equal in one class, any in the other."""
    first, second = gaussians(2000, 0, 0), gaussians(2000, 0, 1)
    values = second.values.copy()
    values[:, 1] = np.abs(values[:, 1]) * np.sign(values[:, 2])
    result = classify(first, Features(values, second.names), 1, procedure=SMALL)
    assert result.auc.value == pytest.approx(0.75, abs=0.02)  # half of the other class has unequal signs


def test_one_seed_one_answer_on_any_number_of_threads():
    samples = gaussians(600, 0, 0), gaussians(600, 0.3, 1)
    first, again = (classify(*samples, 5, replace(FAST, threads=n), procedure=SMALL) for n in (1, 2))
    assert np.array_equal(first.scores_generated, again.scores_generated, equal_nan=True)
    assert first.auc == again.auc
    assert classify(*samples, 6, procedure=SMALL).auc != first.auc


def test_undefined_and_constant_columns_do_no_harm():
    first, second = gaussians(600, 0, 0), gaussians(600, 1, 1)
    for values in (first.values, second.values):
        values[:, 3], values[:, 4] = np.nan, 7.0
        values[::3, 5] = np.nan
    assert classify(first, second, 1, procedure=SMALL).auc.value > 0.8


def test_trees_that_do_not_look_at_exchanged_columns_keep_their_answer():
    """The logits are those of all trees asked again, to the last bit, also of undefined values."""
    samples = gaussians(600, 0, 0), gaussians(600, 1, 1)
    for sample in samples:
        sample.values[:, 3] = np.nan
        sample.values[::3, 2] = np.nan
    network = classify(*samples, 1, procedure=SMALL, floor=False).folds[0].network
    x = samples[1].values
    values = network.values(x)
    for columns in ([2], [3], [0, 1], list(range(6))):
        mixed = x.copy()
        mixed[:, columns] = x[::-1, columns]
        expected = network(torch.from_numpy(mixed))[:, 0].numpy()
        assert np.array_equal(values.exchanged(mixed, np.array(columns)), expected)


def test_importance_names_the_columns_that_tell():
    samples = gaussians(1500, 0, 0), gaussians(1500, 1, 1)
    result = classify(*samples, 1, procedure=SMALL)
    importances = permutation_importance(result, *samples, seed=1)
    assert {i.name for i in importances[:2]} == {"a", "b"}
    assert all(abs(i.loss_of_auc) < 5 * i.error + 1e-3 for i in importances[2:])


def test_too_few_showers_and_too_many_classes_are_refused():
    with pytest.raises(EmptySample):
        classify(gaussians(90, 0, 0), gaussians(90, 0, 1), 1, procedure=boosted_trees)

    x = gaussians(300, 0, 0).values
    classes, folds = draw((x, x, x), [np.arange(300)] * 3, 300, 5, 1)
    with pytest.raises(BadValue, match="two classes"):
        boosted_trees(ClassifierTraining(classes, folds, 1, FAST, perceptron, lambda done: None, outputs=3))


def test_every_observable_is_a_feature_and_has_a_family(showers):
    features = observed(showers[:50])
    names = OBSERVABLES.keys() - {"voxel_energy"}
    assert features.by_observable().keys() == names | {"log10_incident_energy"}
    groups = families(features)
    assert {"longitudinal", "lateral", "cells", "neighbours", "clusters", "tracks", "shower_axis"} <= groups.keys()
    assert sorted(np.concatenate(list(groups.values()))) == list(range(1, features.values.shape[1]))


def test_a_given_table_is_used(showers):
    table = tabulate(showers[:50])
    features = observed(showers[:50], {**table, "hits": table["hits"] + 1000})
    assert (features.values[:, features.by_observable()["hits"]] > 1000).all()


def test_forward_is_a_logit(showers):
    samples = gaussians(300, 0, 0), gaussians(300, 2, 1)
    network = classify(*samples, 1, procedure=SMALL).folds[0].network
    x = torch.from_numpy(samples[1].values)
    probability = network.model.predict_proba(samples[1].values[:, network.defined])[:, 1]
    assert torch.sigmoid(network(x))[:, 0].numpy() == pytest.approx(probability, abs=1e-5)
