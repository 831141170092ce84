import numpy as np
import pytest
from prdc import compute_prdc

from caloforge.errors import EmptySample
from caloforge.metrics.manifold import METRICS, manifold_metrics, measure_manifold
from caloforge.metrics.manifold import _halves as of_halves
from caloforge.metrics.manifold import _without_ties as without_ties


def test_agrees_with_the_authors_package():
    rng = np.random.default_rng(0)
    truth, generated = rng.normal(size=(700, 6)) + 50, 0.8 * rng.normal(size=(900, 6)) + 50.3
    expected = compute_prdc(truth, generated, nearest_k=5)
    assert manifold_metrics(truth, generated) == pytest.approx(expected, abs=0.002)
    assert all(expected[name] > 0.05 for name in METRICS)
    assert expected["recall"] < 0.9


def test_one_sample_with_itself():
    """Each ball holds its own shower and k - 1 neighbours: all four are one."""
    x = np.random.default_rng(1).normal(size=(300, 3))
    assert manifold_metrics(x, x, k=4) == pytest.approx(dict.fromkeys(METRICS, 1.0))


def test_samples_apart():
    x = np.random.default_rng(2).normal(size=(100, 3))
    assert manifold_metrics(x, x + 100) == dict.fromkeys(METRICS, 0.0)


def test_the_floor_by_neighbour_lists_is_that_of_the_distances():
    """One list of neighbours gives for random halves what their distances give."""
    x = np.random.default_rng(3).normal(size=(400, 4)).astype(np.float32)
    found = of_halves(x, 5, 6, np.random.default_rng(4))
    rng, once = np.random.default_rng(4), np.repeat([False, True], 200)
    for row in found:
        half = rng.permutation(once)
        assert row == pytest.approx(list(manifold_metrics(x[~half], x[half]).values()), abs=0.006)


@pytest.mark.slow
def test_a_dropped_rare_mode_is_seen_by_recall_and_coverage():
    """4 % of the truth in a mode that is never generated: recall and coverage miss 4 %, precision nothing."""
    rng = np.random.default_rng(5)
    truth, generated = rng.normal(size=(4000, 3)), rng.normal(size=(2000, 3))
    truth[:160] += 12
    found = measure_manifold(truth, generated, rng)
    for name in ("recall", "coverage"):
        assert found[name].significance < -3.5
        assert found[name].floor - found[name].value == pytest.approx(0.04, abs=0.02)
    assert abs(found["precision"].significance) < 4


@pytest.mark.slow
def test_showers_outside_the_truth_are_seen_by_precision_and_density():
    rng = np.random.default_rng(6)
    truth, generated = rng.normal(size=(4000, 3)), rng.normal(size=(2000, 3))
    generated[:100] += 12
    found = measure_manifold(truth, generated, rng)
    assert found["precision"].significance < -4
    assert found["precision"].floor - found["precision"].value == pytest.approx(0.05, abs=0.02)
    assert abs(found["recall"].significance) < 4


def test_units_matter_only_unscaled():
    rng = np.random.default_rng(7)
    truth, generated = rng.normal(size=(400, 2)), rng.normal(0.3, size=(200, 2))
    units = np.array([1, 1e4])
    scaled, unscaled = (
        [
            measure_manifold(truth * u, generated * u, np.random.default_rng(8), scaled=s)["recall"].value
            for u in (1.0, units)
        ]
        for s in (True, False)
    )
    assert scaled[0] == pytest.approx(scaled[1], abs=0.01)
    assert unscaled[0] != unscaled[1]


def test_too_few_showers_are_refused():
    with pytest.raises(EmptySample):
        manifold_metrics(np.zeros((5, 2)), np.zeros((50, 2)))
    with pytest.raises(EmptySample, match="truth is halved"):
        measure_manifold(np.zeros((130, 2)), np.zeros((400, 2)), np.random.default_rng(0))


def test_equal_showers_are_one_cluster_in_value_and_floor_alike():
    """All showers of both samples empty: nothing tells them apart, and nothing is missing."""
    measured = measure_manifold(np.ones((600, 5)), np.ones((300, 5)), np.random.default_rng(1))
    for name in METRICS:
        assert abs(measured[name].significance) < 4, name
        assert measured[name].floor > 0.9


def test_ties_in_most_showers_leave_the_metrics_at_their_floors():
    """Photons of 5 MeV: 64 % reach no cell and are equal to the last bit."""
    rng = np.random.default_rng(10)
    samples = [rng.normal(size=(n, 6)).astype(np.float32) for n in (1600, 800)]
    for sample in samples:
        sample[rng.random(len(sample)) < 0.64] = 0.3
    measured = measure_manifold(*samples, np.random.default_rng(11))
    assert {name: m for name, m in measured.items() if abs(m.significance) > 4} == {}


def test_without_ties_nothing_is_moved():
    """The same draws of random numbers, and so the same numbers, as from the samples untouched."""
    x, y = (np.random.default_rng(s).normal(size=(n, 3)) for s, n in ((12, 400), (13, 200)))
    first, second = without_ties((x, y), np.random.default_rng(1))
    assert first is x
    assert second is y
