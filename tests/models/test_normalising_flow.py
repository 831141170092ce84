"""The flow of the whole shower: its density against autograd, with the preprocessing, and on meshes of every kind."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch

from caloforge.data.showers import Showers
from caloforge.geometry.binning import Binning, Layer
from caloforge.models import model_config
from caloforge.rng import torch_stream

SMALL = {"name": "flow", "width": 12, "depth": 1, "bins": 4, "flow_transforms": 2, "flow_width": 12}
RINGS = (0.0, 3.0, 8.0, 20.0)
MESHES = {
    "irregular": Binning((Layer(0, RINGS, 4), Layer(1, RINGS[:3], 3), Layer(4, (0.0, 30.0), 6)), "irregular"),
    "no-sectors": Binning((Layer(0, RINGS, 1), Layer(1, RINGS, 1)), "no-sectors"),
    "one-layer": Binning((Layer(0, RINGS, 2),), "one-layer"),
    "single-cells": Binning((Layer(0, RINGS, 2), Layer(1, (0.0, 9.0), 1), Layer(2, RINGS, 2)), "single-cells"),
    "one-cell-each": Binning((Layer(0, (0.0, 9.0), 1), Layer(1, (0.0, 9.0), 1)), "one-cell-each"),
}


def toys(binning: Binning, n: int, particles: bool = False) -> Showers:
    """Showers with zeros and empty layers; with ``particles`` of two kinds and from all sides, and they look it."""
    rng = np.random.default_rng(4)
    incident = np.exp(rng.uniform(np.log(1e3), np.log(1e5), n))
    pdg, theta, phi = rng.choice([11, 22], n), rng.uniform(0, 0.5, n), rng.uniform(-3, 3, n)
    rate = np.minimum(0.9, 0.2 * np.log10(incident))[:, None] * np.ones(binning.n_voxels)
    cells = rng.gamma(1.5, 1.0, (n, binning.n_voxels)) * (rng.random((n, binning.n_voxels)) < rate)
    cells *= 1e-3 * incident[:, None]
    if not particles:
        return Showers.perpendicular(cells.astype(np.float32), incident.astype(np.float32), binning)
    cells *= np.where((pdg == 22)[:, None], np.exp(-binning.r_centres / 10), 1.0)
    cells *= 1 + 0.8 * np.cos(binning.alpha_centres - phi[:, None]) * np.sin(2 * theta)[:, None]
    return Showers(cells.astype(np.float32), incident.astype(np.float32), pdg, theta, phi, binning)


def start(showers: Showers, **options):
    """A model that is far from its start, its pipeline, and the features of the showers."""
    config, generator = model_config(SMALL | options), torch_stream(1, "test")
    pipeline = config.pipeline(showers.binning)
    pipeline.fit(showers, generator)
    x, c, log_det = pipeline(showers, generator)
    torch.manual_seed(0)
    model = config.build(pipeline)
    model.initialise(x, c)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model, pipeline, x, c, log_det


@pytest.mark.parametrize("mesh", MESHES)
def test_trains_and_generates_on_any_mesh(mesh):
    """The likelihood of what it trains on grows; samples are shares, with the zeros where they belong."""
    model, pipeline, x, c, _ = start(toys(MESHES[mesh], 100))
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    generator, history = torch_stream(2, "training"), []
    for _ in range(8):
        losses = model.loss(x, c, 0.0, generator)
        optimiser.zero_grad()
        losses["total"].backward()
        optimiser.step()
        history.append(float(losses["total"].detach()))
    assert history[-1] < history[0]
    for name, parameter in model.named_parameters():
        if pipeline.n_cells > pipeline.n_layers or not name.startswith("shape."):  # single cells share nothing
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
    noise = torch.randn(100, *model.noise_shape, generator=torch_stream(3, "noise"))
    with torch.no_grad():
        drawn, again = model.sample(noise, c), model.sample(noise, c)
    assert torch.equal(drawn, again)
    shares = pipeline.parts(drawn).cells
    active = pipeline.layer_energies(pipeline.parts(drawn).energies, c) > 0
    torch.testing.assert_close(pipeline.layer_sum(shares), active.float())
    assert (shares >= 0).all()
    if pipeline.n_cells > pipeline.n_layers:
        assert 0.05 < (shares == 0).float().mean() < 0.95
    assert torch.isfinite(model.log_prob(drawn, c, generator).value).all()


@pytest.mark.parametrize(
    ("mesh", "cells"), [("irregular", "shares"), ("one-layer", "spectrum"), ("one-cell-each", "shares")]
)
def test_density_in_mev_is_that_of_the_jacobian(mesh, cells):
    """log p(cells) = log N(z) - log |d cells / d z| where every cell is hit, preprocessing included."""
    binning = MESHES[mesh]
    model, pipeline, _, c, _ = start(toys(binning, 100), cells=cells)
    for network in model.shape.networks:
        with torch.no_grad():
            network.start[..., :2] -= 60.0  # no atoms
    noise = 0.7 * torch.randn(100, *model.noise_shape, generator=torch_stream(3, "noise"))
    moving = torch.ones(noise.shape[1], dtype=torch.bool)
    outcomes = slice(binning.n_layers, binning.n_layers + binning.n_voxels)
    moving[outcomes] = False
    moving[outcomes.stop + torch.from_numpy(binning.layer_starts[:-1])] = False  # no split begins there
    model, pipeline, noise, c = model.double(), pipeline.double(), noise.double(), c.double()
    with torch.no_grad():
        row = int((pipeline.cells(model.sample(noise, c), c) > 0).all(1).nonzero()[0])
    noise, c = noise[row], c[row : row + 1]

    def energies(z):
        return pipeline.cells(model.sample(noise.masked_scatter(moving, z)[None], c), c)[0]

    z = noise[moving]
    jacobian = torch.autograd.functional.jacobian(energies, z)
    e = energies(z)[None]
    u, first = pipeline.energies(pipeline.layer_sum(e), pipeline.condition.energies(c), torch_stream(1, "atoms"))
    shares, second = pipeline.cell_maps(e)
    value = model.log_prob(torch.cat([u, shares], 1), c, torch_stream(1, "bound")).value
    expected = -0.5 * (z**2 + math.log(2 * math.pi)).sum() - torch.linalg.slogdet(jacobian)[1]
    torch.testing.assert_close((value + first + second)[0], expected, atol=1e-4, rtol=1e-4)


def test_density_of_three_cells_integrates_to_one():
    """Over all patterns of zeros: three points, three edges and the inside of the simplex."""
    binning = Binning((Layer(0, RINGS, 1),), "three")
    model, _, x, c, _ = start(toys(binning, 100))
    model = model.double()
    t = torch.linspace(-16, 16, 161, dtype=torch.double)
    step = t[1] - t[0]

    def mass(shares, volume):
        u, e = x[:1, :1].double().expand(len(shares), -1), c[:1].double().expand(len(shares), -1)
        context, _ = model.context(u, e)
        with torch.no_grad():
            value = model.shape.log_prob(shares, context, model.embedding(e), shares.new_zeros(1, len(shares), 0)).value
        return float((value.exp() * volume).sum())

    points = mass(torch.eye(3, dtype=torch.double), torch.ones(3, dtype=torch.double))
    f, slope = torch.sigmoid(t), torch.sigmoid(t) * torch.sigmoid(-t) * step
    edges = 0.0
    for one, two in combinations(range(3), 2):
        shares = torch.zeros(len(t), 3, dtype=torch.double)
        shares[:, one], shares[:, two] = f, torch.sigmoid(-t)
        edges += mass(shares, slope)
    a, b = (grid.flatten() for grid in torch.meshgrid(t, t, indexing="ij"))
    (one, two), (_, left) = ((torch.sigmoid(grid), torch.sigmoid(-grid)) for grid in (b, a))
    inside = torch.stack([1 - left, left * one, left * two], 1)
    volume = (1 - left) * left**2 * one * two * step**2
    parts = points, edges, mass(inside, volume)
    assert min(parts) > 0.01
    assert sum(parts) == pytest.approx(1.0, abs=1e-3)


def test_likelihood_is_exact():
    """No latent, hence no bound: the same for any number of draws, with error 0."""
    model, _, x, c, _ = start(toys(MESHES["irregular"], 100))
    one, many = (model.log_prob(x, c, torch_stream(1, "bound"), samples) for samples in (1, 64))
    assert torch.equal(one.value, many.value)
    assert torch.equal(many.error, torch.zeros_like(many.error))


@pytest.mark.parametrize(("tails", "conditioning"), [("free", "film"), ("linear", "concat")])
def test_every_condition_is_heard(tails, conditioning):
    """Particle, energy, theta and phi, each in likelihood and samples of the cells at given layer energies."""
    model, pipeline, x, c, _ = start(
        toys(MESHES["irregular"], 60, particles=True), tails=tails, conditioning=conditioning
    )
    noise = torch.randn(60, *model.noise_shape, generator=torch_stream(3, "noise"))
    parts = model.noise.split(noise)
    with torch.no_grad():
        context, active = model.context(pipeline.parts(x).energies, c)

        def answers(c):
            e = model.embedding(c)
            value = model.shape.log_prob(pipeline.parts(x).cells, context, e, noise[None, :, :0]).value
            return value, model.shape.sample(parts, context, e, active)

        before = answers(c)
        columns = pipeline.condition.columns
        assert all((columns.particle, columns.cos_theta, columns.direction))
        names = columns.split(torch.arange(c.shape[1])[None].float())
        for name, places in names._asdict().items():
            for place in places[0].long():
                other = c.clone()
                other[:, place] = 1 - other[:, place] if name == "particle" else 0.5 * other[:, place] + 0.1
                for old, new in zip(before, answers(other), strict=True):
                    assert not torch.equal(old, new), name


def test_layers_before_decide_and_layers_behind_do_not():
    """Noise of a layer moves the cells of that layer and of those behind it alone."""
    binning = MESHES["single-cells"]
    model, pipeline, _, c, _ = start(toys(binning, 50))
    noise = torch.randn(50, *model.noise_shape, generator=torch_stream(3, "noise"))
    moved = noise.clone()
    last = slice(int(binning.layer_starts[2]), binning.n_voxels)
    for part in (0, 1):
        moved[:, binning.n_layers + part * binning.n_voxels :][:, last] *= -1
    with torch.no_grad():
        one, two = (pipeline.parts(model.sample(z, c)).cells for z in (noise, moved))
        moved[:, binning.n_layers : binning.n_layers + 6] *= -1
        three = pipeline.parts(model.sample(moved, c)).cells
    assert torch.equal(one[:, :7], two[:, :7])
    assert not torch.equal(one[:, last], two[:, last])
    assert not torch.equal(two[:, :6], three[:, :6])
    assert not torch.equal(two[:, last], three[:, last])
