"""The file of weights, rejection sampling, and what weights mean at given conditions."""

import h5py
import numpy as np
import pytest

from caloforge.data.operations.images import Mirror
from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.data.writer import write_showers
from caloforge.errors import BadFile, UnwritablePath
from caloforge.reweighting.weights import (
    OtherShowers,
    Weights,
    conditional_mean,
    effective_size,
    read_weights,
    unweight,
    write_weights,
)


def test_effective_number_by_hand():
    assert effective_size(np.full(7, 3.0)) == pytest.approx(7)
    assert effective_size(np.array([1.0, 0.0, 1.0, 0.0])) == pytest.approx(2)
    assert effective_size(np.array([2.0, 1.0])) == pytest.approx(9 / 5)


def test_effective_number_is_the_one_of_a_weighted_mean():
    """The variance of a weighted mean is that of as many unweighted values."""
    rng = np.random.default_rng(0)
    w = rng.gamma(1.0, 1.0, 500)
    means = (rng.normal(size=(4000, 500)) * w).sum(axis=1) / w.sum()
    assert 1 / means.var() == pytest.approx(effective_size(w), rel=0.1)


@pytest.fixture
def weighted(tmp_path, showers):
    """A file of showers with weights that rise with their response."""
    write_showers(tmp_path / "fake.h5", showers, "tiny stack", {"training": {"showers_digest": "x"}})
    response = showers.total_energy / showers.incident_energy
    w = np.exp(20 * (response - response.mean()))
    return tmp_path / "fake.h5", Weights(w / w.mean(), showers.ids, {"clip": 10.0})


def test_a_file_of_weights_comes_back(tmp_path, weighted):
    _, weights = weighted
    write_weights(tmp_path / "w.h5", weights)
    back = read_weights(tmp_path / "w.h5")
    assert np.array_equal(back.values, weights.values)
    assert np.array_equal(back.of(weights.ids[::-1]), weights.values[::-1])
    assert back.provenance == weights.provenance
    with h5py.File(tmp_path / "w.h5") as file:
        assert file.attrs["effective_size"] == pytest.approx(weights.effective_size)
    with pytest.raises(UnwritablePath):
        write_weights(tmp_path / "no" / "w.h5", weights)


def test_rejection_keeps_the_weighted_expectation(tmp_path, weighted, showers):
    path, weights = weighted
    with ShowerFile(path) as file:
        n = unweight(weights, path, file, tmp_path / "u.h5", 1)
    with ShowerFile(tmp_path / "u.h5") as file:
        kept, facts = file.read(), file.provenance.facts
    p = weights.values / weights.values.max()
    assert n == len(kept) == pytest.approx(p.sum(), abs=4 * np.sqrt((p * (1 - p)).sum()))
    response = (showers.total_energy / showers.incident_energy).astype(np.float64)
    expected, all_alike = np.average(response, weights=weights.values), response.mean()
    mine = (kept.total_energy / kept.incident_energy).astype(np.float64)
    assert mine.mean() == pytest.approx(expected, abs=4 * mine.std() / np.sqrt(n))
    assert expected - all_alike > 4 * mine.std() / np.sqrt(n)
    assert np.isin(kept.ids, showers.ids).all()
    assert facts["training"] == {"showers_digest": "x"}
    assert facts["unweighted"]["of"] == len(showers)


def test_weights_follow_their_showers_into_any_order(tmp_path, weighted, showers):
    _, weights = weighted
    write_showers(tmp_path / "turned.h5", showers[::-1], "tiny stack", {})
    with ShowerFile(tmp_path / "turned.h5") as file:
        n = unweight(weights, tmp_path / "w.h5", file, tmp_path / "u.h5", 2)
    assert n > 100


def test_copies_of_a_shower_have_weights_of_their_own(tmp_path, showers):
    """A turned copy shares the id of its shower; in the order of the file each keeps its weight."""
    both = Showers.concatenate([showers[:300], Mirror().apply(showers[:300])])
    write_showers(tmp_path / "both.h5", both, "tiny stack", {})
    weights = Weights(np.repeat([0.0, 1.0], 300), both.ids, {})
    with ShowerFile(tmp_path / "both.h5") as file:
        assert unweight(weights, tmp_path / "w.h5", file, tmp_path / "u.h5", 1) == 300
    with ShowerFile(tmp_path / "u.h5") as file:
        np.testing.assert_array_equal(file.read().energy, both.energy[300:])
        np.testing.assert_array_equal(file.read().ids, showers.ids[:300])


def test_weights_of_other_showers_are_refused(tmp_path, weighted, showers):
    _, weights = weighted
    write_showers(tmp_path / "other.h5", showers[1:], "tiny stack", {})
    with ShowerFile(tmp_path / "other.h5") as file, pytest.raises(OtherShowers, match="other showers"):
        unweight(weights, tmp_path / "w.h5", file, tmp_path / "u.h5", 1)
    assert not (tmp_path / "u.h5").exists()


def test_files_that_are_no_weights(tmp_path, weighted):
    (tmp_path / "text.h5").write_text("no HDF5")
    for path, says in (
        (tmp_path / "none.h5", "no such file"),
        (tmp_path / "text.h5", "damaged"),
        (weighted[0], "not a"),
    ):
        with pytest.raises(BadFile, match=says):
            read_weights(path)
    write_weights(tmp_path / "w.h5", Weights(np.array([1.0, np.nan]), np.array([1, 2], np.uint64), {}))
    with pytest.raises(BadFile, match="finite"):
        read_weights(tmp_path / "w.h5")


def test_the_mean_weight_at_given_conditions():
    """Weights whose mean depends on energy, angle and particle; dividing by it leaves a mean of one everywhere."""
    rng = np.random.default_rng(3)
    n = 20_000
    energy, theta, pdg = rng.uniform(3, 5, n), rng.uniform(0, 0.5, n), rng.choice([11.0, 22.0], n)
    exact = np.exp(0.3 * (energy - 4) ** 3 + theta - 0.2 * (pdg == 22))
    w = exact * rng.gamma(4.0, 0.25, n)
    conditions = np.column_stack([energy, pdg, theta, np.ones(n), np.zeros(n)])
    found = conditional_mean(w, conditions)
    assert np.abs(found / exact - 1).max() < 0.06
    assert (w / found)[pdg == 22].mean() == pytest.approx(1, abs=0.02)
    assert conditional_mean(np.full(n, 2.0), conditions) == pytest.approx(np.full(n, 2.0))
