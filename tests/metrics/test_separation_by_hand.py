"""Separation power where every number can be worked out on paper: bins, weights, resamples, edges."""

import math

import numpy as np
import pytest

from caloforge.errors import EmptySample
from caloforge.metrics.measured import Measured
from caloforge.metrics.separation import Histograms, Resamples, measure_separation, separation_power, well_filled

EDGES = np.array([0.0, 1.0, 2.0])  # underflow, [0, 1), [1, 2), overflow, undefined
MIDDLE = np.array([-1.0, 0.5, 1.5, 2.5, np.nan])  # a value for each of the five bins


def fill(bins, edges=EDGES) -> Histograms:
    """A shower for each entry, in the bin of that number."""
    return Histograms.fill(MIDDLE[np.array(bins)][:, None], [edges])


def contents(histograms: Histograms, weights=None) -> np.ndarray:
    n = histograms.rows.shape[0]
    return histograms.contents(np.ones((1, n)) if weights is None else np.array([weights], float))[0]


@pytest.mark.parametrize(
    ("value", "place"),
    [(-np.inf, 0), (-1, 0), (0, 1), (0.999, 1), (1, 2), (1.999, 2), (2, 3), (9, 3), (np.inf, 3), (np.nan, 4)],
)
def test_the_bin_of_a_value(value, place):
    """Bins are closed below; what lies on the last edge is overflow; NaN has a bin of its own."""
    assert contents(Histograms.fill(np.array([[value]], float), [EDGES])).tolist() == np.eye(5)[place].tolist()


def test_columns_lie_side_by_side_each_with_its_own_edges():
    values = np.array([[0.5, 10.0], [1.5, np.nan], [1.5, 40.0]])
    histograms = Histograms.fill(values, [EDGES, np.array([0.0, 20.0, 30.0, 35.0])])
    assert histograms.starts.tolist() == [0, 5]
    assert histograms.rows.shape == (3, 11)
    assert histograms.rows.sum(axis=1).tolist() == [2, 2, 2]
    third = 1 / 3
    assert contents(histograms) == pytest.approx([0, third, 2 * third, 0, 0, 0, third, 0, 0, third, third])


def test_contents_with_weights():
    """Weights 1, 2, 5 of showers in the bins 1, 1, 2: contents 3/8 and 5/8; each row of weights by itself."""
    histograms = fill([1, 1, 2])
    both = histograms.contents(np.array([[1.0, 2.0, 5.0], [0.0, 0.0, 2.0]]))
    assert both == pytest.approx(np.array([[0, 3 / 8, 5 / 8, 0, 0], [0, 0, 1, 0, 0]]))


def test_a_sample_of_weight_zero_counts_as_undefined():
    assert contents(fill([1, 2]), [0, 0]).tolist() == [0, 0, 0, 0, 1]
    two_columns = Histograms.fill(np.array([[0.5, 1.5]]), [EDGES, EDGES])
    assert contents(two_columns, [0]).tolist() == [0, 0, 0, 0, 1] * 2


@pytest.mark.parametrize(
    ("truth", "generated", "power"),
    [
        ([3], [4], 1.0),  # overflow against undefined
        ([0], [4], 1.0),
        ([0], [3], 1.0),
        ([3], [3], 0.0),
        ([4], [4], 0.0),
        ([1, 1, 1, 2], [1, 2, 2, 2], 0.25),  # 1/2 (1/4 + 1/4)
        ([1, 2], [1], 1 / 3),  # 1/2 ((1/2)^2 / (3/2) + 1/2)
        ([1, 4], [1, 3], 0.5),  # half of the showers undefined here, overflow there
        ([0, 1, 2, 3, 4], [0, 0, 1, 1, 2, 2, 3, 3, 4, 4], 0.0),  # sizes do not matter
    ],
)
def test_separation_power_by_hand(truth, generated, power):
    assert separation_power(MIDDLE[truth], MIDDLE[generated], EDGES) == pytest.approx(power)
    assert separation_power(MIDDLE[generated], MIDDLE[truth], EDGES) == pytest.approx(power)


def resamples(truth, generated, null) -> Resamples:
    return Resamples(*(np.array(w, np.float32) for w in (truth, generated, null)))


