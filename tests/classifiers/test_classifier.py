from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from caloforge.classifiers.auc import ClassifierSettings, classify
from caloforge.classifiers.data import ClassifierData
from caloforge.classifiers.features import Features, high, low, low_normed
from caloforge.classifiers.network import predict
from caloforge.classifiers.roc import auc, auc_error
from caloforge.data.showers import Showers
from caloforge.errors import EmptySample
from caloforge.physics.observables import tabulate

QUICK = ClassifierSettings(hidden=32, epochs=12, folds=3)


def gaussians(n, seed, shift=0.0, dimension=4):
    """A column for the incident energy, then normal numbers; the second is shifted."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, dimension + 1)).astype(np.float32)
    x[:, 1] += shift
    return features(x)


def features(x):
    return Features(x, ("energy", *(f"x{i}" for i in range(1, x.shape[1]))))


def divergence(shift):
    """Jensen-Shannon divergence of N(0, 1) and N(d, 1), in bits: 1 - <log2(1 + exp(d x - d^2 / 2))>, x ~ N(0, 1)."""
    lost = quad(lambda x: norm.pdf(x) * np.log2(1 + np.exp(shift * x - shift**2 / 2)), -10, 10)[0]
    return 1 - lost


def test_auc_by_hand():
    assert auc(np.array([1.0, 2.0]), np.array([3.0, 4.0])) == 1
    assert auc(np.array([3.0, 4.0]), np.array([1.0, 2.0])) == 0
    assert auc(np.array([1.0, 3.0]), np.array([2.0, 4.0])) == 0.75
    assert auc(np.ones(5), np.ones(7)) == 0.5
    with pytest.raises(EmptySample):
        auc(np.ones(0), np.ones(2))


def test_auc_of_two_gaussians():
    """Scores N(0, 1) and N(d, 1): AUC = Phi(d / sqrt 2); its error is the scatter over samples."""
    rng = np.random.default_rng(0)
    areas = np.array([auc(rng.normal(size=300), rng.normal(1.0, size=400)) for _ in range(200)])
    assert areas.mean() == pytest.approx(norm.cdf(1 / np.sqrt(2)), abs=0.005)
    assert auc_error(areas.mean(), 300, 400) == pytest.approx(areas.std(), rel=0.15)
    assert auc_error(0.5, 300, 400) == pytest.approx(np.sqrt(701 / 12 / 300 / 400), rel=0.01)


@pytest.mark.parametrize("shift", [0.5, 1.0, 2.0])
def test_the_best_possible_auc_and_divergence_are_reached(shift):
    """The likelihood ratio of shifted Gaussians is monotonous in the shifted coordinate."""
    found = classify(gaussians(1500, 1), gaussians(1500, 2, shift), 1, QUICK)
    assert (found.size, found.floor_size) == (1500, 750)
    assert found.auc.value == pytest.approx(norm.cdf(shift / np.sqrt(2)), abs=4 * found.auc.error + 0.01)
    assert found.jsd.value == pytest.approx(divergence(shift), abs=4 * found.jsd.error + 0.01)


def test_same_distribution_gives_one_half_and_no_divergence():
    found = classify(gaussians(1200, 1), gaussians(3000, 2), 1, QUICK)
    assert (found.size, found.floor_size) == (1200, 600)
    assert found.auc.value == pytest.approx(0.5, abs=4 * found.auc.error)
    assert found.auc.floor == pytest.approx(0.5, abs=4 * found.auc.floor_spread)
    for value, error in ((found.jsd.value, found.jsd.error), (found.jsd.floor, found.jsd.floor_spread)):
        assert -0.03 < value < 4 * error


def test_the_floor_has_the_size_of_the_comparison_where_the_truth_permits():
    few = replace(QUICK, epochs=1)
    assert classify(gaussians(700, 1), gaussians(200, 2), 1, few).floor_size == 200
    assert classify(gaussians(300, 1), gaussians(200, 2), 1, few).floor_size == 150


def test_repeated_incident_energies_are_no_handle():
    """Generated showers repeat the truth's energies; nothing else in the features: AUC one half, not below."""
    energy = features(np.random.default_rng(0).uniform(3, 5, (600, 1)).astype(np.float32))
    found = classify(energy, energy, 1, QUICK).auc
    assert found.value == pytest.approx(0.5, abs=4 * found.error)


