"""Detectors from YAML: what is written is what is built, and what cannot be built is one sentence."""

import math
import pickle
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from caloforge.errors import BadFile, CaloforgeError, UnknownName
from caloforge.geometry.detector import DETECTORS, Detector, Slab, detector, is_preset
from caloforge.geometry.layout import detector_from_yaml, detector_to_yaml
from caloforge.geometry.materials import Material
from caloforge.geometry.readouts import READOUTS, default_readout, readout
from caloforge.simulation.readout_fit import check_readout

OWN = """
name: glass
half_width: 20cm
inner_radius: 1m
gap: G4_Galactic
materials:
  - {name: lead-glass, density: 3.85, fractions: {Pb: 0.52, Si: 0.21, O: 0.27}}
  - {name: pwo, density: 8.28, atoms: {Pb: 1, W: 1, O: 4}}
layers:
  - {material: lead-glass, thickness: 2cm, sensitive: true}
  - {at: 30, repeat: 3, stack: [{material: G4_W, thickness: 1.4}, {material: pwo, thickness: 500um, sensitive: true}]}
  - {material: G4_Fe, thickness: 1.0}
"""


def test_yaml_says_what_is_built():
    built = detector_from_yaml(OWN)
    assert built.name == "glass"
    assert (built.half_width, built.inner_radius) == (200.0, 1000.0)
    assert built.slabs[:2] == (Slab("lead-glass", 20.0, True), Slab("G4_Galactic", 10.0))
    assert built.slabs[2:4] * 3 == built.slabs[2:8] == (Slab("G4_W", 1.4), Slab("pwo", 0.5, True)) * 3
    assert built.depth == pytest.approx(30 + 3 * 1.9 + 1)
    assert [material.name for material in built.materials] == ["lead-glass", "pwo"]
    assert built.materials[0] == Material("lead-glass", 3.85, (("Pb", 0.52), ("Si", 0.21), ("O", 0.27)))


@pytest.mark.parametrize("stack", [detector_from_yaml(OWN), *map(detector, DETECTORS)], ids=lambda stack: stack.name)
def test_yaml_round_trip(stack):
    text = detector_to_yaml(stack)
    assert detector_from_yaml(text) == stack
    assert len(text.splitlines()) < 30
    assert pickle.loads(pickle.dumps(stack)) == stack
    assert eval(repr(stack), {"Detector": Detector, "Slab": Slab, "Material": Material}) == stack


def test_example_of_the_documentation():
    """docs/detectors.md is right."""
    page = Path(__file__).parents[2] / "docs" / "detectors.md"
    stack = detector_from_yaml(page.read_text(encoding="utf-8").split("```yaml")[1].split("```")[0])
    assert stack.slabs[1] == Slab("G4_AIR", 15.0)
    assert len(stack.sensitive) == 30


def changed(**changes):
    return yaml.safe_dump(yaml.safe_load(OWN) | changes)


def layers(*entries):
    return changed(layers=list(entries))