def test_weights_enter_value_and_error():
    """Truth: half in bin 1, half in bin 2. Generated: one shower in each, with weights 1 and 3.

    Value: h = (1/2, 1/2), g = (1/4, 3/4): S = 1/2 (1/16) (4/3 + 4/5) = 1/15. Without weights it would be 0.
    Resample 1 draws what is there: 1/15. Resample 2 draws the first shower twice: g = (1, 0), S = 1/3.
    Resample 3 draws the first shower twice and the second once: weights 2 and 3, S = 1/2 (1/100) (10/9 + 10/11) = 1/99.
    The floor has no weights: the truth's own resamples are (1/2, 1/2) against (1, 0), S = 1/3, and against itself, 0.
    """
    truth, generated = fill([1, 2]), fill([1, 2])
    drawn = resamples([[1, 1]] * 3, [[1, 1], [2, 0], [2, 1]], [[2, 0], [1, 1], [1, 1]])
    mean, (column,) = measure_separation(truth, generated, drawn, np.array([1.0, 3.0]))
    errors, floors = [1 / 15, 1 / 3, 1 / 99], [1 / 3, 0, 0]
    assert mean == column
    assert mean.value == pytest.approx(1 / 15)
    assert mean.error == pytest.approx(np.std(errors, ddof=1))
    assert mean.floor == pytest.approx(1 / 9)
    assert mean.floor_spread == pytest.approx(np.std(floors, ddof=1))


def test_without_weights_all_showers_count_the_same():
    """The same resamples: 0; 0, 1/3 and, of 2 to 1, 1/35."""
    drawn = resamples([[1, 1]] * 3, [[1, 1], [2, 0], [2, 1]], [[2, 0], [1, 1], [1, 1]])
    mean, _ = measure_separation(fill([1, 2]), fill([1, 2]), drawn)
    assert mean.value == 0
    assert mean.error == pytest.approx(np.std([0, 1 / 3, 1 / 35], ddof=1))
    ones, _ = measure_separation(fill([1, 2]), fill([1, 2]), drawn, np.ones(2))
    assert ones == mean
    scaled, _ = measure_separation(fill([1, 2]), fill([1, 2]), drawn, np.full(2, 7.0))
    assert scaled.error == pytest.approx(mean.error)


def test_the_truth_is_resampled_too():
    """Both showers, the first alone, the second alone, against both: 0, 1/3, 1/3."""
    drawn = resamples([[1, 1], [2, 0], [0, 2]], [[1, 1]] * 3, [[1, 1], [1, 1], [2, 0]])
    mean, _ = measure_separation(fill([1, 2]), fill([1, 2]), drawn)
    assert mean.error == pytest.approx(np.std([0, 1 / 3, 1 / 3], ddof=1))
    assert mean.floor == pytest.approx((0 + 1 / 3 + 1) / 3)


def test_columns_are_measured_each_and_on_average():
    truth = Histograms.fill(np.array([[0.5, 0.5], [0.5, 1.5]]), [EDGES, EDGES])
    generated = Histograms.fill(np.array([[1.5, 0.5], [1.5, 1.5]]), [EDGES, EDGES])
    drawn = resamples([[1, 1], [2, 0]], [[1, 1], [1, 1]], [[1, 1], [1, 1]])
    mean, columns = measure_separation(truth, generated, drawn)
    assert columns == (Measured(1.0, 0.0, 0.0, 0.0), columns[1])
    assert columns[1].value == 0
    assert columns[1].error == pytest.approx(1 / 3 / math.sqrt(2))
    assert mean.value == pytest.approx(0.5)
    assert mean.error == pytest.approx(1 / 6 / math.sqrt(2))


