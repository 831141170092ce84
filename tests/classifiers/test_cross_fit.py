"""The error of a mean over folds whose classifiers share showers."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from caloforge.classifiers.auc import FAST, cross_validate
from caloforge.classifiers.cross_fit import error_of_mean
from caloforge.classifiers.data import draw
from caloforge.classifiers.network import ClassifierTraining, perceptron


@dataclass(frozen=True, eq=False)
class DifferenceOfMeans(ClassifierTraining):
    """A linear classifier: scores along the difference of the means of the classes."""

    def train(self, train, stop, number=0, of=1):
        x, labels = self.classes.gather(np.flatnonzero(train | stop)), self.classes.labels[train | stop]
        network = nn.Linear(x.shape[1], 1, bias=False)
        with torch.no_grad():
            network.weight.copy_(torch.from_numpy(x[labels == 1].mean(axis=0) - x[labels == 0].mean(axis=0)))
        return network


def area_of(seed, shift):
    """AUC of 100 against 100 points in three dimensions, and its error."""
    first, second = np.random.default_rng(seed).normal(size=(2, 100, 3)).astype(np.float32)
    second[:, 0] += shift
    data = draw((first, second), (np.arange(100), np.arange(100)), 100, FAST.folds, seed)
    return cross_validate(DifferenceOfMeans(*data, seed, FAST, perceptron, lambda done: None)).auc


def test_pulls_of_equal_classes_have_unit_width():
    """As if the scores were independent they would have a width of sqrt(2)."""
    areas, errors = np.array([area_of(seed, 0.0) for seed in range(200)]).T
    assert areas.mean() == pytest.approx(0.5, abs=4 * areas.std() / np.sqrt(200))
    width = np.sqrt(np.mean(((areas - 0.5) / errors) ** 2))
    assert width == pytest.approx(1, abs=4 / np.sqrt(400))


def test_the_spread_of_the_folds_counts_where_it_is_larger():
    """With two folds, one over the other of two: 1/2 + 1/1 of the variance 2."""
    assert error_of_mean(0.0, np.array([1.0, 3.0])) == pytest.approx(np.sqrt(1.5 * 2))
    assert error_of_mean(1.0, np.array([1.0, 1.0])) == pytest.approx(np.sqrt(2))
