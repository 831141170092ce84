"""Reweighting of showers: no way from judged truth to the weights, and gains where there is something to gain."""

from dataclasses import replace

import numpy as np
import pytest

from caloforge.classifiers.auc import ClassifierSettings
from caloforge.errors import BadFile, BadValue, BinningMismatch, EmptySample
from caloforge.files import write_files
from caloforge.geometry.binning import Binning
from caloforge.physics.observables import select
from caloforge.reweighting.crossfit import inputs, reweight, weights_from
from caloforge.reweighting.reweighter import Reweighter, load_reweighter, reweighter_files
from caloforge.reweighting.shifts import judged_half, shifts
from caloforge.validation.conditions import ConditionsDiffer
from caloforge.validation.sample import read_sample

QUICK = ClassifierSettings(hidden=32, epochs=6, batch=32, learning_rate=3e-3, folds=3)
SEEN = select(["response", "layer_energy", "width_z"])


def sample(showers):
    return read_sample(showers, SEEN, keep=0)


def first_layer(sample):
    """Energy of the first layer over the incident energy."""
    return sample.table["layer_energy"][:, 0].astype(np.float64) / sample.incident_energy


def chosen(showers):
    share = showers.layer_energy[:, 0] / showers.incident_energy
    z = (share - share.mean()) / share.std()
    return showers[np.random.default_rng(1).random(len(z)) < 1 / (1 + np.exp(-2 * z))]


@pytest.fixture(scope="module")
def truth(showers):
    return sample(showers[:1200])


@pytest.fixture(scope="module")
def spoiled(showers):
    """Showers chosen by the share of the first layer, which does not depend on the energy: ratio 1 + exp(-2 z)."""
    return sample(chosen(showers[1200:]))


@pytest.fixture(scope="module")
def found(truth, spoiled):
    return reweight(truth, spoiled, 1, settings=QUICK)


def test_weights_mend_what_is_spoiled(found, truth, spoiled):
    value, error = found.gain
    assert value > 3 * error
    assert "closer" in found.verdict
    assert 0.5 - 4 * found.after.error < found.after.value < found.before.value
    assert found.weights.mean() == pytest.approx(1)
    assert 100 < found.effective_size < len(spoiled)
    means, errors = found.mean_by_energy
    assert np.abs(means - 1).max() < 0.05 + 4 * errors.max()
    true, made = first_layer(truth), first_layer(spoiled)
    z = (made - true.mean()) / true.std()
    assert np.corrcoef(np.log(found.weights), np.log1p(np.exp(-2 * z)))[0, 1] > 0.4  # none for weights of noise
    assert abs(np.average(z, weights=found.weights)) < 0.8 * z.mean()
    moved = {s.name: s for s in shifts(SEEN, *judged_half(truth, spoiled, found), 1)}
    assert moved["layer_energy"].means is None
    rows = found.halves[1] == 1
    (_, before, after), response = moved["response"].means, spoiled.table["response"][rows, 0].astype(np.float64)
    assert before[0] == pytest.approx(response.mean())
    assert after[0] == pytest.approx(np.average(response, weights=found.weights[rows]))
    assert before[1] == pytest.approx(response.std() / np.sqrt(rows.sum()))


def test_no_truth_of_a_half_reaches_the_weights_of_that_half(found, truth, spoiled):
    """Truth of one half becomes nonsense: the weights of the generated showers of the same half stay what they are."""
    table = {name: values.copy() for name, values in truth.table.items()}
    for values in table.values():
        values[found.halves[0] == 0] *= -3.0
    table["layer_energy"] = np.abs(table["layer_energy"])
    other = reweight(replace(truth, table=table), spoiled, 1, settings=QUICK)
    here = found.halves[1] == 0
    assert np.array_equal(other.halves[0], found.halves[0])
    assert np.array_equal(other.weights[here], found.weights[here])
    assert not np.array_equal(other.weights[~here], found.weights[~here])


def test_showers_of_one_energy_are_in_one_half(showers, truth):
    """Generated at the truth's own energies."""
    alike = replace(truth, ids=truth.ids + np.uint64(1))
    halves = reweight(truth, alike, 2, settings=replace(QUICK, epochs=1)).halves
    assert np.array_equal(halves[0], halves[1])
    assert 0.4 < halves[0].mean() < 0.6


def test_nothing_is_gained_where_there_is_nothing_to_gain(showers, truth):
    same = reweight(truth, sample(showers[1200:]), 3, settings=QUICK)
    for measured in (same.before, same.after):
        assert measured.value == pytest.approx(0.5, abs=4 * measured.error)
        assert measured.floor == pytest.approx(0.5, abs=4 * measured.floor_spread)
    assert same.gain[0] < 3 * same.gain[1]
    assert same.weights.std() < 0.15
    assert same.effective_size > 0.97 * len(same.weights)


def test_a_clip_is_counted(found, spoiled):
    features = inputs(spoiled)
    logarithm = np.mean([ratio.log_ratio(features) for ratio in found.ratios], axis=0)
    weights, clipped = weights_from(found.ratios, features, 1.2)
    assert clipped == (logarithm > np.log(1.2)).sum() > 0
    assert weights.mean() == pytest.approx(1)
    assert weights.max() < weights_from(found.ratios, features, 100.0)[0].max()


def test_other_conditions_meshes_and_too_few_showers(truth, spoiled, binning):
    with pytest.raises(EmptySample, match="reweighting needs"):
        reweight(truth, spoiled.thinned(np.arange(50)), 1)
    with pytest.raises(ConditionsDiffer, match="incident energies differ") as caught:
        reweight(truth, spoiled.thinned(np.flatnonzero(spoiled.incident_energy > 5e3)), 1)
    assert "--allow" not in str(caught.value)
    with pytest.raises(BinningMismatch):
        reweight(truth, replace(spoiled, binning=Binning(binning.layers[:2], "two")), 1)


def test_networks_weight_new_showers_from_their_files(tmp_path, found, spoiled):
    training = {"showers_digest": "abc"}
    kept = Reweighter.of(found.ratios, found.clip, spoiled, training)
    write_files(tmp_path, reweighter_files(kept, QUICK))
    assert {p.suffix for p in tmp_path.iterdir() if p.is_file()} == {".json", ".safetensors"}
    back = load_reweighter(tmp_path)
    weights, clipped = back.weights(spoiled, training)
    assert np.array_equal(weights, kept.weights(spoiled, training)[0])
    assert np.corrcoef(weights, found.weights)[0, 1] > 0.9
    assert weights.mean() == pytest.approx(1)
    assert clipped <= found.clipped + 5
    with pytest.raises(BadValue, match="fitted to another"):
        back.weights(spoiled, {"showers_digest": "other"})
    with pytest.raises(BadValue, match="PDG"):
        back.weights(replace(spoiled, pdg=np.full(len(spoiled), 22)), training)
    with pytest.raises(BadValue, match="incident energies"):
        back.weights(replace(spoiled, incident_energy=3 * spoiled.incident_energy), training)
    (tmp_path / "reweighter.safetensors").write_bytes(b"broken")
    with pytest.raises(BadFile, match="damaged"):
        load_reweighter(tmp_path)
    with pytest.raises(BadFile, match="--report"):
        load_reweighter(tmp_path / "none")
