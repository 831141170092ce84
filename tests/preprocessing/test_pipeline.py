import numpy as np
import pytest
import torch

from caloforge.data.showers import Showers
from caloforge.errors import BinningMismatch
from caloforge.geometry.binning import Binning, Layer
from caloforge.preprocessing.chain import EnergyChain
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.preprocessing.steps import Preprocessing
from caloforge.preprocessing.symmetry import AxialSymmetry
from caloforge.preprocessing.transforms import Standardize
from caloforge.rng import torch_stream


def steps(**choices) -> Preprocessing:
    return Preprocessing.model_validate(Preprocessing.of_choices(**choices))


@pytest.fixture
def generator():
    return torch_stream(1, "test")


@pytest.fixture(params=["fractions", "absolute"])
def pipeline(binning, showers, generator, request):
    pipeline = Pipeline(binning, steps(energy_features=request.param))
    pipeline.fit(showers, generator)
    return pipeline


def with_empty_layers(showers: Showers) -> Showers:
    """Some showers that end early, start late, or stay dark."""
    energy = showers.energy[:8].copy()
    energy[0, 24:] = 0
    energy[1, 12:] = 0
    energy[2, :12] = 0
    energy[3, :24] = 0
    energy[4, 12:24] = 0
    energy[5] = 0
    return Showers.perpendicular(energy, showers.incident_energy[:8], showers.binning)


def test_inverse_of_forward(pipeline, showers, generator):
    x, _, _ = pipeline(showers, generator)
    again = pipeline.inverse(x, showers.incident_energy)
    assert np.array_equal(again.energy == 0, showers.energy == 0)
    assert np.allclose(again.energy, showers.energy, rtol=2e-4)


def test_empty_layers_come_back_empty(binning, showers, generator):
    early = with_empty_layers(showers)
    pipeline = Pipeline(binning)
    pipeline.fit(Showers.concatenate([showers, early]), generator)
    x, _, log_det = pipeline(early, generator)
    assert torch.isfinite(x).all()
    assert torch.isfinite(log_det).all()
    again = pipeline.inverse(x, early.incident_energy)
    assert np.array_equal(again.energy == 0, early.energy == 0)
    assert np.allclose(again.energy, early.energy, rtol=1e-3)


def test_absolute_features_do_not_know_the_incident_energy(binning, showers, generator):
    """The first feature is the total alone: cells said to come from twice the energy have the same one."""
    doubled = Showers.perpendicular(showers.energy, 2 * showers.incident_energy, binning)
    same = {}
    for energies in ("fractions", "absolute"):
        pipeline = Pipeline(binning, steps(energy_features=energies))
        pipeline.fit(showers, generator)
        first, second = (pipeline(s, torch_stream(2, "test"))[0][:, 0] for s in (showers, doubled))
        same[energies] = torch.allclose(first, second)
    assert same == {"fractions": False, "absolute": True}


def test_features_are_standardised(pipeline, showers, generator):
    x, c, _ = pipeline(showers, generator)
    assert torch.allclose(x[:, :3].mean(0), torch.zeros(3), atol=0.02)
    assert torch.allclose(x[:, :3].std(0), torch.ones(3), atol=0.02)
    assert torch.allclose(c.mean(), torch.zeros(()), atol=1e-3)


def test_shares_sum_to_one_in_each_layer(pipeline, showers, generator):
    x, _, _ = pipeline(showers, generator)
    for start, end in ((0, 12), (12, 24), (24, 28)):
        total = x[:, 3 + start : 3 + end].sum(1)
        dark = torch.from_numpy(showers.energy[:, start:end].sum(1) == 0)
        assert torch.allclose(total[~dark], torch.ones(()), atol=1e-5)
        assert (total[dark] == 0).all()


@pytest.mark.parametrize("unit", [None, 7.0])
@pytest.mark.parametrize("n_layers", [1, 2, 5])
def test_chain_determinant(n_layers, unit):
    chain = EnergyChain(unit)
    layers = torch.rand(1, n_layers, dtype=torch.float64) + 0.1
    incident = torch.tensor([40.0], dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda e: chain(e[None], incident)[0][0], layers[0])
    _, log_det = chain(layers, incident)
    # Rows: E_tot / E_inc (or a unit), then the shares; the last layer follows from the others.
    assert torch.linalg.slogdet(jacobian).logabsdet.item() == pytest.approx(log_det.item())
    ratios, _ = chain(layers, incident)
    assert torch.allclose(chain.inverse(ratios, incident), layers)


