"""Splits: a density with two atoms that integrates to one, and samples that follow it; trees that reach every cell."""

import math

import pytest
import torch

from caloforge.geometry.binning import Binning, Layer
from caloforge.geometry.readouts import readout
from caloforge.models.cell_tree import CellTree
from caloforge.models.splits import SplitDensity
from caloforge.rng import torch_stream

DENSITY = SplitDensity(5)
EVERYWHERE = slice(None)


def parameters(*shape):
    """Atoms of some size, and a crooked spline."""
    p = torch.randn(*shape, DENSITY.width, generator=torch_stream(1, "splits"), dtype=torch.double)
    return p.index_fill(-1, torch.tensor([4]), 0.3)


def test_atoms_and_density_integrate_to_one():
    """P(all to the first) + P(all to the second) + the integral over s1 in (0, s), for parts of any size s."""
    y = torch.linspace(-60, 60, 20_001, dtype=torch.double)
    for p, s in zip(parameters(4), (1.0, 0.3, 1e-3, 1e-9), strict=True):
        first, second = s * torch.sigmoid(y), s * torch.sigmoid(-y)
        inside = DENSITY.log_prob(first, second, p.expand(len(y), -1)).exp()
        continuous = torch.trapezoid(inside * first * second / s, y)  # ds1 = s1 s2 / s dy
        whole, nothing = torch.tensor([s, 0.0], dtype=torch.double), torch.tensor([0.0, s], dtype=torch.double)
        atoms = DENSITY.log_prob(whole, nothing, p.expand(2, -1)).exp()
        assert atoms.min() > 0.01
        assert continuous + atoms.sum() == pytest.approx(1.0, abs=1e-5)


def test_a_part_without_energy_has_nothing_to_divide():
    nothing = torch.zeros(3, dtype=torch.double)
    assert torch.equal(DENSITY.log_prob(nothing, nothing, parameters(3)), nothing)


def test_samples_follow_the_density():
    """Their probabilities of the atoms, and P(first < x) in between, within 4.5 standard deviations."""
    n, p = 50_000, parameters(1)
    noise = torch.randn(n, 2, generator=torch_stream(2, "splits"), dtype=torch.double)
    first, second = DENSITY.sample(noise, p.expand(n, -1))
    torch.testing.assert_close(first + second, torch.ones_like(first))
    y = torch.linspace(-60, 60, 20_001, dtype=torch.double)
    one, two = torch.sigmoid(y), torch.sigmoid(-y)
    inside = torch.cumulative_trapezoid(DENSITY.log_prob(one, two, p.expand(len(y), -1)).exp() * one * two, y)
    expected = {"second only": DENSITY.log_prob(torch.zeros(1).double(), torch.ones(1).double(), p).exp().item()}
    expected["first only"] = DENSITY.log_prob(torch.ones(1).double(), torch.zeros(1).double(), p).exp().item()
    measured = {"second only": (first == 0).double().mean(), "first only": (second == 0).double().mean()}
    for x in (-3.0, 0.0, 1.0):
        expected[f"below {x}"] = inside[int((x + 60) / 120 * 20_000)].item()
        measured[f"below {x}"] = ((first > 0) & (first < torch.sigmoid(torch.tensor(x)))).double().mean()
    for name, probability in expected.items():
        deviation = math.sqrt(probability * (1 - probability) / n)
        assert abs(float(measured[name]) - probability) < 4.5 * deviation, name


def test_noise_comes_back():
    """Where both halves are hit, the normal that made the ratio is what the spline says of it."""
    noise, p = torch.randn(500, 2, generator=torch_stream(3, "splits"), dtype=torch.double), parameters(500)
    first, second = DENSITY.sample(noise, p)
    both = (first > 0) & (second > 0)
    mean, log_std, spline = DENSITY._spline(p[:, 3:])
    z = spline(((first.log() - second.log()) - mean) * (-log_std).exp())
    assert both.sum() > 100
    torch.testing.assert_close(z[both], noise[both, 1])


def test_it_starts_from_the_marginals():
    """Rates of the atoms, mean and spread of the log ratio."""
    noise, p = torch.randn(20_000, 2, generator=torch_stream(4, "splits"), dtype=torch.double), parameters(1)
    first, second = DENSITY.sample(noise, p.expand(20_000, -1))
    start = DENSITY.start(first, second)
    log_p, (mean, log_std, _) = start[:3].log_softmax(-1), DENSITY._spline(start[3:])
    both = (first > 0) & (second > 0)
    y = (first.log() - second.log())[both]
    rates = torch.stack([(second == 0).sum(), (first == 0).sum(), both.sum()]) / 20_000
    torch.testing.assert_close(log_p.exp(), rates.double(), atol=1e-3, rtol=0)
    torch.testing.assert_close(
        torch.stack([mean, log_std.exp()]), torch.stack([y.mean(), y.std()]), atol=1e-3, rtol=1e-3
    )


ODD = Binning((Layer(0, (0.0, 5.0), 1), Layer(2, (0.0, 1.0, 2.0, 4.0), 5), Layer(3, (0.0, 2.0, 9.0), 1)), "odd")


@pytest.mark.parametrize("mesh", [readout("siw-1080"), readout("lar-355"), ODD], ids=lambda mesh: mesh.name)
def test_tree_reaches_every_cell_once(mesh):
    """Every cell but the first of its layer begins the second side of one split; a union undoes a division."""
    tree = CellTree(mesh)
    seconds = [set() for _ in mesh.layers]
    most = max(layer.n_voxels for layer in mesh.layers)
    shares = torch.zeros(4, mesh.n_layers, most, dtype=torch.double)
    for i, layer in enumerate(mesh.layers):
        shares[:, i, : layer.n_voxels] = torch.rand(4, layer.n_voxels, generator=torch_stream(5, "tree"))
    now, divisions = shares, []
    for step in tree.steps[::-1]:
        first, second = step.sides(now, EVERYWHERE)
        now = step.united(now, EVERYWHERE)
        divisions.append((step, first / (first + second).clamp_min(1e-30), second / (first + second).clamp_min(1e-30)))
        for i, cells in enumerate(step.second):
            new = set(cells[step.real[i]].tolist())
            assert len(new) == int(step.real[i].sum())
            assert not new & seconds[i]
            seconds[i] |= new
    assert seconds == [set(range(1, layer.n_voxels)) for layer in mesh.layers]
    for i, layer in enumerate(mesh.layers):
        whole = shares[:, i].sum(1, keepdim=True).expand(-1, layer.n_voxels)
        torch.testing.assert_close(now[:, i, : layer.n_voxels], whole)
    for step, first, second in divisions[::-1]:
        now = step.divided(now, first, second, EVERYWHERE)
    for i, layer in enumerate(mesh.layers):
        torch.testing.assert_close(now[:, i, : layer.n_voxels], shares[:, i, : layer.n_voxels])
