import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from caloforge.classifiers.auc import ClassifierSettings
from caloforge.classifiers.features import Features
from caloforge.classifiers.posterior import log_posterior
from caloforge.errors import BadValue, EmptySample

QUICK = ClassifierSettings(hidden=32, epochs=12, folds=3)


def gaussians(n, seed, shift=0.0):
    x = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)
    x[:, 1] += shift
    return Features(x, ("energy", "a", "b"))


def test_models_that_cannot_be_told_apart_give_chance():
    found = log_posterior(gaussians(900, 0, 0.7), {name: gaussians(900, ord(name)) for name in "abc"}, 1, QUICK)
    for measured in found.values():
        assert measured.value == pytest.approx(-np.log(3), abs=4 * measured.error + 0.01)
        assert measured.floor == pytest.approx(-np.log(3), abs=4 * measured.floor_spread + 0.01)


def test_the_known_posterior_is_reached_and_the_better_model_is_higher():
    """Truth N(0, 1) against models N(0, 1) and N(1, 1): <-ln(1 + exp(+-(x - 1/2)))> over the truth."""
    models = {"right": gaussians(2000, 1), "wrong": gaussians(2000, 2, 1.0)}
    found = log_posterior(gaussians(2000, 3), models, 1, QUICK)
    for name, sign in (("right", 1), ("wrong", -1)):
        best = -quad(lambda x, s=sign: norm.pdf(x) * np.log1p(np.exp(s * (x - 0.5))), -10, 10)[0]
        assert found[name].value == pytest.approx(best, abs=4 * found[name].error + 0.02)
    assert found["right"].value > found["right"].floor > found["wrong"].value


def test_same_seed_same_posterior():
    models = {"one": gaussians(200, 1), "two": gaussians(300, 2, 0.5)}
    assert log_posterior(gaussians(100, 3), models, 4, QUICK) == log_posterior(gaussians(100, 3), models, 4, QUICK)


def test_what_cannot_be_compared():
    with pytest.raises(BadValue, match="give two or more"):
        log_posterior(gaussians(100, 0), {"alone": gaussians(100, 1)}, 1, QUICK)
    with pytest.raises(EmptySample, match="needs 60 showers"):
        log_posterior(gaussians(100, 0), {"a": gaussians(100, 1), "b": gaussians(59, 2)}, 1, QUICK)