W, SI = {"material": "G4_W", "thickness": 1.0}, {"material": "G4_Si", "thickness": 1.0, "sensitive": True}
BAD = {
    "empty": ("", "mapping"),
    "not yaml": ("name: [", "YAML"),
    "no layers": ("name: x", "layers"),
    "no layer": (layers(), "layers"),
    "no name": (yaml.safe_dump({"layers": [SI]}), "field name is missing"),
    "name": (changed(name="a b/c"), "name"),
    "blind": (layers(W), "sensitive"),
    "unknown material": (layers(SI, W | {"material": "G4_Unobtainium"}), "G4_Unobtainium"),
    "gap": (changed(gap="G4_Nothing"), "G4_Nothing"),
    "boolean": (layers(SI | {"thickness": True}), "length"),
    "negative": (layers(SI, W | {"thickness": -1}), "layers.1.thickness"),
    "zero": (layers(SI | {"thickness": 0}), "layers.0.thickness"),
    "nan": (layers(SI | {"thickness": float("nan")}), "thickness"),
    "infinite": (layers(SI | {"thickness": float("inf")}), "thickness"),
    "unit": (layers(SI | {"thickness": "1 inch"}), "unit"),
    "no unit": (layers(SI | {"thickness": "1"}), "unit"),
    "no thickness": (layers({"material": "G4_Si"}), "thickness"),
    "overlap": (layers(SI, W | {"at": 0.5}), "overlaps the layer before, which ends at 1 mm"),
    "negative depth": (layers(SI | {"at": -5}), "overlaps"),
    "at inside": (layers({"repeat": 2, "stack": [SI, W | {"at": 5}]}), "stack"),
    "repeat": (layers({"repeat": 0, "stack": [SI]}), "repeat"),
    "too many": (layers({"repeat": 9999, "stack": [SI, W]}), "at most"),
    "empty stack": (layers({"repeat": 2, "stack": []}), "stack"),
    "unknown field": (changed(colour="blue"), "unknown field 'colour'"),
    "misspelt": (
        layers({"repeats": 2, "stack": [SI]}),
        "field of layers.0: 'repeats' (did you mean repeat?); choose one of at, repeat, stack; docs/detectors.md",
    ),
    "misspelt stack": (layers({"repeat": 2, "stak": [SI]}), "(did you mean stack?)"),
    "misspelt inside a stack": (
        layers({"stack": [SI, W | {"thicknes": 1}]}),
        "of layers.0.stack.1: 'thicknes' (did you mean thickness?)",
    ),
    "misspelt material": (layers(SI, W | {"material": "g4_w"}), "G4_W"),
    "unknown field of a layer": (layers(SI | {"sensitiv": True}), "sensitiv"),
    "layer is a word": (layers("G4_Si"), "layers.0"),
    "half width": (changed(half_width=0), "half_width"),
    "radius": (changed(inner_radius="-1m"), "inner_radius"),
    "no composition": (changed(materials=[{"name": "x", "density": 1}]), "fractions"),
    "two compositions": (
        changed(materials=[{"name": "x", "density": 1, "fractions": {"Si": 1}, "atoms": {"Si": 1}}]),
        "either",
    ),
    "element": (changed(materials=[{"name": "x", "density": 1, "atoms": {"Qq": 1}}]), "Qq"),
    "fractions": (changed(materials=[{"name": "x", "density": 1, "fractions": {"Si": 0.4}}]), "sum"),
    "density": (changed(materials=[{"name": "x", "density": -1, "atoms": {"Si": 1}}]), "density"),
    "kg/m3": (changed(materials=[{"name": "x", "density": 8280, "atoms": {"Si": 1}}]), "g/cm3"),
    "nist's name": (changed(materials=[{"name": "G4_W", "density": 1, "atoms": {"Si": 1}}]), "G4_W"),
    "twice": (changed(materials=[{"name": "x", "density": 1, "atoms": {"Si": 1}}] * 2), "name of a material"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_yaml_is_one_sentence(tmp_path, kind):
    text, says = BAD[kind]
    path = tmp_path / "my.yaml"
    path.write_text(text)
    with pytest.raises(BadFile) as error:
        detector(str(path))
    assert "\n" not in str(error.value)
    assert says in str(error.value)
    assert str(error.value).startswith(f"{path}: ")


def test_names_and_paths(tmp_path):
    with pytest.raises(UnknownName, match=r"a path ending in \.yaml"):
        detector("par05")
    with pytest.raises(BadFile, match="no such file"):
        detector(str(tmp_path / "none.yaml"))
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadFile, match="not a text file"):
        detector(str(tmp_path / "binary.yaml"))


def test_only_a_preset_bears_its_name(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(detector_to_yaml(detector("par04-siw")))
    assert is_preset(detector(str(path)))
    path.write_text(path.read_text().replace("1.4", "1.5"))
    with pytest.raises(BadFile, match="it is not that preset"):
        detector(str(path))
    assert not is_preset(detector_from_yaml(OWN))


@pytest.mark.parametrize("name", DETECTORS)
def test_default_readout_covers_the_preset(name):
    stack = detector(name)
    mesh = default_readout(stack)
    assert mesh.name in READOUTS
    assert mesh.z_edges[0, 0] == 0
    assert mesh.z_edges[-1, 1] == pytest.approx(stack.depth)
    assert set(check_readout(stack, mesh)) <= set(range(mesh.n_layers))
    if len(stack.sensitive) > 1:
        assert set(check_readout(stack, mesh)) == set(range(mesh.n_layers))


def test_default_readout_of_another_detector():
    stack = detector_from_yaml(OWN)
    mesh = default_readout(stack)
    assert check_readout(stack, mesh).tolist() == [0, 1, 2, 3]
    block = Detector("block", (Slab("G4_Fe", 5.0), Slab("G4_PbWO4", 230.0, sensitive=True)), 100.0)
    mesh = default_readout(block)
    assert mesh.z_edges[[0, -1], [0, 1]].tolist() == [5.0, 235.0]
    assert 20 <= mesh.n_layers <= 30
    many = Detector("many", (Slab("G4_W", 1.0), Slab("G4_Si", 1.0, sensitive=True)) * 333)
    mesh = default_readout(many)
    assert mesh.n_layers <= 50
    assert (check_readout(many, mesh) >= 0).all()


@pytest.mark.parametrize(
    ("name", "ids", "cells"),
    [
        ("calochallenge-1-photons", [0, 1, 2, 3, 12], 368),
        ("calochallenge-1-pions", [0, 1, 2, 3, 12, 13, 14], 533),
        ("calochallenge-2", list(range(45)), 6480),
        ("calochallenge-3", list(range(45)), 40500),
    ],
)
def test_meshes_of_the_calochallenge(name, ids, cells):
    """Layers and numbers of voxels as published, arXiv:2410.21611, section 2."""
    mesh = readout(name)
    assert [layer.id for layer in mesh.layers] == ids
    assert mesh.n_voxels == cells


@pytest.mark.parametrize("density", ["3.85", '"3.85 g/cm3"', "3.85 g/cm^3"])
def test_a_density_may_say_its_unit(density):
    text = f"name: x\nmaterials: [{{name: glass, density: {density}, fractions: {{Si: 1.0}}}}]\nlayers:\n"
    text += "  - {material: glass, thickness: 1, sensitive: true}\n"
    assert detector_from_yaml(text).materials[0].density == 3.85


@pytest.mark.parametrize("density", ["3.85 kg/m3", "heavy", "true", "-1 g/cm3", "8280 g/cm3"])
def test_another_unit_of_density_is_refused(density):
    text = f"name: x\nmaterials: [{{name: glass, density: {density}, fractions: {{Si: 1.0}}}}]\nlayers:\n"
    text += "  - {material: glass, thickness: 1, sensitive: true}\n"
    with pytest.raises(CaloforgeError, match="g/cm3"):
        detector_from_yaml(text)


def test_what_a_stack_holds_of_an_electron_grows_with_depth_and_falls_with_energy():
    held = [
        [Detector("x", (Slab("G4_PbWO4", depth, True),)).containment(energy) for energy in (1e3, 1e4, 1e5)]
        for depth in (50, 100, 200, 400)
    ]
    assert all(less < more for pair in pairwise(held) for less, more in zip(*pair, strict=True))
    assert all(list(row) == sorted(row, reverse=True) for row in held)
    assert held[-1][-1] > 0.999


def test_the_profile_behind_it_has_its_maximum_where_the_pdg_says():
    energy, step = 1e4, 0.02
    x0 = Detector("x", (Slab("G4_PbWO4", 1, True),)).radiation_length
    held = [Detector("x", (Slab("G4_PbWO4", (3 + step * i) * x0, True),)) for i in range(300)]
    shares = [stack.containment(energy) for stack in held]
    steepest = max(range(1, 300), key=lambda i: shares[i] - shares[i - 1])
    expected = math.log(energy / held[0].critical_energy) - 0.5
    assert held[steepest].depth / x0 == pytest.approx(expected, abs=2 * step)
