import numpy as np
import pytest
import torch

from caloforge.data.showers import Showers
from caloforge.errors import BadField, UnknownName
from caloforge.models import model_config
from caloforge.models.beta import beta_at
from caloforge.models.bounds import gaussian_kl
from caloforge.nn.conditioning import CONDITIONING, FiLM
from caloforge.nn.layers import ConditionedMLP
from caloforge.rng import torch_stream

SMALL = {"name": "vae", "latent": 3, "width": 16, "depth": 1, "flow_transforms": 2, "flow_width": 16}
VARIANTS = {
    "flow-prior": {"prior": "flow"},
    "log-normal": {"decoder": "lognormal", "conditioning": "concat"},
    "spectrum": {"cells": "spectrum", "beta_schedule": "cyclical"},
    "layers": {"decoder_context": "layers", "committed_rate": 1.5},
    "neighbours": {"decoder_context": "neighbours", "channels": 8},
    "blur": {"decoder": "mse", "beta_schedule": "fixed", "beta": 0.5},
}


def inclined(showers):
    """The same showers as if of two particles from many directions."""
    rng = np.random.default_rng(1)
    n = len(showers)
    angles = rng.uniform(0, 0.5, n), rng.uniform(-3, 3, n)
    return Showers(showers.energy, showers.incident_energy, rng.choice([11, 22], n), *angles, showers.binning)


@pytest.fixture(scope="module", params=[(name, False) for name in VARIANTS] + [("flow-prior", True)], ids=str)
def training(request, binning, showers):
    """A model of every kind after 30 steps, its data and losses; conditions: the energy, or all there are."""
    name, every_condition = request.param
    generator = torch_stream(1, "test")
    config = model_config(SMALL | VARIANTS[name])
    pipeline = config.pipeline(binning)
    seen = inclined(showers) if every_condition else showers
    pipeline.fit(seen, generator)
    x, c, _ = pipeline(seen, generator)
    torch.manual_seed(0)
    model = config.build(pipeline)
    model.initialise(x, c)
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    generator = torch_stream(3, "training")
    history = []
    for _ in range(30):
        losses = model.loss(x[:128], c[:128], 0.0, generator)
        optimiser.zero_grad()
        losses["total"].backward()
        optimiser.step()
        history.append(float(losses["total"].detach()))
    return model, x, c, history


@pytest.fixture(scope="module")
def trained(training):
    """The model and its data."""
    return training[:3]


def test_every_parameter_gets_a_gradient(trained):
    model, x, c = trained
    model.zero_grad()
    losses = model.loss(x[:200], c[:200], 1.0, torch_stream(1, "loss"))
    losses["total"].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    assert all(torch.isfinite(value) for value in losses.values())


def test_samples_are_functions_of_noise_and_condition(trained):
    model, x, c = trained
    noise = torch.randn(50, *model.noise_shape, generator=torch_stream(2, "noise"))
    with torch.no_grad():
        first, second = model.sample(noise, c[:50]), model.sample(noise, c[:50])
        other = model.sample(torch.randn_like(noise), c[:50])
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert first.shape == x[:50].shape
    assert torch.isfinite(first).all()


def test_training_lowers_the_loss(training):
    history = training[-1]
    assert sum(history[-5:]) < sum(history[:5]) - 3


def test_likelihood_bounds_tighten(trained):
    """The importance-weighted bound grows with the number of samples, towards log p."""
    model, x, c = trained
    with torch.no_grad():
        bounds = [model.log_prob(x[:300], c[:300], torch_stream(4, "bound"), k).value.mean().item() for k in (1, 4, 64)]
    assert bounds[0] < bounds[1] < bounds[2]


def test_elbo_below_the_likelihood(trained):
    """Reconstruction minus KL is a lower bound on what 64 importance-weighted draws find."""
    model, x, c = trained
    u, shares, e = x[:300, :3], x[:300, 3:], model.embedding(c[:300])
    with torch.no_grad():
        context = model.context(u, c[:300])[0]
        noise = torch.randn(64, 300, 3, generator=torch_stream(4, "bound"))
        mean, log_std = model.shape.posterior(shares, context, e)
        reconstruction = model.shape.log_likelihood(shares, mean + log_std.exp() * noise[0], context, e)
        kl = gaussian_kl(mean, log_std)
        value, error = model.shape.log_prob(shares, context, e, noise)
    if model.shape.prior is None:  # else the KL is to N(0, 1), the bound to the learned prior
        assert (reconstruction - kl.sum(1)).mean() < value.mean()
    assert (error > 0).all()


