"""Materials: formulas against the PDG's tables, compositions, and the list of names against Geant4 itself."""

import math
import subprocess
import sys
from importlib.util import find_spec

import pytest

from caloforge.errors import BadValue
from caloforge.geometry import materials
from caloforge.geometry.materials import Material, bulk, find_material, nist_names


@pytest.mark.parametrize("name", materials._PDG)
def test_formulas_agree_with_the_table_of_the_pdg(name):
    """A copy under another name is computed; PDG, "Atomic and nuclear properties of materials" (2024)."""
    known = find_material(name)
    x0, critical = materials._PDG[name]
    computed = bulk(Material("copy", known.density, known.fractions))
    assert computed.radiation_length == pytest.approx(x0, rel=0.005)
    assert computed.critical_energy == pytest.approx(critical, rel=0.04)
    assert bulk(known).radiation_length == x0


@pytest.mark.parametrize(
    ("name", "x0", "interaction"),
    [("G4_WATER", 360.8, 833), ("G4_Cu", 14.36, 153.2), ("G4_AIR", 303_900, 747_700), ("G4_Pb", 5.612, 175.9)],
)
def test_other_materials(name, x0, interaction):
    """PDG's X0 within 1 %; its interaction lengths within the 10 % of the estimate."""
    assert bulk(find_material(name)).radiation_length == pytest.approx(x0, rel=0.01)
    assert bulk(find_material(name)).interaction_length == pytest.approx(interaction, rel=0.1)


def test_composition_by_atoms_is_that_by_mass():
    crystal, known = Material.from_atoms("PWO", 8.28, {"Pb": 1, "W": 1, "O": 4}), find_material("G4_PbWO4")
    assert dict(crystal.fractions) == pytest.approx(dict(known.fractions), rel=1e-5)


@pytest.mark.parametrize(
    ("density", "fractions", "says"),
    [
        (1.0, {"Xx": 1.0}, "element"),
        (1.0, {"Si": 0.5}, "sum"),
        (1.0, {"Si": 1.5, "O": -0.5}, "mass fraction of O"),
        (0.0, {"Si": 1.0}, "density"),
        (math.inf, {"Si": 1.0}, "density"),
        (1.0, {}, "sum"),
    ],
)
def test_bad_compositions(density, fractions, says):
    with pytest.raises(BadValue, match=says):
        Material("odd", density, tuple(fractions.items()))


def test_unknown_name_names_similar_ones():
    with pytest.raises(BadValue, match="G4_PbWO4"):
        find_material("G4_PBWO4")


LIST = """
import os
from caloforge.simulation.tables.em_data import find_data
os.environ.update(find_data().environment)
import geant4_pybind as g4
nist = g4.G4NistManager.Instance()
for name in map(str, nist.GetNistMaterialNames()):
    print("material", name, nist.FindOrBuildMaterial(name).GetRadlen())
"""


@pytest.mark.geant4
def test_the_shipped_names_are_those_of_geant4():
    """All of them, with the radiation length that Geant4 computes."""
    if find_spec("geant4_pybind") is None:
        pytest.skip("needs geant4-pybind")
    done = subprocess.run([sys.executable, "-c", LIST], capture_output=True, text=True, check=True)
    known = {
        words[1]: float(words[2]) for line in done.stdout.splitlines() if (words := line.split())[:1] == ["material"]
    }
    assert set(nist_names()) == set(known)
    for name, x0 in known.items():
        assert bulk(find_material(name)).radiation_length == pytest.approx(x0, rel=0.005), name
