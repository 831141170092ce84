import numpy as np
import pytest

from caloforge.classifiers.features import (
    Features,
    challenge_high,
    challenge_low,
    challenge_low_normed,
    high,
    low,
    low_normed,
)
from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.geometry.readouts import readout
from caloforge.physics.observables import OBSERVABLES, tabulate


def test_high_names_its_columns(showers):
    few = showers[:100]
    table = tabulate(few)
    features = high(table, few.incident_energy)
    assert features.values[:, 0] == pytest.approx(np.log10(few.incident_energy))
    assert set(features.by_observable()) == {"log10_incident_energy", *table}
    for name, block in table.items():
        assert len(features.by_observable()[name]) == block.shape[1]
    column = features.names.index("centre_x[layer 1]")
    assert features.values[:, column] == pytest.approx(table["centre_x"][:, 1], nan_ok=True)
    assert {name for name, o in OBSERVABLES.items() if o.per == "shower"} <= set(features.names)


def test_low_holds_shares_of_the_incident_energy(showers):
    few = showers[:100]
    features, n_voxels = low(few), few.binning.n_voxels
    assert features.values.shape == (100, 1 + 2 * n_voxels)
    assert features.values.dtype == np.float32
    shares = features.values[:, 1 : 1 + n_voxels]
    assert shares.sum(1) == pytest.approx(few.total_energy / few.incident_energy, rel=1e-4)
    assert features.values[:, 1 + n_voxels :] == pytest.approx(np.log1p(shares / 1e-5), rel=1e-5)
    assert len(features.by_name()["cells[layer 2]"]) == 2 * few.binning.layers[2].n_voxels


def test_low_normed_adds_up_to_one_in_each_layer(showers):
    few, n_voxels, n_layers = showers[:100], showers.binning.n_voxels, showers.binning.n_layers
    full = few.layer_energy > 0
    for features in (low_normed(few), challenge_low_normed(few)):
        assert np.isfinite(features.values).all()
        sums = np.add.reduceat(features.values[:, 1 : 1 + n_voxels], few.binning.layer_starts[:-1], axis=1)
        assert sums == pytest.approx(full.astype(float), abs=1e-5)
        assert 10 ** features.values[:, -n_layers:].astype(float) == pytest.approx(few.layer_energy, abs=2e-3, rel=1e-5)
    assert challenge_low_normed(few).values.shape[1] == 1 + n_voxels + n_layers


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("calochallenge-1-photons", 30),
        ("calochallenge-1-pions", 46),
        ("calochallenge-2", 362),
        ("calochallenge-3", 362),
    ],
)
def test_the_challenge_has_its_published_number_of_features(name, count):
    binning = readout(name)
    energy = np.random.default_rng(0).exponential(1.0, (2, binning.n_voxels)).astype(np.float32)
    energy[1, : binning.layer_starts[1]] = 0
    showers = Showers.perpendicular(energy, np.array([1e3, 1e4], np.float32), binning)
    features = challenge_high(showers, tabulate(showers))
    assert features.values.shape == (2, count)
    assert np.isfinite(features.values).all()
    assert challenge_low(showers).values[:, 1:] == pytest.approx(energy / showers.incident_energy[:, None])


def test_the_challenges_scalings(showers):
    few = showers[:50]
    table, features = tabulate(few), challenge_high(few, tabulate(few))
    at = features.names.index
    assert features.values[:, at("width_r[layer 2]")] == pytest.approx(np.nan_to_num(table["width_r"][:, 2]) / 100)
    assert features.values[:, at("layer_energy[layer 0]")] == pytest.approx(np.log10(few.layer_energy[:, 0] + 1e-8))
    assert features.values[:, at("total_energy")] == pytest.approx(np.log10(few.total_energy + 1e-8))
    zeros = (few.energy[:, few.binning.layer_of_voxel == 1] == 0).mean(axis=1)
    assert features.values[:, at("layer_sparsity[layer 1]")] == pytest.approx(zeros, abs=1e-6)


def test_a_name_for_each_column():
    with pytest.raises(BadValue, match="names of features"):
        Features(np.zeros((3, 2), np.float32), ("one",))
