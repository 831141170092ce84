"""Coverage of intervals: nominal for a perfect posterior, with an error that knows of correlations; recalibration."""

import math

import numpy as np
import pytest

from caloforge.diagnosis.coverage.deviations import Bin, Deviations, energy_bins
from caloforge.diagnosis.coverage.intervals import coverage
from caloforge.diagnosis.coverage.recalibration import (
    GROUPS,
    ONE_SIGMA,
    TWO_SIGMA,
    Recalibration,
    fit_recalibration,
    load_recalibration,
)
from caloforge.errors import BadFile, BadValue, EmptySample

NAMES = tuple(name for names in GROUPS.values() for name in names)
BINS, MEMBERS, SHOWERS = 3, 5, 60


def toy(seed, repeats=20, off=1.0, stat=0.3, shared=0.0):
    """Truth and members from one posterior of unit width, the truth ``off`` times as far away.

    ``shared``: correlation of all pairs; ``stat``: standard error of the truth.
    """
    rng = np.random.default_rng(seed)
    names = tuple(np.repeat(NAMES, repeats).tolist())
    size = (BINS, len(names))
    own, common = rng.normal(size=(MEMBERS + 1, *size)), rng.normal(size=(MEMBERS + 1, 1, 1))
    drawn = math.sqrt(1 - shared) * own + math.sqrt(shared) * common
    members = drawn[1:]
    seen = rng.normal(size=(BINS, SHOWERS, len(names))) * stat * math.sqrt(SHOWERS)
    truth = off * drawn[0] - seen.mean(1)
    residuals = tuple(bin_ - bin_.mean(0) for bin_ in seen)
    bins = tuple(Bin(f"bin {i}", 1e4 * (i + 1), True, np.ones(1, bool)) for i in range(BINS))
    statistical = seen.std(1, ddof=1) / math.sqrt(SHOWERS)
    value, model = members.mean(0), members.std(0, ddof=1)
    return Deviations(
        names, names, bins, truth, value, statistical, 0.1 * statistical, model, members - value, residuals
    )


def test_a_perfect_posterior_has_nominal_coverage():
    found = coverage(toy(1), (0.4, ONE_SIGMA, TWO_SIGMA))
    for c in found:
        assert c.pairs == BINS * 20 * len(NAMES)
        assert c.value == pytest.approx(c.level, abs=0.025)


@pytest.mark.parametrize("shared", [0.0, 0.8])
def test_the_error_of_a_coverage_knows_of_correlations(shared):
    """What one ensemble reports bounds the scatter over many, not far above it; more than binomial if correlated."""
    found = [coverage(toy(seed, repeats=2, shared=shared), (ONE_SIGMA,))[0] for seed in range(40)]
    scatter = np.std([c.value for c in found])
    reported = np.sqrt(np.mean([c.error**2 for c in found]))
    assert 0.75 * scatter < reported < 2 * scatter
    binomial = math.sqrt(ONE_SIGMA * (1 - ONE_SIGMA) / found[0].pairs)
    assert (scatter > 2 * binomial) == (shared > 0)


def test_recalibration_of_an_overconfident_ensemble():
    """Three times too sure: a factor of three, and nominal coverage on showers that the factor has not seen."""
    factors = fit_recalibration(toy(3, off=3.0), "toy")
    assert all(factor == pytest.approx(3.0, rel=0.2) for factor in factors.factors.values())
    fresh = toy(4, off=3.0)
    raw, again = (coverage(fresh, (ONE_SIGMA,), f)[0] for f in (None, factors.by_observable()))
    assert raw.value < 0.4
    assert again.value == pytest.approx(ONE_SIGMA, abs=0.04)


def test_where_the_truth_is_not_known_well_enough():
    """Statistical errors alone cover the truth: nothing can be said of the model, and nothing is added."""
    found = toy(5, off=0.0, stat=3.0)
    wide = Deviations(**{**vars(found), "statistical": 2 * found.statistical})
    assert set(fit_recalibration(wide, "toy").factors.values()) == {0.0}


def test_pairs_that_do_not_exist_are_left_out():
    found = toy(6, repeats=1)
    found.truth[:, 0] = np.nan
    found.statistical[:, 1] = 0.0
    assert coverage(found, (ONE_SIGMA,))[0].pairs == BINS * (len(NAMES) - 2)


def test_energy_bins():
    energy = np.concatenate([np.full(60, 5e3), np.geomspace(1e4, 1e5, 300), np.full(70, 1.5e5)])
    bins = energy_bins(energy, (1e4, 1e5), 3)
    assert [b.inside for b in bins] == [False, True, True, True, False]
    assert [int(b.rows.sum()) for b in bins] == [60, 100, 100, 100, 70]
    assert (bins[0].text, bins[-1].text) == ("5 GeV", "150 GeV")
    assert np.array_equal(sum(b.rows.astype(int) for b in bins), np.ones(430))
    with pytest.raises(EmptySample, match="50 showers"):
        energy_bins(energy, (1e4, 1e5), 7)


def test_factors_of_a_file(tmp_path):
    path = tmp_path / "coverage.json"
    with pytest.raises(BadFile, match="not a measured coverage"):
        load_recalibration(path, tmp_path)
    path.write_text('{"runs": [{"folder": "/elsewhere", "factors": {"energy": 2.0}}]}')
    with pytest.raises(BadFile, match="no factors for"):
        load_recalibration(path, tmp_path)
    with pytest.raises(BadValue, match="has no factor"):
        Recalibration({"energy": 2.0}, "here").factor("sparsity")