def test_correlations_are_seen_where_marginals_agree():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 3)).astype(np.float32)
    y = rng.normal(size=(1500, 3)).astype(np.float32)
    y[:, 2] = 0.9 * y[:, 1] + np.sqrt(1 - 0.81) * y[:, 2]
    found = classify(features(x), features(y), 1, ClassifierSettings(folds=3)).auc
    assert found.value > 0.5 + 8 * found.error


def test_every_shower_is_scored_by_a_network_that_did_not_see_it():
    """Networks that learn noise by heart know the showers of all folds but the one they are judged on."""
    memory = ClassifierSettings(
        hidden=256, epochs=25, batch=16, dropout=0.0, weight_decay=0.0, keep="accuracy", patience=None, folds=3
    )
    truth, generated = gaussians(150, 1, dimension=40), gaussians(150, 2, dimension=40)
    found = classify(truth, generated, 1, memory)
    assert found.auc.value == pytest.approx(0.5, abs=4 * found.auc.error)
    fold, other = found.folds[:2]
    scores = [
        predict(fold.network, ClassifierData((x.values,), (rows,)), np.arange(len(rows)))[:, 0]
        for x, rows in ((truth, other.truth), (generated, other.generated))
    ]
    assert auc(*scores) > 0.8


def test_scores_cover_what_was_chosen_and_rank_the_generated_showers():
    truth, generated = gaussians(400, 1), gaussians(300, 2, 2.0)
    found = classify(truth, generated, 1, QUICK)
    assert np.isfinite(found.scores_generated).all()
    assert np.isfinite(found.scores_truth).sum() == found.size == 300
    assert auc(found.scores_truth[np.isfinite(found.scores_truth)], found.scores_generated) > 0.8
    assert sorted(np.concatenate([fold.generated for fold in found.folds])) == list(range(300))
    most_like_truth, most_obvious = found.ranking[:50], found.ranking[-50:]
    assert generated.values[most_like_truth, 1].mean() < generated.values[most_obvious, 1].mean() - 1.5
    assert (np.diff(found.scores_generated[found.ranking]) >= 0).all()
    part = classify(truth, generated, 1, replace(QUICK, max_showers=100))
    assert len(part.ranking) == part.size == 100
    assert np.isfinite(part.scores_generated[part.ranking]).all()


def test_same_seed_same_numbers_and_no_trace_in_torch():
    x, y = gaussians(300, 1), gaussians(300, 2, 1.0)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    first, second = (classify(x, y, 5, QUICK) for _ in range(2))
    assert first.auc == second.auc
    assert np.array_equal(first.scores_truth, second.scores_truth)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.get_num_threads() == threads


def test_progress_rises_to_its_end():
    steps = []
    classify(
        gaussians(100, 1), gaussians(100, 2), 1, replace(QUICK, folds=2, patience=None), lambda d, t: steps.append(d)
    )
    assert steps == pytest.approx(np.arange(1, 49) / 48)


def test_too_few_showers():
    with pytest.raises(EmptySample, match="classifier needs 60 showers"):
        classify(gaussians(50, 1), gaussians(500, 2), 1, QUICK)


def test_undefined_and_constant_features_do_no_harm():
    x, y = gaussians(1200, 1).values, gaussians(1200, 2, 1.0).values
    x[::2, 2], y[::2, 2] = np.nan, np.nan
    x[:, 3], y[:, 3] = np.nan, np.nan
    x[:, 4], y[:, 4] = 7.0, 7.0
    assert 0.7 < classify(features(x), features(y), 1, QUICK).auc.value < 0.85


def distorted(showers, energy):
    return Showers.perpendicular(energy.astype(np.float32), showers.incident_energy, showers.binning)


@pytest.mark.slow
def test_the_truth_halves_agree_and_distorted_showers_do_not(halves):
    """A response 3 % too high is seen in the observables, cells smeared by a half in all inputs."""
    truth, other = halves
    smear = np.random.default_rng(0).lognormal(0, 0.5, other.energy.shape)
    samples = {
        "same": other,
        "shift": distorted(other, 1.03 * other.energy),
        "smear": distorted(other, smear * other.energy),
    }
    inputs = {"high": lambda s: high(tabulate(s), s.incident_energy), "low": low, "low_normed": low_normed}
    wanted = [(seen, name) for seen in inputs for name in ("same", "smear")] + [("high", "shift")]
    areas = {pair: classify(inputs[pair[0]](truth), inputs[pair[0]](samples[pair[1]]), 1).auc for pair in wanted}
    for (_, name), found in areas.items():
        if name == "same":
            assert found.value == pytest.approx(0.5, abs=4 * found.error)
        else:
            assert found.value > 0.5 + 3 * found.error
