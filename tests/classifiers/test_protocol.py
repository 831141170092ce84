from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import nn

from caloforge.classifiers.auc import classify
from caloforge.classifiers.features import Features
from caloforge.classifiers.network import perceptron
from caloforge.classifiers.protocol import CALOCHALLENGE, PROTOCOLS, hold_out, measure
from caloforge.classifiers.resnet import ResNet, mesh_shape
from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning, Layer
from caloforge.physics.observables import tabulate

SMALL = replace(CALOCHALLENGE.inputs["high"].settings, hidden=64, epochs=15, batch=100, learning_rate=2e-3, threads=1)


def gaussians(n, seed, shift=0.0):
    x = np.random.default_rng(seed).normal(size=(n, 4)).astype(np.float32)
    x[:, 1] += shift
    return Features(x, ("energy", "a", "b", "c"))


@pytest.fixture(scope="module")
def regular():
    return Binning(tuple(Layer(i, tuple(float(r) for r in range(5)), 4) for i in range(4)), "regular")


def test_the_network_is_the_challenges():
    settings = CALOCHALLENGE.inputs["high"].settings
    network = perceptron(362, 1, settings)
    linear = [(m.in_features, m.out_features) for m in network if isinstance(m, nn.Linear)]
    assert linear == [(362, 2048), (2048, 2048), (2048, 2048), (2048, 1)]
    assert {type(m) for m in network} == {nn.Linear, nn.LeakyReLU}
    assert (settings.epochs, settings.batch, settings.learning_rate, settings.weight_decay) == (50, 1000, 2e-4, 0)


def test_three_fifths_train_one_tests_one_is_judged():
    found = classify(gaussians(500, 1), gaussians(600, 2), 1, replace(SMALL, epochs=1), procedure=hold_out)
    assert (found.size, found.floor_size) == (500, 250)
    assert len(found.folds) == 1
    scored = np.isfinite(found.scores_truth).sum() + np.isfinite(found.scores_generated).sum()
    assert scored == 200 == len(found.folds[0].truth) + len(found.folds[0].generated)


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_the_best_possible_auc_is_reached(shift):
    found = classify(gaussians(2000, 1), gaussians(2000, 2, shift), 1, SMALL, procedure=hold_out)
    assert found.auc.value == pytest.approx(norm.cdf(shift / np.sqrt(2)), abs=4 * found.auc.error + 0.01)
    assert found.auc.floor == pytest.approx(0.5, abs=4 * found.auc.floor_spread)


def test_calibrated_scores_that_are_wrong_cost_no_more_than_the_clip():
    """Divergence of nothing learned: not above zero, nor below what the smallest probability allows."""
    found = classify(gaussians(500, 1), gaussians(500, 2), 1, SMALL, procedure=hold_out)
    assert 1 + np.log2(1e-6) < found.jsd.value < 4 * found.jsd.error


def test_a_device_that_is_not_there():
    with pytest.raises(BadValue, match="use cpu"):
        CALOCHALLENGE.on("abacus")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_the_accelerator_finds_what_the_processor_finds(protocol):
    truth, generated, given = gaussians(2000, 1), gaussians(2000, 2, 1.0), protocol.inputs["high"]
    areas = [
        classify(truth, generated, 1, replace(given.settings, epochs=5, device=device), procedure=given.procedure).auc
        for device in ("cpu", "cuda")
    ]
    assert areas[0].value == pytest.approx(areas[1].value, abs=4 * areas[0].error)


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_every_input_runs_on_every_mesh_that_it_says_it_can(protocol, showers):
    quick = protocol.having(hidden=8, epochs=1, threads=1)
    halves = [(part, tabulate(part)) for part in (showers[:200], showers[200:300])]
    assert set(quick.inputs_for(showers.binning)) == set(protocol.inputs) - {"resnet"}
    for name in quick.inputs_for(showers.binning):
        found, seen, judged = measure(quick, name, *halves, 1)
        assert (found.size, found.floor_size) == (100, 100)
        assert seen.names == judged.names
        assert 0 < found.auc.value < 1


def test_the_resnet_has_eighteen_layers_and_needs_a_regular_mesh(regular, binning):
    assert mesh_shape(regular) == (4, 4, 4)
    assert "resnet" in CALOCHALLENGE.inputs_for(regular)
    assert mesh_shape(binning) is None
    network = ResNet(regular)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv3d)]
    assert len([m for m in convolutions if m.kernel_size != (1, 1, 1)]) + 1 == 18
    assert network(torch.ones(3, 65)).shape == (3, 1)
    with pytest.raises(BadValue, match="same in every layer"):
        ResNet(binning)


def test_the_resnet_sees_where_energy_lies_relative_to_other_energy(regular):
    """One hit a layer in one ring: the sector follows from the layer before, or not; each cell alone is alike."""
    rng = np.random.default_rng(0)
    samples = []
    for follows in (False, True):
        sector = rng.integers(4, size=(400, 4))
        if follows:
            sector = (sector[:, :1] + np.arange(4)) % 4
        energy = np.zeros((400, 4, 4, 4), np.float32)
        energy[np.arange(400)[:, None], np.arange(4), sector, 1] = 1e3
        incident = rng.uniform(1e3, 1e4, 400).astype(np.float32)
        samples.append(Showers.perpendicular(energy.reshape(400, -1), incident, regular))
    quick = CALOCHALLENGE.having(epochs=6, batch=40, threads=1)
    found, _, _ = measure(quick, "resnet", *((s, {}) for s in samples), 1)
    assert found.auc.value > 0.5 + 6 * found.auc.error
    assert found.auc.floor == pytest.approx(0.5, abs=4 * found.auc.floor_spread)
