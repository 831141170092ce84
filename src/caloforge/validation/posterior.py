r"""Several models at once: which of them would a shower of the truth be taken for?

One network is trained to tell n models apart by their showers. On showers of the truth, which it never saw, the mean
logarithm of the posterior

.. math:: \Lambda_k = \Big\langle \ln p(k \mid x) \Big\rangle_{x \sim \text{truth}}

is highest for the model closest to the truth, and :math:`-\ln n` for all where they cannot be told apart. It compares
models with each other only: the best of bad models wins too. Source: CaloChallenge, arXiv:2410.21611.
"""

__all__ = ["log_posterior"]

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from scipy.special import log_softmax

from caloforge.errors import BadValue
from caloforge.rng import stream, torch_stream
from caloforge.validation.classes import Classes, draw
from caloforge.validation.classifier import FAST, Build, Progress
from caloforge.validation.features import Features
from caloforge.validation.metrics import Measured
from caloforge.validation.network import ClassifierSettings, perceptron, predict, train_network


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
    values are means over them. The error is that of the mean over showers of the truth and the scatter of the networks,
    in quadrature. The floor is what the same procedure gives where models cannot be told apart: all showers generated,
    the names of the models shuffled among them.

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
    judged = Classes((truth.values,), (np.arange(len(truth)),))
    found, floor = (
        _means(each, folds, judged, seed, settings, build, report)
        for each, report in (
            (classes, lambda done: progress(done / 2, "telling models apart")),
            (shuffled, lambda done: progress(0.5 + done / 2, "telling shuffled models apart")),
        )
    )
    return {name: Measured(*found[k], *floor[k]) for k, name in enumerate(generated)}


def _means(
    classes: Classes,
    folds: Int[Array, " N"],
    truth: Classes,
    seed: int,
    settings: ClassifierSettings,
    build: Build,
    progress: Callable[[float], None],
) -> list[tuple[float, float]]:
    """Mean log posterior of each class on the truth, and its error."""
    posteriors = []
    for k in range(settings.folds):
        network = train_network(
            lambda: build(classes.width, len(classes.rows), settings),
            classes,
            np.flatnonzero(folds != k),
            np.flatnonzero(folds == k),
            settings,
            torch_stream(seed, "posterior", k),
            partial(_report, progress, k, settings),
        )
        posteriors.append(log_softmax(predict(network, truth, np.arange(len(truth))).astype(np.float64), axis=1))
    return [_mean_and_error(np.stack([p[:, k] for p in posteriors])) for k in range(len(classes.rows))]


def _report(progress: Callable[[float], None], k: int, settings: ClassifierSettings, epoch: int) -> None:
    progress((k + epoch / settings.epochs) / settings.folds)


def _mean_and_error(values: Float[Array, "folds N"]) -> tuple[float, float]:
    showers = values.mean(axis=0).std(ddof=1) / np.sqrt(values.shape[1])
    networks = values.mean(axis=1).std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(np.hypot(showers, networks))
