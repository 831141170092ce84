import pytest
import torch
from pydantic import ValidationError

from caloforge.errors import UnknownName
from caloforge.models import MODELS, model_config
from caloforge.models.vae import ShapeVAE
from caloforge.nn.conditioning import FiLM
from caloforge.nn.layers import ConditionedMLP
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import torch_stream

SMALL = {"vae": {"latent": 3, "width": 16, "depth": 1, "prior": "flow", "flow_transforms": 2, "flow_width": 16}}


@pytest.fixture(scope="module", params=sorted(MODELS))
def trained(request, binning, showers):
    """An initialised model of every family with its data."""
    generator = torch_stream(1, "test")
    pipeline = Pipeline(binning)
    pipeline.fit(showers, generator)
    x, c, _ = pipeline(showers, generator)
    torch.manual_seed(0)
    model = model_config({"name": request.param, **SMALL[request.param]}).build(pipeline)
    model.initialise(x, c)
    return model, x, c


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


def test_training_lowers_the_loss(trained):
    model, x, c = trained
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    generator = torch_stream(3, "training")
    history = []
    for _ in range(60):
        losses = model.loss(x[:256], c[:256], 0.0, generator)
        optimiser.zero_grad()
        losses["total"].backward()
        optimiser.step()
        history.append(float(losses["total"].detach()))
    assert sum(history[-5:]) < sum(history[:5]) - 5


def test_likelihood_bounds_tighten(trained):
    """The importance-weighted bound grows with the number of samples, towards log p."""
    model, x, c = trained
    with torch.no_grad():
        bounds = [model.log_prob(x[:300], c[:300], torch_stream(4, "bound"), k).value.mean().item() for k in (1, 4, 64)]
    assert bounds[0] < bounds[1] < bounds[2]


def test_likelihood_prefers_the_truth(trained):
    """Swapping the energies of the showers makes them less likely."""
    model, x, c = trained
    with torch.no_grad():
        right = model.log_prob(x[:300], c[:300], torch_stream(4, "bound")).value
        wrong = model.log_prob(x[:300], -2 * c[:300], torch_stream(4, "bound")).value
    assert right.mean() > wrong.mean()


def test_kl_against_monte_carlo():
    mean, log_std = torch.tensor([[0.7, -1.2]]), torch.tensor([[-0.5, 0.3]])
    z = mean + log_std.exp() * torch.randn(400_000, 2, generator=torch_stream(1, "kl"))
    posterior = torch.distributions.Normal(mean, log_std.exp())
    monte_carlo = (posterior.log_prob(z) - torch.distributions.Normal(0.0, 1.0).log_prob(z)).mean(0)
    assert torch.allclose(ShapeVAE.kl(mean, log_std)[0], monte_carlo, atol=0.01)


def test_free_bits_and_warm_up(trained):
    model, x, c = trained
    shape = model.shape
    start, end = shape.warmup

    def penalty(progress: float) -> float:
        losses = model.loss(x[:100], c[:100], progress, torch_stream(1, "loss"))
        others = losses["reconstruction"] + losses["energy_nll"] + losses["prior_nll"]
        return float((losses["total"] - others).detach())

    assert penalty(start) == pytest.approx(0.0, abs=1e-3)
    assert penalty(end) >= shape.beta * shape.free_bits * shape.latent - 1e-3
    assert penalty((start + end) / 2) == pytest.approx(penalty(end) / 2, rel=0.01)


def test_film_starts_as_the_identity():
    film = FiLM(2, 5)
    h = torch.randn(7, 5)
    assert torch.equal(film(h, torch.randn(7, 2)), h)
    network = ConditionedMLP(3, 4, 2, 8, 2)
    x = torch.randn(6, 3)
    assert torch.equal(network(x, torch.randn(6, 2)), network(x, torch.randn(6, 2)))


def test_options_are_checked():
    with pytest.raises(UnknownName, match="vae"):
        model_config({"name": "vea"})
    with pytest.raises(ValidationError):
        model_config({"name": "vae", "latnet": 3})
    with pytest.raises(ValidationError):
        model_config({"name": "vae", "latent": 0})
