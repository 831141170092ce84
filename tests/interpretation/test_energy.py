"""Slopes against the incident energy and FiLM, for models and samples where both are known; one latent moved."""

import numpy as np
import pytest
import torch

from caloforge.data.incident import Incident
from caloforge.data.provenance import TrainingProvenance
from caloforge.errors import EmptySample
from caloforge.interpretation.laws import expected_slopes
from caloforge.interpretation.modulation import modulations
from caloforge.interpretation.sensitivity import RESOLUTION, VISIBLE, common_numbers, pathwise
from caloforge.interpretation.traversal import STEPS, traverse
from caloforge.models import model_config
from caloforge.nn.conditioning import FiLM
from caloforge.physics.depth import layer_depths
from caloforge.physics.observables import select
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import torch_stream
from caloforge.training.run import Run
from caloforge.units import GeV

PARTICLES = Incident.alike(np.array([1e4], np.float32))


def depth(run, energy, z1):
    """Mean depth of the known model, by its formula."""
    k = np.arange(run.pipeline.binning.n_layers)
    weight = np.exp(k * (run.model.slope * np.log(energy / 1e4) + 0.3 * z1[:, None]) - 0.8 * k)
    return float((weight @ layer_depths(run.pipeline.binning) / weight.sum(1)).mean())


@pytest.mark.parametrize("energy", [3e3, 4e4])
def test_slopes_of_a_known_model(known, energy):
    found = common_numbers(known, PARTICLES, energy, select(["response", "centre_z"]), 3000, 1)
    path = pathwise(known, PARTICLES, energy, 3000, 1)
    g = energy / 1e4
    z1 = np.random.default_rng(0).normal(size=100_000)
    rise = (depth(known, energy * 1.01, z1) - depth(known, energy / 1.01, z1)) / (2 * np.log(1.01))
    truth = {
        "response": 0.02 * 0.03 * g**0.02,
        "centre_z": rise,
        VISIBLE: 1.02 * 0.03 * g**0.02,
        RESOLUTION: -0.05 / np.sqrt(g),
    }
    assert set(found) == set(truth)
    for name, slope in found.items():
        assert slope.value == pytest.approx(truth[name], abs=4 * slope.error + 1e-3 * abs(truth[name]))
        assert slope.error < 0.1 * abs(truth[name])
    assert set(path) == {"response", "centre_z", VISIBLE}
    for name, slope in path.items():
        assert slope.value == pytest.approx(truth[name], abs=4 * slope.error)


def test_a_model_that_is_not_differentiable_has_no_path(known):
    class Rigid(type(known.model)):
        def sample(self, noise, c):
            return super().sample(noise, c).detach()

    rigid = Run(Rigid(known.pipeline), known.pipeline, TrainingProvenance())
    assert pathwise(rigid, PARTICLES, 1e4, 100, 1) == {}


def test_laws_and_differences_of_known_showers():
    rng = np.random.default_rng(2)
    energy = np.exp(rng.uniform(np.log(1e3), np.log(1e5), 6000))
    mean = 0.03 + 20 / energy
    table = {
        "response": mean * (1 + 0.2 / np.sqrt(energy / GeV) * rng.normal(size=6000)),
        "centre_z": 40 + 5 * np.log(energy) + 8 * rng.normal(size=6000),
        "sparsity": 0.02 * np.log(energy) ** 2 + 0.05 * rng.normal(size=6000),
    }
    at = np.array([4e3, 2e4, 4e5])
    found = expected_slopes(table, energy, at, 1)
    truth = {
        "response": -20 / at,
        "centre_z": np.full(3, 5.0),
        VISIBLE: np.full(3, 0.03),
        RESOLUTION: -0.1 / np.sqrt(at / GeV),
    }
    for name, slopes in truth.items():
        assert np.all(np.abs(found[name].law - slopes) < 4 * found[name].law_error)
        near = (found[name].difference - slopes)[:2]
        assert np.all(np.abs(near) < 4 * found[name].difference_error[:2])
        assert np.isnan(found[name].difference[2])  # no showers there
    assert np.isnan(found["sparsity"].law).all()
    assert found["sparsity"].formula == ""
    assert found["sparsity"].difference[1] == pytest.approx(0.04 * np.log(2e4), abs=0.02)
    with pytest.raises(EmptySample, match="laws fitted"):
        expected_slopes({k: v[:300] for k, v in table.items()}, energy[:300], at, 1)


def test_a_moved_latent_does_what_it_is_known_to_do(known):
    shapes = select(["response", "centre_z"])

    def moved(column):
        return traverse(known, column, (f"z{column}", ""), PARTICLES, 1e4, shapes, 400, 1)

    response, deeper, nothing = (moved(column) for column in range(3))
    assert np.allclose(response.shapes["response"], 0.03 * (1 + 0.1 * np.array(STEPS)), rtol=1e-4)
    assert np.allclose(deeper.profile.sum(1), deeper.profile.sum(1)[0])
    z1 = np.array([2.0])
    assert deeper.shapes["centre_z"][STEPS.index(2.0)] == pytest.approx(depth(known, 1e4, z1), rel=1e-3)
    assert deeper.shape_errors["centre_z"].max() < 1e-3
    assert np.array_equal(nothing.cells[0], nothing.cells[-1])
    assert np.allclose(nothing.radial_profile.sum(1), nothing.profile.sum(1))


@pytest.fixture(scope="module")
def film(binning, showers):
    """A small untrained VAE whose FiLM layers do something."""
    pipeline = Pipeline(binning)
    pipeline.fit(showers, torch_stream(1, "test"))
    options = {"name": "vae", "latent": 2, "width": 8, "depth": 1, "flow_transforms": 2, "flow_width": 8}
    torch.manual_seed(0)
    model = model_config(options).build(pipeline)
    for name, parameter in model.named_parameters():
        if ".film." in name:
            torch.nn.init.normal_(parameter)
    return Run(model.eval().requires_grad_(False), pipeline, TrainingProvenance())


def test_modulation_is_what_the_layers_do(film):
    found = modulations(film, PARTICLES, 1)
    layers = {name: m for name, m in film.model.named_modules() if isinstance(m, FiLM)}
    assert [m.layer for m in found] == [name for name in layers if "decoder" in name]
    for m in found:
        c = film.pipeline.conditions(m.energy.astype(np.float32))
        h = torch.randn(len(c), 8, generator=torch_stream(2, "test"))
        expected = h.double().numpy() * (1 + m.scale) + m.shift
        assert np.allclose(layers[m.layer](h, c), expected, atol=1e-4)
        assert not any(layer._forward_pre_hooks for layer in layers.values())
        low, high = film.pipeline.condition.energy_range.tolist()
        assert (m.energy[0], m.energy[-1]) == (pytest.approx(low / 5), pytest.approx(high * 5))
        first = m.most_moving(m.scale)[0]
        assert m.movement(m.scale)[first] == np.ptp(m.scale[m.within], axis=0).max()


def test_pace_of_a_straight_line(film):
    m = modulations(film, PARTICLES, 1)[0]
    straight = np.log(m.energy)[:, None] * np.array([[3.0, -3.0]])
    assert m.pace(straight) == pytest.approx((3, 3, 3))


def test_a_model_without_film_has_no_modulation(known):
    assert modulations(known, PARTICLES, 1) == ()
