"""Layer energies as mixtures: an exact density with empty layers, within the range of training."""

import pytest
import torch
from torch.special import ndtr

from caloforge.errors import BadValue
from caloforge.geometry.readouts import readout
from caloforge.models import model_config
from caloforge.models.energy_mixtures import MixtureEnergies
from caloforge.preprocessing.transform import AtomBands
from caloforge.rng import torch_stream

SPAN = 0.1  # of the weights that the tests move away from their start


def features(n=4000):
    """Layer 1 is empty at times, layer 2 follows it, layer 0 follows both and is never empty."""
    generator = torch_stream(1, "features")
    c = torch.rand(n, 1, generator=generator) * 2 - 1
    z = torch.randn(n, 3, generator=generator)
    chance, place = torch.rand(2, n, generator=generator)
    first = torch.where(chance < 0.3, -6 + 2 * place, 0.5 * c[:, 0] + 0.4 * z[:, 1])
    second = 0.5 * z[:, 2] + torch.where(first.abs() < 4, 0.3 * first, 1.0)
    return torch.stack([0.5 * z[:, 0] + second, first, second], 1), c


def fitted(u, c, seed=3):
    """A stage whose features are logarithms of energies."""
    torch.manual_seed(seed)
    n = u.shape[1]
    bands = AtomBands(torch.tensor([[-6.0], [-4.0]]).repeat(1, n), torch.tensor([[4.0], [6.0]]).repeat(1, n))
    stage = MixtureEnergies(bands, torch.linspace(-4, 4, 17)[:, None].repeat(1, n), 0, torch.tensor([2.0, 0.5]), 1, 8)
    stage.initialise(u, c)
    with torch.no_grad():
        for weights in (stage.networks.last, stage.networks.straight, stage.networks.last_bias):
            weights += SPAN * torch.randn_like(weights)
    return stage.requires_grad_(False)


def test_the_density_of_a_feature_is_normalised_with_its_empty_layers():
    u, c = features()
    stage = fitted(u[:, 1:2], c)
    grid = torch.linspace(-7, 5, 240_001)[:, None]
    density = stage.log_prob(grid, torch.full_like(grid, 0.3)).double().exp()
    inside = (grid > -6) & (grid < -4) | (grid > stage.ends[0]) & (grid < stage.ends[1])
    assert float(torch.trapezoid(density * inside[:, 0], grid[:, 0].double())) == pytest.approx(1, abs=1e-3)
    z = torch.randn(20_000, 1, generator=torch_stream(1, "noise"))
    samples = stage.sample(z, torch.full_like(z, 0.3))
    empty = 2.0 * float(density[(grid[:, 0] + 5).abs().argmin()])  # flat in a band that is two wide
    assert torch.equal(samples < -4, ndtr(z.double()) < empty)


def test_samples_follow_the_density():
    """The mean of q(u)/p(u) over samples of p is one, for another density q."""
    u, c = features()
    p, q = (fitted(u, c, seed) for seed in (3, 4))
    conditions = c.repeat(5, 1)
    samples = p.sample(torch.randn(len(conditions), 3, generator=torch_stream(1, "noise")), conditions)
    ratio = (q.log_prob(samples, conditions) - p.log_prob(samples, conditions)).double().exp()
    error = float(ratio.std()) / len(ratio) ** 0.5
    assert error < 0.05
    assert abs(float(ratio.mean()) - 1) < 4 * error


def test_no_sample_leaves_the_range_of_training_however_far_the_noise():
    u, c = features()
    stage = fitted(u, c)
    noise = 10 * torch.randn(2000, 3, generator=torch_stream(1, "noise"))
    samples = stage.sample(noise, c[:2000])
    assert samples.isfinite().all()
    kept = samples >= -4
    assert ((samples >= stage.ends[0]) & (samples <= stage.ends[1]))[kept].all()
    assert (samples[~kept] > -6.01).all()
    wide = u.masked_fill(u < -4, 0.0)
    assert (stage.ends[1] - wide.amax(0) < 0.2).all()
    beyond = torch.tensor([[-5.0, 8.0, 8.0]])  # layer 0 was never empty; it counts as at its end, and so do the others
    assert stage.log_prob(beyond, c[:1]).isfinite().all()


def test_a_network_hears_energies_before_its_layer_and_none_behind():
    u, c = features(64)
    stage = fitted(u, c)
    moved = u.clone()
    moved[:, 2] += 1.0
    energies = stage._log_energies(u)
    assert torch.equal(energies[:, :2], stage._log_energies(moved)[:, :2])
    heard = stage._heard(u[:, :2], energies[:, :2], c)
    whole = energies[:, :2].exp().sum(1).log() - stage.sums[0, 1, 2]
    empty = float(torch.tensor(-7.0).exp())
    assert torch.allclose(heard[:, 17] * stage.sums[1, 1, 2], whole, atol=100 * empty)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({}, r"one feature a layer; take preprocessing: \{energies: \[log"),
        ({"preprocessing": {"energies": ["standardise"]}}, "one feature a layer"),
        (
            {"preprocessing": {"energies": ["log", "dequantise"]}, "tails": "linear"},
            "mixtures end where training ended",
        ),
    ],
)
def test_what_mixtures_do_not_go_with_is_refused_with_what_to_take(more, sentence):
    options = {"name": "vae", "latent": 0, "decoder_context": "neighbours", "layer_energies": "mixtures"} | more
    config = model_config(options)
    with pytest.raises(BadValue, match=sentence):
        config.build(config.pipeline(readout("siw-1080")))
