"""What comes from outside: other kinds of file, files in use, degrees for radians, GeV for MeV."""

import gzip
import subprocess
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest

from caloforge.data.incident import Incident
from caloforge.data.store import ShowerFile
from caloforge.data.writer import write_showers
from caloforge.errors import BadFile, BadValue
from caloforge.geometry.binning import Binning
from caloforge.geometry.readouts import READOUTS

KINDS = {
    "ROOT": b"root\x00\x00\xf6\x20" + bytes(60),
    "LCIO": bytes.fromhex("00000048abadcafe") + bytes(60),
    "npz": b"PK\x03\x04" + bytes(60),
    "git-lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "gzip": gzip.compress(b"showers", mtime=0),
    "empty": b"",
    "truncated": b"\x89HDF\r\n\x1a\n" + bytes(10),
    "not an HDF5": b"energy,theta\n1,2\n",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_no_hdf5_is_named(tmp_path, kind):
    path = tmp_path / "showers.h5"
    path.write_bytes(KINDS[kind])
    with pytest.raises(BadFile, match=kind):
        ShowerFile(path)


def test_a_folder_is_named(tmp_path):
    with pytest.raises(BadFile, match="a folder"):
        ShowerFile(tmp_path)


def test_a_file_that_another_process_writes_is_in_use(tmp_path, showers):
    path = tmp_path / "showers.h5"
    write_showers(path, showers[:10], "tea", {})
    code = f"import h5py, sys; f = h5py.File({str(path)!r}, 'r+'); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True) as other:
        other.stdout.readline()
        with pytest.raises(BadFile, match="open in a process that writes it"):
            ShowerFile(path)
        other.communicate("")
    with ShowerFile(path) as file:
        assert len(file) == 10


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("theta", np.nan, "radians"),
        ("theta", -0.3, "measured from the normal"),
        ("theta", 30.0, "degrees"),
        ("theta", 1.58, "flies away"),
        ("phi", np.inf, "radians"),
        ("phi", 180.0, "degrees"),
    ],
)
def test_directions_are_radians_towards_the_calorimeter(showers, name, value, says):
    angles = np.zeros(10)
    angles[3] = value
    with pytest.raises(BadValue, match=says):
        replace(showers[:10], **{name: angles})
    with pytest.raises(BadValue, match=says):
        replace(Incident.of(showers[:10]), **{name: angles})


def test_the_largest_directions_pass_in_float32(showers):
    edge = replace(
        showers[:2], theta=np.full(2, np.pi / 2, np.float32), phi=np.array([-2 * np.pi, 2 * np.pi], np.float32)
    )
    assert len(edge) == 2


@pytest.mark.parametrize("provenance", [{}, {"geant4": "11.2", "detector": "tea"}, {"engine": "gflash"}])
def test_incident_energies_in_gev_are_refused(tmp_path, showers, provenance):
    """Whatever the file says of its origin: a script that changes energies may well copy attributes."""
    wrong = replace(showers[:50], incident_energy=showers[:50].incident_energy / 1000)
    write_showers(tmp_path / "wrong.h5", wrong, "tea", provenance)
    with pytest.raises(BadFile, match="in GeV"):
        ShowerFile(tmp_path / "wrong.h5")


@pytest.mark.parametrize("merged", [False, True])
def test_a_model_may_make_any_energies_and_is_doubted(tmp_path, showers, merged):
    wrong = replace(showers[:50], incident_energy=showers[:50].incident_energy / 1000)
    origin = {"generator": "a bad model"}
    parts = {"parts": [{"file": "a.h5", "showers": 50, "provenance": origin}]}
    write_showers(tmp_path / "model.h5", wrong, "tea", parts if merged else origin)
    with ShowerFile(tmp_path / "model.h5") as file:
        (doubt,) = file.doubts
    assert "are incident energies in GeV" in doubt


def test_the_energy_of_an_annihilation_is_no_wrong_unit(tmp_path, showers):
    """A slow antiproton leaves the mass of two protons."""
    energy = np.zeros_like(showers.energy[:50])
    energy[:, 0] = 1800.0
    slow = replace(showers[:50], energy=energy, incident_energy=np.full(50, 100.0), pdg=np.full(50, -2212, np.int32))
    write_showers(tmp_path / "slow.h5", slow, "tea", {})
    with ShowerFile(tmp_path / "slow.h5") as file:
        assert file.doubts == ()


def test_cells_in_gev_are_doubted(tmp_path, showers):
    write_showers(tmp_path / "right.h5", showers[:50], "tea", {})
    write_showers(tmp_path / "wrong.h5", replace(showers[:50], energy=showers[:50].energy / 1000), "tea", {})
    with ShowerFile(tmp_path / "right.h5") as right, ShowerFile(tmp_path / "wrong.h5") as wrong:
        assert right.doubts == ()
        assert "cells in GeV" in wrong.doubts[0]


def test_columns_may_have_one_column(tmp_path, showers):
    path = tmp_path / "columns.h5"
    oblique = replace(showers[:10], theta=np.linspace(0, 0.5, 10), pdg=np.full(10, 22, np.int32))
    write_showers(path, oblique, "tea", {})
    with h5py.File(path, "r+") as file:
        for name in ("incident_theta", "incident_phi", "incident_pdg"):
            values = file[name][:]
            del file[name]
            file[name] = values[:, None]
    with ShowerFile(path) as file:
        read = file.read()
    np.testing.assert_allclose(read.theta, oblique.theta, rtol=1e-6)
    assert (read.pdg == 22).all()


@pytest.mark.parametrize(("pid", "pdg"), [("22", 22), ("211", 211), ("11", 11), (None, 11)])
def test_the_xml_names_the_particle_of_a_plain_file(tmp_path, pid, pdg):
    attribute = f'pid="{pid}"' if pid else ""
    layer = '<Layer id="0" r_edges="0,1,2" n_bin_alpha="2"/>'
    mesh = Binning.from_xml(f'<Bins><Bin {attribute} name="small">{layer}</Bin></Bins>')
    assert mesh.pdg == (int(pid) if pid else None)
    assert Binning.from_xml(mesh.to_xml()) == mesh
    assert Binning.from_xml(mesh.to_xml()).pdg == pdg
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file["showers"], file["incident_energies"] = np.ones((3, 4)), np.full((3, 1), 2000.0)
    with ShowerFile(tmp_path / "plain.h5", mesh) as file:
        assert file.read().pdg.tolist() == [pdg] * 3
        assert file.incident().pdg.tolist() == [pdg] * 3


def test_the_challenges_meshes_know_their_particle():
    pdgs = {name: make().pdg for name, make in READOUTS.items() if name.startswith("calochallenge")}
    assert list(pdgs.values()) == [22, 211, 11, 11]
