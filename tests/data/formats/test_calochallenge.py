"""Plain CaloChallenge files: what the user has to say, what the file says, the factor of datasets 2 and 3."""

import re

import h5py
import numpy as np
import pytest

from caloforge.data.convert import convert_file
from caloforge.data.formats.calochallenge import cell_order
from caloforge.data.formats.options import ReadOptions, Units
from caloforge.data.opening import open_any, open_showers
from caloforge.data.store import NoBinning
from caloforge.errors import BadFile, BadValue, OddShowers, UnitsUnknown
from caloforge.geometry.readouts import readout


@pytest.fixture(scope="module")
def mesh(samples):
    return samples.MESH


def rewrite(path, **datasets):
    with h5py.File(path, "r+") as file:
        for name, values in datasets.items():
            del file[name]
            file[name] = values


@pytest.fixture
def plain(samples, tmp_path):
    """A plain file, its cells and its energies."""
    path = tmp_path / "plain.hdf5"
    samples.calochallenge(path, np.random.default_rng(1))
    with h5py.File(path) as file:
        return path, file["showers"][:], file["incident_energies"][:, 0]


def test_gev_for_mev_is_asked_with_both_readings(plain, mesh):
    """Everything in GeV has the same response as in MeV: only the energies tell."""
    path, cells, incident = plain
    rewrite(path, showers=cells / 1000, incident_energies=incident / 1000)
    with pytest.raises(UnitsUnknown, match=r"as MeV, incident energies are .*MeV to .*MeV, as GeV .*GeV"):
        open_showers(path, mesh)
    with open_any(path, ReadOptions(binning=mesh, units=Units(1000.0, 1000.0))) as file:
        np.testing.assert_allclose(file.read().energy, cells, rtol=1e-6)
        np.testing.assert_allclose(file.incident().energy, incident, rtol=1e-6)


def test_incident_energies_in_gev_are_asked_with_the_response_of_each_reading(plain, mesh):
    path, cells, incident = plain
    rewrite(path, incident_energies=incident / 1000)
    response = cells.sum() / incident.sum()
    with pytest.raises(UnitsUnknown, match=re.escape(f"as MeV the response is {1000 * response:.3g}")) as question:
        open_showers(path, mesh)
    assert f"in GeV {response:.3g}" in str(question.value)
    assert "--units incident=GeV" in str(question.value)
    with open_any(path, ReadOptions(binning=mesh, units=Units(incident=1000.0))) as file:
        np.testing.assert_allclose(file.incident().energy, incident, rtol=1e-6)
        np.testing.assert_array_equal(file.read().energy, cells)


def test_who_is_sure_of_the_units_is_warned_only(plain, mesh):
    path, cells, _ = plain
    rewrite(path, showers=3 * cells)
    with (
        pytest.warns(OddShowers, match="times the incident energy"),
        open_any(path, ReadOptions(binning=mesh, units=Units(1.0, 1.0))) as file,
    ):
        np.testing.assert_array_equal(file.read().energy, 3 * cells)


def test_the_xml_beside_is_its_mesh_and_its_pid_the_particle(plain, mesh, tmp_path):
    path, *_ = plain
    with pytest.raises(NoBinning):
        open_showers(path)
    path.with_suffix(".xml").write_text(mesh.to_xml().replace('pid="11"', 'pid="22"'))
    with open_showers(path) as file:
        assert file.binning.same_cells(mesh)
        assert (file.incident().pdg == 22).all()


def test_the_meshes_that_fit_are_named(tmp_path):
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file["showers"], file["incident_energies"] = np.ones((2, 6480)), np.full((2, 1), 9000.0)
    with pytest.raises(NoBinning, match="calochallenge-2"):
        open_showers(tmp_path / "two.h5")


def test_a_file_that_names_no_particle_is_doubted_until_it_is_given(plain, mesh):
    path, *_ = plain
    silent = type(mesh)(mesh.layers, "silent")
    with pytest.warns(OddShowers, match="names no particle"), open_showers(path, silent) as file:
        assert (file.incident().pdg == 11).all()
    with open_any(path, ReadOptions(binning=silent, particle=-211)) as file:
        assert (file.incident().pdg == -211).all()
        assert not any("particle" in doubt for doubt in file.doubts)


