"""Outside the training range: what is linear there, what is held, and that nothing changes inside."""

import pytest
import torch

from caloforge.models import model_config
from caloforge.nn.conditioning import FiLM, LinearExtrapolation
from caloforge.nn.layers import AffineOfCondition, ConditionedMLP
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import torch_stream

TAILS = LinearExtrapolation(-1.5, 1.5)
OUTSIDE = {"below": torch.linspace(-4, -1.5, 6)[:, None], "above": torch.linspace(1.5, 5, 6)[:, None]}
INSIDE = torch.linspace(-1.5, 1.5, 7)[:, None]
SMALL = {"latent": 3, "width": 16, "depth": 1, "flow_transforms": 2, "flow_width": 16}
FAMILIES = {
    "vae": SMALL,
    "vae with a prior": SMALL | {"prior": "flow"},
    "wgan": SMALL | {"critic_width": 16},
    "gan, all by the game": SMALL | {"critic_width": 16, "energies": "adversarial"},
    "gan, concatenated": SMALL | {"critic_width": 16, "conditioning": "concat"},
}


def shaken(module):
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def fitted(binning, showers):
    pipeline = Pipeline(binning)
    pipeline.fit(showers, torch_stream(1, "preprocessing"))
    return pipeline, *pipeline(showers, torch_stream(1, "preprocessing"))[:2]


@pytest.mark.parametrize("side", OUTSIDE)
def test_modulation_is_linear_outside_and_unchanged_inside(side):
    film = shaken(FiLM(1, 4))
    tailed = FiLM(1, 4, tails=TAILS)
    tailed.load_state_dict(film.state_dict())  # the same parameters
    h = torch.ones(1, 4)
    values = tailed(h.expand(6, -1), OUTSIDE[side])
    assert values.diff(n=2, dim=0).abs().max() < 1e-5
    assert values.diff(dim=0).abs().max() > 1e-3
    assert film(h.expand(6, -1), OUTSIDE[side]).diff(n=2, dim=0).abs().max() > 1e-3
    assert torch.allclose(tailed(h.expand(7, -1), INSIDE), film(h.expand(7, -1), INSIDE), atol=1e-6)


def test_other_conditions_have_slopes_of_their_own():
    film = shaken(FiLM(3, 4, tails=TAILS))
    others = torch.randn(2, 2)
    values = [film(torch.ones(6, 4), torch.cat([OUTSIDE["above"], o.expand(6, -1)], 1)) for o in others]
    assert all(v.diff(n=2, dim=0).abs().max() < 1e-5 for v in values)
    assert (values[0].diff(dim=0) - values[1].diff(dim=0)).abs().max() > 1e-3


@pytest.mark.parametrize("side", OUTSIDE)
def test_affine_map_goes_on_linearly(side):
    affine = shaken(AffineOfCondition(3, 1, 8, TAILS, widths=1))
    mean, log_scale = affine(OUTSIDE[side])
    assert mean.diff(n=2, dim=0).abs().max() < 1e-5
    assert log_scale[:, 0].diff(n=2).abs().max() < 1e-5
    assert log_scale[:, 0].diff().abs().max() > 1e-3
    assert log_scale[:, 1:].diff(dim=0).abs().max() == 0


def test_affine_map_finds_straight_lines():
    """Mean and log scale that are linear in the condition are found, and go on where there are no data."""
    c = torch.empty(20_000, 1).uniform_(-1.5, 1.5)
    x = torch.cat([1 + 0.5 * c + (-0.4 * c - 1).exp() * torch.randn_like(c), 2 * c + torch.randn_like(c)], 1)
    affine = AffineOfCondition(2, 1, 8, TAILS, widths=1)
    affine.fit(x, c)
    mean, log_scale = affine(torch.tensor([[3.0]]))
    assert mean[0].tolist() == pytest.approx([2.5, 6.0], abs=0.15)
    assert float(log_scale[0, 0].detach()) == pytest.approx(-2.2, abs=0.15)


def test_concatenation_is_linear_already():
    free, tailed = (ConditionedMLP(2, 2, 1, 8, 1, "concat", tails) for tails in (None, TAILS))
    tailed.load_state_dict(free.state_dict())
    x = torch.randn(6, 2)
    assert torch.equal(free(x, OUTSIDE["above"]), tailed(x, OUTSIDE["above"]))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_tails(family, fitted):
    """With tails the layer energies go on smoothly outside, whatever the networks have learned inside."""
    pipeline, x, c = fitted
    name = family.split()[0].strip(",")
    model = model_config({"name": name, "tails": "linear", **FAMILIES[family]}).build(pipeline)
    model.initialise(x, c)
    low, high = pipeline.condition.ends
    assert (float(c.min()), float(c.max())) == pytest.approx((low, high), abs=1e-4)
    noise = model.latent(50, torch_stream(2, "noise"))
    far = torch.full((50, 1), high + 1.0)
    assert torch.isfinite(model.sample(noise, far)).all()
    response = model.sample_layers(model.noise.split(noise).energies, far).sum(1) / pipeline.condition.energies(far)
    scale = pipeline.energies.steps[-1]
    inside = (x[:, :1] * scale.std[0] + scale.mean[0]).exp()
    assert float(response.mean().detach()) == pytest.approx(float(inside.mean()), rel=0.6)  # untrained


def test_the_flow_is_invertible_outside(fitted):
    pipeline, x, c = fitted
    stage = model_config({"name": "vae", "tails": "linear", **SMALL}).build(pipeline).energies
    stage.initialise(x[:, :3], c)
    far = torch.full((50, 1), pipeline.condition.ends[1] + 1.0)
    noise = torch.randn(50, 3)
    u = stage.sample(noise, far)
    assert torch.allclose(stage.flow.flow(far).transform(u), noise, atol=1e-3)
    jacobian = torch.autograd.functional.jacobian(lambda z: stage.sample(z[None], far[:1])[0], noise[0])
    prior = -0.5 * noise[0].square().sum() - 1.5 * torch.tensor(2 * torch.pi).log()
    density = float((prior - torch.linalg.slogdet(jacobian).logabsdet).detach())
    assert float(stage.log_prob(u[:1], far[:1])[0].detach()) == pytest.approx(density, abs=1e-3)


@pytest.mark.parametrize("name", ["vae", "wgan", "gan"])
def test_free_is_the_default_and_adds_nothing(name, fitted):
    options = FAMILIES.get(name, FAMILIES["wgan"])
    model, said = (model_config({"name": name, **options, **more}).build(fitted[0]) for more in ({}, {"tails": "free"}))
    keys = set(model.state_dict())
    assert keys == set(said.state_dict())
    assert not any("turn" in key or "line" in key.split(".") for key in keys)
