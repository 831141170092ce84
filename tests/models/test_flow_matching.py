"""Flow matching of showers: latents of the cells and their way back, and a tiny model on every kind of mesh."""

import copy
import math

import numpy as np
import pytest
import torch

import caloforge as cf
from caloforge.data.showers import Showers
from caloforge.errors import BadField, BadValue, CaloforgeError
from caloforge.geometry.binning import Binning, Layer
from caloforge.models import model_config
from caloforge.models.base import ImplicitDensity
from caloforge.models.cell_latents import CellLatents
from caloforge.models.mean_flow import MeanFlow
from caloforge.models.parts import LayerContext
from caloforge.nn.normal import log_density
from caloforge.rng import torch_stream

SMALL = {"name": "flow_matching", "width": 8, "depth": 1, "steps": 2, "flow_transforms": 2, "flow_width": 16}
RINGS = tuple(map(float, range(0, 20, 5)))
MESHES = {
    "irregular": Binning(
        (Layer(0, RINGS, 4, (0.0, 10.0)), Layer(1, RINGS[:3], 6, (10.0, 20.0)), Layer(2, RINGS, 1, (20.0, 50.0))), "i"
    ),
    "no-sectors": Binning((Layer(0, RINGS, 1, (0.0, 10.0)), Layer(1, RINGS[:2], 1, (10.0, 20.0))), "n"),
    "one-layer": Binning((Layer(0, RINGS, 5, (0.0, 10.0)),), "o"),
}


def toy(binning, n=400, inclined=False):
    """Cells that are hit at random with gamma weights; some layers stay empty."""
    rng = np.random.default_rng(2)
    incident = np.exp(rng.uniform(np.log(1e3), np.log(1e5), n))
    cells = rng.gamma(1.5, size=(n, binning.n_voxels)) * (rng.random((n, binning.n_voxels)) < 0.5)
    cells *= np.where(binning.layer_of_voxel == 0, 1, rng.random((n, 1)) < 0.9)
    cells[:, (binning.layer_of_voxel == 0) & (binning.ring_of_voxel == 0)] += 0.1
    cells = (0.02 * incident[:, None] * cells / cells.sum(1, keepdims=True)).astype(np.float32)
    if not inclined:
        return Showers.perpendicular(cells, incident.astype(np.float32), binning)
    angles = rng.uniform(0, 0.5, n), rng.uniform(-3, 3, n)
    return Showers(cells, incident.astype(np.float32), rng.choice([11, 22], n), *angles, binning)


def built(showers, **options):
    generator = torch_stream(1, "test")
    config = model_config(SMALL | options)
    pipeline = config.pipeline(showers.binning)
    pipeline.fit(showers, generator)
    x, c, _ = pipeline(showers, generator)
    torch.manual_seed(0)
    model = config.build(pipeline)
    model.initialise(x, c)
    return model, x, c


@pytest.fixture(scope="module", params=[*MESHES, "conditions"])
def trained(request):
    """A model on every kind of mesh, and one with every condition, after a few steps of training."""
    every = request.param == "conditions"
    options = {"coupling": "ot", "tails": "linear"} if every else {}
    model, x, c = built(toy(MESHES["irregular" if every else request.param], inclined=every), **options)
    optimiser, generator = torch.optim.Adam(model.parameters(), 1e-2), torch_stream(3, "training")
    for _ in range(12):
        total = model.loss(x, c, 0.0, generator)["total"]
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
    return model, x, c


def test_every_parameter_learns(trained):
    model, x, c = trained
    for name, parameter in model.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0 or name.endswith("turn"), name  # which only energies outside move
    terms = model.held_out(x, c, torch_stream(4, "held out"))
    assert terms["validation_velocity"] < 1.02  # 1 before training


def test_samples_keep_to_the_layers_and_have_exact_zeros(trained):
    model, x, c = trained
    noise = model.latent(len(c), torch_stream(2, "noise"))
    with torch.no_grad():
        drawn, again = model.sample(noise, c), model.sample(noise, c)
        layers = model.pipeline.layer_energies(model.pipeline.parts(drawn).energies, c)
    assert torch.equal(drawn, again)
    shares, truth = (model.pipeline.parts(part).cells for part in (drawn, x))
    assert torch.allclose(model.shape.latents.layer_sum(shares), (layers > 0).float(), atol=1e-5)
    assert (shares >= 0).all()
    hit = [(part > 0).float().mean() for part in (shares, truth)]
    assert hit[0] == pytest.approx(float(hit[1]), abs=0.08)


