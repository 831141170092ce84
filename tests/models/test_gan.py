"""Adversarial models: sparse shares by a threshold, what the critic sees, who moves which weights."""

import numpy as np
import pytest
import torch
from collapse_causes import divergence

from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.models import model_config
from caloforge.models.adversary import NonSaturating
from caloforge.models.base import ImplicitDensity
from caloforge.models.critic import ShowerCritic, ShowerFeatures
from caloforge.models.threshold import ThresholdShares
from caloforge.nn.minibatch import MinibatchStd
from caloforge.physics.observables import select, tabulate
from caloforge.rng import torch_stream

SMALL = {"latent": 3, "width": 16, "depth": 1, "critic_width": 16, "critic_depth": 1, "flow_transforms": 2}
VARIANTS = [
    {"name": "gan"},
    {"name": "gan", "energies": "adversarial", "r1": 0.0, "minibatch_std": True, "cells": "spectrum"},
    {"name": "wgan", "cells": "spectrum"},
    {"name": "wgan", "energies": "adversarial", "spectral_norm": True, "energy_sum": False, "one_sided": True},
    {"name": "wgan", "energies": "adversarial", "packing": 3, "minibatch_std": True},
    {"name": "gan", "packing": 4},
    {"name": "wgan", "critic_local": True, "critic_mesh": 4, "coupling": 4, "faint": "power", "feature_matching": 1.0},
    {
        "name": "gan",
        "energies": "adversarial",
        "critic_mesh": 4,
        "packing": 2,
        "coupling": 4,
        "coupling_maps": 0,
        "feature_matching": 1.0,
    },
]


def built(options, showers):
    """An initialised model with its data."""
    config, generator = model_config({**SMALL, **options}), torch_stream(1, "test")
    pipeline = config.pipeline(showers.binning)
    pipeline.fit(showers, generator)
    x, c, _ = pipeline(showers, generator)
    torch.manual_seed(0)
    model = config.build(pipeline)
    model.initialise(x, c)
    return model, x, c


@pytest.fixture(
    scope="module",
    params=VARIANTS,
    ids=lambda o: f"{o['name']}-{o.get('energies', 'flow')}-{o.get('packing', 1)}-{o.get('coupling', 0)}",
)
def trained(request, showers):
    return built(request.param, showers)


def test_every_parameter_has_one_player_and_gets_a_gradient(trained):
    model, x, c = trained
    mine = [id(parameter) for player in model.players() for parameter in player.parameters]
    assert sorted(mine) == sorted(id(parameter) for parameter in model.parameters())
    for player in model.players():
        losses = player.loss(x[:200], c[:200], 0.5, torch_stream(1, "loss"))
        assert all(torch.isfinite(value) for value in losses.values())
        gradients = torch.autograd.grad(losses["total"], player.parameters)
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
        assert sum(float(gradient.abs().sum()) for gradient in gradients) > 0


def test_samples_keep_to_the_layers_and_have_exact_zeros(trained):
    model, x, c = trained
    with torch.no_grad():
        noise = model.latent(400, torch_stream(2, "noise"))
        drawn, again = model.sample(noise, c[:400]), model.sample(noise, c[:400])
        layers = model.pipeline.layer_energies(drawn[:, :3], c[:400])
    assert torch.equal(drawn, again)
    shares = drawn[:, 3:]
    sums = shares @ model.shape.shares.segments
    assert torch.allclose(sums, (layers > 0).float(), atol=1e-5)
    truth, made = ((cells == 0).float().mean(0) for cells in (x[:, 3:], shares))
    assert (made - truth).abs().mean() < 0.1  # the cell marginals it starts from
    assert (shares >= 0).all()


@pytest.mark.parametrize("packing", [1, 4])
def test_a_packed_critic_sees_a_missing_mode_as_the_theory_says(packing):
    """Packs without the rare mode are all that a collapsed generator has: the divergence of packs has a closed form."""
    rarity, generator = 0.2, torch_stream(packing, "packs")
    torch.manual_seed(1)
    critic, game = ShowerCritic(1, 1, 0, 1, 32, 1, packing=packing), NonSaturating()
    player = torch.optim.Adam(critic.parameters(), 3e-3)

    def bound(n):
        rare = (torch.rand(n * packing, 1, generator=generator) < rarity).float()
        real, fake = (critic.packed(mode.expand(-1, 2)) for mode in (rare, torch.zeros_like(rare)))
        c = critic.packed(torch.zeros(n * packing, 1))
        return game.critic_loss(lambda x: critic(x, x[:, :0], c), real, fake, generator)

    for _ in range(150):
        loss = bound(256)["total"]
        player.zero_grad()
        loss.backward()
        player.step()
    with torch.no_grad():
        seen = float(bound(20_000)["jensen_shannon"])
    assert seen == pytest.approx(divergence(1 - (1 - rarity) ** packing), rel=0.1)