def test_resamples_draw_as_many_showers_as_there_are():
    drawn = Resamples.draw(7, 300, np.random.default_rng(0), 200)
    assert drawn.truth.shape == drawn.null.shape == (200, 7)
    assert drawn.generated.shape == (200, 300)
    assert (drawn.truth.sum(axis=1) == 7).all()
    assert (drawn.generated.sum(axis=1) == 300).all()
    assert (drawn.null.sum(axis=1) == 300).all()  # of the truth's seven showers, as many as were generated
    assert drawn.null.mean(axis=0) == pytest.approx(300 / 7, abs=4 * math.sqrt(300 / 7 / 200))
    assert drawn.generated.var() == pytest.approx(1 - 1 / 300, rel=0.05)
    assert Resamples.draw(2, 3, np.random.default_rng(0)).truth.shape == (50, 2)
    with pytest.raises(EmptySample):
        Resamples.draw(0, 3, np.random.default_rng(0))


def test_pooled_cells_count_as_often_as_they_are_defined():
    """A shower with three cells and one with one cell: contents 3/4 and 1/4; a shower counts twice if drawn twice."""
    cells = np.array([[0.5, 0.2, 9.0, np.nan], [np.nan, -5.0, np.nan, np.nan], [np.nan] * 4])
    histograms = Histograms.pool(cells, EDGES)
    assert histograms.rows.toarray().tolist() == [[0, 2, 0, 1, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
    assert contents(histograms) == pytest.approx([1 / 4, 1 / 2, 0, 1 / 4, 0])
    assert contents(histograms, [1, 3, 1]) == pytest.approx([1 / 2, 1 / 3, 0, 1 / 6, 0])


def test_mean_content_of_a_shower_and_its_error():
    """0, 2, 4 and 2 cells of a bin: mean 2, variance 2, standard error sqrt(2/4)."""
    cells = np.full((4, 4), np.nan)
    for shower, hits in enumerate((0, 2, 4, 2)):
        cells[shower, :hits] = 1.5
    mean, error = Histograms.pool(cells, EDGES).per_shower()
    assert mean.tolist() == [0, 0, 2, 0, 0]
    assert error == pytest.approx([0, 0, math.sqrt(2 / 4), 0, 0])


def test_joined_samples_are_one_after_the_other():
    joined = Histograms.stack([fill([1, 2]), fill([3])])
    assert joined.rows.toarray().argmax(axis=1).tolist() == [1, 2, 3]
    assert joined.edges[0].tolist() == EDGES.tolist()


@pytest.mark.parametrize(
    ("values", "edges", "expected"),
    [
        ([0.5] * 10 + [1.5] * 10 + [2.5] * 10, [0, 1, 2, 3], [0, 1, 2]),  # nothing beyond 3: that edge goes
        ([0.5] * 10 + [1.5] * 9 + [2.5] * 10, [0, 1, 2, 3], [0, 1]),  # nine are too few for a bin
        ([0.5] * 10 + [1.5] * 10, [0, 1], [0, 1]),  # exactly ten beyond the last edge are enough
        ([0.5] * 10 + [1.5] * 9, [0, 1], [0]),  # nine are not
        ([-0.5] * 10 + [0.5] * 10, [0, 1], [0]),
        ([-0.5] * 9 + [0.5] * 10, [0, 1], [0]),  # nine below: the first edge that has ten below is 1, and nothing above
        ([-0.5] * 9 + [0.5] * 10 + [1.5] * 10, [0, 1], [1]),  # as before with ten above
        ([0.5] * 30, [0, 1, 2], [0]),  # nothing below the first edge: it bounds an empty underflow
        ([9.0] * 30, [0, 1, 2], [0]),  # the next ones bound empty bins
        ([0.5] * 3, [0, 1, 2], [0]),
        ([-0.5] * 3, [0, 1, 2], [0]),  # no edge can be had: the first one stands
        ([np.nan] * 30 + [0.5] * 10 + [1.5] * 10, [0, 1], [0, 1]),  # undefined values fill no bin
        ([np.nan] * 30, [0, 1], [0]),
    ],
)
def test_well_filled_edges_by_hand(values, edges, expected):
    assert well_filled(np.array(edges, float), np.array(values)).tolist() == expected


def test_fewest_is_what_is_asked_for():
    values = np.array([0.5] * 3 + [1.5] * 3 + [2.5] * 3)
    assert well_filled(np.arange(3.0), values, 3).tolist() == [0, 1, 2]
    assert well_filled(np.arange(3.0), values, 4).tolist() == [0]
    assert well_filled(np.array([2.0, 3.0]), values, 3).tolist() == [2]
