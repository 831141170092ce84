"""GDML without Geant4: what is read and refused as XML, faces, the text of presets, cells that are volumes."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from caloforge.errors import BadFile, BadValue
from caloforge.geometry.cell_mesh import CellMesh, NoRings, cell_mesh
from caloforge.geometry.detector import DETECTORS, detector
from caloforge.geometry.face import Face, parse_face
from caloforge.geometry.gdml_text import read_gdml_text
from caloforge.geometry.gdml_writer import detector_to_gdml
from caloforge.geometry.materials import Material
from caloforge.geometry.stack import Detector, Slab

LOOP = '<loop for="i" from="1" to="{}" step="1">{}</loop>'
SMALL = "<gdml><solids/><structure/><setup/></gdml>"


def test_text_for_geant4_has_no_schema_comments_or_dtd(tmp_path: Path) -> None:
    path = tmp_path / "a.gdml"
    schema = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="http://a.b/gdml.xsd"'
    path.write_text(SMALL.replace("<gdml>", f"<!DOCTYPE gdml><gdml {schema}><!-- http://a.b -->"))
    text = read_gdml_text(path).text
    assert "<structure" in text
    assert "a.b" not in text
    assert "DOCTYPE" not in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not XML"),
        ("hello", "not XML"),
        (SMALL[:-9], "not XML"),
        ("<Bins/>", "root is <Bins>"),
        ("<gdml><solids/><structure/></gdml>", "lacks <setup>"),
        (SMALL.replace("<gdml>", '<!DOCTYPE gdml [<!ENTITY a SYSTEM "materials.xml">]><gdml>'), "entity 'a'"),
        (SMALL.replace("<gdml>", '<!DOCTYPE gdml [<!ENTITY % a "b">]><gdml>'), "entity 'a'"),
        (SMALL.replace("<structure/>", '<structure><file name="b.gdml"/></structure>'), "'b.gdml'"),
        (
            SMALL.replace("<structure/>", '<structure><assembly name="a"><loop/></assembly></structure>'),
            "'a' holds <loop>",
        ),
        (SMALL.replace("<setup/>", '<setup name="a"/><setup name="b"/>'), "none named Default"),
        (
            SMALL.replace("<gdml>", '<gdml><materials><material name="m"><D value="-1"/></material></materials>'),
            "density",
        ),
        (SMALL.replace("<gdml>", '<gdml><materials><material name="m"/></materials>'), "'m' has no density"),
        (SMALL.replace("<structure/>", f"<structure>{LOOP.format('2e6', '')}</structure>"), r"round 2e\+06 times"),
        (SMALL.replace("<solids/>", f"<solids>{LOOP.format('2e3', LOOP.format('1e3', ''))}</solids>"), "round 2e"),
    ],
)
def test_what_is_not_one_whole_gdml_file_is_refused(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.gdml"
    path.write_text(text)
    with pytest.raises(BadFile, match=words):
        read_gdml_text(path)


@pytest.mark.parametrize("end", ["1e6", "n", "-5"])
def test_loops_that_geant4_can_judge_are_left_to_it(end: str, tmp_path: Path) -> None:
    path = tmp_path / "a.gdml"
    path.write_text(SMALL.replace("<structure/>", f"<structure>{LOOP.format(end, '')}</structure>"))
    assert "<loop" in read_gdml_text(path).text


def test_entities_are_refused_before_they_are_expanded(tmp_path: Path) -> None:
    path = tmp_path / "a.gdml"
    path.write_text('<!DOCTYPE gdml [<!ENTITY l0 "ha"><!ENTITY l1 "&l0;&l0;">]><gdml>&l1;</gdml>')
    with pytest.raises(BadFile, match="entity 'l0'"):
        read_gdml_text(path)


@pytest.mark.parametrize("text", ["0,0,-10cm:z", "1,2m,0.5:-x", "0,0,0:1,1,-1", "0,0,0:-Z", "3,2,1:0.1,-0.2,-5"])
def test_frame_of_a_face_is_a_rotation_that_takes_its_z_to_the_direction(text: str) -> None:
    face = parse_face(text)
    np.testing.assert_allclose(face.rotation @ face.rotation.T, np.eye(3), atol=1e-15)
    np.testing.assert_allclose(np.linalg.det(face.rotation), 1)
    ahead = np.array(face.point) + 7 * np.array(face.direction) / np.linalg.norm(face.direction)
    np.testing.assert_allclose(face.from_world(ahead[None]), [[0, 0, 7]], atol=1e-12)
    points = np.random.default_rng(1).normal(size=(5, 3))
    np.testing.assert_allclose(face.to_world(face.from_world(points)), points, atol=1e-12)


def test_frame_of_a_beam_along_z_is_that_of_the_world() -> None:
    np.testing.assert_array_equal(parse_face("0,0,0:z").rotation, np.eye(3))
    assert parse_face("0,0,-10cm:+z") == Face((0, 0, -100), (0, 0, 1))


@pytest.mark.parametrize("text", ["", "0,0,0", "0,0:z", "0,0,0:w", "a,0,0:z", "0,0,nan:z", "0,0,0:0,0,0", "0,0,1kg:z"])
def test_faces_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(BadValue):
        parse_face(text)


@pytest.mark.parametrize("name", DETECTORS)
def test_gdml_of_a_preset_holds_every_slab_to_the_last_digit(name: str) -> None:
    stack = detector(name)
    root = ElementTree.fromstring(detector_to_gdml(stack))
    volumes = {v.get("name"): v for v in root.iter("volume")}
    solids = {s.get("name"): s for part in root.iter("solids") for s in part}
    world = volumes["World"].findall("physvol")
    assert len(world) == len(stack.slabs)
    for i, (place, slab) in enumerate(zip(world, stack.slabs, strict=True)):
        volume = volumes[place.find("volumeref").get("ref")]  # type: ignore[union-attr]
        solid = solids[volume.find("solidref").get("ref")]  # type: ignore[union-attr]
        assert volume.find("materialref").get("ref") == slab.material  # type: ignore[union-attr]
        assert (volume.find("auxiliary") is not None) == slab.sensitive
        if stack.inner_radius is None:
            middle = float(place.find("position").get("z", ""))  # type: ignore[union-attr]
            assert float(solid.get("z", "")) == slab.thickness
            assert middle == (stack.faces[i] + stack.faces[i + 1]) / 2
        else:
            assert float(solid.get("rmax", "")) == stack.inner_radius + stack.faces[i + 1]


def test_materials_of_ones_own_are_written_by_mass() -> None:
    glass = Material("glass", 3.85, (("Pb", 0.52), ("Si", 0.21), ("O", 0.27)))
    root = ElementTree.fromstring(detector_to_gdml(Detector("a", (Slab("glass", 10.0, True),), materials=(glass,))))
    material = root.find("materials/material")
    assert material is not None
    assert material.get("name") == "glass"
    assert [float(f.get("n", "")) for f in material.findall("fraction")] == [0.52, 0.21, 0.27]
    elements = {e.get("name"): e.get("Z") for e in root.iter("element")}
    assert [elements[f.get("ref")] for f in material.findall("fraction")] == ["82", "14", "8"]


def two_layers() -> CellMesh:
    """Three cells at one depth, and behind them two that overlap half."""
    centres = np.array([[3.0, 4, 5], [0, 0, 25], [0, 1, 5], [0, 5, 21], [-1, 0, 5]])
    depths = centres[:, 2:] + np.array([-5.0, 5.0])
    return cell_mesh("five", list("abcde"), centres, np.arange(1.0, 6.0), depths)


def test_cells_are_put_into_layers_by_depth() -> None:
    mesh = two_layers()
    assert mesh.names == ("a", "c", "e", "b", "d")
    assert [layer.n_voxels for layer in mesh.layers] == [3, 2]
    assert mesh.z_edges is not None
    np.testing.assert_array_equal(mesh.z_edges, [[0, 10], [16, 30]])
    np.testing.assert_array_equal(mesh.r_centres, [5, 1, 1, 0, 5])
    np.testing.assert_array_equal(mesh.volumes, [1, 3, 5, 2, 4])


def test_rings_of_cells_that_have_none_are_refused_in_a_sentence() -> None:
    mesh = two_layers()
    for ask in (lambda: mesh.ring_of_voxel, lambda: mesh.areas, lambda: mesh.layers[0].n_alpha):
        with pytest.raises(NoRings, match="the cells of five are volumes"):
            ask()


def test_cells_are_the_same_where_names_and_places_are() -> None:
    mesh, centres = two_layers(), two_layers().centres + 1.0
    moved = CellMesh(mesh.layers, mesh.name, None, mesh.names, centres, mesh.sizes, mesh.depths)
    assert mesh.same_cells(two_layers())
    assert mesh == two_layers()
    assert hash(mesh) == hash(two_layers())
    assert not mesh.same_cells(moved)
