"""Levels of nuclei against laws of decay and well-known lines.

Energies and half-lives in ``CALIBRATION_LINES`` are those every laboratory calibrates with (ENSDF; keV).
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from caloforge.simulation.tables.em_data import DATASETS, find_data, write_level_tables
from caloforge.simulation.tables.nuclear_levels import ALPHA_STEP, ENERGY_STEP, level_schemes, pack, unpack

SCHEMES = {(scheme.z, scheme.a): scheme for scheme in level_schemes()}
NUCLEON = 931494.1  # keV
# what remains when a nucleus of a calorimeter has captured a neutron: O Al Si Ar Cr Fe Ni Cu W Pb
CAPTURED = {
    8: (17,), 13: (28,), 14: (29, 30, 31), 18: (41,), 24: (51, 53, 54, 55), 26: (55, 57, 58, 59),
    28: (59, 61, 62, 63, 65), 29: (64, 66), 74: (183, 184, 185, 187), 82: (205, 207, 208, 209),
}  # fmt: skip
CALIBRATION_LINES = {
    (6, 12): [4438.9],
    (8, 16): [6128.6],
    (10, 22): [1274.5],
    (11, 23): [440.0],
    (12, 24): [1368.6, 2754.0],
    (13, 28): [30.6],
    (14, 28): [1779.0],
    (18, 40): [1460.8],
    (26, 56): [846.8, 1238.3],
    (26, 57): [14.4, 122.1],
    (28, 60): [1173.2, 1332.5],
    (29, 64): [159.3, 278.3],
    (56, 137): [661.7],
    (74, 184): [111.2],
    (82, 208): [583.2, 2614.5],
}
HALF_LIVES = {(26, 57): (14.4, 98.1e-9), (56, 137): (661.7, 153.1), (43, 99): (142.7, 6.007 * 3600)}


@pytest.fixture(autouse=True)
def no_datasets(monkeypatch):
    for variable in (*DATASETS, "GEANT4_DATA_DIR"):
        monkeypatch.delenv(variable, raising=False)


def test_levels_rise_from_the_ground_and_transitions_fall():
    for scheme in SCHEMES.values():
        assert scheme.energy[0] == 0
        assert (np.diff(scheme.energy) >= 0).all()
        assert (np.diff(scheme.upper) >= 0).all()
        assert (scheme.lower < scheme.upper).all()
        assert (scheme.energy[scheme.upper] - scheme.energy[scheme.lower] > 0.9 * ENERGY_STEP).all()
        assert (scheme.half_life >= 0).all()
        assert (scheme.alpha >= 0).all()


def test_shares_of_every_level_sum_to_one():
    for scheme in SCHEMES.values():
        total = np.bincount(scheme.upper, scheme.share)[np.unique(scheme.upper)]
        assert (np.abs(total - 1) < 1e-12).all()


def test_no_photon_from_spin_zero_to_spin_zero():
    """A photon carries at least one unit of angular momentum: O-16 6.05 MeV, Ge-72 0.69, Zr-90 1.76."""
    for nuclide, energy in {(8, 16): 6049.4, (32, 72): 691.4, (40, 90): 1760.7}.items():
        scheme = SCHEMES[nuclide]
        rows = np.abs(scheme.energy[scheme.upper] - energy) < 1
        assert scheme.lower[rows].tolist() == [0]
        assert (scheme.alpha[rows] > 1e7).all()


@pytest.mark.parametrize("nuclide", CALIBRATION_LINES)
def test_well_known_lines_are_there(nuclide):
    scheme = SCHEMES[nuclide]
    photon = scheme.energy[scheme.upper] - scheme.energy[scheme.lower]
    recoil = photon**2 / (2 * NUCLEON * scheme.a)
    for line in CALIBRATION_LINES[nuclide]:
        assert np.abs(photon - recoil - line).min() < 0.5


@pytest.mark.parametrize("nuclide", HALF_LIVES)
def test_isomers_live_as_long_as_measured(nuclide):
    energy, half_life = HALF_LIVES[nuclide]
    scheme = SCHEMES[nuclide]
    assert scheme.half_life[np.abs(scheme.energy - energy).argmin()] == pytest.approx(half_life, rel=0.03)


def test_conversion_of_the_first_level_of_iron_57():
    """8.56 electrons per photon of 14.4 keV."""
    assert SCHEMES[26, 57].alpha[0] == pytest.approx(8.56, rel=ALPHA_STEP / 2 + 0.01)


@pytest.mark.parametrize(("z", "a"), [(z, a) for z, masses in CAPTURED.items() for a in masses])
def test_every_product_of_capture_has_its_cascades(z, a):
    """Below 1.5 MeV a cascade goes on: every level but an isomer has a transition."""
    scheme = SCHEMES[z, a]
    assert scheme.energy[-1] > 1800
    ends = np.setdiff1d(np.flatnonzero(scheme.energy < 1500), np.append(scheme.upper, 0))
    assert (scheme.half_life[ends] > 1e-8).all()


def test_light_nuclei_have_the_levels_that_fly_apart():
    """Be-8 at 3.03 and 11.35 MeV, C-12 at 7.654 (Hoyle's), B-9 at 2.35, He-6 at 1.80: Geant4's break-up needs them."""
    for nuclide, energies in {(4, 8): (3030, 11350), (6, 12): (7654.1,), (5, 9): (2345,), (2, 6): (1797,)}.items():
        for energy in energies:
            assert np.abs(SCHEMES[nuclide].energy - energy).min() < 15
    hoyle = SCHEMES[6, 12]
    assert hoyle.spin[np.abs(hoyle.energy - 7654).argmin()] == 0
    assert SCHEMES[4, 8].spin[:3].tolist() == [0, 4, 8]


def test_packing_is_undone_by_unpacking():
    """Numbers that came out of the file go through it again unchanged."""
    schemes = [SCHEMES[6, 12], SCHEMES[26, 57], SCHEMES[74, 184]]
    for before, after in zip(schemes, unpack(pack(schemes)), strict=True):
        for name in ("energy", "half_life", "spin", "upper", "lower"):
            assert getattr(after, name) == pytest.approx(getattr(before, name), rel=1e-9), name
        assert after.share == pytest.approx(before.share, rel=1e-9)
        assert after.alpha == pytest.approx(before.alpha, rel=1e-9)


def read(path):
    """Levels and their transitions, as Geant4 reads them: words, ten more where the coefficient is not zero."""
    words = iter(path.read_text().split())
    levels = []
    for index in words:
        assert int(index) == len(levels)
        assert next(words) == "-"
        energy, half_life, spin = (float(next(words)) for _ in range(3))
        rows = []
        for _ in range(int(next(words))):
            row = [float(next(words)) for _ in range(6)]
            if row[5] > 0:
                assert sum(float(next(words)) for _ in range(10)) > 0
            rows.append(row)
        levels.append((energy, half_life, spin, rows))
    return levels


def test_files_are_what_geant4_reads(cache):
    folder = write_level_tables(cache) / "PhotonEvaporation"
    assert len(list(folder.iterdir())) == len(SCHEMES)
    for (z, a), scheme in list(SCHEMES.items())[::97]:
        levels = read(folder / f"z{z}.a{a}")
        assert len(levels) == len(scheme.energy)
        assert (levels[0][1] == -1) == np.isinf(scheme.half_life[0])
        for energy, _, _, rows in levels:
            for lower, photon, *_ in rows:
                assert photon == pytest.approx(energy - levels[int(lower)][0], abs=0.06)
            total = sum(weight * (1 + alpha) for _, _, weight, _, _, alpha in rows)
            assert not rows or total == pytest.approx(100, rel=2e-3)


def test_levels_are_the_official_ones_where_found(monkeypatch, cache, tmp_path):
    assert "levels of nuclei" not in find_data(cache).description
    source = find_data(cache, hadrons=True)
    assert "built-in levels of nuclei (ENSDF decay data" in source.description
    mine = tmp_path / "PhotonEvaporation6.1.2"
    mine.mkdir()
    monkeypatch.setenv("G4LEVELGAMMADATA", str(mine))
    source = find_data(cache, hadrons=True)
    assert source.environment["G4LEVELGAMMADATA"] == str(mine)
    assert "levels of nuclei" not in source.description


# Slow neutrons in a block of copper: what captures make
CAPTURES = """
import json, os
import geant4_pybind as g4

captures = []


class Block(g4.G4VUserDetectorConstruction):
    def Construct(self):
        copper = g4.G4NistManager.Instance().FindOrBuildMaterial("G4_Cu")
        self.box = g4.G4Box("block", 1e4, 1e4, 1e4)
        self.logical = g4.G4LogicalVolume(self.box, copper, "block")
        self.placed = g4.G4PVPlacement(None, g4.G4ThreeVector(), self.logical, "block", None, False, 0)
        return self.placed


class Gun(g4.G4VUserPrimaryGeneratorAction):
    def __init__(self):
        super().__init__()
        self.gun = g4.G4ParticleGun(1)
        self.gun.SetParticleDefinition(g4.G4ParticleTable.GetParticleTable().FindParticle("neutron"))
        self.gun.SetParticleEnergy(1e-6)

    def GeneratePrimaries(self, event):
        captures.append([])
        self.gun.GeneratePrimaryVertex(event)


class Stack(g4.G4UserStackingAction):
    def ClassifyNewTrack(self, track):
        process = track.GetCreatorProcess()
        if process is None:
            return g4.fUrgent
        if process.GetProcessName() == "nCapture":
            name = track.GetDefinition().GetParticleName()
            captures[-1].append((name, track.GetKineticEnergy()))
        return g4.fKill


manager = g4.G4RunManager()
manager.SetUserInitialization(Block())
manager.SetUserInitialization(g4.FTFP_BERT())
manager.SetVerboseLevel(0)


class Actions(g4.G4VUserActionInitialization):
    def Build(self):
        self.kept = [Gun(), Stack()]
        for action in self.kept:
            self.SetUserAction(action)


actions = Actions()
manager.SetUserInitialization(actions)
g4.G4UImanager.GetUIpointer().ApplyCommand("/process/em/fluo false")
manager.Initialize()
g4.G4Random.setTheSeed(5)
manager.BeamOn(1000)
print("RESULT" + json.dumps(captures), flush=True)
os._exit(0)
"""


@pytest.mark.geant4
def test_captures_in_copper_end_on_the_levels(cache):
    """Cu-64 and Cu-66: the separation energy comes out, through the lowest levels instead of a continuum."""
    if find_spec("geant4_pybind") is None:
        pytest.skip("needs geant4-pybind")
    environment = {**os.environ, **find_data(cache, hadrons=True).environment}
    done = subprocess.run(
        [sys.executable, "-c", CAPTURES], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "G4Exception" not in done.stdout + done.stderr
    captures = [event for event in json.loads(done.stdout.split("RESULT")[1]) if event]
    assert len(captures) > 400
    total = 1e3 * np.array([sum(energy for _, energy in event) for event in captures])
    ends = []  # neutron separation energy; an isomer above 10 ns keeps its own, for radioactive decay
    for scheme, separation in ((SCHEMES[29, 64], 7915.9), (SCHEMES[29, 66], 7066.0)):
        ends += (separation - scheme.energy[scheme.half_life > 10e-9 * np.log(2)]).tolist()
    assert np.abs(total[:, None] - np.array(ends)).min(1).max() < 1
    photons = [np.array([1e3 * energy for name, energy in event if name == "gamma"]) for event in captures]
    assert np.mean([len(event) for event in photons]) < 5  # 12 without levels
    for line in (159.3, 278.3, 185.9):
        assert np.mean([(np.abs(event - line) < 1).any() for event in photons]) > 0.03, line
