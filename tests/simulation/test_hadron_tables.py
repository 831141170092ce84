"""The approximate hadronic tables against laws: positive, sum rules, thresholds, joined to Geant4's own models.

Giant dipole resonance: Thomas, Reiche and Kuhn's sum rule 60 NZ/A MeV mb. Neutrons: measured cross sections, none of
which went into the tables (see the names below).
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from caloforge.simulation.tables import em_data, hadron_tables
from caloforge.simulation.tables.em_data import DATASETS, find_data, write_hadron_tables
from caloforge.simulation.tables.hadron_tables import (
    NEUTRON_GRID,
    PHOTON_GRID,
    elements,
    neutron,
    photonuclear,
)
from caloforge.simulation.tables.neutron_resonances import resonances
from caloforge.simulation.tables.neutron_values import fast_neutrons

ELEMENTS = {element.z: element for element in elements()}
# barn at 14.1 MeV: Poss, Salant, Snow and Yuan, "Total Cross Sections for 14-Mev Neutrons", Phys. Rev. 87 (1952) 11
TOTAL_14_MEV = {1: 0.689, 6: 1.279, 7: 1.7, 8: 1.64}
# barn: "Nonelastic Cross Sections of Pb206 and Pb208 for 14-MeV Neutrons" (Phys. Rev.), natural lead, copper, bismuth
NONELASTIC_14_MEV = {29: 1.44, 82: 2.53, 83: 2.53}
FIRST_LEVEL = {6: 4.44, 13: 0.844, 14: 1.273, 18: 1.461, 29: 0.670}  # MeV, ENSDF; of silicon that of Si-29


@pytest.fixture(autouse=True)
def no_datasets(monkeypatch):
    for variable in (*DATASETS, "GEANT4_DATA_DIR"):
        monkeypatch.delenv(variable, raising=False)


def test_all_elements_are_there():
    assert list(ELEMENTS) == list(range(1, 99))
    assert all(element.a >= element.z for element in ELEMENTS.values())


@pytest.mark.parametrize("z", range(1, 99))
def test_cross_sections_are_finite_and_not_negative(z):
    element = ELEMENTS[z]
    tables = [*neutron(element, NEUTRON_GRID).values(), photonuclear(element, PHOTON_GRID)]
    for sigma in tables:
        assert np.isfinite(sigma).all()
        assert (sigma >= 0).all()
    assert (neutron(element, NEUTRON_GRID)["el"] > 0.05).all()


@pytest.mark.parametrize("z", range(2, 99))
def test_neutron_tables_end_at_the_model(z):
    inelastic, elastic = ELEMENTS[z].at_end()
    last = {name: sigma[-1] for name, sigma in neutron(ELEMENTS[z], NEUTRON_GRID).items()}
    assert last["inel"] == pytest.approx(inelastic, rel=1e-6)
    assert last["el"] == pytest.approx(elastic, rel=1e-6)


@pytest.mark.parametrize(("z", "total"), TOTAL_14_MEV.items())
def test_total_cross_section_of_14_mev_neutrons(z, total):
    """Light nuclei, outside the range of the optical potential and just before the join: within 20 %."""
    assert sum(s[0] for s in neutron(ELEMENTS[z], np.array([14.1])).values()) == pytest.approx(total, rel=0.20)


@pytest.mark.parametrize(("z", "nonelastic"), NONELASTIC_14_MEV.items())
def test_nonelastic_cross_section_of_14_mev_neutrons(z, nonelastic):
    assert neutron(ELEMENTS[z], np.array([14.0]))["inel"][0] == pytest.approx(nonelastic, rel=0.10)


def test_neutron_proton_scattering_by_effective_ranges():
    """20.43 b at zero energy: R. W. Hackenburg, Phys. Rev. C 73 (2006) 044002; bound ones four times as much."""
    sigma = neutron(ELEMENTS[1], np.array([1e-8, 1e-3]))["el"]
    assert sigma == pytest.approx(np.full(2, 20.43), rel=0.015)


@pytest.mark.parametrize(("z", "level"), FIRST_LEVEL.items())
def test_nothing_inelastic_below_the_first_level(z, level):
    """In silicon a neutron of 1 MeV can only scatter elastically: fragments of such neutrons are the trap."""
    threshold = level * (1 + 1 / ELEMENTS[z].a)
    below, above = neutron(ELEMENTS[z], np.array([0.9 * threshold, 1.15 * threshold]))["inel"]
    assert below < 0.01  # rare isotopes
    assert above > 0


@pytest.mark.parametrize("z", range(1, 99))
def test_slow_neutrons_are_the_measured_ones(z):
    """Thermal scattering of the free atom, absorption at 2200 m/s, smooth capture the average at 30 keV."""
    element = ELEMENTS[z]
    thermal, average = neutron(element, np.array([2.53e-8])), neutron(element, np.array([0.03]))
    assert thermal["el"][0] == pytest.approx(element.scattering * (element.a / (element.a + 1)) ** 2, rel=1e-3)
    assert thermal["cap"][0] + thermal["inel"][0] == pytest.approx(element.absorption, rel=1e-3)
    assert z in resonances() or average["cap"][0] == pytest.approx(element.capture, rel=1e-3)


@pytest.mark.parametrize("z", range(1, 99))
def test_tables_are_smooth_up_to_the_join(z):
    """No jump between neighbours on a fine grid, and no more in the last MeV than elsewhere.

    From 5 MeV on; from 13 MeV on where there are evaluated data, which have the structure of light nuclei up to there.
    """
    grid = np.arange(13 if z in resonances() else 5, 20.01, 0.05)
    for name in ("el", "inel")[: 1 if z == 1 else 2]:
        sigma = neutron(ELEMENTS[z], grid)[name]
        step = np.abs(np.diff(sigma)) / sigma.max()
        assert step.max() < (0.04 if z in resonances() else 0.03), name
        assert step[-20:].max() < 0.02, name


def test_every_value_of_fast_neutrons_says_its_source():
    sources = {z: fast.source for z, fast in fast_neutrons().items()}
    assert sources[1] == "effective ranges"
    assert {sources[z] for z in (13, 14, 26, 74, 82)} == {"optical model"}
    assert sources[6] == "optical model, outside its range of A"
    for fast in fast_neutrons().values():
        assert (fast.nonelastic <= fast.total).all()
        assert fast.nonelastic[0] < 0.05 * fast.total[0]


def test_thermal_capture_is_that_of_sears():
    for z, expected in ((14, 0.171), (74, 18.3), (48, 2520)):
        thermal = neutron(ELEMENTS[z], np.array([2.53e-8]))["cap"][0]
        assert thermal == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("z", [13, 14, 26, 29, 50, 82])
def test_giant_dipole_exhausts_the_sum_rule(z, monkeypatch):
    """Alone, and without a threshold, it integrates to 60 N Z / A MeV mb; 0.03 % of that lie above 10 GeV."""
    element = replace(ELEMENTS[z], separation=-100.0)
    energy = np.geomspace(1e-3, 1e4, 20_000)
    monkeypatch.setattr(hadron_tables, "_deuteron", np.zeros_like)
    dipole = 1e3 * photonuclear(element, energy)
    assert np.trapezoid(dipole, energy) == pytest.approx(60 * z * (element.a - z) / element.a, rel=1e-3)
    peak = energy[dipole.argmax()]
    assert peak == pytest.approx(31.2 * element.a ** (-1 / 3) + 20.6 * element.a ** (-1 / 6), rel=1e-3)


def test_quasi_deuterons_add_what_is_measured():
    """Up to 130 MeV the integral is 1.4 times the sum of the dipole from aluminium to lead; measured: 1.2 to 1.8."""
    energy = np.linspace(1, 130, 5000)
    for element in (ELEMENTS[z] for z in (13, 14, 26, 29, 50, 82)):
        total = np.trapezoid(1e3 * photonuclear(element, energy), energy)
        assert total / (60 * element.z * (element.a - element.z) / element.a) == pytest.approx(1.4, rel=0.02)


def test_deuterons_break_as_the_range_expansion_says():
    """The cross section is largest at twice the binding energy, 2.3 mb."""
    energy = np.linspace(1, 20, 19_001)
    deuteron = hadron_tables._deuteron(energy)
    assert energy[deuteron.argmax()] == pytest.approx(2 * 2.224, abs=1e-3)
    assert deuteron.max() == pytest.approx(2.31, rel=2e-3)
    assert (deuteron[energy < 2.224] == 0).all()


def test_folder_has_every_file(cache):
    written = write_hadron_tables(cache) / "G4PARTICLEXS"
    names = [*(f"neutron/{kind}" for kind in ("el", "inel", "cap")), "gamma/inel"]
    for name in names:
        for z in (1, 14, 98):
            head, count, *rows = (written / f"{name}{z}").read_text().splitlines()
            assert int(count) == len(rows) == int(head.split()[2])
            assert float(rows[0].split()[0]) == pytest.approx(float(head.split()[0]))
    assert sorted(path.name for path in written.iterdir()) == ["gamma", "neutron"]
    assert write_hadron_tables(cache) == written.parent


CODE = b'''"""What."""
X = 1  # barn


class A:
    """Only words."""


def f(x):
    """Doubles.

    Args:
        x: anything.
    """
    return 2 * x
'''


def test_words_do_not_change_which_tables_these_are():
    """Docstrings, comments and line breaks may be rewritten; numbers, code and text that is used may not."""
    same = CODE.replace(b"Doubles", b"Twice the value").replace(b"  # barn", b"").replace(b"Only words", b"None")
    assert em_data._code_alone(same) == em_data._code_alone(CODE)
    assert b"barn" not in em_data._code_alone(CODE)
    for old, new in ((b"X = 1", b"X = 2"), (b"2 * x", b"x * 2"), (b"def f", b"def g")):
        assert em_data._code_alone(CODE.replace(old, new)) != em_data._code_alone(CODE)


def test_hadronic_data_are_the_official_ones_where_found(monkeypatch, cache, tmp_path):
    assert find_data(cache).hadronic == "none"
    source = find_data(cache, hadrons=True)
    assert source.hadronic == "built-in"
    assert "built-in approximate hadronic tables" in source.description
    mine = tmp_path / "G4PARTICLEXS4.2"
    mine.mkdir()
    monkeypatch.setenv("G4PARTICLEXSDATA", str(mine))
    source = find_data(cache, hadrons=True)
    assert source.hadronic == "official"
    assert source.environment["G4PARTICLEXSDATA"] == str(mine)
    assert "approximate" not in source.description


# Mean free paths from Geant4: primaries in a huge block, stopped at their first step; sigma = N / (path x density)
MEAN_FREE_PATH = """
import json, os, sys
import geant4_pybind as g4