def test_log_likelihood_is_finite_and_tighter_with_more_draws(trained):
    model, x, c = trained
    few, many = (model.log_prob(x[:40], c[:40], torch_stream(1, "bound"), k).value.mean() for k in (1, 3))
    assert torch.isfinite(many)
    assert many > few


@pytest.mark.parametrize("mesh", MESHES)
def test_latents_bring_the_shares_back_and_are_normal_cell_by_cell(mesh):
    model, x, c = built(toy(MESHES[mesh], 3000))
    (u, shares), latents = model.pipeline.parts(x), model.shape.latents
    context, active = model.context(u, c)
    generator = torch_stream(1, "latents")
    uniform = torch.rand(shares.shape, generator=generator).clamp(1e-6, 1 - 1e-6)
    y, _ = latents(shares, context.log_energies, uniform, torch.randn(context.log_energies.shape, generator=generator))
    back = latents.shares(y, context.log_energies, active)
    assert ((back > 0) != (shares > 0)).float().mean() < 1e-4  # but for rounding at the threshold
    assert ((back - shares).abs().amax(1) > 1e-3).float().mean() < 2e-3  # but for scores beyond seven sigma
    above = y - latents.thresholds(context.log_energies)
    assert above[shares > 0].min() > -1e-4
    assert above[(shares == 0) & active[:, latents.layer_of_voxel]].max() < 1e-4
    assert y.mean(0).abs().max() < 0.15
    assert (y.std(0) - 1).abs().max() < 0.25  # a cell alone in its layer has all of its energy


def test_the_density_of_latents_is_that_of_shares():
    """Independent cells whose latents are normal: the mean of p(y) / q(y) integrates to one over all shares.

    Two cells: both hit, with a share of the first in (0, 1), or one of the two alone.
    """
    binning = Binning((Layer(0, (0.0, 5.0, 10.0), 1, (0.0, 10.0)),), "two")
    latents = CellLatents(binning, 1.5)
    n, generator = 500, torch_stream(1, "two")
    first = torch.linspace(-8, 8, n).sigmoid()  # a grid in the logit of the share
    level, jacobian = torch.zeros(n, 1), first * (1 - first) * 16 / (n - 1)

    def density(shares):
        weights = []
        for _ in range(200):
            uniform = torch.rand(n, 2, generator=generator).clamp(1e-6, 1 - 1e-6)
            y, log_q = latents(shares, level, uniform, torch.randn(n, 1, generator=generator))
            weights.append(log_density(y).sum(1) - log_q)
        return torch.stack(weights).logsumexp(0).exp() / 200

    both = float((density(torch.stack([first, 1 - first], 1)) * jacobian).sum())
    alone = float(density(torch.tensor([1.0, 0.0]).repeat(n, 1)).mean())
    assert both == pytest.approx(0.25, rel=0.05)  # each is hit with probability one half
    assert alone == pytest.approx(0.25, rel=0.05)


