import json

import h5py
import jaxtyping
import numpy as np
import pytest

from caloforge.data.showers import Showers
from caloforge.data.splits import SPLITS, split_mask, take_split
from caloforge.data.store import ShowerFile
from caloforge.data.writer import ShowerWriter, trim_mantissa, write_showers
from caloforge.errors import BadFile, BadValue, BinningMismatch, UnwritablePath
from caloforge.geometry.binning import Binning


@pytest.fixture
def path(tmp_path, showers):
    file = tmp_path / "showers.h5"
    write_showers(file, showers[:50], "a stack", {"seed": 3})
    return file


def edit(path, change):
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def test_round_trip(path, showers, binning):
    with ShowerFile(path) as file:
        again = file.read()
        assert file.detector == "a stack"
        assert file.provenance.facts == {"seed": 3}
        assert file.binning == binning
    for name in ("energy", "incident_energy", "pdg", "theta", "phi"):
        assert np.array_equal(getattr(again, name), getattr(showers[:50], name)), name


def test_calochallenge_layout(path):
    with h5py.File(path) as file:
        assert file["showers"].shape == (50, 28)
        assert file["incident_energies"].shape == (50, 1)
        assert file["showers"].compression == "gzip"
        assert file.attrs["schema"] == "caloforge-showers-1"
        assert Binning.from_xml(file.attrs["binning_xml"]).n_voxels == 28
        json.loads(file.attrs["provenance"])


def test_datasets_say_their_units(path):
    with h5py.File(path) as file:
        units = {name: dataset.attrs.get("units") for name, dataset in file.items()}
    assert units["showers"] == units["incident_energies"] == "MeV"
    assert units["incident_theta"] == units["incident_phi"] == "rad"


def test_append_and_slices(tmp_path, showers, binning):
    file = tmp_path / "parts.h5"
    with ShowerWriter(file, binning, "a stack", {}) as writer:
        for start in range(0, 90, 30):
            writer.append(showers[start : start + 30])
        writer.note(extra=1)
        assert not file.exists()
    with ShowerFile(file) as stored:
        assert len(stored) == 90
        assert stored.provenance.facts == {"extra": 1}
        assert np.array_equal(stored[40:70].energy, showers.energy[40:70])
        joined = Showers.concatenate(list(stored.batches(17)))
        assert np.array_equal(joined.energy, showers.energy[:90])


def test_an_exception_leaves_nothing(tmp_path, showers, binning):
    def fail_halfway():
        with ShowerWriter(tmp_path / "a.h5", binning, "x", {}) as writer:
            writer.append(showers[:10])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert list(tmp_path.iterdir()) == []


def test_unwritable(tmp_path, showers):
    with pytest.raises(UnwritablePath, match="cannot write"):
        write_showers(tmp_path / "missing" / "a.h5", showers[:3], "x", {})
    assert list(tmp_path.iterdir()) == []


def test_plain_calochallenge_file_needs_a_binning(path, binning):
    def strip(file):
        for name in ("incident_pdg", "incident_theta", "incident_phi"):
            del file[name]
        for name in list(file.attrs):
            del file.attrs[name]

    edit(path, strip)
    with pytest.raises(BadFile, match="--binning"):
        ShowerFile(path)
    with ShowerFile(path, binning) as file:
        assert (file.read().pdg == 11).all()


def truncate(path):
    path.write_bytes(path.read_bytes()[:3000])


def empty(path):
    path.write_bytes(b"")


def replace(name, make):
    def change(path):
        def inside(file):
            values = make(file[name][:])
            del file[name]
            file[name] = values

        edit(path, inside)

    return change


def poison(value):
    def make(cells):
        cells[7, 3] = value
        return cells

    return make


