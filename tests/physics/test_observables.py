import numpy as np
import pytest

from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.data.writer import write_showers
from caloforge.errors import BadObservable, EmptySample, UnknownName
from caloforge.geometry.binning import Binning, Layer
from caloforge.geometry.readouts import readout
from caloforge.physics.axes import integer_edges, linear_edges, logarithmic_edges
from caloforge.physics.observables import OBSERVABLES, depth_unit, layer_depths, observable, select, tabulate
from caloforge.physics.standard import STANDARD


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
    for name, known in STANDARD.items():
        is_amount = known.unit == "MeV" or name in ("response", "sparsity") or "hits" in name
        found = value(name, nothing)
        assert np.isnan(found).all() != (is_amount and name != "voxel_energy"), name
    assert value("sparsity", nothing)[0, 0] == 1


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


IN_MEV = ("response", "hits_above", "energy_above")  # and all whose unit is MeV
OF_LOGARITHMS = (  # of E / MeV, or of 1 + E / 0.1 MeV
    "log_energy",
    "log_energy_mean",
    "pair_product",
    "pair_correlation",
    "covariance",
    "difference",
)


def scaled_out(name, known):
    return known.unit != "MeV" and name not in IN_MEV and not name.endswith(OF_LOGARITHMS)


@pytest.mark.parametrize("name", [name for name, known in OBSERVABLES.items() if scaled_out(name, known)])
def test_shape_does_not_depend_on_the_scale_of_energy(name, showers):
    few = showers[:50]
    doubled = Showers.perpendicular(2 * few.energy, few.incident_energy, few.binning)
    assert np.allclose(value(name, few), value(name, doubled), rtol=1e-5, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("name", OBSERVABLES)
def test_every_observable(name, showers):
    observable = OBSERVABLES[name]
    table = observable(showers[:200])
    columns = {"shower": 1, "layer": 3, "ring": 3, "cell": showers.binning.n_voxels, "column": len(observable.columns)}
    assert table.shape == (200, columns[observable.per])
    assert len(observable.column_names(showers.binning)) == (1 if observable.per == "cell" else table.shape[1])
    assert np.isfinite(table).any()
    assert "{depth}" not in observable.axis_label(showers.binning)
    assert observable.source
    edges = observable.edges(table[np.isfinite(table)])
    assert (np.diff(edges) > 0).all()


def test_shares_sum_to_one(showers):
    for name in ("longitudinal_profile", "radial_profile"):
        assert value(name, showers).sum(axis=1) == pytest.approx(1, abs=1e-6)


def test_tables_do_not_depend_on_the_batch(showers):
    first, second = tabulate(showers[:60], batch=7), tabulate(showers[:60], batch=1000)
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


def test_start_maximum_and_containment_by_hand(binning):
    """10, 60 and 30 MeV in layers of 10, 10 and 30 mm: the maximum is that of the energy per depth."""
    one = shower(binning, {0: 10.0, 12: 60.0, 24: 30.0})
    assert value("start", one)[0, 0] == pytest.approx(5)
    assert value("depth_50", one)[0, 0] == pytest.approx(10 + 10 * 40 / 60)
    assert value("depth_90", one)[0, 0] == pytest.approx(20 + 30 * 20 / 30)
    assert value("layer_max", one)[0, 0] == 1
    up, down = (6 - 1) / 10, (1 - 6) / 20  # slopes of the energy per depth between the middles 5, 15 and 35 mm
    assert value("depth_max", one)[0, 0] == pytest.approx(10 + 15 * up / (up - down))
    assert value("last_layers_share", one)[0, 0] == pytest.approx(0.3)
    assert value("layer_ratio", one)[0, 1:] == pytest.approx([60 / 70, 30 / 90])


def test_containment_radius_counts_rings_of_all_layers(binning):
    """20 MeV in r < 5 mm of layer 0 and 80 MeV in 10 < r < 30 mm of layer 4: quantiles of the sum."""
    one = shower(binning, {0: 20.0, 25: 80.0})
    assert value("radius_50", one)[0, 0] == pytest.approx(10 + 20 * 30 / 80)
    assert value("radius_90", one)[0, 0] == pytest.approx(10 + 20 * 70 / 80)
    assert value("outer_ring_share", one)[0, 0] == pytest.approx(0.8)
    overlapping = shower(binning, {2: 50.0, 25: 50.0})  # 10 to 20 mm and 10 to 30 mm
    assert value("radius_50", overlapping)[0, 0] == pytest.approx(10 + 50 / (50 / 10 + 50 / 20))


def test_hottest_cells_and_thresholds_by_hand(binning):
    one = shower(binning, {0: 50.0, 3: 0.05, 7: 5.0, 13: 0.5, 20: 20.0, 26: 24.45})
    assert value("hottest_energy", one)[0, 0] == 50
    assert value("hottest_share", one)[0, 0] == pytest.approx(0.5)
    assert value("second_to_hottest", one)[0, 0] == pytest.approx(24.45 / 50)
    assert value("hottest_five_share", one)[0, 0] == pytest.approx(99.95 / 100)
    assert value("hits", one)[0, 0] == 6
    assert value("hits_above", one)[0] == pytest.approx([5, 4, 3])
    assert value("energy_above", one)[0] == pytest.approx([0.9995, 0.9945, 0.9445])
    assert value("hits_above_share", one)[0] == pytest.approx([6, 5, 4])
    assert value("energy_above_share", one)[0] == pytest.approx([1, 0.9995, 0.9945])
    assert OBSERVABLES["hits_above"].column_names(binning) == ("> 0.1 MeV", "> 1 MeV", "> 10 MeV")


def test_a_threshold_leaves_less_the_higher_it_is(showers):
    for name in ("hits_above", "energy_above", "hits_above_share", "energy_above_share"):
        assert (np.diff(value(name, showers), axis=1) <= 1e-12).all(), name


def test_sums_are_those_of_single_cells(showers):
    """The matrix product gives what sums over cells in float64 give."""
    few, binning = showers[(showers.layer_energy > 0).all(axis=1)][:20], showers.binning
    energy = few.energy.astype(np.float64)
    x = binning.r_centres * np.cos(binning.alpha_centres)
    for i, layer in enumerate(binning.layers):
        cells = binning.layer_of_voxel == i
        total = energy[:, cells].sum(axis=1)
        mean = (energy[:, cells] @ x[cells]) / total
        spread = np.sqrt((energy[:, cells] * (x[cells] - mean[:, None]) ** 2).sum(axis=1) / total)
        assert value("layer_energy", few)[:, i] == pytest.approx(total, rel=1e-12)
        assert value("centre_x", few)[:, i] == pytest.approx(mean, abs=1e-9), layer
        assert value("width_x", few)[:, i] == pytest.approx(spread, abs=1e-6), layer
    r = binning.r_centres
    mean = energy @ r / energy.sum(axis=1)
    moments = [(energy * (r - mean[:, None]) ** k).sum(axis=1) / energy.sum(axis=1) for k in (2, 3, 4)]
    assert value("spread_r", few)[:, 0] == pytest.approx(np.sqrt(moments[0]))
    assert value("skewness_r", few)[:, 0] == pytest.approx(moments[1] / moments[0] ** 1.5)
    assert value("kurtosis_r", few)[:, 0] == pytest.approx(moments[2] / moments[0] ** 2 - 3)


def test_a_file_is_tabulated_as_its_showers_are(tmp_path, showers):
    write_showers(tmp_path / "some.h5", showers[:120], "none", {})
    with ShowerFile(tmp_path / "some.h5") as file:
        streamed = tabulate(file, batch=50)
    for name, table in tabulate(showers[:120]).items():
        np.testing.assert_allclose(streamed[name], table, rtol=1e-9, atol=1e-9, err_msg=name)
    with pytest.raises(EmptySample):
        tabulate(showers[:0])


@pytest.fixture
def clean_registry():
    before = dict(OBSERVABLES)
    yield
    OBSERVABLES.clear()
    OBSERVABLES.update(before)


@pytest.mark.usefixtures("clean_registry")
def test_a_users_observable_is_one_of_all(showers):
    @observable("first_share", "Share of energy in the first layer")
    def first_share(some):
        return some.layer_energy[:, 0] / some.total_energy

    assert OBSERVABLES["first_share"] is first_share
    assert tabulate(showers[:30], select(["first_share"]))["first_share"] == pytest.approx(
        value("longitudinal_profile", showers[:30])[:, :1]
    )

    @observable("first_share", "The same, defined again", "MeV")
    def again(some):
        return some.layer_energy[:, 0]

    assert OBSERVABLES["first_share"] is again
    assert again.label == "The same, defined again [MeV]"


@pytest.mark.usefixtures("clean_registry")
@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda s: s.total_energy[:-1], r"'bad' returned the shape \(9,\); return \(10, 1\)"),
        (lambda s: s.layer_energy, r"returned the shape \(10, 3\)"),
        (lambda s: 3.0, r"returned the shape \(\)"),
        (lambda s: s.total_energy / 0.0, "returned infinite values; return NaN"),
        (lambda s: s.total_energy + 1j, "type complex128"),
        (lambda s: s.colour, "failed with AttributeError: .*colour"),
    ],
)
def test_bad_functions_are_named(showers, function, message):
    bad = observable("bad", "Bad")(function)
    with np.errstate(divide="ignore"), pytest.raises(BadObservable, match=message):
        tabulate(showers[:10], {"bad": bad})


@pytest.mark.usefixtures("clean_registry")
def test_bad_definitions_are_named():
    with pytest.raises(BadObservable, match="'response' is already defined by caloforge"):
        observable("response", "Mine")(lambda s: s.total_energy)
    with pytest.raises(BadObservable, match="no proper name"):
        observable("my response", "Mine")(lambda s: s.total_energy)
    with pytest.raises(BadObservable, match="without columns"):
        observable("mine", "Mine", per="column")(lambda s: s.layer_energy)
    with pytest.raises(BadObservable, match="names columns per shower"):
        observable("mine", "Mine", columns=("a", "b"))(lambda s: s.layer_energy)