def test_a_particle_for_a_file_that_says_its_own_is_refused(sample_files):
    with pytest.raises(BadValue, match="says its particles"):
        open_any(sample_files["caloforge"], ReadOptions(particle=22))


def test_swapped_axes_are_refused_and_turned(plain, mesh):
    path, cells, _ = plain
    swapped = cells.reshape(-1, 5, 4, 3).transpose(0, 3, 2, 1).reshape(len(cells), -1)
    rewrite(path, showers=swapped)
    with pytest.raises(BadFile, match="axes='r,alpha,layer'"):
        open_showers(path, mesh)
    with open_any(path, ReadOptions(binning=mesh, axes=("r", "alpha", "layer"))) as file:
        np.testing.assert_array_equal(file.read().energy, cells)


@pytest.mark.parametrize("axes", [("layer", "alpha", "r"), ("r", "alpha", "layer"), ("alpha", "r", "layer")])
def test_the_order_of_cells_finds_each_cell_once(mesh, axes):
    order = cell_order(axes, mesh)
    assert sorted(order) == list(range(mesh.n_voxels))
    sizes = {"layer": 5, "alpha": 4, "r": 3}
    numbers = np.arange(60).reshape(5, 4, 3)  # in flat order
    on_disk = np.moveaxis(numbers, range(3), [axes.index(axis) for axis in ("layer", "alpha", "r")])
    assert on_disk.shape == tuple(sizes[axis] for axis in axes)
    np.testing.assert_array_equal(on_disk.reshape(-1)[order], np.arange(60))


def test_axes_of_a_mesh_whose_layers_differ_are_refused(binning):
    with pytest.raises(BadValue, match="differ"):
        cell_order(("r", "alpha", "layer"), binning)


def scaled(path, response):
    """Ten showers on the mesh of dataset 2 with that response."""
    rng = np.random.default_rng(2)
    incident = rng.uniform(2e3, 9e4, 10)
    cells = rng.gamma(0.1, 1, (10, 6480))
    with h5py.File(path, "w") as file:
        file["showers"] = (cells * (response * incident / cells.sum(1))[:, None]).astype(np.float32)
        file["incident_energies"] = incident[:, None].astype(np.float32)
    return ReadOptions(binning=readout("calochallenge-2"))


def test_the_factor_of_dataset_2_is_kept_and_undone(tmp_path):
    path = tmp_path / "two.h5"
    options = scaled(path, 0.7)
    with open_any(path, options) as file:
        assert file.provenance.energy_scale == pytest.approx(1 / 0.033)
        cells = file.read().energy
    undone = tmp_path / "undone.h5"
    convert_file(path, undone, options=ReadOptions(binning=options.binning, sampling_fraction=0.033))
    with open_showers(undone) as file:
        np.testing.assert_allclose(file.read().energy, 0.033 * cells, rtol=1e-6)
        assert file.provenance.energy_scale == pytest.approx(1.0)


def test_deposited_energies_on_that_mesh_carry_no_factor(tmp_path):
    with open_any(tmp_path / "raw.h5", scaled(tmp_path / "raw.h5", 0.025)) as file:
        assert file.provenance.energy_scale is None


def test_a_sampling_fraction_is_a_fraction():
    for value in (0.0, 1.0, -0.1, 33.0, np.nan):
        with pytest.raises(BadValue, match=r"such as 0\.033"):
            ReadOptions(sampling_fraction=value)


def test_odd_showers_are_named_with_the_first(plain, mesh):
    path, cells, incident = plain
    cells[4], cells[9] = 0, 0
    cells[7] *= 5
    incident = 1000.0 * 2.0 ** np.arange(12)
    rewrite(path, showers=cells * (incident / incident.mean())[:, None] ** 0, incident_energies=np.maximum(incident, 1))
    with pytest.warns(OddShowers) as warned, open_any(path, ReadOptions(binning=mesh, units=Units(1.0, 1.0))):
        pass
    text = " | ".join(str(warning.message) for warning in warned)
    assert "2 of 12 showers looked at have no energy in any cell, the first is shower 4" in text
    assert "powers of 2" in text


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_impossible_cells_are_refused_with_their_shower(plain, mesh, value):
    path, cells, _ = plain
    cells[3, 17] = value
    rewrite(path, showers=cells)
    with pytest.raises(BadFile, match="cell energy of shower 3"):
        open_showers(path, mesh)
