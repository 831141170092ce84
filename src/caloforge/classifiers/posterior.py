r"""Several models at once: which of them would a shower of the truth be taken for?

One network is trained to tell n models apart by their showers. On showers of the truth, which it never saw, the mean
logarithm of the posterior

.. math:: \Lambda_k = \Big\langle \ln p(k \mid x) \Big\rangle_{x \sim \text{truth}}

is highest for the model closest to the truth, and :math:`-\ln n` for all where they cannot be told apart. It compares
models with each other only: the best of bad models wins too. Source: CaloChallenge, arXiv:2410.21611.
"""

__all__ = ["log_posterior"]

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array
from scipy.special import log_softmax

from caloforge.classifiers.auc import FAST, Progress
from caloforge.classifiers.data import ClassifierData, draw
from caloforge.classifiers.features import Features
from caloforge.classifiers.network import Build, ClassifierSettings, ClassifierTraining, perceptron, predict, threads
from caloforge.errors import BadValue
from caloforge.metrics.measured import Measured, standard_error
from caloforge.rng import stream


def log_posterior(
    truth: Features,
    generated: Mapping[str, Features],
    seed: int,
    settings: ClassifierSettings = FAST,
    progress: Progress = lambda done, text: None,
    build: Build = perceptron,
) -> dict[str, Measured]:
    r"""Mean log posterior of each model on showers of the truth; higher is better, :math:`-\ln n` is chance.

    As many networks as folds are trained, each without one fold of the generated showers, which decides when to stop;
    values are means over them. The error is that of the mean over showers of the truth and, in quadrature, that of the
    jackknife over folds: what another training sample would change. The floor is what the same procedure gives where
    models cannot be told apart: all generated showers with the names of the models shuffled among them.

    Args:
        truth: features of the truth.
        generated: the same features of each model's showers.
        seed: of choice, folds and networks.
        settings: of the networks.
        progress: called after each epoch with the share of the work done.
        build: makes a network from the numbers of its inputs and outputs.

    Raises:
        BadValue: fewer than two models.
        EmptySample: fewer than 20 showers a fold and model.
    """
    if len(generated) < 2:
        raise BadValue("models", list(generated), "give two or more to compare")
    tables = [features.values for features in generated.values()]
    size = min(settings.max_showers, *map(len, tables))
    classes, folds = draw(tables, [np.arange(len(table)) for table in tables], size, settings.folds, seed)
    names = stream(seed, "posterior-floor").permutation(classes.labels)
    shuffled = replace(classes, given_labels=names)
    judged = ClassifierData((truth.values,), (np.arange(len(truth)),))
    training = ClassifierTraining(
        classes, folds, seed, settings, build, lambda done: progress(done / 2, "models"), len(tables)
    )
    same = replace(training, classes=shuffled, progress=lambda done: progress((1 + done) / 2, "floor"))
    with threads(settings.threads):
        measured, floor = _means(training, judged), _means(same, judged)
    return {name: Measured(*measured[k], *floor[k]) for k, name in enumerate(generated)}


def _means(training: ClassifierTraining, truth: ClassifierData) -> list[tuple[float, float]]:
    """Mean log posterior of each class on the truth, and its error."""
    posteriors, n = [], training.settings.folds
    for k in range(n):
        network = training.train(training.folds != k, training.folds == k, k, n)
        posteriors.append(log_softmax(predict(network, truth, np.arange(len(truth))).astype(np.float64), axis=1))
    return [_mean_and_error(np.stack([p[:, k] for p in posteriors])) for k in range(training.outputs)]


def _mean_and_error(values: Float[Array, "folds N"]) -> tuple[float, float]:
    showers = standard_error(values.mean(axis=0))
    training = values.mean(axis=1).std(ddof=0) * np.sqrt(len(values) - 1)
    return float(values.mean()), float(np.hypot(showers, training))
