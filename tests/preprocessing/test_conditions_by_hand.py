"""Conditions with scales and ranges that are given: each column, the way back, and where the range ends."""

import math

import numpy as np
import pytest
import torch

from caloforge.data.incident import Incident
from caloforge.errors import BadValue, OutsideTraining
from caloforge.preprocessing.conditions import ConditionEncoder

LOW, HIGH = 1e3, 1e5  # MeV


def one(energy=2e4, pdg=11, theta=0.3, phi=0.5) -> Incident:
    return Incident(*(np.array([value]) for value in (energy, pdg, theta, phi)))


@pytest.fixture
def encoder():
    """Fitted to four particles: log E of mean ln 1e4 and deviation ln 10; theta 0.1 to 0.5, phi -1 to 2."""
    encoder = ConditionEncoder()
    theta = np.array([0.1, 0.5, 0.1, 0.5])
    encoder.fit(
        Incident(np.array([LOW, LOW, HIGH, HIGH]), np.array([22, 11, 22, 211]), theta, np.array([-1, 2, 0, 1.0]))
    )
    return encoder


def test_before_a_fit_one_particle_without_range():
    encoder = ConditionEncoder()
    assert (encoder.n_particles, encoder.n_features, encoder.particles.tolist()) == (1, 1, [0])
    for name in ("energy_range", "theta_range", "phi_range"):
        assert getattr(encoder, name).tolist() == [0, 0]


def test_what_is_fitted(encoder):
    assert encoder.particles.tolist() == [11, 22, 211]
    assert encoder.energy_range.tolist() == [LOW, HIGH]
    assert encoder.theta_range.tolist() == [0.1, 0.5]
    assert encoder.phi_range.tolist() == [-1, 2]
    assert encoder.ends == pytest.approx((-1, 1))
    assert encoder.log_energy_scale == pytest.approx(math.log(10))
    assert (encoder.n_particles, encoder.n_features) == (3, 5)


def test_every_column(encoder):
    mean, half = (math.cos(0.1) + math.cos(0.5)) / 2, (math.cos(0.1) - math.cos(0.5)) / 2
    sine = math.sin(0.3) / math.sin(0.5)
    expected = [math.log10(2), 1.0, (math.cos(0.3) - mean) / half, sine * math.cos(0.7), sine * math.sin(0.7)]
    c = encoder(one(2e4, 22, 0.3, 0.7))
    assert c[0].tolist() == pytest.approx(expected, abs=1e-5)
    assert [encoder(one(pdg=pdg))[0, 1].item() for pdg in (11, 22, 211)] == [0, 1, 2]
    again = encoder.inverse(c)
    assert again.energy[0] == pytest.approx(2e4, rel=1e-5)
    assert again.pdg.tolist() == [22]
    assert again.theta[0] == pytest.approx(0.3, abs=1e-5)
    assert again.phi[0] == pytest.approx(0.7, abs=1e-5)


def test_the_same_at_other_energies(encoder):
    c = encoder(one())
    other = encoder.at_energies(c, torch.tensor([1e5]))
    assert other[0, 0].item() == pytest.approx(1)
    assert torch.equal(other[:, 1:], c[:, 1:])
    assert encoder.energies(other).tolist() == pytest.approx([1e5])


def test_a_cosine_beyond_one_is_the_normal(encoder):
    c = encoder(one())
    c[:, 2] = 9.0
    assert encoder.inverse(c).theta.tolist() == [0]


def test_the_azimuth_of_perpendicular_particles_is_no_range():
    """phi of a particle along the normal means nothing, also where it says 3."""
    encoder = ConditionEncoder()
    encoder.fit(Incident(np.array([1.0, 2, 3]), np.full(3, 11), np.array([0.0, 0.2, 0.3]), np.array([3.0, 0.5, 0.5])))
    assert encoder.phi_range.tolist() == [0.5, 0.5]
    assert encoder.n_features == 2
    again = encoder.inverse(encoder(one(2.0, 11, 0.25, 0.5)))
    assert again.phi.tolist() == [0.5]
    assert again.pdg.tolist() == [11]
    encoder.check_range(one(2.0, 11, 0.0, -3.0))


