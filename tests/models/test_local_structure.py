"""What a critic sees of neighbours: observables of local structure, convolutions that go round, matched features."""

import math

import numpy as np
import pytest
import torch

from caloforge.geometry.binning import Binning, Layer
from caloforge.geometry.readouts import readout
from caloforge.models.cell_marginals import cell_marginals, faint_power
from caloforge.models.feature_matching import FeatureMatching
from caloforge.models.local_structure import LocalStructure
from caloforge.models.mesh_networks import MeshCritic, NeighbourCoupling
from caloforge.models.threshold import ThresholdShares
from caloforge.physics.observables import OBSERVABLES
from caloforge.physics.pair_sums import PairSums
from caloforge.rng import torch_stream

TINY = 1e-7  # MeV: far below every hit, so smooth hits are hits


@pytest.fixture(scope="module")
def features(showers):
    """Those of 200 showers on a mesh whose last layer has other rings, in float64."""
    local = LocalStructure(showers.binning).double()
    cells = torch.tensor(showers.energy[:200]).double()
    scale, faint = (torch.tensor(x, dtype=torch.float64) for x in (0.1, TINY))
    return local, local(cells, scale, faint)


def columns(local: LocalStructure, near: int) -> slice:
    """Those of one direction."""
    start = sum(part.n_out for part in list(local.near)[:near])
    return slice(start, start + local.near[near].n_out)


@pytest.mark.parametrize(("near", "direction"), list(enumerate(["r", "alpha", "depth"])))
def test_pairs_are_those_of_the_observables(showers, features, near, direction):
    local, values = features
    sums, mesh = PairSums(showers[:200]), showers.binning
    ours = values[:, columns(local, near)].numpy()
    groups = ours.shape[1] // 5
    products, hits, _, _, difference = (ours[:, k * groups : (k + 1) * groups] for k in range(5))
    layers = sums.counts(direction) > 0
    n = int(layers.sum())
    assert np.allclose(products[:, :n], sums.product(direction, by_layer=True)[:, layers], rtol=1e-6)
    assert np.allclose(hits[:, :n], sums.hits(direction, by_layer=True)[:, layers], atol=1e-3)
    rings = sums.ring_difference(direction)
    wide = np.isfinite(rings) & (rings > 0.5)
    assert wide.any()
    assert mesh.n_layers == 3
    filled = rings[:, ~np.isnan(sums.ring_covariance(direction)).all(0)]
    wide = np.isfinite(filled) & (filled > 0.5)
    assert np.allclose(difference[:, n:][wide], filled[wide], rtol=0.01)


def test_isolated_hits_are_those_of_the_observables(showers, features):
    local, values = features
    seen = {name: OBSERVABLES[name](showers[:200]) for name in ("isolated_hits", "ring_isolated_hits")}
    places = local.groups.shape[1]
    isolated = values[:, -(2 * places + places + len(local.near)) : -2 * places].numpy()
    assert np.allclose(isolated[:, :3], seen["isolated_hits"][:, :3], atol=2e-3)
    assert np.allclose(isolated[:, 6:], np.nan_to_num(seen["ring_isolated_hits"]), atol=2e-3)


def test_a_mesh_without_sectors_has_no_pairs_along_alpha():
    edges = (0.0, 5.0, 10.0)
    mesh = Binning((Layer(0, edges, 1, (0.0, 10.0)),), "rings")
    local = LocalStructure(mesh)
    assert len(local.near) == 1
    values = local(torch.rand(5, mesh.n_voxels), torch.tensor(0.1), torch.tensor(1e-3))
    assert values.shape == (5, local.n_out)
    assert torch.isfinite(values).all()


