"""GDML through Geant4: what it sees in a file, cells by volumes against a mesh, and what is refused in a sentence."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import caloforge as cf
from caloforge.data.store import ShowerFile
from caloforge.errors import BadFile
from caloforge.geometry.binning import Binning
from caloforge.geometry.cell_mesh import CellMesh
from caloforge.geometry.face import parse_face
from caloforge.geometry.layer import Layer
from caloforge.geometry.materials import bulk, find_material
from caloforge.geometry.section import draw_section
from caloforge.simulation.production.gdml import GdmlSurvey, open_gdml, survey_gdml

pytestmark = pytest.mark.geant4

# One behind the other along y, in air: an assembly of two rows of crystals, each a replica with a hole drilled through;
# a block divided into four strips; a mother with two boxes of different sizes by parameters; a mirrored plate.
BLOCKS = """
<gdml>
 <define><constant name="pitch" value="20"/><rotation name="up" x="90" unit="deg"/></define>
 <materials>
  <element name="Pb-" formula="Pb" Z="82"><atom value="207.2"/></element>
  <element name="W-" formula="W" Z="74"><atom value="183.84"/></element>
  <element name="O-" formula="O" Z="8"><atom value="15.999"/></element>
  <material name="PWO0x5ab0"><D value="8.28" unit="g/cm3"/>
   <composite n="1" ref="Pb-"/><composite n="1" ref="W-"/><composite n="4" ref="O-"/></material>
 </materials>
 <solids>
  <box name="b-world" x="60" y="60" z="60" lunit="cm"/>
  <box name="b-row" x="40" y="20" z="100" lunit="mm"/>
  <box name="b-crystal" x="20" y="20" z="100" lunit="mm"/>
  <tube name="b-hole" rmax="2" z="120" deltaphi="360" aunit="deg" lunit="mm"/>
  <subtraction name="b-drilled"><first ref="b-crystal"/><second ref="b-hole"/>
   <position name="aside" x="5" unit="mm"/></subtraction>
  <box name="b-block" x="40" y="40" z="20" lunit="mm"/>
  <box name="b-strip" x="40" y="40" z="5" lunit="mm"/>
  <box name="b-mother" x="40" y="40" z="10" lunit="mm"/>
  <box name="b-cell" x="1" y="1" z="1" lunit="mm"/>
  <box name="b-plate" x="40" y="40" z="2" lunit="mm"/>
 </solids>
 <structure>
  <volume name="crystal"><materialref ref="PWO0x5ab0"/><solidref ref="b-drilled"/>
   <auxiliary auxtype="SensDet" auxvalue="ecal"/></volume>
  <volume name="row"><materialref ref="G4_AIR"/><solidref ref="b-row"/>
   <replicavol number="2"><volumeref ref="crystal"/><replicate_along_axis><direction x="1"/>
    <width value="20" unit="mm"/><offset value="0" unit="mm"/></replicate_along_axis></replicavol></volume>
  <assembly name="module">
   <physvol name="upper"><volumeref ref="row"/><position name="r1" y="pitch/2" unit="mm"/></physvol>
   <physvol name="lower"><volumeref ref="row"/><position name="r2" y="-pitch/2" unit="mm"/></physvol></assembly>
  <volume name="strip"><materialref ref="G4_POLYSTYRENE"/><solidref ref="b-strip"/>
   <auxiliary auxtype="SensDet" auxvalue="tail"/></volume>
  <volume name="block"><materialref ref="G4_POLYSTYRENE"/><solidref ref="b-block"/>
   <divisionvol axis="kZAxis" number="4" width="5" offset="0" unit="mm"><volumeref ref="strip"/></divisionvol></volume>
  <volume name="cell"><materialref ref="G4_Si"/><solidref ref="b-cell"/>
   <auxiliary auxtype="SensDet" auxvalue="tail"/></volume>
  <volume name="mother"><materialref ref="G4_AIR"/><solidref ref="b-mother"/>
   <paramvol ncopies="2"><volumeref ref="cell"/><parameterised_position_size>
    <parameters number="1"><position name="p1" x="-10" unit="mm"/><box_dimensions x="10" y="40" z="4" lunit="mm"/>
    </parameters>
    <parameters number="2"><position name="p2" x="6" unit="mm"/><box_dimensions x="20" y="40" z="8" lunit="mm"/>
    </parameters></parameterised_position_size></paramvol></volume>
  <volume name="plate"><materialref ref="G4_Si"/><solidref ref="b-plate"/>
   <auxiliary auxtype="SensDet" auxvalue="tail"/></volume>
  <volume name="World"><materialref ref="G4_AIR"/><solidref ref="b-world"/>
   <physvol><volumeref ref="module"/><rotationref ref="up"/></physvol>
   <physvol name="block"><volumeref ref="block"/><position name="y1" y="60" unit="mm"/><rotationref ref="up"/></physvol>
   <physvol name="mother"><volumeref ref="mother"/><position name="y2" y="75" unit="mm"/>
    <rotationref ref="up"/></physvol>
   <physvol name="plate" copynumber="7"><volumeref ref="plate"/><position name="y3" y="81" unit="mm"/>
    <rotationref ref="up"/><scale name="mirror" x="1" y="1" z="-1"/></physvol>
  </volume>
 </structure>
 <setup name="Default" version="1.0"><world ref="World"/></setup>
