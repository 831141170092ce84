"""Layer energies in sequence: an exact density with atoms, which samples follow."""

import math

import pytest
import torch
from torch.special import ndtr

from caloforge.models import model_config
from caloforge.models.autoregressive import AutoregressiveEnergies, _between
from caloforge.nn.conditioning import LinearExtrapolation
from caloforge.nn.parallel import ParallelMLP
from caloforge.preprocessing.transform import AtomBands
from caloforge.rng import torch_stream

TAILS = [None, LinearExtrapolation(-1.0, 1.0)]
SPAN = 0.1  # of the weights that the tests move away from their start


def bands(n):
    return AtomBands(torch.tensor([[-6.0], [-4.0]]).repeat(1, n), torch.tensor([[4.0], [6.0]]).repeat(1, n))


def features(n=4000):
    """Feature 1 is an atom at times, below or above, 2 follows it, 0 follows both and has no atoms."""
    generator = torch_stream(1, "features")
    c = torch.rand(n, 1, generator=generator) * 2 - 1
    z = torch.randn(n, 3, generator=generator)
    chance, place = torch.rand(2, n, generator=generator)
    first = torch.where(chance < 0.3, -6 + 2 * place, 0.5 * c[:, 0] + 0.4 * z[:, 1])
    first = torch.where(chance > 0.9, 4 + 2 * place, first)
    second = 0.5 * z[:, 2] + torch.where(first.abs() < 4, 0.3 * first, 1.0)
    return torch.stack([0.5 * z[:, 0] + second, first, second], 1), c


def fitted(u, c, tails=None, seed=3):
    torch.manual_seed(seed)
    stage = AutoregressiveEnergies(bands(u.shape[1]), 1, 4, 8, tails)
    stage.initialise(u, c)
    with torch.no_grad():
        for weights in (stage.networks.last, stage.networks.last_bias):
            weights += SPAN * torch.randn_like(weights)
    return stage.requires_grad_(False)


@pytest.mark.parametrize("tails", TAILS, ids=["free", "linear"])
def test_a_sample_is_the_quantile_function_of_its_density(tails):
    """Of one feature with atoms on both sides: the integral of the density up to u(z) is Phi(z), atoms included."""
    u, c = features()
    stage = fitted(u[:, 1:2], c, tails)
    grid = torch.linspace(-8, 8, 160_001)[:, None]
    density = stage.log_prob(grid, torch.full_like(grid, 0.3)).double().exp()
    integral = torch.cumulative_trapezoid(density, grid[:, 0].double())
    assert float(integral[-1]) == pytest.approx(1, abs=1e-4)
    z = torch.linspace(-4, 4, 101)[:, None]
    samples = stage.sample(z, torch.full_like(z, 0.3))[:, 0]
    assert (samples.diff() > 0).all()
    up_to = integral[torch.searchsorted(grid[1:, 0].contiguous(), samples.contiguous()).clamp(max=len(integral) - 1)]
    leak = density[(grid[:, 0] < -4) | (grid[:, 0] > 4)].min() * 4  # of the normal between, into the bands
    assert (up_to - ndtr(z[:, 0]).double()).abs().max() < 1e-4 + float(leak)
    assert {bool(x) for x in (samples < -4)} == {bool(x) for x in (samples > 4)} == {True, False}


@pytest.mark.parametrize("tails", TAILS, ids=["free", "linear"])
def test_samples_follow_the_density(tails):
    """The mean of q(u)/p(u) over samples of p is one, for another density q."""
    u, c = features()
    p, q = (fitted(u, c, tails, seed) for seed in (3, 4))
    conditions = c.repeat(5, 1)
    samples = p.sample(torch.randn(len(conditions), 3, generator=torch_stream(1, "noise")), conditions)
    ratio = (q.log_prob(samples, conditions) - p.log_prob(samples, conditions)).double().exp()
    error = float(ratio.std()) / len(ratio) ** 0.5
    assert error < 0.05
    assert abs(float(ratio.mean()) - 1) < 4 * error


