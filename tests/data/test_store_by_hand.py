"""The file of showers: how many showers are judged, chunks, mantissas, columns one by one."""

import h5py
import numpy as np
import pytest

from caloforge.data import mesh_file
from caloforge.data.provenance import Provenance
from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.data.writer import ShowerWriter, trim_mantissa, write_showers
from caloforge.errors import BadFile, BadValue
from caloforge.geometry.binning import Binning, Layer


def mesh(cells) -> Binning:
    return Binning((Layer(0, (0.0, 1.0), cells),), "ring")


def beam(responses, cells=4) -> Showers:
    """Showers of 1 GeV photons with these responses, all in one cell."""
    energy = np.zeros((len(responses), cells), np.float32)
    energy[:, 0] = 1000 * np.array(responses)
    return Showers.perpendicular(energy, np.full(len(responses), 1000.0), mesh(cells), 22)


def opens(path, responses, cells=4) -> bool:
    write_showers(path, beam(responses, cells), "x", {})
    try:
        with ShowerFile(path):
            return True
    except BadFile:
        return False


@pytest.mark.parametrize("start", [0, 100, 300, 400, 575])
def test_energies_are_judged_all_over_a_file(tmp_path, start):
    """25 showers at each of 8 places of 600, 82 or 83 apart, and the last at the end: 0, 82, 164, 246, ..., 575."""
    responses = np.full(600, 0.9)
    responses[start : start + 108] = 900.0
    assert not opens(tmp_path / "a.h5", responses)


def test_between_the_places_nothing_is_judged(tmp_path):
    """600 showers: 25 to 81 lie between the first two places; each place has a mean of its own."""
    responses = np.full(600, 0.0)
    responses[25:82] = 900.0
    assert opens(tmp_path / "a.h5", responses)
    responses[82] = 25 * 1.49
    assert opens(tmp_path / "a.h5", responses)
    responses[82] = 25 * 1.51
    assert not opens(tmp_path / "a.h5", responses)