def test_standardize_determinant():
    scale = Standardize(4)
    x = torch.randn(100, 4) * torch.tensor([1.0, 2.0, 3.0, 0.0]) + 5
    scale.fit(x)
    y, log_det = scale(x)
    assert torch.allclose(scale.inverse(y), x, atol=1e-5)
    jacobian = torch.autograd.functional.jacobian(lambda v: scale(v[None])[0][0], x[0])
    assert torch.linalg.slogdet(jacobian).logabsdet.item() == pytest.approx(log_det[0].item(), rel=1e-4)


def test_any_features_give_legal_showers(pipeline):
    """Whatever a network says, cells are finite and not negative, and shares of a layer cannot make energy."""
    x = torch.cat([5 * torch.randn(200, 3), torch.rand(200, 28)], 1)
    showers = pipeline.inverse(x, np.full(200, 5e3, np.float32))
    assert np.isfinite(showers.energy).all()


def test_images_keep_every_invariant(binning, showers, pipeline, generator):
    x, _, _ = pipeline(showers, generator)
    symmetry = AxialSymmetry(binning)
    assert len(symmetry.permutations) == 2 * 2  # two common sectors, with and without mirror
    image, _ = symmetry.apply(x, torch.zeros(len(x), 1), generator)
    assert torch.equal(image[:, :3], x[:, :3])
    assert not torch.equal(image, x)
    ring = torch.from_numpy(binning.layer_of_voxel * 10 + binning.ring_of_voxel)
    for value in ring.unique():
        columns = 3 + torch.nonzero(ring == value)[:, 0]
        assert torch.equal(image[:, columns].sort(1).values, x[:, columns].sort(1).values)


def test_images_keep_neighbours(binning):
    """A rotation or mirror image maps adjacent sectors to adjacent sectors."""
    for permutation in AxialSymmetry(binning).permutations:
        sector = binning.sector_of_voxel[permutation.numpy()][: binning.layers[0].n_voxels : 3]
        steps = np.diff(np.append(sector, sector[0])) % 4
        assert len(set(steps.tolist())) == 1


def test_other_showers_are_refused(pipeline, showers, binning, generator):
    other = Binning(binning.layers[:2], "two")
    two = Showers.perpendicular(showers.energy[:, :24], showers.incident_energy, other)
    with pytest.raises(BinningMismatch):
        pipeline(two, generator)


@pytest.mark.parametrize(
    ("sectors", "turns"), [((1, 10, 1), 10), ((1, 1), 1), ((4, 6), 2), ((1, 12, 8), 4), ((5, 1, 7), 1)], ids=str
)
def test_turns_are_those_that_every_layer_allows(sectors, turns):
    """A layer of a single sector is its own image under any turn; the others turn by one common angle."""
    rings = (0.0, 5.0, 10.0)
    mesh = Binning(tuple(Layer(i, rings, n, (10.0 * i, 10.0 * i + 10.0)) for i, n in enumerate(sectors)), "mixed")
    symmetry, angles = AxialSymmetry(mesh), set()
    assert symmetry.permutations.shape == (2 * turns, mesh.n_voxels)
    divided = np.isin(mesh.layer_of_voxel, [i for i, n in enumerate(sectors) if n > 1])
    for mirror, permutation in zip((False, True) * turns, symmetry.permutations.numpy(), strict=True):
        assert np.array_equal(mesh.layer_of_voxel[permutation], mesh.layer_of_voxel)
        assert np.array_equal(mesh.ring_of_voxel[permutation], mesh.ring_of_voxel)
        sign = -1 if mirror else 1
        turn = np.mod(mesh.alpha_centres[permutation] - sign * mesh.alpha_centres, 2 * np.pi)[divided]
        assert np.allclose(np.cos(turn - turn[:1]), 1.0)  # for no cell: all layers are whole rings
        angles.add((mirror, *np.round(np.exp(1j * turn[:1]), 6)))
    assert len(angles) == (2 * turns if divided.any() else 2)
