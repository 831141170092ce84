"""A model asked from within: noise, pushforward, posterior, likelihood and the terms of its loss."""

import numpy as np
import pytest

import caloforge as cf
from caloforge.errors import BadValue, OutsideTraining
from caloforge.models.base import ImplicitDensity

TINY = {"latent": 2, "width": 16, "depth": 1, "flow_transforms": 1, "flow_width": 16}


def _unheard(text):
    """Alarms of so short a training are of no interest."""


@pytest.fixture(scope="module")
def model(showers, tmp_path_factory):
    return cf.train(
        cf.VAE(**TINY), showers[:1500], tmp_path_factory.mktemp("vae") / "run", steps=20, batch=64, warn=_unheard
    )


def test_the_pushforward_is_a_function_of_noise_and_energy(model):
    z = model.noise(4, seed=1)
    showers = model.pushforward(z, "50GeV")
    assert showers.incident_energy.tolist() == [50_000.0] * 4
    np.testing.assert_array_equal(showers.energy, model.pushforward(z, 50_000.0).energy)
    np.testing.assert_array_equal(model.pushforward(z[::-1], "50GeV").energy[::-1] > 0, showers.energy > 0)
    assert not np.array_equal(model.noise(4, seed=2), z)
    assert model.pushforward(z, [2e3, 5e3, 1e4, 2e4]).incident_energy.tolist() == [2e3, 5e3, 1e4, 2e4]


def test_columns_of_the_noise_are_all_of_it(model):
    columns = model.noise_columns
    assert columns["shape"].stop - columns["shape"].start == 2
    covered = sorted(i for part in columns.values() for i in range(part.start, part.stop))
    assert covered == list(range(model.noise(1).shape[1]))


@pytest.mark.parametrize("spoil", [lambda z: z[:, 1:], lambda z: z[:0], lambda z: z * np.nan, lambda z: z[0]])
def test_noise_of_another_shape_is_refused(model, spoil):
    with pytest.raises(BadValue, match="shape of the noise"):
        model.pushforward(spoil(model.noise(3)), "50GeV")


def test_noise_for_no_shower_and_energies_outside_are_refused(model):
    with pytest.raises(BadValue, match="number of showers"):
        model.noise(0)
    with pytest.raises(OutsideTraining):
        model.pushforward(model.noise(1), "1TeV")


def test_losses_are_rate_and_distortion(model, showers):
    terms = model.losses(showers[1500:1800])
    assert terms["kl"] == pytest.approx(terms["kl_0"] + terms["kl_1"], rel=1e-5)
    assert terms["kl"] >= 0
    assert terms == model.losses(showers[1500:1800])


def test_the_rate_is_that_of_the_posterior(model, showers):
    """KL of N(mean, std^2) to N(0, 1), arXiv:1312.6114, appendix B."""
    mean, std = model.encode(showers[1500:1800])
    assert mean.shape == std.shape == (300, 2)
    rate = 0.5 * (mean**2 + std**2 - 1 - 2 * np.log(std)).sum(1).mean()
    assert model.losses(showers[1500:1800])["kl"] == pytest.approx(rate, rel=0.1, abs=1e-3)  # dequantised anew


def test_the_likelihood_tells_showers_from_spoiled_ones(model, showers):
    held_out = showers[1500:1700]
    spoiled = held_out.with_cells(held_out.energy[:, ::-1].copy())  # the shower backwards
    assert np.mean(model.log_likelihood(held_out) > model.log_likelihood(spoiled)) > 0.9


def test_a_game_has_neither_likelihood_nor_loss_nor_encoder(showers):
    game = cf.load("wgan-siw-1080")
    with cf.open("bundled") as truth:
        few = truth[:3].read()
    with pytest.raises(ImplicitDensity):
        game.log_likelihood(few)
    with pytest.raises(BadValue, match="only the training has"):
        game.losses(few)
    with pytest.raises(BadValue, match="no encoder"):
        game.encode(few)
