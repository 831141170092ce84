"""Freak showers: planted ones are named with their rows, the truth has as many as promised, intervals are exact."""

import numpy as np
import pytest
from numpy.random import default_rng
from scipy.stats import binom

from caloforge.errors import EmptySample
from caloforge.metrics.freaks import EXPECTED, clopper_pearson, find_freaks
from caloforge.metrics.tails import Tail


def sample(rng, n, pdg=11):
    """Energies of two decades, observables that follow them, one constant, one undefined for most showers."""
    energy = 10 ** rng.uniform(3, 5, n)
    depth = rng.normal(np.log(energy), 0.3)
    layers = energy[:, None] * rng.gamma([5, 2, 0.3], size=(n, 3))
    late = np.where(rng.random((n, 1)) < 0.9, np.nan, rng.normal(size=(n, 1)))
    table = {
        "depth": depth[:, None],
        "layers": layers,
        "total": layers.sum(axis=1, keepdims=True),
        "width": (1 + rng.exponential(size=n))[:, None],
        "constant": np.ones((n, 1)),
        "late": late,
    }
    return {name: values.astype(np.float32) for name, values in table.items()}, (energy, np.full(n, pdg))


def search(truth, generated, seed=1):
    return find_freaks(truth[0], generated[0], (truth[1], generated[1]), default_rng(seed))


@pytest.fixture(scope="module")
def pair():
    rng = default_rng(3)
    return sample(rng, 1500), sample(rng, 2000)


def with_planted(generated, rows):
    """At these rows too great a depth and an overfull last layer."""
    table = {name: values.copy() for name, values in generated[0].items()}
    table["depth"][rows] += 8
    table["layers"][rows, 2] = 50 * generated[1][0][rows]
    table["total"][rows, 0] = table["layers"][rows].sum(axis=1)
    return table, generated[1]


def test_planted_showers_are_named_with_their_rows_and_what_is_odd(pair):
    rows = [17, 401, 1999]
    freaks = search(pair[0], with_planted(pair[1], rows))
    assert sorted(freaks.rows) == rows
    assert all({odd.name for odd in freak.odd} >= {"depth", "layers"} for freak in freaks.freaks)
    layer = next(odd for odd in freaks.freaks[0].odd if odd.name == "layers")
    assert layer.column == 2
    assert layer.value > 50 * layer.usual
    assert freaks.to_dict()["rows"] == freaks.rows.tolist()


def test_an_odd_shower_at_either_end_of_the_energies_is_seen_and_an_ordinary_one_is_not(pair):
    truth, (_, (energy, _)) = pair
    ends = [int(energy.argmin()), int(energy.argmax())]
    assert sorted(search(truth, with_planted(pair[1], ends)).rows) == sorted(ends)
    assert len(search(truth, pair[1])) == 0


def test_values_of_another_energy_make_a_freak_although_the_truth_has_them(pair):
    table, (energy, pdg) = pair[1]
    row = int(energy.argmax())
    moved = energy.copy()
    moved[row] = energy.min()
    freaks = search(pair[0], (table, (moved, pdg)))
    assert freaks.rows.tolist() == [row]
    assert all(table[odd.name].min() <= odd.value <= table[odd.name].max() for odd in freaks.freaks[0].odd)


def test_truth_against_truth_has_as_many_as_promised():
    counts = []
    for seed in range(20):
        rng = default_rng(seed)
        counts.append(len(search(sample(rng, 300), sample(rng, 300), seed)))
    assert binom.sf(np.count_nonzero(counts) - 1, len(counts), EXPECTED) > 0.01
    measured = search(sample(rng, 500), sample(rng, 500)).measured
    assert measured.floor == EXPECTED / 500
    assert measured.value == 0
    assert measured.error > 0


def test_constant_and_undefined_observables_make_no_freak(pair):
    (table, conditions), (other, of_other) = pair
    alone = [{name: values[name] for name in ("constant", "late")} for values in (table, other)]
    moved = alone[1] | {"constant": alone[1]["constant"] + 1e-7, "late": np.full_like(alone[1]["late"], np.nan)}
    freaks = find_freaks(alone[0], moved, (conditions, of_other), default_rng(0))
    assert len(freaks) == 0
    assert freaks.p_value == 1


def test_each_particle_has_its_own_scale(pair):
    muons = sample(default_rng(8), 1500, 13)
    muons[0]["depth"] += 8
    both = {name: np.concatenate([pair[0][0][name], muons[0][name]]) for name in muons[0]}
    conditions = tuple(np.concatenate(parts) for parts in zip(pair[0][1], muons[1], strict=True))
    table = {name: values.copy() for name, values in pair[1][0].items()}
    table["depth"][5] += 8  # as a muon
    table["width"][5] *= 40
    assert search((both, conditions), (table, pair[1][1])).rows.tolist() == [5]


def test_too_few_showers_are_refused():
    rng = default_rng(0)
    with pytest.raises(EmptySample, match="200"):
        search(sample(rng, 199), sample(rng, 500))


def test_same_seed_same_freaks(pair):
    generated = with_planted(pair[1], [3])
    assert search(pair[0], generated).to_dict() == search(pair[0], generated).to_dict()


@pytest.mark.parametrize(("count", "trials"), [(0, 10), (3, 20), (12, 20000), (10, 10)])
def test_interval_of_a_rate_leaves_2_5_percent_on_either_side(count, trials):
    low, high = clopper_pearson(count, trials)
    assert binom.sf(count - 1, trials, low) == pytest.approx(0.025 if count else 1, rel=1e-6)
    assert binom.cdf(count, trials, high) == pytest.approx(0.025 if count < trials else 1, rel=1e-6)
    assert low <= count / trials <= high


def test_tail_of_an_exponential_is_exponential():
    """Memoryless: the chance beyond x is exp(-x), also where the sample ends."""
    x = default_rng(1).exponential(size=(20000, 3))
    tail = Tail.fit(x, 0.05)
    assert tail.scale == pytest.approx(1, abs=3 / np.sqrt(1000))
    assert tail.surprise(np.full((1, 3), 15.0))[0] == pytest.approx(15, abs=3 * 12 / np.sqrt(1000))
    assert (tail.surprise(np.array([[0.0, np.nan, -5]])) == 0).all()


def test_a_tail_of_few_different_values_is_not_extrapolated():
    x = np.zeros((300, 1))
    x[:5] = 1
    tail = Tail.fit(x, 0.05)
    assert tail.surprise(np.array([[1e9]])) == pytest.approx(np.log(301 / 6))