MATERIALS, NUMBER, kept, result = sys.argv[1].split(","), int(sys.argv[2]), [], []
if MATERIALS == ["all"]:
    MATERIALS = [g4.G4NistManager.Instance().FindOrBuildElement(z).GetName() for z in range(1, 99)]
SIDE, counts = 1e6, {}

class World(g4.G4VUserDetectorConstruction):
    def Construct(self):
        place = self.box("Galactic", 1e9, 0, None)
        for i, name in enumerate(MATERIALS):
            self.box(name, SIDE, 3 * i * SIDE, kept[1])
        return place
    def box(self, name, side, x, mother):
        solid = g4.G4Box(name, side, side, side)
        material = g4.G4NistManager.Instance().FindOrBuildMaterial("G4_" + name)
        volume = g4.G4LogicalVolume(solid, material, name)
        kept.extend([solid, volume, g4.G4PVPlacement(None, g4.G4ThreeVector(x, 0, 0), volume, name, mother, False, 0)])
        return kept[-1]

class Gun(g4.G4VUserPrimaryGeneratorAction):
    def __init__(self):
        super().__init__()
        self.gun = g4.G4ParticleGun(1)
    def GeneratePrimaries(self, event):
        self.gun.GeneratePrimaryVertex(event)

class Stop(g4.G4UserSteppingAction):
    def UserSteppingAction(self, step):
        name = step.GetPostStepPoint().GetProcessDefinedStep().GetProcessName()
        counts[name] = counts.get(name, 0) + 1
        counts["path"] = counts.get("path", 0) + step.GetStepLength()
        track = step.GetTrack()
        if name != "msc":
            track.SetTrackStatus(g4.fKillTrackAndSecondaries)

