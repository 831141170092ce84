import math
from dataclasses import replace

import numpy as np
import pytest

from caloforge.errors import BadFile, BadValue, UnknownName
from caloforge.geometry.binning import Binning, Layer
from caloforge.geometry.detector import DETECTORS, Detector, Slab, detector
from caloforge.geometry.readouts import READOUTS, readout


def drawn(seed: int) -> Binning:
    """A mesh of one to four layers with random rings and sectors, ids with gaps."""
    rng = np.random.default_rng(seed)
    edges = [np.cumsum([0.0, *rng.uniform(0.1, 50, rng.integers(1, 6))]).tolist() for _ in range(rng.integers(1, 5))]
    return Binning(tuple(Layer(2 * i, tuple(e), int(rng.integers(1, 8))) for i, e in enumerate(edges)), "drawn")


meshes = pytest.mark.parametrize("mesh", [drawn(seed) for seed in range(20)], ids=[f"mesh{i}" for i in range(20)])


@meshes
def test_cell_centres_fall_into_their_own_cell(mesh):
    index = mesh.flat_index(mesh.layer_of_voxel, mesh.r_centres, mesh.alpha_centres)
    assert (index == np.arange(mesh.n_voxels)).all()


@meshes
def test_xml_round_trip(mesh):
    again = Binning.from_xml(mesh.to_xml())
    assert [layer.id for layer in again.layers] == [layer.id for layer in mesh.layers]
    assert [layer.n_alpha for layer in again.layers] == [layer.n_alpha for layer in mesh.layers]
    for one, two in zip(again.layers, mesh.layers, strict=True):
        assert np.allclose(one.r_edges, two.r_edges, rtol=1e-9)


@meshes
def test_cells_tile_the_disc(mesh):
    for position, layer in enumerate(mesh.layers):
        disc = math.pi * layer.r_edges[-1] ** 2
        assert mesh.areas[mesh.layer_of_voxel == position].sum() == pytest.approx(disc)


@pytest.mark.parametrize("name", READOUTS)
def test_readouts_round_trip_through_xml(name, tmp_path):
    mesh = readout(name)
    path = tmp_path / "mesh.xml"
    path.write_text(mesh.to_xml())
    assert readout(str(path)) == mesh


def test_siw_1080_merges_siw_6480():
    fine, coarse = readout("siw-6480"), readout("siw-1080")
    assert (fine.n_voxels, coarse.n_voxels) == (6480, 1080)
    depth = fine.z_edges.mean(axis=1)[fine.layer_of_voxel]
    into = coarse.flat_index(coarse.layer_at_depth(depth), fine.r_centres, fine.alpha_centres)
    assert (np.bincount(into, minlength=1080) == 6).all()
    volume = np.bincount(into, fine.volumes)
    assert np.allclose(volume, coarse.volumes)


def test_flat_order_has_r_fastest_and_alpha_from_minus_pi(binning):
    assert binning.ring_of_voxel[:4].tolist() == [0, 1, 2, 0]
    assert binning.sector_of_voxel[:4].tolist() == [0, 0, 0, 1]
    assert binning.alpha_centres[0] == pytest.approx(-math.pi + math.pi / 4)
    assert binning.layer_starts.tolist() == [0, 12, 24, 28]


def test_points_outside_have_no_cell(binning):
    index = binning.flat_index(np.array([0, 0, -1]), np.array([20.0, 19.99, 1.0]), np.array([0.0, np.pi, 0.0]))
    assert index[0] == -1
    assert index[1] >= 0
    assert index[2] == -1
    assert binning.layer_at_depth(np.array([-0.1, 0.0, 10.0, 49.9, 50.0])).tolist() == [-1, 0, 1, 2, -1]


def test_calochallenge_xml_with_empty_layers():
    text = """<Bins><Bin pid="22" name="photon">
        <Layer id="0" r_edges="0,5,10" n_bin_alpha="1"/><Layer id="1" r_edges="0" n_bin_alpha="1"/>
        <Layer id="2" r_edges="0,4" n_bin_alpha="10"/></Bin></Bins>"""
    mesh = Binning.from_xml(text)
    assert [layer.id for layer in mesh.layers] == [0, 2]
    assert mesh.n_voxels == 12
    assert mesh.to_xml().count("<Layer") == 3
    assert mesh.z_edges is None
    with pytest.raises(BadValue, match="no depth"):
        _ = mesh.volumes
    with pytest.raises(BadValue, match="depth"):
        mesh.layer_at_depth(np.zeros(1))