BROKEN = {
    "truncated": (truncate, "truncated"),
    "empty": (empty, "empty"),
    "missing": (lambda path: path.unlink(), "no such file"),
    "nan": (replace("showers", poison(np.nan)), "cell energy of shower 7"),
    "infinite": (replace("showers", poison(np.inf)), "cell energy of shower 7"),
    "negative": (replace("showers", poison(-1.0)), "cell energy of shower 7 is -1.0"),
    "wrong shape": (replace("showers", lambda cells: cells[:, :-1]), "not \\(N, 28\\)"),
    "one axis": (replace("showers", lambda cells: cells.ravel()), "not \\(N, 28\\)"),
    "no showers": (replace("showers", lambda cells: cells[:0]), "holds no shower"),
    "fewer energies": (replace("incident_energies", lambda e: e[:-1]), "incident_energies has shape"),
    "zero energy": (replace("incident_energies", lambda e: 0 * e), "incident energy is 0.0"),
    "no dataset": (lambda path: edit(path, lambda file: file.__delitem__("showers")), "no dataset 'showers'"),
    "bad binning": (lambda path: edit(path, lambda f: f.attrs.__setitem__("binning_xml", "?")), "not a CaloChallenge"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_broken_files_are_one_sentence(how, path):
    harm, says = BROKEN[how]
    harm(path)
    with pytest.raises(BadFile, match=says) as caught, ShowerFile(path) as file:
        file.read()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_trimming_keeps_zeros_and_precision(showers):
    trimmed = trim_mantissa(showers.energy, 11)
    assert ((trimmed == 0) == (showers.energy == 0)).all()
    hit = showers.energy > 0
    assert np.abs(trimmed[hit] / showers.energy[hit] - 1).max() <= 2.0**-12
    assert np.array_equal(trim_mantissa(trimmed, 11), trimmed)
    assert np.array_equal(trim_mantissa(showers.energy, 23), showers.energy)
    with pytest.raises(BadValue, match="mantissa"):
        trim_mantissa(showers.energy, 0)


def test_showers_are_immutable_and_checked(showers, binning, monkeypatch):
    with pytest.raises(ValueError, match="read-only"):
        showers.energy[0, 0] = 1.0
    with pytest.raises(BadValue, match="shape of cell energies"):
        Showers.perpendicular(np.zeros((2, 5), np.float32), np.ones(2), binning)
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # as where nobody checks annotations
    one = showers[:2]
    with pytest.raises(BadValue, match="shape of pdg"):
        Showers(one.energy, one.incident_energy, one.pdg[:1], one.theta, one.phi, binning)


def test_layer_energies_sum_to_the_total(showers):
    assert np.allclose(showers.layer_energy.sum(1), showers.total_energy)


def test_other_meshes_do_not_mix(showers, tmp_path, binning):
    other = Binning(binning.layers[:2], "two")
    two = Showers.perpendicular(showers.energy[:, :24], showers.incident_energy, other)
    with pytest.raises(BinningMismatch):
        Showers.concatenate([showers, two])
    with pytest.raises(BinningMismatch), ShowerWriter(tmp_path / "a.h5", binning, "x", {}) as writer:
        writer.append(two)


def test_splits_cover_and_are_disjoint(showers):
    masks = [split_mask(showers, name) for name in SPLITS]
    assert (np.sum(masks, axis=0) == 1).all()
    for (low, high), mask in zip(SPLITS.values(), masks, strict=True):
        expected = (high - low) * len(showers)
        assert abs(mask.sum() - expected) < 5 * np.sqrt(expected)


def test_a_shower_never_changes_side(showers, tmp_path):
    """Order, neighbours and a trip through a file do not matter."""
    shuffled = showers[np.random.default_rng(1).permutation(len(showers))[:500]]
    write_showers(tmp_path / "a.h5", shuffled, "x", {})
    with ShowerFile(tmp_path / "a.h5") as file:
        stored = file.read()
    test = set(take_split(showers, "test").ids.tolist())
    assert set(take_split(stored, "test").ids.tolist()) == test & set(shuffled.ids.tolist())
    assert len(set(showers.ids.tolist())) == len(showers)
    assert stored.digest == shuffled.digest == shuffled[::-1].digest != showers.digest


def test_showers_print_in_one_line(showers):
    assert repr(showers[:0]) == "<Showers: none, tiny>"
    alike = Showers.perpendicular(
        showers.energy[:3], np.full(3, 50e3, np.float32), showers.binning, np.array([11, 22, 11], np.int32)
    )
    assert repr(alike) == "<Showers: 3, e-, gamma, 50GeV, tiny>"
