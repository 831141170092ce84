from itertools import combinations

import numpy as np
import pytest
from scipy.stats import kstest, norm
from torch.nn import Identity

from caloforge.classifiers.auc import Classified, Fold
from caloforge.classifiers.two_sample import cauchy_combination, classifier_p_value, fold_p_values, smallest_of
from caloforge.metrics.measured import Measured

NOTHING = Measured(0.5, 0.1, 0.5, 0.1)


def scored(truth, generated, folds=1):
    """A classifier's scores, cut into folds in turn."""
    parts = [tuple(np.flatnonzero(np.arange(len(s)) % folds == k) for s in (truth, generated)) for k in range(folds)]
    return Classified(
        NOTHING, NOTHING, truth, generated, len(truth), len(truth), tuple(Fold(Identity(), *part) for part in parts)
    )


def test_the_p_value_of_a_fold_counts_relabellings():
    """Of all ways to label seven scores, the share with a rank sum as large."""
    truth, generated = np.array([0.1, 0.3, 0.35, 0.8]), np.array([0.4, 0.7, 0.9])
    both = np.concatenate([truth, generated])
    sums = [both.argsort().argsort()[list(chosen)].sum() for chosen in combinations(range(7), 3)]
    share = np.mean(np.array(sums) >= both.argsort().argsort()[4:].sum())
    assert list(fold_p_values(scored(truth, generated))) == [pytest.approx(share)]


def test_two_samples_of_one_distribution_have_uniform_p_values_in_every_fold():
    rng = np.random.default_rng(1)
    p = [q for _ in range(40) for q in fold_p_values(scored(*rng.standard_normal((2, 200)), folds=5))]
    assert kstest(p, "uniform").pvalue > 0.01


def test_pairs_of_one_condition_find_what_the_spread_of_conditions_hides():
    """Scores vary by 1 from condition to condition, and differ by 0.05 within the pairs."""
    rng = np.random.default_rng(2)
    condition = rng.standard_normal(500)
    truth, generated = condition + 0.1 * rng.standard_normal((2, 500))
    order = np.roll(np.arange(500), 2)  # pairs stay in one fold
    classified = scored(truth, generated[order] + 0.05, folds=2)
    assert classifier_p_value([classified]) > 0.05
    assert classifier_p_value([classified], (np.arange(500), order)) < 1e-4


def test_pairs_without_a_difference_have_uniform_p_values():
    rng = np.random.default_rng(3)
    rows = np.arange(100)
    p = [
        classifier_p_value([scored(*(rng.standard_normal(100) + rng.standard_normal((2, 100))))], (rows, rows))
        for _ in range(200)
    ]
    assert kstest(p, "uniform").pvalue > 0.01


def test_scores_that_are_all_equal_tell_nothing():
    same = np.ones(40)
    assert classifier_p_value([scored(same, same)], (np.arange(40), np.arange(40))) == pytest.approx(1)
    assert classifier_p_value([scored(same, same)]) == pytest.approx(1)


def test_the_combination_of_equal_p_values_is_their_value_and_the_smallest_counts_by_its_share():
    for p in (1e-12, 0.003, 0.4, 1.0):
        assert cauchy_combination([p] * 5) == pytest.approx(p, rel=1e-6)
    assert cauchy_combination([1e-12, 0.5, 0.5, 0.5]) == pytest.approx(4e-12)
    assert 0 < cauchy_combination([0.0, 0.5]) < 1e-200


@pytest.mark.parametrize("correlation", [0.0, 0.25, 0.9])
def test_the_combination_keeps_its_level_however_folds_depend_on_each_other(correlation):
    """0.25 is that of the ranks of five folds of a cross-validation, which share their training showers."""
    rng, trials = np.random.default_rng(4), 4000
    common, own = rng.standard_normal((trials, 1)), rng.standard_normal((trials, 5))
    z = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own
    below = np.mean([cauchy_combination(row) <= 0.01 for row in norm.sf(z).tolist()])
    assert below < 0.01 + 4 * np.sqrt(0.01 / trials)
    assert np.mean(norm.sf(z.sum(axis=1) / np.sqrt(5)) <= 0.01) > 0.02 or correlation == 0  # as if independent


def test_the_best_of_two_tests_is_paid_for_twice():
    assert smallest_of([0.02, 0.7]) == 0.04
    assert smallest_of([0.9, 0.7]) == 1
    assert smallest_of([0.3]) == 0.3