class Actions(g4.G4VUserActionInitialization):
    def Build(self):
        self.gun, self.stop = Gun(), Stop()
        self.SetUserAction(self.gun)
        self.SetUserAction(self.stop)

manager = g4.G4RunManagerFactory.CreateRunManager(g4.G4RunManagerType.SerialOnly)
world, physics, actions = World(), g4.FTFP_BERT(), Actions()
for part in (world, physics, actions):
    manager.SetUserInitialization(part)
for command in ("/process/em/verbose 0", "/process/em/fluo false"):
    g4.G4UImanager.GetUIpointer().ApplyCommand(command)
manager.Initialize()
gun = actions.gun.gun
for energy in map(float, sys.argv[3].split(",")):
    gun.SetParticleDefinition(g4.G4Neutron.Neutron())
    gun.SetParticleEnergy(energy)
    gun.SetParticleMomentumDirection(g4.G4ThreeVector(0, 0, 1))
    for i, name in enumerate(MATERIALS):
        gun.SetParticlePosition(g4.G4ThreeVector(3 * i * SIDE, 0, 0))
        counts.clear()
        manager.BeamOn(NUMBER)
        density = g4.G4NistManager.Instance().FindOrBuildMaterial("G4_" + name).GetTotNbOfAtomsPerVolume()
        barn = 1e22 / (counts["path"] * density)
        result.append([energy, name, *(counts.get(k, 0) * barn for k in ("neutronInelastic", "hadElastic"))])