@pytest.mark.parametrize("n", [1, 25, 26, 60, 200])
def test_of_few_showers_all_are_judged(tmp_path, n):
    assert opens(tmp_path / "a.h5", [0.9] * n)
    for wrong in {0, n // 3, n // 2, n - 1}:
        responses = np.full(n, 0.9)
        responses[wrong] = 900.0
        assert not opens(tmp_path / "a.h5", responses)


def test_the_refusal_says_where(tmp_path):
    write_showers(tmp_path / "a.h5", beam([0.9] * 575 + [900.0] * 25), "x", {"geant4": "11.2"})
    with pytest.raises(BadFile, match="from shower 575, the cells hold 900 times the incident energy"):
        ShowerFile(tmp_path / "a.h5")


def test_fewer_places_of_large_meshes(tmp_path, monkeypatch):
    """Chunks are unpacked whole: of 65 showers with 1,000 cells of 4 bytes, 260 kB a place."""
    responses = np.full(400, 0.9)
    responses[150:250] = 900.0
    monkeypatch.setattr(mesh_file, "_SAMPLE_BYTES", 3 * 65 * 4000)
    assert not opens(tmp_path / "a.h5", responses, 1000)  # first, middle, last
    monkeypatch.setattr(mesh_file, "_SAMPLE_BYTES", 3 * 65 * 4000 - 1)
    assert opens(tmp_path / "a.h5", responses, 1000)  # first and last
    monkeypatch.setattr(mesh_file, "_SAMPLE_BYTES", 1)
    assert opens(tmp_path / "a.h5", responses, 1000)
    assert not opens(tmp_path / "a.h5", responses[::-1] * 0 + 9.0, 1000)


def test_a_slice_knows_where_it_comes_from(tmp_path):
    with ShowerWriter(tmp_path / "a.h5", mesh(4), "tea", Provenance(seed=1)) as writer:
        writer.append(beam([0.1, 0.2, 0.3]))
        writer.keep_training_ids(np.array([3, 7], np.uint64))
    with ShowerFile(tmp_path / "a.h5") as file:
        part = file[1:]
    assert (part.detector, part.provenance.seed, part.training_ids.tolist()) == ("tea", 1, [3, 7])


@pytest.mark.parametrize(("cells", "rows"), [(4, 2**18 // 16), (1000, 65), (2**16, 1), (2**17, 1)])
def test_chunks_of_a_quarter_of_a_mebibyte_by_shower(tmp_path, cells, rows):
    write_showers(tmp_path / "a.h5", beam([0.5], cells), "x", {})
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["showers"].chunks == (rows, cells)
        assert file["incident_energies"].chunks == (1024, 1)
        assert file["incident_pdg"].chunks == (1024,)
        for name in ("showers", "incident_energies", "incident_pdg", "incident_theta", "incident_phi"):
            assert (file[name].compression, file[name].compression_opts, file[name].shuffle) == ("gzip", 6, True)


@pytest.mark.parametrize("bits", [1, 2, 7, 22])
def test_mantissas_round_to_nearest(bits):
    """1 + k 2^-bits is kept, what lies halfway goes up, what lies below halfway goes down."""
    step = 2.0**-bits
    on_grid = np.float32([1, 1 + step, 2 - step, 4 + 4 * step, 0])
    assert trim_mantissa(on_grid, bits).tolist() == on_grid.tolist()
    assert trim_mantissa(np.float32([1 + 0.5 * step]), bits).tolist() == [1 + step]
    below = np.nextafter(np.float32(1 + 0.5 * step), np.float32(0))
    assert trim_mantissa(np.array([below]), bits).tolist() == [1]
    values = np.exp(np.random.default_rng(0).normal(0, 5, 5000)).astype(np.float32)
    assert np.abs(trim_mantissa(values, bits) / values - 1).max() <= step / 2


def test_all_bits_change_nothing_and_others_are_refused():
    values = np.random.default_rng(1).random(100).astype(np.float32)
    assert np.array_equal(trim_mantissa(values, 23), values)
    for bits in (0, 24):
        with pytest.raises(BadValue, match=f"mantissa bits is {bits}"):
            trim_mantissa(values, bits)


def test_pieces_of_a_file(tmp_path):
    """Batches, slices and columns by themselves, appended piece by piece."""
    with ShowerWriter(tmp_path / "a.h5", mesh(4), "tea", Provenance(seed=1)) as writer:
        for part in beam([0.1, 0.2, 0.3, 0.4, 0.5]).batches(2):
            writer.append(part)
        writer.keep_training_ids(np.array([7, 3, 7], np.uint64))
        writer.note(core_seconds=2.0)
    with ShowerFile(tmp_path / "a.h5") as file:
        assert len(file) == 5
        assert file.read().total_energy.tolist() == pytest.approx([100, 200, 300, 400, 500])
        assert [len(batch) for batch in file.batches(2)] == [2, 2, 1]
        assert file[1:3].total_energy.tolist() == pytest.approx([200, 300])
        assert file.incident().energy.tolist() == [1000] * 5
        assert file.incident(slice(1, 3)).pdg.tolist() == [22, 22]
        assert file.training_ids.tolist() == [3, 7]
        assert file.origin("a") == {"file": "a", "detector": "tea", "seed": 1, "core_seconds": 2.0}
        assert file.digest == beam([0.1, 0.2, 0.3, 0.4, 0.5]).digest
        assert not file.oblique


def test_without_training_ids_there_are_none(tmp_path):
    with ShowerWriter(tmp_path / "a.h5", mesh(4), "tea", {}) as writer:
        writer.append(beam([0.5]))
        writer.keep_training_ids(np.zeros(0, np.uint64))
    with ShowerFile(tmp_path / "a.h5") as file, h5py.File(tmp_path / "a.h5") as plain:
        assert len(file.training_ids) == 0
        assert "training_ids" not in plain


def change(path, name, values):
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = values


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("incident_energies", (2, 1)),
        ("incident_energies", (4, 1)),
        ("incident_energies", (3, 2)),
        ("incident_pdg", (2,)),
        ("incident_theta", (3, 3)),
        ("incident_phi", (4,)),
    ],
)
def test_columns_of_another_length_are_refused(tmp_path, name, shape):
    write_showers(tmp_path / "a.h5", beam([0.1, 0.2, 0.3]), "x", {})
    change(tmp_path / "a.h5", name, np.ones(shape))
    with pytest.raises(BadFile, match=rf"{name} has shape \({shape[0]},.* for 3 showers"):
        ShowerFile(tmp_path / "a.h5")


@pytest.mark.parametrize("shape", [(3, 3), (3, 5), (3, 2, 2), (12,), (0, 4)])
def test_cells_of_another_shape_are_refused(tmp_path, shape):
    write_showers(tmp_path / "a.h5", beam([0.1, 0.2, 0.3]), "x", {})
    change(tmp_path / "a.h5", "showers", np.ones(shape))
    with pytest.raises(BadFile, match="holds no shower" if 0 in shape else "showers have shape"):
        ShowerFile(tmp_path / "a.h5")