def test_it_starts_as_the_normal_of_the_training_showers():
    r"""Without atoms the start is the maximum of a linear normal chain, :math:`-\frac12 \ln\det 2\pi e \Sigma`."""
    generator = torch_stream(2, "features")
    joint = (torch.randn(3000, 4, generator=generator) @ torch.randn(4, 4, generator=generator) / 4).double()
    u, c = joint[:, :3].float(), joint[:, 3:].float()
    stage = AutoregressiveEnergies(AtomBands.nowhere(3), 1, 4, 8).requires_grad_(False)
    stage.initialise(u, c)
    covariance = torch.cov(joint.T, correction=0)
    conditional = torch.logdet(covariance) - covariance[3, 3].log() + 3 * math.log(2 * math.pi * math.e)
    assert float(stage.log_prob(u, c).double().mean()) == pytest.approx(-0.5 * float(conditional), abs=1e-3)


def test_atoms_that_training_never_had_are_never_drawn_but_have_a_density():
    u, c = features()
    stage = fitted(u, c)
    assert stage.atoms.tolist() == [[False, True, False], [False, True, False]]
    with torch.no_grad():
        stage.networks.last_bias[:, 0, 0] = 50.0  # as if all were atoms
    samples = stage.sample(torch.randn(2000, 3, generator=torch_stream(1, "noise")), c[:2000])
    assert (samples[:, 1] < -4).all()
    assert (samples[:, [0, 2]].abs() < 4).all()
    empty = torch.tensor([[0.0, -5.0, -5.0]])
    assert torch.isfinite(stage.log_prob(empty, c[:1])).all()


@pytest.mark.parametrize("z", [-5.0, 5.0])
def test_a_rare_normal_stays_as_many_widths_from_the_mean(z):
    """Beyond the spline a feature without atoms is normal, with mean and width of its place."""
    u, c = features(500)
    stage = fitted(u, c)
    noise = torch.zeros(500, 3)
    noise[:, 0] = z  # the feature that comes last
    samples = stage.sample(noise, c)
    density = stage._densities(stage._hear(samples, stage._in_bands(samples), c))
    mean, width = density.mean[:, 0], density.log_width[:, 0].exp()
    assert torch.allclose(samples[:, 0], mean + z * width, atol=1e-2 * float(width.mean()))


def test_networks_side_by_side_are_the_networks_alone_and_hear_nothing_else():
    torch.manual_seed(1)
    hears = torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    networks = ParallelMLP(hears, 5, 4)
    with torch.no_grad():
        for weights in (networks.last, networks.straight):
            weights.normal_()
    x = torch.randn(7, 3)
    every, singly = networks(x), networks.singly()
    for i in range(2):
        for part, whole in zip(singly(x, i), every, strict=True):
            assert torch.allclose(part, whole[:, i], atol=1e-6)
    for silent in singly(torch.where(hears[1] > 0, x, 1e3), 1), singly(x, 1):
        assert torch.allclose(silent[1], every[1][:, 1], atol=1e-6)


def test_the_option_builds_it_on_the_bands_of_the_preprocessing(showers):
    config = model_config({"name": "vae", "latent": 2, "width": 8, "layer_energies": "autoregressive"})
    pipeline, generator = config.pipeline(showers.binning), torch_stream(1, "test")
    pipeline.fit(showers, generator)
    x, c, _ = pipeline(showers, generator)
    model = config.build(pipeline)
    assert isinstance(model.energies, AutoregressiveEnergies)
    model.initialise(x, c)
    u = pipeline.parts(x).energies
    empty = pipeline.layer_energies(u, c) == 0
    assert torch.equal((u < model.energies.below[1])[:, 1:], empty[:, 1:])
    assert torch.isfinite(model.energies.log_prob(u, c)).all()


@pytest.mark.parametrize(
    "chances", [(0.9990234375, 0.0, 0.0009765625), (0.0, 0.9990234375, 0.0009765625)], ids=["below", "above"]
)
def test_places_beside_a_large_atom_keep_their_digits(chances):
    """Rounding of 0.999 by float32, over a rest of 0.001, would move them by 3e-5."""
    z = torch.linspace(3.12, 4.5, 2001)
    z = z if chances[0] else -z
    p = torch.tensor([chances]).expand(len(z), 3)
    exact, exact_low, _ = _between(z.double(), p.double())
    torch.testing.assert_close(_between(z, p)[1].double(), exact_low, rtol=0, atol=1e-6)
    assert (ndtr(exact) - exact_low).abs().max() < 1e-8  # of the rational approximation
