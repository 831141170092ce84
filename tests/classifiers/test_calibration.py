import numpy as np
import pytest

from caloforge.classifiers.calibration import Calibration, information


def labelled(n, seed):
    """Scores whose probability of label 1 is known, and far from a sigmoid of the score."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(-3, 3, n)
    probability = 0.1 + 0.8 * (scores > 1) + 0.05 * (scores > -1)
    return scores, (rng.random(n) < probability).astype(int), probability


def test_by_hand():
    """Two adjacent violators are pooled to their mean; outside, the last values hold."""
    calibration = Calibration.fit(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 1, 0, 1]))
    assert calibration(np.array([0.0, 1.0, 2.0, 3.0, 4.0, 9.0])) == pytest.approx([0, 0, 0.5, 0.5, 1, 1])
    assert calibration(np.array([0.0, 9.0]), 1e-6) == pytest.approx([1e-6, 1 - 1e-6])


def test_equal_scores_share_a_probability():
    assert Calibration.fit(np.ones(4), np.array([0, 1, 1, 1]))(np.array([1.0])) == pytest.approx([0.75])


@pytest.mark.parametrize("smooth", [True, False])
def test_probabilities_are_frequencies(smooth):
    """Calibrated on one sample, right on another, and never falling."""
    scores, labels, _ = labelled(20_000, 1)
    calibration = Calibration.fit(scores, labels, smooth)
    others, outcomes, truth = labelled(20_000, 2)
    found = calibration(others)
    assert np.abs(found - truth).mean() < 0.02
    for low, high in ((0, 0.125), (0.125, 0.5), (0.5, 1)):
        here = (found >= low) & (found < high)
        assert found[here].mean() == pytest.approx(outcomes[here].mean(), abs=4 * np.sqrt(0.25 / here.sum()))
    assert (np.diff(found[np.argsort(others)]) >= 0).all()


def test_smooth_probabilities_are_never_certain():
    found = Calibration.fit(np.arange(20.0), np.repeat([0, 1], 10), smooth=True)(np.arange(20.0))
    assert found[0] == pytest.approx(1 / 11)
    assert found[-1] == pytest.approx(10 / 11)


def test_information_of_certain_and_of_no_knowledge():
    labels = np.array([0, 1])
    assert information(np.array([0.0, 1.0]), labels) == pytest.approx([1, 1])
    assert information(np.array([0.5, 0.5]), labels) == pytest.approx([0, 0])