print("RESULT" + json.dumps(result), flush=True)
os._exit(0)
"""
NUMBER = 1500
INELASTIC_10_GEV = {"C": 0.252, "Si": 0.467, "Fe": 0.757, "W": 1.71}  # barn: Letaw et al., Ap. J. Suppl. 51 (1983) 271


def measure(cache, materials, number, energies):
    if find_spec("geant4_pybind") is None:
        pytest.skip("needs geant4-pybind")
    source = find_data(cache, hadrons=True)
    done = subprocess.run(
        [sys.executable, "-c", MEAN_FREE_PATH, materials, str(number), energies],
        env={**os.environ, **source.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "G4Exception" not in done.stdout + done.stderr
    rows = json.loads(done.stdout.split("RESULT")[1])
    return {(energy, name): np.array(sigma) for energy, name, *sigma in rows}


@pytest.fixture(scope="module")
def measured(cache):
    return measure(cache, ",".join(INELASTIC_10_GEV), NUMBER, "19.9,20.1,10000")


@pytest.mark.geant4
def test_every_element_loads(cache):
    """One run with all elements Z = 1..98; a G4Exception or an abort of the process would show."""
    assert len(measure(cache, "all", 2, "1000")) == 98


@pytest.mark.geant4
@pytest.mark.parametrize("name", INELASTIC_10_GEV)
def test_no_step_at_the_join(measured, name):
    """Just below 20 MeV the table speaks, just above Geant4's model: the same within the statistics."""
    below, above = measured[19.9, name], measured[20.1, name]
    assert np.abs(below / above - 1).max() < 0.04 + 3 * np.sqrt(2 / (0.4 * NUMBER))


@pytest.mark.geant4
@pytest.mark.parametrize("name", INELASTIC_10_GEV)
def test_last_value_of_the_table_leaves_high_energies_right(measured, name):
    """Geant4 scales its model by the last value: a wrong one would show at 10 GeV."""
    assert measured[10000, name][0] == pytest.approx(INELASTIC_10_GEV[name], rel=0.06 + 3 / np.sqrt(0.6 * NUMBER))
