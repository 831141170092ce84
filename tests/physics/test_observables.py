import numpy as np
import pytest

from caloforge.data.showers import Showers
from caloforge.errors import UnknownName
from caloforge.geometry.binning import Binning, Layer
from caloforge.geometry.readouts import readout
from caloforge.physics.axes import integer_edges, linear_edges, logarithmic_edges
from caloforge.physics.observables import OBSERVABLES, depth_unit, layer_depths, select, tabulate


def shower(binning, cells, incident=1000.0):
    """One shower from a dictionary cell -> energy."""
    energy = np.zeros((1, binning.n_voxels), np.float32)
    for cell, value in cells.items():
        energy[0, cell] = value
    return Showers.perpendicular(energy, np.array([incident], np.float32), binning)


def value(name, showers):
    return OBSERVABLES[name](showers)


@pytest.mark.parametrize("cell", [0, 5, 11, 17, 26])
def test_one_hit_cell_is_its_own_centre(binning, cell):
    one = shower(binning, {cell: 40.0})
    layer, r, alpha = binning.layer_of_voxel[cell], binning.r_centres[cell], binning.alpha_centres[cell]
    known = {"centre_r": r, "centre_x": r * np.cos(alpha), "centre_y": r * np.sin(alpha)}
    for name, expected in known.items():
        assert value(name, one)[0, layer] == pytest.approx(expected, abs=1e-5)
    for name in ("width_r", "width_x", "width_y"):
        assert value(name, one)[0, layer] == pytest.approx(0, abs=1e-3)
    assert value("centre_z", one)[0, 0] == pytest.approx(layer_depths(binning)[layer])
    assert value("width_z", one)[0, 0] == pytest.approx(0, abs=1e-3)
    assert value("response", one)[0, 0] == pytest.approx(0.04)
    assert value("sparsity", one)[0, 0] == pytest.approx(1 - 1 / binning.n_voxels)
    assert value("layer_hits", one)[0].sum() == 1


def test_two_cells_by_hand(binning):
    """30 MeV at r = 2.5 mm and 10 MeV at r = 15 mm of one sector: mean 5.625 mm, width 5.41 mm."""
    two = shower(binning, {0: 30.0, 2: 10.0})
    assert value("centre_r", two)[0, 0] == pytest.approx(5.625)
    assert value("width_r", two)[0, 0] == pytest.approx(12.5 * np.sqrt(0.75 * 0.25))
    assert value("radial_profile", two)[0] == pytest.approx([0.75, 0, 0.25])
    assert value("longitudinal_profile", two)[0] == pytest.approx([1, 0, 0])


def test_empty_layers_and_showers_are_undefined_not_zero(binning):
    one = shower(binning, {0: 1.0})
    assert np.isnan(value("centre_r", one)[0, 1:]).all()
    nothing = shower(binning, {})
    assert value("response", nothing)[0, 0] == 0
    for name in ("centre_z", "mean_r", "width_x", "longitudinal_profile", "radial_profile", "voxel_energy"):
        assert np.isnan(value(name, nothing)).all(), name


def test_layers_without_sectors_have_no_x_and_y():
    binning = Binning((Layer(0, (0.0, 1.0, 2.0), 1), Layer(1, (0.0, 1.0), 2)))
    one = shower(binning, {0: 1.0, 2: 1.0})
    assert np.isnan(value("centre_x", one)[0, 0])
    assert np.isfinite(value("centre_x", one)[0, 1])
    assert value("centre_r", one)[0, 0] == pytest.approx(0.5)


def test_turning_by_a_sector_turns_the_centre_and_keeps_the_radius():
    binning = readout("siw-1080")
    rng = np.random.default_rng(1)
    cells = rng.exponential(size=(20, 15, 8, 9)).astype(np.float32)
    energies = np.full(20, 1e4, np.float32)
    first, second = (
        Showers.perpendicular(c.reshape(20, -1), energies, binning) for c in (cells, np.roll(cells, 2, axis=2))
    )
    assert value("centre_x", second) == pytest.approx(-value("centre_y", first), abs=1e-4)
    assert value("centre_y", second) == pytest.approx(value("centre_x", first), abs=1e-4)
    for name in ("centre_r", "width_r", "mean_r", "centre_z", "sparsity", "response"):
        assert value(name, second) == pytest.approx(value(name, first), rel=1e-5), name


@pytest.mark.parametrize("name", [n for n in OBSERVABLES if n not in ("response", "layer_energy", "voxel_energy")])
def test_shape_does_not_depend_on_the_scale_of_energy(name, showers):
    few = showers[:50]
    doubled = Showers.perpendicular(2 * few.energy, few.incident_energy, few.binning)
    assert np.allclose(value(name, few), value(name, doubled), rtol=1e-5, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("name", OBSERVABLES)
def test_every_observable(name, showers):
    observable = OBSERVABLES[name]
    table = observable(showers[:200])
    columns = {"shower": 1, "layer": 3, "ring": 3, "cell": showers.binning.n_voxels}
    assert table.shape == (200, columns[observable.per])
    assert np.isfinite(table).any()
    assert "{depth}" not in observable.axis_label(showers.binning)
    assert observable.source
    edges = observable.edges(table[np.isfinite(table)])
    assert (np.diff(edges) > 0).all()


def test_shares_sum_to_one(showers):
    for name in ("longitudinal_profile", "radial_profile"):
        assert value(name, showers).sum(axis=1) == pytest.approx(1, abs=1e-6)


def test_tables_do_not_depend_on_the_batch(showers):
    first, second = tabulate(showers[:300], batch=7), tabulate(showers[:300], batch=1000)
    assert "voxel_energy" not in first
    for name in first:
        assert np.allclose(first[name], second[name], rtol=1e-6, atol=1e-6, equal_nan=True), name


def test_depth_without_z_edges_is_the_layer_id():
    binning = Binning((Layer(0, (0.0, 1.0), 1), Layer(12, (0.0, 1.0), 1)))
    assert depth_unit(binning) == "layer"
    assert value("centre_z", shower(binning, {1: 1.0}))[0, 0] == pytest.approx(12)
    assert OBSERVABLES["centre_z"].axis_label(binning).endswith("[layer]")


def test_select_names_what_it_does_not_know():
    assert list(select(["sparsity", "response"])) == ["sparsity", "response"]
    with pytest.raises(UnknownName, match="observable 'colour'"):
        select(["colour"])


def test_edges():
    values = np.linspace(0, 1, 1001)
    assert linear_edges(values, 10) == pytest.approx(np.linspace(0.001, 0.999, 11))
    log = logarithmic_edges(np.append(values, 0.0), 4)
    assert np.diff(np.log(log)) == pytest.approx(np.log(log[-1] / log[0]) / 4)
    assert integer_edges(np.arange(6.0)) == pytest.approx(np.arange(7) - 0.5)
    assert len(integer_edges(np.arange(500.0))) <= 52


@pytest.mark.parametrize("rule", [linear_edges, logarithmic_edges, integer_edges])
@pytest.mark.parametrize("values", [np.array([]), np.full(5, 3.0), np.full(5, np.nan), np.zeros(4)])
def test_edges_of_degenerate_samples_increase(rule, values):
    edges = rule(values)
    assert np.isfinite(edges).all()
    assert (np.diff(edges) > 0).all()