def test_packs_hold_showers_side_by_side_and_leave_out_what_fills_none():
    critic = ShowerCritic(2, 1, 0, 1, 8, 1, packing=3)
    x = torch.arange(33.0).view(11, 3)
    assert torch.equal(critic.packed(x), torch.arange(27.0).view(3, 9))
    assert critic.packed(x[:, :0]).shape == (3, 0)
    cells = critic.cells
    seen = []
    cells.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    critic(critic.packed(x), torch.zeros(3, 0), torch.zeros(3, 3))
    assert torch.equal(seen[0][0], torch.tensor([0.0, 1, 3, 4, 6, 7]))  # the two cells of each of three showers
    with pytest.raises(BadValue, match="only 2 showers"):
        critic.packed(x[:2])


def test_no_likelihood(trained):
    model, x, c = trained
    assert not model.explicit
    with pytest.raises(ImplicitDensity, match=r"no likelihood.*use a model with an explicit density"):
        model.log_prob(x[:5], c[:5], torch_stream(1, "bound"))


def test_figures_of_merit(trained):
    model, x, c = trained
    with torch.no_grad():
        terms = model.held_out(x[:300], c[:300], torch_stream(1, "validation"))
    assert {"validation", "lipschitz_interpolates_50", "lipschitz_interpolates_99", "lipschitz_data_99"} <= set(terms)
    assert terms["lipschitz_data_50"] <= terms["lipschitz_data_99"]
    if "validation_wasserstein" in terms:
        expected = terms["validation_wasserstein"] / terms["lipschitz_interpolates_99"]
        assert torch.equal(terms["validation"], expected)
    else:
        assert {"validation_discriminator_real", "validation_discriminator_fake"} <= set(terms)


@pytest.mark.parametrize("energies", ["flow", "adversarial"])
def test_every_condition_is_heard(energies, showers):
    """Two particles from many directions: its embedding learns."""
    rng = np.random.default_rng(1)
    angles = rng.uniform(0, 0.5, len(showers)), rng.uniform(-3, 3, len(showers))
    pdg = rng.choice([11, 22], len(showers))
    inclined = Showers(showers.energy, showers.incident_energy, pdg, *angles, showers.binning)
    model, x, c = built({"name": "wgan", "energies": energies, "conditioning": "concat"}, inclined)
    mine = [id(parameter) for player in model.players() for parameter in player.parameters]
    assert sorted(mine) == sorted(id(parameter) for parameter in model.parameters())
    last = model.players()[-1]
    total = last.loss(x[:100], c[:100], 0.0, torch_stream(1, "loss"))["total"]
    (gradient,) = torch.autograd.grad(total, [model.embedding.vectors.weight])
    assert gradient.abs().sum() > 0


def test_the_flow_does_not_hear_the_critic(showers):
    """With energies from a flow, the generator's loss has no gradient in the flow."""
    model, x, c = built({"name": "wgan"}, showers)
    total = model.loss(x[:50], c[:50], 0.0, torch_stream(1, "loss"))["total"]
    gradients = torch.autograd.grad(total, list(model.energies.parameters()), allow_unused=True)
    assert all(gradient is None for gradient in gradients)


def constant(p: list[float], n: int, cells: int) -> torch.Tensor:
    return torch.tensor(p)[None, :, None].expand(n, -1, cells).clone()


def test_hits_come_with_their_probability(binning):
    """P(hit) is the sigmoid of the logit, whatever the other parameters, where a layer has many cells."""
    shares, n = ThresholdShares(binning), 4000
    noise = torch.randn(n, shares.noise_width, generator=torch_stream(1, "noise"))
    active = torch.ones(n, 3, dtype=torch.bool)
    for logit in (0.0, 1.5):
        drawn = shares(noise, constant([logit, 0.3, -0.5, 0.2], n, binning.n_voxels), active)
        rate = (drawn[:, :24] > 0).float().mean().item()
        assert rate == pytest.approx(torch.tensor(logit).sigmoid().item(), abs=0.01)


