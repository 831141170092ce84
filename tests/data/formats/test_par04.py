"""HDF5 of Par04 and LEMURS: order of the axes, angles to the beam, spellings old and new."""

import math

import h5py
import numpy as np
import pytest

from caloforge.data.formats.options import ReadOptions
from caloforge.data.opening import open_any
from caloforge.data.showers import Showers
from caloforge.errors import BadFile, BadValue, OddShowers, UnitsUnknown


@pytest.fixture
def options(samples):
    return ReadOptions(binning=samples.MESH)


def test_z_is_fastest(sample_files, options):
    """A cell of the file, by its indices in r, phi and z, is that of the mesh with this ring, sector and layer."""
    with h5py.File(sample_files["par04"]) as raw, open_any(sample_files["par04"], options) as file:
        showers, mesh = file.read(), file.binning
        for r, phi, z in ((0, 0, 0), (2, 1, 4), (1, 3, 2)):
            cell = np.flatnonzero(
                (mesh.ring_of_voxel == r) & (mesh.sector_of_voxel == phi) & (mesh.layer_of_voxel == z)
            )
            np.testing.assert_array_equal(showers.energy[:, cell[0]], raw["showers"][:, r, phi, z])
        np.testing.assert_array_equal(showers.incident_energy, raw["incident_energy"])


def test_a_barrel_is_hit_straight_on_at_a_right_angle_to_the_beam(tmp_path, samples, options):
    path = tmp_path / "angles.h5"
    samples.par04(path, np.random.default_rng(1))
    with h5py.File(path, "r+") as file:
        file["incident_theta"][:3] = math.pi / 2, math.pi / 2 - 0.3, math.pi / 2 + 0.3
    with pytest.warns(OddShowers, match="incident_phi"), open_any(path, options) as file:
        incident = file.incident(slice(0, 3))
    np.testing.assert_allclose(incident.theta, [0, 0.3, 0.3], atol=1e-6)
    np.testing.assert_allclose(np.cos(incident.phi[1:]), [1, -1])


def keyed(path, samples, names):
    """One dataset of showers for each name."""
    cells, incident = samples.plain_energies(np.random.default_rng(3))
    with h5py.File(path, "w") as file:
        for number, (name, energy) in enumerate(names.items()):
            part = slice(4 * number, 4 * number + 4)
            scale = energy / incident[part]
            file[name] = (cells[part] * scale[:, None, None, None]).transpose(0, 3, 2, 1).astype(np.float64)


def test_old_files_name_energy_and_angle_by_the_dataset(tmp_path, samples, options):
    path = tmp_path / "old.h5"
    keyed(path, samples, {"Angle_90/64": 64e3, "Angle_90/2": 2e3, "Angle_60/16": 16e3})
    with open_any(path, options) as file:
        showers = file.read()
        assert showers.incident_energy.tolist() == [16e3] * 4 + [2e3] * 4 + [64e3] * 4
        np.testing.assert_allclose(showers.theta, [math.radians(30)] * 4 + [0] * 8, atol=1e-7)
        for rows in (slice(2, 10), slice(3, 4), slice(5, 5), slice(1, 12, 3), slice(0, 12, 5), slice(8, None)):
            part = file[rows]
            np.testing.assert_array_equal(part.energy, showers.energy[rows])
            np.testing.assert_array_equal(part.incident_energy, showers.incident_energy[rows])


def test_a_dataset_named_by_the_print_of_its_energies(tmp_path, samples, options):
    keyed(tmp_path / "printed.h5", samples, {"[3000. 3000. 3000. 3000.]": 3e3})
    with open_any(tmp_path / "printed.h5", options) as file:
        assert file.incident().energy.tolist() == [3e3] * 4
    keyed(tmp_path / "cut.h5", samples, {"[3000. 3000.]": 3e3})
    with pytest.raises(BadFile, match="2 energies and holds 4 showers"):
        open_any(tmp_path / "cut.h5", options)


def changed(tmp_path, samples, change):
    path = tmp_path / "changed.h5"
    samples.par04(path, np.random.default_rng(1))
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def replaced(name, values):
    def change(file):
        del file[name]
        file[name] = values

    return change


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("incident_energy", np.ones(3), "incident_energy has shape"),
        ("incident_theta", np.full((12, 2), 1.5), "incident_theta has shape"),
        ("incident_theta", np.full(12, np.nan), "theta is nan"),
        ("incident_energy", np.full(12, np.nan), "incident energy is nan"),
        ("incident_energy", np.zeros(12), "incident energies are positive"),
        ("showers", np.zeros((0, 3, 4, 5)), "has shape|no shower"),
        ("showers", np.ones((12, 3, 4, 6)), "not those of binning"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, samples, options, name, values, says):
    with pytest.raises(BadFile, match=says):
        open_any(changed(tmp_path, samples, replaced(name, values)), options)


def test_units_are_asked_as_for_every_file_that_does_not_say_them(tmp_path, samples, options):
    _, incident = samples.plain_energies(np.random.default_rng(1))
    path = changed(tmp_path, samples, replaced("incident_energy", incident / 1000))
    with pytest.raises(UnitsUnknown, match="incident=GeV"):
        open_any(path, options)


def test_the_order_of_the_calochallenge_is_told_by_the_known_mesh(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["showers"], file["incident_energy"] = np.ones((2, 45, 16, 9)), np.full(2, 9e3)
    with pytest.raises(BadFile, match="layer,alpha,r"):
        open_any(tmp_path / "other.h5")


def test_a_mesh_whose_layers_differ_has_no_place(tmp_path, binning, showers):
    from caloforge.data.convert import convert_file
    from caloforge.data.writer import write_showers

    write_showers(tmp_path / "own.h5", showers[:20], "tea", {})
    with pytest.raises(BadValue, match="choose another --to"):
        convert_file(tmp_path / "own.h5", tmp_path / "par04.h5", "par04")
    assert list(tmp_path.iterdir()) == [tmp_path / "own.h5"]


def test_angles_and_particles_come_back_exactly(tmp_path, samples):
    from caloforge.data.convert import convert_file
    from caloforge.data.writer import write_showers

    rng = np.random.default_rng(5)
    cells, incident = samples.plain_energies(rng)
    angles = rng.uniform(0, 1, 12).astype(np.float32), rng.uniform(-3, 3, 12).astype(np.float32)
    pdg = rng.choice([11, 22, -211], 12).astype(np.int32)
    own = Showers(cells.reshape(12, -1), incident, pdg, *angles, samples.MESH)
    write_showers(tmp_path / "own.h5", own, "tea", {"seed": 4})
    convert_file(tmp_path / "own.h5", tmp_path / "par04.h5", "par04")
    with h5py.File(tmp_path / "par04.h5") as file:  # for programs that know theta alone: the cosine to the beam
        np.testing.assert_allclose(np.cos(file["incident_theta"][:]), np.sin(own.theta) * np.cos(own.phi), atol=1e-6)
    with open_any(tmp_path / "par04.h5") as file:
        back = file.read()
    for name in ("energy", "incident_energy", "pdg", "theta", "phi"):
        np.testing.assert_array_equal(getattr(back, name), getattr(own, name))
    assert (back.binning, back.detector, back.provenance.seed) == (own.binning, "tea", 4)
