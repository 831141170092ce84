import numpy as np
import pytest
from scipy.sparse import csr_array, diags_array
from scipy.stats import binom, ranksums

from caloforge.errors import BadValue, EmptySample
from caloforge.metrics.permutation import permutation_test
from caloforge.metrics.separation import Histograms, well_filled


def filled(truth, generated, bins=20):
    """Pairs of histograms of named tables with edges from the truth, as the comparison makes them; sizes of both."""
    edges = {
        name: [well_filled(np.linspace(*np.quantile(c, [0.001, 0.999]), bins + 1), c) for c in table.T]
        for name, table in truth.items()
    }
    pairs = [
        (name, (Histograms.fill(truth[name], edges[name]), Histograms.fill(generated[name], edges[name])))
        for name in truth
    ]
    return pairs, tuple(len(next(iter(sample.values()))) for sample in (truth, generated))


def run(truth, generated, seed=0, permutations=199, **options):
    return permutation_test(*filled(truth, generated), np.random.default_rng(seed), permutations, **options)


def tables(rng, n):
    """Two observables with correlated columns, one of whole numbers with undefined values."""
    common = rng.normal(size=(n, 1))
    hits = rng.poisson(5, size=(n, 1)).astype(float)
    hits[rng.random(n) < 0.05] = np.nan
    return {
        "energy": common + 0.5 * rng.normal(size=(n, 4)),
        "response": common**3,
        "hits": np.nan_to_num(hits, nan=-1),
    }


def false_alarms(pairs, level=0.05):
    """Bounds that the number of false alarms leaves once in a thousand times on either side."""
    return binom.ppf([0.001, 0.999], pairs, level)


@pytest.mark.slow
def test_false_alarms_over_200_truth_truth_pairs_at_the_nominal_rate():
    """With 19 relabellings p <= 5 % in exactly one of 20 cases."""
    rng = np.random.default_rng(1)
    alarms = sum(run(tables(rng, 150), tables(rng, 100), k, 19).p_value <= 0.05 for k in range(200))
    low, high = false_alarms(200)
    assert low <= alarms <= high


@pytest.mark.slow
def test_false_alarms_of_pairs_at_the_nominal_rate():
    rng = np.random.default_rng(2)
    alarms = 0
    for k in range(200):
        energy = 5 * rng.normal(size=(120, 1))
        truth, generated = ({"layer": energy + rng.normal(size=(120, 3))} for _ in range(2))
        alarms += run(truth, generated, k, 19, paired=True).p_value <= 0.05
    low, high = false_alarms(200)
    assert low <= alarms <= high


def test_a_shift_of_response_is_seen_at_its_significance():
    """3 % where the resolution is 10 %, 2,000 showers each: the rank-sum test sees 0.3 sqrt(n/2) sqrt(3/pi) = 9.3."""
    rng = np.random.default_rng(3)
    truth, generated = (
        {"response": rng.normal(mean, 0.1, (2000, 1)), "other": rng.normal(size=(2000, 5))} for mean in (1, 1.03)
    )
    found = run(truth, generated)
    assert found.p_value == 1 / 200
    (culprit,) = found.culprits
    assert (culprit.name, culprit.column, culprit.p_value) == ("response", 0, 1 / 200)
    assert culprit.significance == pytest.approx(9.3, abs=3.5)
    assert found.columns == 6


def test_width_is_named():
    rng = np.random.default_rng(4)
    found = run({"a": rng.normal(size=(2000, 2))}, {"a": rng.normal(size=(2000, 2)) * [1, 1.2]})
    assert [(c.column, c.statistic in ("width", "shape")) for c in found.culprits] == [(1, True)]


@pytest.mark.parametrize("where", [-8.0, 8.0, np.nan])
def test_one_percent_of_foreign_showers_is_seen(where):
    """Below all, above all, or undefined: 30 of 3,000 among 60 columns that agree."""
    rng = np.random.default_rng(5)
    truth, generated = ({"a": rng.normal(size=(3000, 60))} for _ in range(2))
    generated["a"][:30, 17] = where
    found = run(truth, generated)
    assert found.p_value <= 0.05
    assert [(c.column, c.statistic in ("tail", "bin", "shape")) for c in found.culprits] == [(17, True)]


def test_a_dropped_rare_mode_is_named():
    rng = np.random.default_rng(6)
    truth, generated = ({"a": rng.normal(size=(3000, 10))} for _ in range(2))
    truth["a"][:90, 3] = rng.normal(6, 0.3, 90)
    assert {c.column for c in run(truth, generated).culprits} == {3}


