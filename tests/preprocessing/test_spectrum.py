"""Weights of cells: the way there and back, and the determinant."""

import copy

import numpy as np
import pytest
import torch

from caloforge.geometry.binning import Binning, Layer
from caloforge.preprocessing.cell_maps import CellMaps, Power
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.preprocessing.spectrum import CellSpectrum
from caloforge.preprocessing.steps import Preprocessing
from caloforge.rng import torch_stream

MESH = Binning((Layer(0, (0.0, 1.0, 2.0, 3.0, 4.0), 1), Layer(1, (0.0, 1.0, 2.0), 1)))


def edge(n: int, width: float, seed: int = 0):
    """Cells with an edge at 1 MeV: two thirds lie between 1 and e, the others anywhere, in logarithms."""
    rng = np.random.default_rng(seed)
    spread, line = rng.normal(0.5, 2.0, (n, MESH.n_voxels)), rng.uniform(0, width, (n, MESH.n_voxels))
    energy = np.exp(np.where(rng.random(spread.shape) < 2 / 3, line, spread))
    return (energy * (rng.random(energy.shape) < 0.7)).astype(np.float32)


@pytest.fixture(scope="module")
def spectrum():
    module = CellSpectrum(MESH)
    module.fit(edge(20_000, 0.5))
    return module


def test_there_and_back(spectrum):
    cells = torch.from_numpy(edge(2000, 0.5, seed=1))
    cells[:20, :4] = 0.0  # dark layers
    cells[20:40, 1:4] = 0.0  # single hits
    cells[40:50] *= 1e-6  # far below and above all that was seen
    cells[50:60] *= 1e6
    maps = CellMaps(MESH, [spectrum])
    shares, _ = maps(cells)
    layers = maps.layer_sum(cells)
    again = maps.cells(shares, layers)
    assert torch.equal(again == 0, cells == 0)
    assert torch.allclose(again, cells, rtol=1e-3)
    assert torch.allclose(maps.layer_sum(again), layers, rtol=1e-6)


def test_layer_sums_hold_for_any_shares(spectrum):
    """Whatever a model draws, also far from the training showers, the cells sum to their layer."""
    generator = torch_stream(1, "test")
    shares = torch.rand(500, 6, generator=generator) ** 8
    layers = torch.randn(500, 2, generator=generator).mul(4).exp()
    shares[:, :4] /= shares[:, :4].sum(1, keepdim=True)
    shares[:, 4:] /= shares[:, 4:].sum(1, keepdim=True)
    cells = CellMaps(MESH, [spectrum]).cells(shares, layers)
    sums = torch.stack([cells[:, :4].sum(1), cells[:, 4:].sum(1)], 1)
    assert torch.allclose(sums, layers, rtol=1e-5)
    order = shares[:, :4].argsort(1)
    assert (cells[:, :4].gather(1, order).diff(dim=1) >= 0).all()  # monotone


def test_the_edge_is_gone(spectrum):
    """In weights, the fullest bin holds no more than a smooth spectrum has; in energies it stands out."""
    cells = torch.from_numpy(edge(20_000, 0.5, seed=2))
    weights, _ = CellMaps(MESH, [spectrum]).weights(cells)
    peak = [
        np.histogram(np.log(v[v > 0].numpy()), np.arange(-6, 6, 0.1), density=True)[0].max() for v in (cells, weights)
    ]
    assert peak[0] > 1.3
    assert peak[1] < 0.75


@pytest.mark.parametrize("names", [(), ("spectrum",), ("power",), ("power", "spectrum"), ("spectrum", "power")])
def test_determinant(spectrum, names):
    """Against autograd: (layer energies, shares) of the hit cells in two layers."""
    maps = CellMaps(MESH, [spectrum if name == "spectrum" else Power(0.7) for name in names])
    maps = copy.deepcopy(maps).double()
    x = torch.tensor([0.3, 0.0, 1.2, 0.7, 2.0, 5.0], dtype=torch.float64)
    hit = x > 0

    def coordinates(energy):
        full = torch.zeros(6, dtype=torch.float64).masked_scatter(hit, energy)[None]
        shares, sums = maps(full)[0][0], maps.layer_sum(full)[0]
        return torch.stack([sums[0], shares[0], shares[2], sums[1], shares[4]])

    jacobian = torch.autograd.functional.jacobian(coordinates, x[hit])
    _, log_det = maps(x[None])
    assert torch.linalg.slogdet(jacobian).logabsdet.item() == pytest.approx(log_det.item(), abs=1e-6)


def test_before_a_fit_weights_are_energies():
    cells = torch.from_numpy(edge(100, 0.5))
    weights, log_slope = CellMaps(MESH, [CellSpectrum(MESH)]).weights(cells)
    assert torch.allclose(weights, cells, rtol=1e-4)
    assert log_slope.abs().max() < 1e-3


def test_showers_come_back(binning, showers):
    pipeline = Pipeline(binning, Preprocessing(cells=["spectrum"]))
    pipeline.fit(showers, torch_stream(1, "test"))
    x, _, log_det = pipeline(showers, torch_stream(1, "test"))
    again = pipeline.inverse(x, showers.incident_energy)
    assert np.array_equal(again.energy == 0, showers.energy == 0)
    assert np.allclose(again.energy, showers.energy, rtol=2e-3)
    assert torch.isfinite(log_det).all()
