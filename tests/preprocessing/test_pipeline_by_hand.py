"""The whole pipeline on single showers: features, numbers of columns, and the determinant term by term."""

import math

import numpy as np
import pytest
import torch

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning, Layer
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import torch_stream

MESH = Binning((Layer(0, (0.0, 1.0, 2.0, 3.0), 1), Layer(1, (0.0, 1.0, 2.0), 1)), "two")
MEAN, STD = (0.5, -1.0), (2.0, 4.0)


@pytest.fixture
def pipeline():
    """Scales that are given: mean 0.5 and -1, standard deviation 2 and 4, log E of mean 3 and deviation 5."""
    pipeline = Pipeline(MESH)
    scale = pipeline.energies.steps[-1]
    scale.mean.copy_(torch.tensor(MEAN))
    scale.std.copy_(torch.tensor(STD))
    pipeline.condition.scale.mean[0], pipeline.condition.scale.std[0] = 3.0, 5.0
    pipeline.condition.particles[0] = 11
    return pipeline


def one(cells, energy=8.0) -> Showers:
    return Showers.perpendicular(np.array([cells], np.float32), np.array([energy], np.float32), MESH)


def test_numbers_of_columns(pipeline):
    assert (pipeline.n_layers, pipeline.n_cells, pipeline.n_features, pipeline.n_conditions) == (2, 5, 7, 1)


@pytest.mark.parametrize("energy", [8.0, 4.0, 5.0])
def test_a_shower_by_hand(pipeline, energy):
    """Layers of 3 and 1 MeV: response 4/E (below, at and near one), share 1/4 in the last layer.

    log|det|: 1/E and 1/4 of the chain, 1/response and 1/(1/4 x 3/4) of log and logit, 1/2 and 1/4 of the scales, and
    1/3 of the first layer with its two hits.
    """
    x, c, log_det = pipeline(one([1, 2, 0, 0, 1], energy), torch_stream(1, "noise"))
    expected = [(math.log(4 / energy) - 0.5) / 2, (math.log(1 / 3) + 1) / 4, 1 / 3, 2 / 3, 0, 0, 1]
    assert x[0].tolist() == pytest.approx(expected, abs=1e-6)
    assert c[0].tolist() == pytest.approx([(math.log(energy) - 3) / 5])
    terms = [1 / energy, 1 / 4, energy / 4, 16 / 3, 1 / 2, 1 / 4, 1 / 3]
    assert log_det.item() == pytest.approx(sum(map(math.log, terms)), abs=1e-5)
    again = pipeline.inverse(x, np.array([energy], np.float32))
    assert again.energy[0].tolist() == pytest.approx([1, 2, 0, 0, 1], rel=1e-5)


def test_an_empty_layer_has_the_density_of_its_band_and_no_shares(pipeline):
    """Three hits of 2 MeV in the first layer: 1/E, 1/6, E/6, width 2, the scales, and 1/6^2 of the shares."""
    x, _, log_det = pipeline(one([2, 2, 2, 0, 0]), torch_stream(1, "noise"))
    assert x[0, 2:].tolist() == pytest.approx([1 / 3] * 3 + [0, 0])
    terms = [1 / 8, 1 / 6, 8 / 6, 2, 1 / 2, 1 / 4, 1 / 36]
    assert log_det.item() == pytest.approx(sum(map(math.log, terms)), abs=1e-5)
    assert pipeline.inverse(x, np.array([8.0], np.float32)).energy[0].tolist() == pytest.approx([2, 2, 2, 0, 0])


def test_energies_far_below_one_mev_do_not_meet_a_floor(pipeline):
    """Cells of 1e-4 MeV: the sums that are clamped lie at 1e-30."""
    x, _, log_det = pipeline(one([1e-4, 2e-4, 0, 0, 1e-4]), torch_stream(1, "noise"))
    terms = [1 / 8, 1 / 4e-4, 8 / 4e-4, 16 / 3, 1 / 2, 1 / 4, 1 / 3e-4]
    assert log_det.item() == pytest.approx(sum(map(math.log, terms)), abs=1e-4)
    assert x[0, 2:].tolist() == pytest.approx([1 / 3, 2 / 3, 0, 0, 1], rel=1e-5)


def test_energies_alone_are_enough_for_one_particle_from_one_direction(pipeline):
    pipeline.condition.theta_range[:] = 0.25
    pipeline.condition.phi_range[:] = -1.0
    incident = pipeline.incident(np.array([5.0, 6.0]))
    assert incident.pdg.tolist() == [11, 11]
    assert incident.theta.tolist() == [0.25, 0.25]
    assert incident.phi.tolist() == [-1, -1]
    showers = pipeline.inverse(torch.zeros(2, 7), np.array([5.0, 6.0]))
    assert showers.theta.tolist() == [0.25, 0.25]
    assert showers.incident_energy.tolist() == [5, 6]


@pytest.mark.parametrize("varies", ["particle", "theta"])
def test_energies_alone_are_not_enough_for_two(pipeline, varies):
    energy = np.array([5.0, 6.0, 7.0])
    pdg = np.array([11, 22, 22]) if varies == "particle" else np.full(3, 11)
    theta = np.array([0.1, 0.2, 0.3]) if varies == "theta" else np.zeros(3)
    pipeline.condition.fit(Incident(energy, pdg, theta, np.zeros(3)))
    assert pipeline.n_conditions == 2
    with pytest.raises(BadValue, match="an energy alone"):
        pipeline.incident(energy)


def test_a_particle_that_is_not_told_has_number_zero():
    pipeline = Pipeline(MESH, hide_particle=True)
    pipeline.condition.fit(Incident(np.array([5.0, 9.0]), np.array([11, 22]), np.zeros(2), np.zeros(2)))
    assert pipeline.n_conditions == 1
    assert pipeline.inverse(torch.zeros(2, 7), np.array([5.0, 6.0])).pdg.tolist() == [0, 0]