def test_likelihood_prefers_the_truth(trained):
    """Swapping the energies of the showers makes them less likely."""
    model, x, c = trained
    wrong = c[:300].clone()
    wrong[:, 0] *= -2
    with torch.no_grad():
        bounds = [model.log_prob(x[:300], e, torch_stream(4, "bound")).value.mean() for e in (c[:300], wrong)]
    assert bounds[0] > bounds[1]


def test_kl_against_monte_carlo():
    mean, log_std = torch.tensor([[0.7, -1.2]]), torch.tensor([[-0.5, 0.3]])
    z = mean + log_std.exp() * torch.randn(400_000, 2, generator=torch_stream(1, "kl"))
    posterior = torch.distributions.Normal(mean, log_std.exp())
    monte_carlo = (posterior.log_prob(z) - torch.distributions.Normal(0.0, 1.0).log_prob(z)).mean(0)
    assert torch.allclose(gaussian_kl(mean, log_std)[0], monte_carlo, atol=0.01)


@pytest.mark.parametrize(
    ("schedule", "weights"),
    [
        ("fixed", [2, 2, 2, 2, 2]),
        ("annealed", [0, 0, 1, 2, 2]),
        ("cyclical", [0, 1.6, 2, 0.8, 2]),
    ],
)
def test_schedules(schedule, weights):
    """At 0, 0.2, 0.4, 0.6 and 1 of training; two cycles; annealed from 0.3 to 0.5."""
    found = [beta_at(t, 2.0, schedule, (0.3, 0.5), 2) for t in (0.0, 0.2, 0.4, 0.6, 1.0)]
    assert found == pytest.approx(weights)


def test_free_bits_and_warm_up(trained):
    model, x, c = trained
    shape = model.shape

    def penalty(progress: float) -> tuple[float, dict]:
        with torch.no_grad():
            terms = model.loss(x[:100], c[:100], progress, torch_stream(1, "loss"))
        losses = {k: float(v) for k, v in terms.items()}
        others = losses["reconstruction"] + losses["energy_nll"] + losses.get("prior_nll", 0.0)
        return losses["total"] - others, losses

    for progress in (0.1, 0.45, 1.0):
        found, losses = penalty(progress)
        each = [losses[f"kl_{i}"] for i in range(shape.latent)]
        assert sum(each) == pytest.approx(losses["kl"], rel=1e-4)
        costs = losses["beta"] * sum(max(kl, shape.config.free_bits) for kl in each)
        assert found == pytest.approx(costs, abs=2e-3)
    assert penalty(1.0)[1]["beta"] == shape.config.beta


def test_film_starts_as_the_identity():
    film = FiLM(2, 5)
    h = torch.randn(7, 5)
    assert torch.equal(film(h, torch.randn(7, 2)), h)
    network = ConditionedMLP(3, 4, 2, 8, 2)
    x = torch.randn(6, 3)
    assert torch.equal(network(x, torch.randn(6, 2)), network(x, torch.randn(6, 2)))


@pytest.mark.parametrize("conditioning", CONDITIONING)
def test_conditions_reach_every_hidden_layer(conditioning):
    """Each layer alone, the others deaf, passes a change of the condition on."""
    layers = [
        m for m in ConditionedMLP(3, 4, 2, 8, 2, conditioning).modules() if isinstance(m, CONDITIONING[conditioning])
    ]
    assert len(layers) == 3
    for layer in layers:
        for parameter in layer.parameters():
            torch.nn.init.normal_(parameter)
        h = torch.randn(6, 3 if layer is layers[0] else 8)
        assert not torch.allclose(layer(h, torch.zeros(6, 2)), layer(h, torch.ones(6, 2)))


def test_options_are_checked():
    with pytest.raises(UnknownName, match="vae"):
        model_config({"name": "vea"})
    with pytest.raises(UnknownName, match="latent"):
        model_config({"name": "vae", "latnet": 3})
    with pytest.raises(BadField, match=r"model\.latent is -1"):
        model_config({"name": "vae", "latent": -1})
