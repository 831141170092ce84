"""Conditions: what the model hears of the incident particle, and what it refuses."""

import math

import numpy as np
import pytest
import torch

from caloforge.data.incident import Incident
from caloforge.errors import BadValue
from caloforge.nn.conditioning import ParticleEmbedding
from caloforge.preprocessing.conditions import ConditionEncoder
from caloforge.preprocessing.parts import ConditionColumns
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.preprocessing.symmetry import AxialSymmetry
from caloforge.rng import torch_stream


def beam(n=2000, seed=0) -> Incident:
    """Photons and electrons from all azimuths within half a radian of the normal."""
    rng = np.random.default_rng(seed)
    return Incident(
        np.exp(rng.uniform(7, 11, n)).astype(np.float32),
        rng.choice([22, 11], n),
        np.arccos(rng.uniform(math.cos(0.5), 1, n)),
        rng.uniform(-math.pi, math.pi, n),
    )


@pytest.fixture
def known():
    conditions = ConditionEncoder()
    conditions.fit(beam())
    return conditions


def one(energy=20e3, pdg=11, theta=0.3, phi=0.0) -> Incident:
    return Incident.alike(np.array([energy], np.float32), pdg, theta, phi)


def test_one_perpendicular_particle_is_its_energy():
    incident = Incident.alike(beam().energy, pdg=22)
    conditions = ConditionEncoder()
    conditions.fit(incident)
    c = conditions(incident)
    log_energy = np.log(incident.energy)
    assert c.shape == (2000, 1)
    assert np.allclose(c[:, 0], (log_energy - log_energy.mean()) / log_energy.std(), atol=1e-4)
    assert np.allclose(conditions.energies(c), incident.energy, rtol=1e-5)


def test_columns(known):
    c = known(beam())
    assert c.shape == (2000, known.n_features) == (2000, 5)
    assert set(c[:, 1].tolist()) == {0.0, 1.0}
    assert torch.allclose(c[:, [0, 2]].mean(0), torch.zeros(2), atol=1e-3)
    assert c[:, 3:].abs().max() <= 1.0


def test_periodic_in_phi(known):
    for phi in (-2.0, -0.1, 3.0):
        first, second = known(one(phi=phi)), known(one(phi=phi - math.copysign(2 * math.pi, phi)))
        assert torch.allclose(first, second, atol=1e-6)
    near = known(one(phi=math.pi - 1e-4)) - known(one(phi=-math.pi + 1e-4))
    assert near.abs().max() < 1e-3  # no jump where the azimuth does
    assert (known(one(phi=1.0)) - known(one(phi=2.0))).abs().max() > 0.1


def test_phi_means_nothing_along_the_normal(known):
    assert torch.allclose(known(one(theta=0.0, phi=1.0)), known(one(theta=0.0, phi=2.0)), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"energy": 500.0}, "incident energy is '500MeV'"),
        ({"energy": 90e3}, "incident energy is '90GeV'"),
        ({"theta": 0.6}, "theta is '34.37"),
        ({"pdg": 211}, "gamma .PDG 22."),
    ],
)
def test_ranges(known, change, says):
    known.check_range(one())
    with pytest.raises(BadValue, match=says):
        known.check_range(one(**change))


def test_range_of_phi():
    incident = beam()
    half = ConditionEncoder()
    half.fit(Incident(incident.energy, incident.pdg, incident.theta, np.abs(incident.phi)))
    half.check_range(one(phi=2.0))
    half.check_range(one(phi=2.0 - 2 * math.pi))
    half.check_range(one(theta=0.0, phi=-1.0))
    with pytest.raises(BadValue, match="phi is '302"):
        half.check_range(one(phi=-1.0))


def test_an_unknown_particle_has_no_conditions(known):
    with pytest.raises(BadValue, match="211"):
        known(one(pdg=211))


def test_what_is_saved_is_what_was_fitted(known):
    again = ConditionEncoder()
    again.load_state_dict(known.state_dict())
    assert again.n_features == 5
    assert torch.equal(again(beam()), known(beam()))


def test_inverse(known):
    incident = beam()
    again = known.inverse(known(incident))
    assert np.array_equal(again.pdg, incident.pdg)
    for name in ("energy", "theta"):
        assert np.allclose(getattr(again, name), getattr(incident, name), rtol=1e-3, atol=1e-3)
    turned = np.mod(again.phi - incident.phi + math.pi, 2 * math.pi) - math.pi
    assert np.allclose(turned[incident.theta > 0.01], 0.0, atol=1e-3)


def test_embedding(known):
    embedding = ParticleEmbedding(known.n_particles, known.columns)
    c = known(beam())
    out = embedding(c)
    assert out.shape == (2000, embedding.n_out)
    assert torch.equal(out[:, [0, -3, -2, -1]], c[:, [0, 2, 3, 4]])
    electrons = out[c[:, 1] == 0][:, 1:-3]
    assert torch.equal(electrons, electrons[:1].expand_as(electrons))
    alone = ParticleEmbedding(1, ConditionColumns(cos_theta=True, direction=True))
    assert torch.equal(alone(c[:, :4]), c[:, :4])


def test_an_energy_alone_is_not_enough(binning, showers):
    pipeline = Pipeline(binning)
    pipeline.fit(showers, torch_stream(1, "test"))
    assert torch.equal(
        pipeline.conditions(showers.incident_energy), pipeline.conditions(Incident.of(showers))
    )  # one perpendicular particle
    pipeline.condition.fit(beam())
    with pytest.raises(BadValue, match="theta and phi"):
        pipeline.conditions(showers.incident_energy)


def test_images_of_inclined_showers(binning, known):
    """Only the mirror image is as likely as the shower, and phi turns with it."""
    symmetry = AxialSymmetry(binning, perpendicular=False, columns=known.columns)
    assert len(symmetry.permutations) == 2
    incident = beam()
    c = known(incident)
    x = torch.rand(2000, binning.n_layers + binning.n_voxels, generator=torch_stream(1, "x"))
    image, turned = symmetry.apply(x, c, torch_stream(1, "images"))
    moved = (image != x).any(1)
    assert 900 < moved.sum() < 1100
    opposite = known(Incident(incident.energy, incident.pdg, incident.theta, -incident.phi))
    assert torch.allclose(turned, torch.where(moved[:, None], opposite, c), atol=1e-6)
    y = torch.from_numpy((binning.r_centres * np.sin(binning.alpha_centres)).astype(np.float32))
    first, second = x[:, binning.n_layers :] @ y, image[:, binning.n_layers :] @ y
    assert torch.allclose(second, torch.where(moved, -first, first), atol=1e-4)


def test_symmetry_of_showers(binning, showers):
    pipeline = Pipeline(binning)
    pipeline.fit(showers, torch_stream(1, "test"))
    assert len(AxialSymmetry.of(showers, pipeline).permutations) == 4
    inclined = type(showers)(
        showers.energy, showers.incident_energy, showers.pdg, showers.theta + 0.2, showers.phi, binning
    )
    assert len(AxialSymmetry.of(inclined, pipeline).permutations) == 2


def test_incident_particles():
    incident = beam(10)
    assert np.array_equal(incident.repeated(25).energy[20:], incident.energy[:5])
    both = Incident.concatenate([incident[:4], incident[4:]])
    assert np.array_equal(both.phi, incident.phi)