def test_a_turned_shower_has_the_turned_velocity():
    """The network goes round in alpha: turning latents and direction by a sector turns what comes out."""
    model, x, c = built(toy(MESHES["one-layer"], inclined=True))
    shape, u = model.shape, model.pipeline.parts(x).energies
    with torch.no_grad():
        for parameter in shape.network.last.parameters():
            parameter.normal_(0, 0.3, generator=torch_stream(1, "weights"))
    turn = 2 * math.pi / 5
    rotation = torch.tensor([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    y = torch.randn(len(c), 15, generator=torch_stream(2, "y"))
    context, active = model.context(u, c)
    maps = shape._direction(model.embedding(c))
    turned = shape._direction(torch.cat([model.embedding(c)[:, :-2], model.embedding(c)[:, -2:] @ rotation], 1))
    assert torch.allclose(turned, maps.roll(1, 3), atol=1e-5)
    level = torch.zeros(len(c), 2, 1, 5)
    cells = torch.stack([y, y, y], 1)
    heard = torch.zeros(len(c), shape.network.condition[0].in_features)
    out, around = (
        shape.network(shape.canvas.spread(part), torch.cat([level, direction], 1), heard)
        for part, direction in ((cells, maps), (cells.view(-1, 3, 5, 3).roll(1, 2).flatten(2), turned))
    )
    assert torch.allclose(around, out.roll(1, 2), atol=1e-5)
    assert isinstance(context, LayerContext)
    assert active.all()


@pytest.mark.parametrize("fields", [{"solver": "euler2"}, {"steps": 0}, {"jitter": 0.0}, {"path": "curved"}])
def test_refused(fields):
    with pytest.raises(BadField):
        model_config(SMALL | fields)


@pytest.fixture(scope="module", params=["irregular", "one-layer"])
def pupil(request):
    """A teacher with random weights on every kind of mesh, and a model that has just taken over what it knows."""
    showers = toy(MESHES[request.param], 200)
    teacher, x, c = built(showers)
    with torch.no_grad():
        for parameter in teacher.shape.network.last.parameters():
            parameter.normal_(0, 0.3, generator=torch_stream(1, "weights"))
    config = model_config(SMALL | {"teacher": "run", "steps": 1})
    torch.manual_seed(1)
    model = config.build(teacher.pipeline)
    model.initialise(x, c)
    model.learn_from(teacher)
    return model, teacher, x, c


def test_a_pupil_starts_with_the_velocity_of_its_teacher(pupil):
    model, teacher, _x, c = pupil
    assert isinstance(model, MeanFlow)
    c = c[:50]
    noise = model.latent(len(c), torch_stream(2, "noise"))
    with torch.no_grad():
        many = copy.deepcopy(model)
        many.integrate_with(None, 64)
        teacher_64 = copy.deepcopy(teacher)
        teacher_64.integrate_with("euler", 64)
        drawn, taught = many.sample(noise, c), teacher_64.sample(noise, c)
    assert torch.allclose(drawn, taught, atol=1e-4)


def test_training_brings_one_step_nearer_to_the_teacher(pupil):
    model, _, x, c = pupil
    model = copy.deepcopy(model)
    (player,) = model.players()
    assert {id(parameter) for parameter in player.parameters} == {id(p) for p in model.shape.parameters()}
    before = model.held_out(x, c, torch_stream(4, "held out"))["validation"]
    optimiser, generator = torch.optim.Adam(player.parameters, 3e-3), torch_stream(3, "training")
    for _ in range(40):
        loss = model.loss(x, c, 0.0, generator)["total"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        assert model.held_out(x, c, torch_stream(4, "held out"))["validation"] < 0.8 * before
    assert all(parameter.grad is None for parameter in model.teacher.parameters())


def test_no_likelihood_and_no_other_solver(pupil):
    model, teacher, x, c = pupil
    with pytest.raises(ImplicitDensity):
        model.log_prob(x[:5], c[:5], torch_stream(1, "bound"))
    with pytest.raises(BadValue, match="plain jumps"):
        model.integrate_with("rk4", None)
    with pytest.raises(BadValue, match="one of euler, midpoint"):
        teacher.integrate_with("rk5", None)
    with pytest.raises(BadValue, match="at least one"):
        teacher.integrate_with(None, 0)


def test_teachers_that_do_not_fit_are_refused(pupil):
    model, teacher, _x, _c = pupil
    with pytest.raises(BadValue, match="without a teacher"):
        model.learn_from(model)
    other = built(toy(teacher.pipeline.binning, 150))[0]
    with pytest.raises(BadValue, match="other showers"):
        model.learn_from(other)
    wide = model_config(SMALL | {"width": 9}).build(teacher.pipeline)
    with pytest.raises(BadValue, match="other sizes"):
        model.learn_from(wide)


def test_a_run_with_a_teacher_needs_it_only_to_train(tmp_path):
    showers, small = toy(MESHES["irregular"], 1200), {name: value for name, value in SMALL.items() if name != "name"}
    fields = {"steps": 2, "batch": 16}
    teacher = cf.train(cf.FlowMatching(**small), showers, tmp_path / "teacher", **fields)
    taught = cf.FlowMatching(**small | {"teacher": str(tmp_path / "teacher"), "steps": 1})
    cf.train(taught, showers, tmp_path / "pupil", **fields)
    (tmp_path / "teacher").rename(tmp_path / "away")
    pupil = cf.load(tmp_path / "pupil")
    one, again, two = (pupil.generate("20GeV", n=5, **options).energy for options in ({}, {"steps": 1}, {"steps": 2}))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, two)
    with pytest.raises(BadValue, match="solver is 'rk5'"):
        teacher.generate("20GeV", n=5, solver="rk5", output=tmp_path / "no.h5")
    assert not (tmp_path / "no.h5").exists()
    with pytest.raises(BadValue, match="does not integrate"):
        cf.load("vae-siw-1080").integrated(steps=4)
    with pytest.raises(CaloforgeError, match="teacher"):
        cf.train(taught, showers, tmp_path / "again", **fields)