@pytest.mark.parametrize("name", ["lar-355", "siw-1080"])
def test_coupling_starts_at_nothing_and_turns_with_the_shower(name):
    mesh = readout(name)
    torch.manual_seed(0)
    coupling = NeighbourCoupling(mesh, 4, 2, 5)
    p, noise = torch.randn(2, 4, mesh.n_voxels), torch.randn(2, 2, mesh.n_voxels)
    assert (coupling(p, noise) == 0).all()
    torch.nn.init.normal_(coupling.last.conv.weight)
    canvas = coupling.canvas

    def turned(x: torch.Tensor) -> torch.Tensor:
        """By the coarsest sector: all sectors of the mesh go over into sectors."""
        sectors = min(layer.n_alpha for layer in mesh.layers if layer.n_alpha > 1)
        return canvas.gather(canvas.spread(x).roll(canvas.shape[1] // sectors, -2))

    torch.testing.assert_close(coupling(turned(p), turned(noise)), turned(coupling(p, noise)), rtol=1e-4, atol=1e-5)


def test_coupled_cells_are_correlated_across_the_seam_of_alpha(binning):
    torch.manual_seed(0)
    coupling = NeighbourCoupling(binning, 4, 1, 6)
    torch.nn.init.normal_(coupling.last.conv.weight)
    noise = torch.zeros(1, 1, binning.n_voxels, requires_grad=True)
    last = 3 * 3  # first ring of the fourth and last sector of the first layer
    (gradient,) = torch.autograd.grad(coupling(torch.zeros(1, 4, binning.n_voxels), noise)[0, 0, 0], noise)
    assert gradient[0, 0, last].abs() > 0


def test_a_mesh_critic_scores_pairs_of_neighbours(binning):
    """A score that adds up over cells has no mixed second derivative; this one has, where cells touch."""
    torch.manual_seed(0)
    critic = MeshCritic(binning, 6, 2, 5, 8, packing=2)
    cells = torch.randn(3, 2, binning.n_voxels, requires_grad=True)
    score = critic(cells, torch.randn(3, 12), torch.randn(3, 2))
    assert score.shape == (3, 1)
    (slope,) = torch.autograd.grad(score.sum(), cells, create_graph=True)
    (mixed,) = torch.autograd.grad(slope[0, 0, 0], cells)
    assert mixed[0, 0, 3].abs() > 0
    assert (mixed[1:] == 0).all()


def matched(steps: int, shift: float, width: float, seed: int = 1) -> tuple[float, torch.Tensor]:
    """Distance, and the derivative of the loss by a shift of the samples, after some batches."""
    matching, generator = FeatureMatching(1, 1), torch_stream(seed, "match")
    by_shift = torch.tensor(shift, requires_grad=True)
    for _ in range(steps):
        c = torch.randn(2000, 1, generator=generator)
        real = torch.randn(2000, 1, generator=generator)
        fake = width * torch.randn(2000, 1, generator=generator) + by_shift
        loss, distance = matching(real, fake, c)
    (slope,) = torch.autograd.grad(loss, by_shift)
    return float(distance), slope


def test_matched_features_have_the_distance_of_their_means_and_squares():
    """Spreads of the differences: sqrt(2 + d^2) of the feature, sqrt(var(f^2 - r^2) + d^4) of its square."""
    distance, slope = matched(400, 0.5, 1.0)
    first, second = 0.25 / 2.25, 0.0625 / (5.0 + 0.0625)
    assert distance == pytest.approx(first + second, rel=0.1)
    assert slope.item() == pytest.approx(2 * 0.5 / 2.25 + 2 * 0.25 * 2 * 0.5 / 5.0625, rel=0.1)


def test_equal_distributions_leave_no_pull():
    """Four normal components of variance 1/2000 a batch, a third of it in their average: chi-squared, at 99.9 %."""
    distance, slope = matched(400, 0.0, 1.0)
    variance = 1 / 2000 / 3
    assert distance < 18.5 * variance
    assert abs(slope.item()) < 3.3 * math.sqrt(2 * variance)


def test_too_narrow_a_distribution_is_seen():
    assert matched(100, 0.0, 0.7)[0] > 20 * matched(100, 0.0, 1.0)[0]


def test_an_average_of_matching_goes_on_bit_for_bit():
    matching, x = FeatureMatching(2, 1), torch.randn(3, 50, 2)
    c = torch.randn(50, 1)
    matching(x[0], x[1], c)
    again = FeatureMatching(2, 1)
    again.load_state_dict(matching.state_dict())
    assert torch.equal(matching(x[1], x[2], c)[0], again(x[1], x[2], c)[0])


def test_the_power_of_the_faintest_hits_is_found_and_kept(binning):
    """Shares that begin as r^2: the estimate, the fitted marginals and the samples have the power 2."""
    generator = torch_stream(3, "power")
    r = torch.rand(20_000, binning.n_voxels, generator=generator)
    shares = torch.where(torch.rand(r.shape, generator=generator) < 0.7, 0.1 * r.square(), 0.0)
    power = faint_power(binning, shares)
    assert power.numpy() == pytest.approx(2.0, rel=0.1)
    marginals = cell_marginals(binning, shares, torch.zeros(len(r), binning.n_layers), 0.05, power)
    assert (marginals.spread[0] + marginals.spread[2]).numpy() == pytest.approx(power.numpy(), rel=1e-5)

    sampler = ThresholdShares(binning, power=True)
    sampler.power.copy_(power)
    p = torch.tensor([0.5, 0.0, -1.5, -1.0])[None, :, None].expand(len(r), -1, binning.n_voxels)
    noise = torch.randn(len(r), sampler.noise_width, generator=generator)
    with torch.no_grad():
        drawn = sampler(noise, p, torch.ones(len(r), binning.n_layers, dtype=torch.bool))
    assert faint_power(binning, drawn).mean().item() == pytest.approx(power.mean().item(), rel=0.1)