def test_sizes_far_apart():
    """One generated shower outside is no discovery where there are 30 times more truth showers."""
    rng = np.random.default_rng(7)
    truth, generated = {"a": rng.normal(size=(6000, 20))}, {"a": rng.normal(size=(200, 20))}
    generated["a"][0, 5] = 50
    assert run(truth, generated).p_value > 0.05
    generated["a"][:20, 5] = 50
    assert [c.column for c in run(truth, generated).culprits] == [5]


def test_pairs_see_more_than_labels_at_large():
    """A shift of 0.4 of a resolution, hidden below a spread of energies ten times as wide."""
    rng = np.random.default_rng(8)
    energy = 10 * rng.normal(size=(1500, 1))
    truth, generated = ({"layer": energy + shift + rng.normal(size=(1500, 2))} for shift in (0, 0.4))
    assert run(truth, generated).p_value > 0.05
    found = run(truth, generated, paired=True)
    assert found.paired
    assert {c.column for c in found.culprits} == {0, 1}


def test_cells_that_fill_one_histogram():
    """Counts of cells come in showers: their clustering raises no alarm, another spectrum does."""
    rng, edges = np.random.default_rng(9), np.linspace(0, 5, 21)

    def cells(n, slope):
        values = rng.exponential(slope, (n, 30))
        values[rng.random((n, 30)) < rng.random((n, 1))] = np.nan
        return Histograms.pool(values, edges)

    def p_value(slope):
        pairs = [("cells", (cells(200, 1.0), cells(200, slope)))]
        return permutation_test(pairs, (200, 200), np.random.default_rng(0), 19).p_value

    low, high = false_alarms(60)
    assert low <= sum(p_value(1.0) <= 0.05 for _ in range(60)) <= high
    assert p_value(1.2) == 0.05


def test_corrected_p_values_are_those_of_the_largest_statistic():
    """Copies of one column share its p-value: the correction knows that they depend on each other."""
    rng = np.random.default_rng(10)
    x, y = rng.normal(size=(500, 1)), rng.normal(0.15, size=(500, 1))
    single = run({"a": x}, {"a": y}, level=1.0)
    copies = run({"a": np.repeat(x, 10, axis=1)}, {"a": np.repeat(y, 10, axis=1)}, level=1.0)
    assert {c.p_value for c in copies.culprits} == {single.p_value}
    found = run({"a": rng.normal(size=(300, 8))}, {"a": rng.normal(size=(300, 8))}, level=1.0)
    p_values = [c.p_value for c in found.culprits]
    assert p_values == sorted(p_values)
    assert found.p_value == p_values[0]
    assert len(found.to_dict()["culprits"]) == 8


def test_identical_samples_and_constant_columns():
    x = {"a": np.random.default_rng(11).normal(size=(200, 2)), "b": np.zeros((200, 1))}
    assert run(x, x).p_value == 1
    assert run(x, x, paired=True).p_value == 1


def test_wilcoxon_by_hand():
    """The shift of a single column is the rank-sum statistic of scipy for values in bins of their own."""
    rng = np.random.default_rng(12)
    x, y = np.arange(0, 40.0, 2), np.arange(1, 61.0, 2)
    pair = tuple(Histograms.fill(v[:, None], [np.arange(-0.5, 61)]) for v in (x, y))
    found = permutation_test([("a", pair)], (len(x), len(y)), rng, 19, level=1.0)
    assert found.culprits[0].significance >= abs(ranksums(x, y).statistic) * 0.97


def test_what_cannot_be_tested_is_refused():
    rng = np.random.default_rng(13)
    x, y = ({"a": rng.normal(size=(n, 1))} for n in (50, 40))
    with pytest.raises(BadValue, match="do not pair"):
        run(x, y, paired=True)
    with pytest.raises(BadValue, match="permutations"):
        run(x, y, permutations=0)
    with pytest.raises(EmptySample):
        run(x, {"a": np.zeros((1, 1))})


def test_showers_outside_a_part_weigh_nothing_and_change_nothing():
    """Rows without content are dropped; kept as zeros they gave the same answer and cost as much as all others."""
    rng = np.random.default_rng(5)
    truth, generated = (Histograms.fill(rng.normal(size=(300, 2)), [np.linspace(-2, 2, 9)] * 2) for _ in range(2))
    masks = [rng.random(300) < 0.2 for _ in range(2)]
    kept = [h.of_part(mask) for h, mask in zip((truth, generated), masks, strict=True)]
    zeros = [
        Histograms(csr_array(diags_array(mask.astype(np.float32)) @ h.rows), h.edges)
        for h, mask in zip((truth, generated), masks, strict=True)
    ]
    assert [part.rows.nnz for part in kept] == [2 * int(mask.sum()) for mask in masks]
    answers = [
        permutation_test([("a", tuple(pair))], (300, 300), np.random.default_rng(6), 99, level=1.0)
        for pair in (kept, zeros)
    ]
    assert answers[0] == answers[1]