</gdml>
"""
FACE = "8,-10cm,-8:y"
EDGES = (50.0, 150.0, 155.0, 160.0, 165.0, 170.0, 180.0, 182.0)


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> GdmlSurvey:
    path = tmp_path_factory.mktemp("gdml") / "blocks.gdml"
    path.write_text(BLOCKS)
    return survey_gdml(path, face=parse_face(FACE), with_cells=True, with_section=True)


def test_cells_are_where_the_file_puts_them(blocks: GdmlSurvey) -> None:
    cells = blocks.detector.cells
    assert cells is not None
    assert [layer.n_voxels for layer in cells.layers] == [4, 1, 1, 1, 1, 2, 1]
    crystals = cells.centres[:4]
    # the hole, 5 mm off the middle of each, shifts the centre of gravity away from it
    shift = 5 * np.pi * 4 / (400 - np.pi * 4)
    assert sorted(np.round(crystals[:, 0], 1)) == sorted(np.round([-18 - shift, -18 - shift, 2 - shift, 2 - shift], 1))
    np.testing.assert_allclose(cells.volumes[:4], 100 * (400 - np.pi * 4), rtol=1e-3)  # Geant4's estimate
    np.testing.assert_allclose(cells.volumes[4:8], 40 * 40 * 5)
    np.testing.assert_allclose(cells.volumes[8:], [10 * 40 * 4, 20 * 40 * 8, 40 * 40 * 2])
    np.testing.assert_allclose(cells.depths[8:], [[173, 177], [171, 179], [180, 182]], atol=1e-9)


def test_matter_on_the_axis_and_masses(blocks: GdmlSurvey) -> None:
    stack = blocks.detector
    polystyrene, silicon = (bulk(find_material(name)).radiation_length for name in ("G4_POLYSTYRENE", "G4_Si"))
    crystal = stack.bulk_of(stack.matter[0]).radiation_length
    assert (stack.first, stack.depth) == pytest.approx((50, 182))
    assert stack.radiation_lengths == pytest.approx(
        100 / crystal + 20 / polystyrene + 10 / silicon, rel=1e-4
    )  # and air
    masses = {row["volume"]: row["mass_g"] for row in blocks.volumes}
    assert masses["strip"] == pytest.approx(1.06 * 8)
    assert masses["block"] == 0  # strips fill it
    assert {row["volume"]: row["placements"] for row in blocks.volumes}["crystal"] == 4
    assert len(draw_section(stack, blocks.section).axes) == 2


def test_cells_hold_what_a_mesh_of_their_depths_holds(blocks: GdmlSurvey, tmp_path: Path) -> None:
    """The same seeds make the same showers; copy numbers tell the one, points in the frame of the beam the other."""
    layers = tuple(Layer(i, (0.0, 1e3), 1, edges) for i, edges in enumerate(pairwise(EDGES)))
    beam = {"particle": "mu-", "energy": "2GeV", "n": 3, "seed": 5}
    cells = cf.simulate(blocks.detector, cells="volumes", output=tmp_path / "cells.h5", **beam).read()
    mesh = cf.simulate(blocks.detector, binning=Binning(layers, "depths"), **beam)
    assert (mesh.layer_energy > 0).all()
    np.testing.assert_allclose(cells.layer_energy, mesh.layer_energy, rtol=1e-5)
    with ShowerFile(tmp_path / "cells.h5") as file:
        assert isinstance(file.binning, CellMesh)
        assert file.binning == blocks.detector.cells
        assert file.provenance.face == "8,-100,-8:0,1,0"


def test_the_example_of_the_documents_is_what_they_say() -> None:
    seen = survey_gdml(Path(__file__).parents[2] / "docs/examples/testbeam.gdml", face=parse_face("0,0,0:x"))
    placed = {row["volume"]: row["placements"] for row in seen.volumes}
    assert (placed["Crystal"], placed["Strip"]) == (25, 20)
    assert seen.detector.radiation_lengths == pytest.approx(28.78, abs=0.005)
    assert seen.detector.interaction_lengths == pytest.approx(1.58, abs=0.005)
    assert sum(s.sensitive for s in seen.detector.matter) == 5


@pytest.mark.parametrize(
    ("change", "face", "sensitive", "words"),
    [
        (lambda text: text.replace("G4_Si", "G4_Sy"), FACE, None, "'G4_Sy' was not found"),
        (lambda text: text.replace('y="75"', 'y="72"'), FACE, None, "volumes overlap: block:0 with mother:0 by 3 mm"),
        (lambda text: text.replace("SensDet", "Colour"), FACE, None, "no volume is sensitive"),
        (str, FACE, ["crystals"], r"unknown sensitive volume 'crystals' \(did you mean crystal\?\)"),
        (str, "0,-1m,0:y", None, "outside the world, which reaches from"),
    ],
)
def test_faults_are_told_in_a_sentence(
    change: Callable[[str], str], face: str, sensitive: list[str] | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "faulty.gdml"
    path.write_text(change(BLOCKS))
    with pytest.raises(BadFile, match=words) as error:
        open_gdml(path, sensitive, parse_face(face))
    assert "\n" not in str(error.value)