def test_unlikely_layers_have_a_hit_and_dark_ones_none(binning):
    """The best cell, and now and then one that is nearly as good."""
    shares, n = ThresholdShares(binning), 500
    noise = torch.randn(n, shares.noise_width, generator=torch_stream(1, "noise"))
    active = torch.tensor([True, False, True]).expand(n, -1)
    drawn = shares(noise, constant([-30.0, 0.0, 0.0, 0.0], n, binning.n_voxels), active)
    hits = (drawn > 0).float() @ shares.segments
    assert (hits[:, [0, 2]] >= 1).all()
    assert hits[:, [0, 2]].mean() < 1.05
    assert (hits[:, 1] == 0).all()
    assert torch.allclose(drawn @ shares.segments, torch.tensor([1.0, 0.0, 1.0]).expand(n, -1))


@pytest.mark.parametrize("row", [0, 1, 2, 3])
def test_derivatives_of_samples_are_those_of_their_distribution(binning, row):
    """The threshold included: gradients integrated along a path are the difference of the means at its ends."""
    shares, n = ThresholdShares(binning), 20_000
    active = torch.ones(n, 3, dtype=torch.bool)

    def mean(step: float, seed: int) -> torch.Tensor:
        p = constant([0.2, 0.0, -0.3, -0.3], n, binning.n_voxels)
        p[:, row, 0] += step
        noise = torch.randn(n, shares.noise_width, generator=torch_stream(seed, "noise"))
        return shares(noise, p, active)[:, 0].mean()

    def slope(step: float, seed: int) -> float:
        where = torch.tensor(step, requires_grad=True)
        return torch.autograd.grad(mean(where, seed), where)[0].item()

    points, weights = np.polynomial.legendre.leggauss(4)
    integral = 0.5 * sum(
        w * slope(float(0.5 + 0.5 * p), i) for i, (p, w) in enumerate(zip(points, weights, strict=True))
    )
    assert integral == pytest.approx((mean(1.0, 8) - mean(0.0, 9)).item(), abs=4e-3)


def test_features_are_the_observables(binning, showers):
    """Centres and widths are those of the physics package; smooth counts bound the hits."""
    features = ShowerFeatures(binning)
    cells, incident = torch.tensor(showers.energy), torch.tensor(showers.incident_energy)
    features.fit(cells, incident)
    raw = features.scale.inverse(features(cells, incident))[:, binning.n_voxels :]
    assert raw.shape[1] == features.n_observables
    names = ["centre_x", "centre_y", "centre_r", "width_x", "width_y", "width_r"]
    table = tabulate(showers, select([*names, "layer_hits", "layer_energy"]))
    first = 3 + binning.ring_of_voxel.max() + 1
    lit = table["layer_energy"] > 1.0
    for i, name in enumerate(names):
        ours = raw[:, first + 3 * i : first + 3 * i + 3].numpy() * binning.r_centres.max()
        same = lit & np.isfinite(table[name])
        wide = table[name] > 0.2 if "width" in name else same  # ours stop at a small width, where roots have no slope
        assert np.allclose(ours[same & wide], table[name][same & wide], rtol=2e-3, atol=0.02)
    counts = raw[:, first + 18 : first + 21].numpy()
    assert np.abs(counts - table["layer_hits"]).mean() < 0.1
    assert (counts < table["layer_hits"] + 1e-3).all()


def test_features_have_gradients_everywhere(binning, showers):
    """At cells without energy, in layers without energy, and in layers with a single hit."""
    features = ShowerFeatures(binning)
    cells, incident = torch.tensor(showers.energy), torch.tensor(showers.incident_energy)
    features.fit(cells, incident)
    odd = cells[:3].clone()
    odd[0] = 0.0
    odd[1, 1:] = 0.0
    odd.requires_grad_()
    (gradient,) = torch.autograd.grad(features(odd, incident[:3]).square().sum(), odd)
    assert torch.isfinite(gradient).all()


def test_minibatch_std():
    same = MinibatchStd()(torch.ones(8, 5))
    assert same.shape == (8, 6)
    assert same[:, 5].abs().max() < 1e-3
    x = torch.tensor([[0.0, 1.0], [2.0, 1.0]])
    assert MinibatchStd()(x)[:, 2].tolist() == pytest.approx([0.5, 0.5], abs=1e-3)


def test_spectral_norm():
    torch.manual_seed(0)
    critic = ShowerCritic(20, 10, 0, 1, 16, 1, "concat", spectral_norm=True)
    x, c = 5 * torch.randn(30, 30), torch.randn(30, 1)
    for _ in range(30):
        critic(x, x[:, :0], c)
    linears = [module for module in critic.modules() if isinstance(module, torch.nn.Linear)]
    assert len(linears) == 6
    for linear in linears:
        assert torch.linalg.matrix_norm(linear.weight, 2).item() == pytest.approx(1.0, abs=0.05)
