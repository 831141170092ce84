"""Where a classifier looks: completeness, features of single showers, and the one cell that differs."""

import numpy as np
import pytest
import torch

from caloforge.classifiers.auc import ClassifierSettings
from caloforge.data.showers import Showers
from caloforge.interpretation.attribution import attribute
from caloforge.interpretation.cylinder import KINDS, Ring, on_plane, ring_features, rings_of
from caloforge.interpretation.gradients import integrated_gradients

QUICK = ClassifierSettings(hidden=32, layers=1, epochs=20, folds=2)


def test_features_of_a_single_hit(binning):
    cell = binning.flat_index(np.array([1]), np.array([7.0]), np.array([np.pi / 4]))[0]
    energy = np.zeros((1, binning.n_voxels), np.float32)
    energy[0, cell] = 50.0
    seen = ring_features(Showers.perpendicular(energy, np.array([1e4], np.float32), binning))
    assert seen.values[0, 0] == pytest.approx(4)
    plane = on_plane(seen.values[0], binning)
    here = rings_of(binning).index(Ring(1, 1))
    assert plane[:, here] == pytest.approx([np.log(1 + 50), 1, np.sqrt(0.5), np.sqrt(0.5)], rel=1e-5)
    assert not np.delete(plane, here, axis=1).any()
    assert seen.names[1 + here] == "energy[layer 1, ring 1]"


def test_integrated_gradients_are_complete():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
    x, baseline = np.random.default_rng(1).normal(size=(2, 40, 6)).astype(np.float32)
    x[:, 5] = baseline[:, 5]
    found = integrated_gradients(network, x, baseline)
    with torch.no_grad():
        difference = (network(torch.from_numpy(x)) - network(torch.from_numpy(baseline)))[:, 0].numpy()
    assert np.allclose(found.sum(axis=1), difference, atol=2e-3)
    assert not found[:, 5].any()


@pytest.fixture(scope="module")
def changed(showers):
    """The same showers in two halves; in the second one cell has six times its energy."""
    cell = int(showers.binning.flat_index(np.array([1]), np.array([7.0]), np.array([1.0]))[0])
    energy = showers.energy[1500:].copy()
    energy[:, cell] *= 6
    second = Showers.perpendicular(energy, showers.incident_energy[1500:], showers.binning)
    return attribute(showers[:1500], second, 1, QUICK)


def test_attribution_lands_on_the_cell_that_differs(changed):
    here = changed.rings.index(Ring(1, 1))
    assert changed.auc.value > 0.65
    assert abs(changed.auc.floor - 0.5) < 5 * changed.auc.floor_spread
    whole = np.abs(changed.value).sum(axis=0)
    assert whole.argmax() == here
    assert whole[here] > 3 * np.sort(whole)[-2]
    assert changed.significant[:, here].any()
    assert not np.delete(changed.significant, here, axis=1).any()
    assert changed.value.sum() == pytest.approx(changed.separation[0], rel=0.05)


def test_layers_rings_and_kinds_that_differ_are_named(changed):
    for kind in ("layer", "ring"):
        losses = {n: i.loss_of_auc for n, i in changed.importances.items() if n.startswith(kind)}
        assert max(losses, key=losses.get) == f"{kind} 1"
        floors = [changed.floor_importances[name] for name in losses]
        assert all(abs(i.loss_of_auc) < 5 * i.error + 0.02 for i in floors)
    assert set(KINDS) < set(changed.importances)


def test_shift_and_widening_say_what_differs(changed):
    here = changed.rings.index(Ring(1, 1))
    energy = KINDS.index("energy")
    assert changed.shift[energy].argmax() == here
    assert changed.shift[energy, here] > 0.2
    assert np.nanmax(np.abs(np.delete(changed.shift[KINDS.index("hits")], here))) < 0.2
