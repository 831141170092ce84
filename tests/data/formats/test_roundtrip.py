"""Every pair of formats that can hold the same showers gives them back exactly."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from caloforge.data.convert import Remeshing, convert_file
from caloforge.data.formats.options import NO_OPTIONS, ReadOptions
from caloforge.data.formats.registry import FORMATS
from caloforge.data.mesh_file import MeshFile
from caloforge.data.opening import open_any
from caloforge.data.points.placement import Placement
from caloforge.data.showers import Showers
from caloforge.data.writer import write_showers
from caloforge.errors import BadFile, UnwritablePath
from caloforge.geometry.binning import Binning

MESHES = ["caloforge", "calochallenge", "par04"]
WRITTEN_MESHES = [name for name, layout in FORMATS.items() if layout.writes and layout.holds == "mesh"]
COLUMNS = ("energy", "incident_energy", "pdg", "theta", "phi")


def same(first, second):
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
    assert first.binning.same_cells(second.binning)
    assert (first.detector, first.provenance.facts) == (second.detector, second.provenance.facts)


def test_every_format_on_a_mesh_that_is_written_takes_part():
    assert {*MESHES, "calogan"} == set(WRITTEN_MESHES)


@pytest.mark.parametrize(("first", "second"), [*itertools.product(MESHES, MESHES), ("calogan", "calogan")])
def test_there_and_back(first, second, samples, sample_files, tmp_path):
    options = samples.OPTIONS.get(first, NO_OPTIONS)
    with open_any(sample_files[first], options) as file:
        original = file.read()
    convert_file(sample_files[first], tmp_path / "second.h5", second, options)
    convert_file(tmp_path / "second.h5", tmp_path / "third.h5", "caloforge")
    convert_file(tmp_path / "third.h5", tmp_path / "fourth.h5", first)
    for name in ("second.h5", "third.h5", "fourth.h5"):
        with open_any(tmp_path / name) as file:
            assert isinstance(file, MeshFile)
            same(file.read(), original)


@pytest.mark.parametrize("to", ["calochallenge", "par04"])
def test_ids_of_training_showers_and_of_changed_copies_go_along(to, samples, tmp_path):
    """A judgement leaves out the showers that trained a model, whatever file they come in."""
    from dataclasses import replace

    from caloforge.data.writer import write_showers

    cells, incident = samples.plain_energies(np.random.default_rng(1))
    own = Showers.perpendicular(cells.reshape(len(cells), -1), incident, samples.MESH)
    changed = replace(own.with_cells(own.energy * 2), training_ids=np.arange(5, dtype=np.uint64))
    write_showers(tmp_path / "own.h5", changed, "tea", {"generator": "a model"})
    convert_file(tmp_path / "own.h5", tmp_path / "other.h5", to)
    convert_file(tmp_path / "other.h5", tmp_path / "back.h5")
    with open_any(tmp_path / "back.h5") as file:
        np.testing.assert_array_equal(file.read().ids, own.ids)
        np.testing.assert_array_equal(file.training_ids, np.arange(5))


def test_blocks_are_joined_in_order(sample_files, tmp_path, monkeypatch):
    """Blocks of five showers: the last one has two."""
    from caloforge.data.formats import calochallenge, par04

    for module in (calochallenge, par04):
        monkeypatch.setattr(module, "rows_of_a_block", lambda cells: 5)
    convert_file(sample_files["caloforge"], tmp_path / "a.h5", "par04")
    convert_file(tmp_path / "a.h5", tmp_path / "b.h5")
    with open_any(sample_files["caloforge"]) as first, open_any(tmp_path / "b.h5") as second:
        same(second.read(), first.read())


def test_the_xml_is_written_beside_and_replaced_only_when_asked(sample_files, tmp_path):
    output, xml = tmp_path / "plain.hdf5", tmp_path / "plain.xml"
    xml.write_text("mine")
    with pytest.raises(UnwritablePath, match=r"plain\.xml"):
        convert_file(sample_files["caloforge"], output, "calochallenge")
    assert [path.name for path in tmp_path.iterdir()] == ["plain.xml"]
    assert xml.read_text() == "mine"
    said = []
    conversion = convert_file(sample_files["caloforge"], output, "calochallenge", overwrite=True, warn=said.append)
    assert conversion.companions == [xml]
    assert 'pid="11"' in xml.read_text()
    assert said == conversion.warnings
    assert "no place for depths of layers and provenance: kept where only caloforge reads them" in said[0]


def test_a_source_that_breaks_half_way_leaves_nothing(samples, tmp_path, monkeypatch):
    path = tmp_path / "source.h5"
    samples.native(path, np.random.default_rng(1))
    from caloforge.data.formats.calochallenge import PlainFile

    cells = PlainFile.cells

    def breaks(self, rows):
        if self.path == path and rows.start == 0 and rows.stop > 100:
            raise BadFile(path, "truncated or damaged", "make it again")
        return cells(self, rows)

    monkeypatch.setattr(PlainFile, "cells", breaks)
    for to in ("caloforge", "calochallenge", "par04"):
        with pytest.raises(BadFile, match="truncated"):
            convert_file(path, tmp_path / "out.h5", to)
        assert [place.name for place in tmp_path.iterdir()] == ["source.h5"]


def test_outputs_that_cannot_be(sample_files, tmp_path):
    with pytest.raises(UnwritablePath, match="the folder is missing"):
        convert_file(sample_files["caloforge"], tmp_path / "none" / "out.h5")
    with pytest.raises(UnwritablePath, match="stands beside"):
        convert_file(sample_files["caloforge"], tmp_path / "out.xml", "calochallenge")
    with pytest.raises(BadFile, match="it is not CaloGAN HDF5"):
        convert_file(sample_files["caloforge"], tmp_path / "out.h5", name="calogan")
    assert not list(tmp_path.iterdir())


def test_an_input_is_never_replaced(sample_files, tmp_path):
    path = tmp_path / "own.h5"
    path.write_bytes(sample_files["caloforge"].read_bytes())
    before = path.read_bytes()
    with pytest.raises(UnwritablePath, match="input"):
        convert_file(path, path, "par04", overwrite=True)
    assert path.read_bytes() == before


def test_the_command_line_converts_and_inspects(call, samples, sample_files, tmp_path):
    mesh = tmp_path / "mesh.xml"
    mesh.write_text(samples.MESH.to_xml())
    code, out, err = call("convert", sample_files["par04"], tmp_path / "own.h5", "--binning", mesh)
    assert (code, "12 showers, par04 to caloforge" in out) == (0, True)
    assert "incident_phi" in err
    code, out, _ = call("inspect", tmp_path / "own.h5")
    assert code == 0
    assert "par04" in out
    code, _, err = call("convert", sample_files["par04"], tmp_path / "own.h5", "--binning", mesh)
    assert code == 1
    assert "--overwrite" in err
    code, _, err = call("convert", sample_files["par04"], tmp_path / "new.h5", "--binning", mesh, "--axis", "w")
    assert code == 1
    assert "axis" in err


@pytest.mark.parametrize("name", ["edm4hep", "step2point", "showerdata", "caloclouds", "parquet", "csv", "npz"])
def test_points_come_back_as_the_cells_that_they_were(name, samples, sample_files, tmp_path):
    """Those in GeV to the rounding of float32, those in MeV exactly."""
    with open_any(sample_files["caloforge"]) as file:
        original = file.read()
    options = replace(samples.OPTIONS.get(name, NO_OPTIONS), binning=original.binning)
    convert_file(sample_files["caloforge"], tmp_path / "points", name, remeshing=Remeshing(place="uniform", seed=4))
    placement = Placement((0.0, 0.0, 1.0), (0.0, 0.0, 0.0)) if name == "csv" else None  # its frame is not in the file
    conversion = convert_file(
        tmp_path / "points", tmp_path / "mesh", options=options, remeshing=Remeshing(placement=placement)
    )
    assert conversion.energy_outside_mesh == 0
    with open_any(tmp_path / "mesh") as file:
        back = file.read()
    exact = name in ("parquet", "csv", "npz")
    np.testing.assert_allclose(back.energy, original.energy, rtol=0 if exact else 2e-7)
    np.testing.assert_allclose(back.incident_energy, original.incident_energy, rtol=0 if exact else 3e-7)
    np.testing.assert_array_equal(back.pdg, original.pdg)
    assert back.times is None
    assert back.detector == ("unknown" if name == "csv" else original.detector)


def test_energy_outside_adds_to_what_was_outside_before(sample_files, tmp_path):
    """Half of a shower outside a first mesh, and a part of the rest outside a second one."""
    with open_any(sample_files["caloforge"]) as file:
        showers = replace(file.read(), provenance=file.provenance.with_facts(energy_outside_mesh=0.5))
    write_showers(tmp_path / "a.h5", showers, "tea", showers.provenance)
    convert_file(tmp_path / "a.h5", tmp_path / "points", "npz")
    narrow = Binning(tuple(replace(layer, r_edges=layer.r_edges[:2]) for layer in showers.binning.layers))
    conversion = convert_file(tmp_path / "points", tmp_path / "b.h5", options=ReadOptions(binning=narrow))
    with open_any(tmp_path / "b.h5") as file:
        left = file.read().total_energy.sum() / showers.total_energy.sum()
        assert conversion.energy_outside_mesh == pytest.approx(1 - left)
        assert file.provenance.energy_outside_mesh == pytest.approx(1 - 0.5 * left)
        assert 0 < left < 1


def test_points_and_cells_by_command(call, sample_files, tmp_path):
    """From cells to points, to other points, to cells; the share outside is said, an output is not replaced."""
    mesh = ["--binning", str(tmp_path / "mesh.xml")]
    with open_any(sample_files["caloforge"]) as file:
        (tmp_path / "mesh.xml").write_text(file.binning.to_xml())
    steps = [
        ("a.root", ["--to", "edm4hep", "--place", "uniform", "--seed", "1"]),
        ("b.h5", ["--to", "showerdata", "--axis", "z", "--origin", "0,0,0", "--first-layer", "0"]),
        ("c.h5", mesh),
    ]
    source = sample_files["caloforge"]
    for name, options in steps:
        code, out, err = call("convert", source, tmp_path / name, *options)
        assert code == 0, err
        source = tmp_path / name
    assert "; 0.00% of the energy lies outside the mesh" in out
    code, _, err = call("convert", tmp_path / "b.h5", tmp_path / "c.h5", *mesh)
    assert (code, "the file exists" in err) == (1, True)
    code, _, err = call("convert", tmp_path / "a.root", tmp_path / "d.h5")
    assert (code, "give the mesh with --binning" in err) == (1, True)
    assert not (tmp_path / "d.h5").exists()


def test_what_is_odd_is_said_once_however_often_a_command_opens_the_file(call, samples, sample_files, tmp_path):
    mesh = tmp_path / "mesh.xml"
    mesh.write_text(samples.MESH.to_xml())
    code, _, err = call("merge", sample_files["par04"], "-o", tmp_path / "merged.h5", "--binning", mesh)
    assert code == 0
    assert err.count("incident_phi") == 1


def test_a_mesh_that_holds_no_energy_is_refused(sample_files, samples, tmp_path):
    source, output = sample_files["edm4hep"], tmp_path / "out.h5"
    far = Remeshing(Placement((0.0, 0.0, 1.0), 1e6))
    with pytest.raises(BadFile, match=r"all of its energy lies outside the mesh.*--origin"):
        convert_file(source, output, options=ReadOptions(binning=samples.MESH), remeshing=far)
    assert not list(tmp_path.iterdir())


def test_cells_of_a_mesh_are_not_read_by_the_encoding_of_the_detector(samples, sample_files, tmp_path):
    """EDM4hep to a mesh and to EDM4hep again: points lie in the layers of the mesh."""
    mesh, out, again = tmp_path / "mesh.h5", tmp_path / "out.root", ReadOptions(binning=samples.MESH)
    convert_file(sample_files["edm4hep"], mesh, options=again)
    convert_file(mesh, out, "edm4hep")
    with open_any(mesh) as cells, open_any(out) as points:
        hits = points[:]
        assert "cell_encoding" in cells.provenance.facts
        shower, layer = hits.shower_of_point, hits.layer
        energy = np.zeros((len(cells), samples.MESH.n_layers))
        np.add.at(energy, (shower, layer), hits.energy)
        np.testing.assert_allclose(energy, cells[:].layer_energy, rtol=1e-5)


def test_how_points_were_placed_is_kept_with_them(sample_files, tmp_path):
    convert_file(sample_files["caloforge"], tmp_path / "a.npz", "npz", remeshing=Remeshing(place="uniform", seed=7))
    with open_any(tmp_path / "a.npz") as points:
        facts = points.provenance.facts
    assert (facts["points"], facts["seed_of_points"]) == ("uniform", 7)