@pytest.mark.parametrize(
    "text",
    ["", "<Bins/>", "not xml", '<Bins><Bin><Layer id="0" r_edges="0,x" n_bin_alpha="1"/></Bin></Bins>',
     '<Bins><Bin><Layer r_edges="0,1" n_bin_alpha="1"/></Bin></Bins>',
     '<Bins><Bin><Layer id="0" r_edges="3,1" n_bin_alpha="1"/></Bin></Bins>'],
)  # fmt: skip
def test_bad_xml_is_one_sentence(text):
    with pytest.raises(BadFile, match=r"mesh\.xml: not a CaloChallenge binning"):
        Binning.from_xml(text, "mesh.xml")


@pytest.mark.parametrize("edges", [(0.0,), (0.0, 0.0), (2.0, 1.0), (-1.0, 1.0), (0.0, math.inf)])
def test_bad_edges(edges):
    with pytest.raises(BadValue, match="r_edges"):
        Layer(0, edges, 1)


def test_unknown_names(tmp_path):
    with pytest.raises(UnknownName, match="siw-1080"):
        readout("siw-1081")
    with pytest.raises(BadFile, match="no such file"):
        readout(str(tmp_path / "none.xml"))
    with pytest.raises(UnknownName, match="par04-siw"):
        detector("par05")


def test_par04_siw_is_the_published_stack():
    stack = detector("par04-siw")
    assert stack.depth == pytest.approx(90 * 1.7)
    assert len(stack.sensitive) == 90
    # By hand: 1/X0 = (1.4/3.504 + 0.3/93.70)/1.7 per mm.
    assert stack.radiation_length == pytest.approx(1.7 / (1.4 / 3.504 + 0.3 / 93.70))
    assert 9 < stack.moliere_radius < 13


@pytest.mark.parametrize("name", DETECTORS)
def test_detectors_have_increasing_faces(name):
    assert (np.diff(detector(name).faces) > 0).all()


def test_single_material_keeps_its_own_properties():
    lead = Detector("lead", (Slab("G4_Pb", 10.0, sensitive=True),))
    assert lead.radiation_length == pytest.approx(5.612)
    assert lead.moliere_radius == pytest.approx(16.02, abs=0.02)  # PDG: 18.18 g/cm2 over 11.35 g/cm3


def test_bad_detectors():
    with pytest.raises(BadValue, match="sensitive"):
        Detector("blind", (Slab("G4_W", 1.0),))
    with pytest.raises(BadValue, match="thickness"):
        Slab("G4_W", 0.0)
    with pytest.raises(BadValue, match="material"):
        Detector("odd", (Slab("G4_Unobtainium", 1.0, sensitive=True),))


@pytest.mark.parametrize("name", READOUTS)
def test_a_mesh_without_depths_cuts_into_the_same_cells(name):
    """The CaloChallenge's XML files know no depths, our readouts do; the cells of a shower are the same."""
    mesh = readout(name)
    bare = Binning(tuple(replace(layer, z_edges=None) for layer in mesh.layers), "bare")
    assert mesh.same_cells(bare)
    assert bare.same_cells(mesh)
    assert bare.with_depths_of(mesh) is mesh
    assert mesh.z_edges is None or mesh.with_depths_of(bare) is mesh


def test_other_rings_sectors_ids_or_depths_are_other_cells():
    layer = Layer(0, (0.0, 1.0, 2.0), 4, (0.0, 1.0))
    others = [{"r_edges": (0.0, 1.0, 3.0)}, {"n_alpha": 8}, {"id": 1}, {"z_edges": (0.0, 2.0)}]
    for change in others:
        assert not Binning((layer,)).same_cells(Binning((replace(layer, **change),)))
    assert not Binning((layer,)).same_cells(Binning((layer, replace(layer, id=1))))


BOMB = '<!DOCTYPE Bins [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><Bins><Bin pid="11" name="&b;"/></Bins>'
FETCH = '<!DOCTYPE Bins SYSTEM "file:///etc/hostname"><Bins><Bin pid="11" name="x"/></Bins>'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "document type"),
        (FETCH, "document type"),
        ('<Bins><Bin><Layer id="0" r_edges="0,1" n_bin_alpha="1000000000000"/></Bin></Bins>', "more than"),
        ('<Bins><Bin><Layer id="0" r_edges="0,1" n_bin_alpha="2" z_edges="1"/></Bin></Bins>', "not a CaloChallenge"),
        ('<Bins><Bin><Layer id="0" r_edges="0,1" n_bin_alpha="2"/><Layer id="0" r_edges="0,1" n_bin_alpha="2"/>'
         "</Bin></Bins>", "ids increasing"),
        ('<Bins><Bin pid="11"><Layer id="0" r_edges="0,nan" n_bin_alpha="2"/></Bin></Bins>', "increasing radii"),
    ],
)  # fmt: skip
def test_foreign_xml_is_refused_in_a_sentence(text, says):
    with pytest.raises(BadFile, match=says):
        Binning.from_xml(text)
