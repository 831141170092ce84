"""CaloGAN: GeV beside MeV, three layers of three shapes, cells in straight rows."""

import h5py
import numpy as np
import pytest

from caloforge.data.convert import convert_file
from caloforge.data.formats.options import ReadOptions, Units
from caloforge.data.opening import open_any
from caloforge.errors import BadFile, OddShowers, UnitsUnknown
from caloforge.geometry.calogan_mesh import CALOGAN_SHAPES, calogan_mesh

POSITRONS = ReadOptions(particle=-11)


def test_the_cells_fill_the_calorimeter():
    mesh = calogan_mesh()
    assert [layer.n_voxels for layer in mesh.layers] == [288, 144, 72]
    assert mesh.volumes.sum() == pytest.approx(480.0**3)
    for layer, (n_phi, n_eta) in enumerate(CALOGAN_SHAPES):
        x, y = mesh.centres[mesh.layer_of_voxel == layer, :2].T.reshape(2, n_phi, n_eta)
        assert np.allclose(x, x[0])
        assert np.allclose(y, y[:, :1])
        np.testing.assert_allclose(np.diff(x[0]), 480 / n_eta)
        np.testing.assert_allclose(np.diff(y[:, 0]), 480 / n_phi)
        assert x.sum() == pytest.approx(0, abs=1e-6)


def test_each_cell_of_the_arrays_is_that_of_the_mesh(sample_files):
    with pytest.warns(OddShowers, match="overflow"):
        file = open_any(sample_files["calogan"], POSITRONS)
    with h5py.File(sample_files["calogan"]) as raw, file:
        showers = file.read()
        for layer, row, column in ((0, 0, 0), (0, 2, 95), (1, 5, 7), (2, 11, 0)):
            cell = file.binning.names.index(f"{layer}/{row}/{column}")
            np.testing.assert_allclose(showers.energy[:, cell], raw[f"layer_{layer}"][:, row, column], rtol=1e-7)
        np.testing.assert_allclose(showers.incident_energy, 1000 * raw["energy"][:, 0], rtol=1e-6)
    response = showers.total_energy / showers.incident_energy
    np.testing.assert_allclose(response, 0.99, rtol=1e-5)
    assert (showers.pdg == -11).all()


def test_the_particle_is_asked_for(sample_files):
    with pytest.raises(BadFile, match=r"does not say its particle.*--particle e\+"):
        open_any(sample_files["calogan"])


def test_other_units_are_asked_and_taken(samples, tmp_path):
    path = tmp_path / "mev.h5"
    samples.calogan(path, np.random.default_rng(1))
    with h5py.File(path, "r+") as file:
        for layer in range(3):
            file[f"layer_{layer}"][:] *= 1000  # keV
    with pytest.raises(UnitsUnknown, match="cells=keV"):
        open_any(path, POSITRONS)
    with open_any(path, ReadOptions(particle=-11, units=Units(incident=1000.0, cells=1e-3))) as file:
        showers = file.read()
        np.testing.assert_allclose(showers.total_energy / showers.incident_energy, 0.99, rtol=1e-5)


def test_other_cells_have_no_place(sample_files, tmp_path):
    with pytest.raises(BadFile, match="504 alone"):
        convert_file(sample_files["caloforge"], tmp_path / "out.h5", "calogan")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["layer_0", "layer_1", "layer_2", "energy"])
def test_other_shapes_are_refused(samples, tmp_path, name):
    path = tmp_path / "other.h5"
    samples.calogan(path, np.random.default_rng(1))
    with h5py.File(path, "r+") as file:
        values = file[name][:]
        del file[name]
        file[name] = np.concatenate([values, values[:1]])
    with pytest.raises(BadFile, match="has shape"):
        open_any(path, POSITRONS)