@pytest.mark.parametrize(("spread", "columns"), [(0.019, 1), (0.021, 2)])
def test_angles_vary_from_a_fiftieth_on(spread, columns):
    encoder = ConditionEncoder()
    encoder.fit(Incident(np.array([1.0, 2]), np.full(2, 11), np.array([0.1, 0.1 + spread]), np.zeros(2)))
    assert encoder.n_features == columns


@pytest.mark.parametrize(
    "inside",
    [
        {"energy": LOW * (1 - 0.9e-3)},
        {"energy": HIGH * (1 + 0.9e-3)},
        {"theta": 0.081},
        {"theta": 0.519},
        {"phi": -1.019},
        {"phi": 2.019},
        {"phi": 1.9 - 2 * math.pi},
        {"phi": -1 + 2 * math.pi},
    ],
)
def test_the_range_reaches_a_little_beyond_the_training(encoder, inside):
    encoder.check_range(one(**inside))
    assert encoder.outside(one(**inside)) == []


@pytest.mark.parametrize(
    ("outside", "says"),
    [
        ({"energy": LOW * (1 - 1.1e-3)}, "incident energy is '998.9MeV'; the model was trained on 1GeV to 100GeV"),
        ({"energy": HIGH * (1 + 1.1e-3)}, "incident energy is '100.1GeV'"),
        ({"theta": 0.079}, "theta is '4.52637deg'; the model was trained on 5.72958deg to 28.6479deg"),
        ({"theta": 0.521}, "theta is '29.8511deg'"),
        ({"phi": -1.021}, "phi is '301.501deg'; the model was trained on -57.2958deg to 114.592deg"),
        ({"phi": 2.021}, "phi is '115.795deg'"),
    ],
)
def test_and_ends_there(encoder, outside, says):
    (strange,) = encoder.outside(one(**outside))
    assert isinstance(strange, OutsideTraining)
    assert says in str(strange)
    with pytest.raises(OutsideTraining):
        encoder.check_range(one(**outside))


def test_both_ends_are_named(encoder):
    wide = Incident(np.array([1.0, 2e4, 1e9]), np.full(3, 11), np.full(3, 0.3), np.zeros(3))
    assert ["1MeV" in str(s) or "1000TeV" in str(s) for s in encoder.outside(wide)] == [True, True]


def test_a_range_that_is_given_stands_above_that_of_the_showers():
    encoder = ConditionEncoder()
    encoder.fit(one(), (500.0, 9e5))
    assert encoder.energy_range.tolist() == [500, 9e5]


def test_an_unknown_particle_is_refused(encoder):
    for pdg, name in ((-11, r"e\+ \(PDG -11\)"), (13, r"mu- \(PDG 13\)"), (999, "PDG 999")):
        with pytest.raises(BadValue, match=rf"{name}'; the model was trained on e- \(PDG 11\), gamma \(PDG 22\), pi\+"):
            encoder.outside(one(pdg=pdg))
    hidden = ConditionEncoder(hide_particle=True)
    hidden.fit(Incident(np.array([LOW, HIGH]), np.array([11, 22]), np.zeros(2), np.zeros(2)))
    assert (hidden.n_particles, hidden.n_features) == (1, 1)
    for pdg in (11, 22, 0):  # 0: a shower of the mixture, as such a model makes them
        hidden.check_range(one(pdg=pdg, theta=0.0))
    with pytest.raises(BadValue, match=r"'mu- \(PDG 13\)'; the model was trained on e- \(PDG 11\), gamma"):
        hidden.check_range(one(pdg=13, theta=0.0))
    assert hidden.inverse(hidden(one(pdg=11, theta=0.0))).pdg.tolist() == [0]
