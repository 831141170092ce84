"""The object that every stage takes: what it refuses, sums, slices and joins."""

import jaxtyping
import numpy as np
import pytest

from caloforge.data.provenance import Provenance
from caloforge.data.showers import Showers
from caloforge.data.source import KnownSource, Source
from caloforge.errors import BadValue, BinningMismatch
from caloforge.geometry.binning import Binning, Layer

MESH = Binning((Layer(0, (0.0, 1.0, 2.0, 3.0), 1), Layer(1, (0.0, 1.0, 2.0), 1)), "two")
DEEP = Binning((Layer(0, (0.0, 1.0, 2.0, 3.0), 1, (0.0, 5.0)), Layer(1, (0.0, 1.0, 2.0), 1, (5.0, 9.0))), "deep")


def three(binning=MESH, **facts) -> Showers:
    cells = np.array([[1, 2, 3, 4, 5], [0, 0, 0, 0, 0], [0, 1, 0, 0, 7]], np.float32)
    n = len(cells)
    return Showers(
        cells,
        np.array([10.0, 20.0, 30.0]),
        np.array([11, 22, 211]),
        np.linspace(0, 0.2, n),
        np.zeros(n),
        binning,
        **facts,
    )


def test_sums():
    assert three().total_energy.tolist() == [15, 0, 8]
    assert three().layer_energy.tolist() == [[6, 9], [0, 0], [1, 7]]
    assert three().total_energy.dtype == three().layer_energy.dtype == np.float64


def test_sums_are_taken_in_double_precision():
    """1e8 and ten times 1 in float32: one after the other each 1 is lost."""
    wide = Binning((Layer(0, tuple(float(r) for r in range(12)), 1),))
    cells = np.array([[1e8, *[1.0] * 10]], np.float32)
    showers = Showers.perpendicular(cells, np.array([1e9]), wide)
    assert showers.total_energy[0] == showers.layer_energy[0, 0] == 1e8 + 10


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        (-1e-6, "cell energy of shower 2 is -9.99"),
        (np.nan, "cell energy of shower 2 is nan"),
        (np.inf, "cell energy of shower 2 is inf"),
        (-np.inf, "cell energy of shower 2 is -inf"),
    ],
)
def test_the_shower_with_a_bad_cell_is_named(cell, says):
    cells = three().energy.copy()
    cells[2, 3] = cell
    with pytest.raises(BadValue, match=says):
        Showers.perpendicular(cells, np.ones(3), MESH)


@pytest.mark.parametrize("energy", [0.0, -1.0, np.nan, np.inf])
def test_the_bad_incident_energy_is_named(energy):
    with pytest.raises(BadValue, match=f"incident energy is {energy}"):
        Showers.perpendicular(three().energy, np.array([5.0, energy, 9.0]), MESH)


def test_small_energies_and_no_showers_are_taken():
    assert Showers.perpendicular(three().energy, np.full(3, 1e-3), MESH).pdg.tolist() == [11, 11, 11]
    assert len(three()[:0]) == 0
    assert Showers.perpendicular(three().energy, np.ones(3), MESH, 22).pdg.tolist() == [22, 22, 22]


@pytest.mark.parametrize("cells", [4, 6])
def test_cells_of_another_mesh_are_refused(cells):
    with pytest.raises(BadValue, match="binning two has 5 cells"):
        Showers.perpendicular(np.ones((2, cells), np.float32), np.ones(2), MESH)


@pytest.mark.parametrize("name", ["incident_energy", "pdg", "theta", "phi"])
def test_columns_of_another_length_are_refused(monkeypatch, name):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # as where nobody checks annotations
    fields = {n: getattr(three(), n) for n in ("energy", "incident_energy", "pdg", "theta", "phi")}
    fields[name] = fields[name][:2]
    with pytest.raises(BadValue, match=f"shape of {name} is .2,.; one value for each of 3 showers"):
        Showers(binning=MESH, **fields)


def test_what_is_in_showers_cannot_be_changed():
    for name in ("energy", "incident_energy", "pdg", "theta", "phi"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(three(), name)[0] = 1
    with pytest.raises(AttributeError):
        three().pdg = np.zeros(3, int)


def test_slices_and_batches_keep_what_they_are_of():
    showers = three(detector="tea", provenance=Provenance(seed=4))
    for part in (showers[1:], showers[np.array([1, 2])], showers[np.array([False, True, True])]):
        assert part.pdg.tolist() == [22, 211]
        assert part.total_energy.tolist() == [0, 8]
        assert (part.detector, part.provenance.seed) == ("tea", 4)
    assert [batch.pdg.tolist() for batch in showers.batches(2)] == [[11, 22], [211]]
    assert [batch.pdg.tolist() for batch in showers.batches(3)] == [[11, 22, 211]]
    assert [batch.pdg.tolist() for batch in showers[1:].batches(1)] == [[22], [211]]


def test_joined_showers_keep_detector_and_provenance_where_all_agree():
    first = three(detector="tea", provenance=Provenance(seed=4))
    assert Showers.concatenate([first]).pdg.tolist() == [11, 22, 211]
    joined = Showers.concatenate([first[2:], first[:1], first[1:2]])
    assert joined.pdg.tolist() == [211, 11, 22]
    assert joined.total_energy.tolist() == [8, 15, 0]
    assert joined.theta.tolist() == first.theta[[2, 0, 1]].tolist()
    assert (joined.detector, joined.provenance.seed) == ("tea", 4)
    for other in (three(detector="tea"), three(detector="urn", provenance=Provenance(seed=4))):
        for parts in ([first, other], [other, first], [first, first, other]):
            mixed = Showers.concatenate(parts)
            assert (mixed.detector, mixed.provenance) == ("unknown", Provenance())


def test_one_mesh_with_the_depths_that_any_part_knows():
    for parts in ([three(), three(DEEP)], [three(DEEP), three()], [three(), three(), three(DEEP)]):
        assert Showers.concatenate(parts).binning.z_edges.tolist() == [[0, 5], [5, 9]]
    shorter = Showers.perpendicular(np.ones((1, 3), np.float32), np.ones(1), Binning(MESH.layers[:1], "one"))
    for parts in ([three(), shorter], [three(), three(), shorter]):
        with pytest.raises(BinningMismatch):
            Showers.concatenate(parts)


def test_showers_can_be_read_like_a_file():
    assert isinstance(three(), Source)
    assert isinstance(three(), KnownSource)
    assert three().digest == three()[::-1].digest != three()[:2].digest
