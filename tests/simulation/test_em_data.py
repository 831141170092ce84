"""The data that Geant4 reads: whose they are, how they are cached, and that they agree with NIST's published tables.

Photon attenuation with coherent scattering: Hubbell and Seltzer, NISTIR 5632 (NIST SRD 126), the figures of XCOM
(SRD 8). Electrons: ESTAR (SRD 124). Radiation lengths: Particle Data Group, Atomic and nuclear properties of materials.
"""

import json
import math
import os
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import pytest

from caloforge.errors import BadFile, UnwritablePath
from caloforge.simulation.tables.em_data import DATASETS, ELECTROMAGNETIC, DataSource, find_data, write_tables

X0 = {"W": 3.504, "Pb": 5.612, "Si": 93.70}  # mm
ATTENUATION = {  # cm2/g at 0.1, 1 and 10 MeV
    "C": (0.1514, 0.06361, 0.01959),
    "O": (0.1551, 0.06372, 0.02089),
    "Al": (0.1704, 0.06146, 0.02318),
    "Si": (0.1835, 0.06361, 0.02462),
    "Ar": (0.2043, 0.05762, 0.02451),
    "Fe": (0.3717, 0.05995, 0.02994),
    "Cu": (0.4584, 0.05901, 0.03103),
    "W": (4.438, 0.06618, 0.04747),
    "Pb": (5.549, 0.07102, 0.04972),
}
RADIATIVE_LOSS = {  # MeV cm2/g at 0.1, 1 and 10 MeV
    "Si": (0.008389, 0.02360, 0.3161),
    "Cu": (0.01710, 0.04580, 0.5650),
    "W": (0.04084, 0.1159, 1.132),
    "Pb": (0.04454, 0.1290, 1.206),
}
PB_COLLISION_LOSS = 1.201  # MeV cm2/g at 10 MeV
# Electrons of 10 MeV in water, range cut 0.1 mm, with Geant4's own data: TestEm0.out of Geant4 11.4
SOFT_PHOTONS = {"rate": 0.325183, "loss": 25.5407}  # photons above the cut per cm, eV/cm below it
ELEMENTS = (
    *("H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne", "Na", "Mg", "Al", "Si", "P", "S", "Cl", "Ar", "K", "Ca"),
    *("Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se", "Br", "Kr", "Rb", "Sr", "Y"),
    *("Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb", "Te", "I", "Xe", "Cs", "Ba", "La", "Ce"),
    *("Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu", "Hf", "Ta", "W", "Re", "Os", "Ir"),
    *("Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Po", "At", "Rn", "Fr", "Ra", "Ac", "Th", "Pa", "U", "Np", "Pu", "Am", "Cm"),
    *("Bk", "Cf"),
)

# One process with one run manager: NIST materials named on the command line -> {material: {quantity: [values]}}
CALCULATOR = """
import json, sys
import geant4_pybind as g

names, keep = sys.argv[1].split(","), []

class World(g.G4VUserDetectorConstruction):
    def Construct(self):
        placed, mother = None, None
        for i, name in enumerate(["Galactic", *names]):
            solid = g.G4Box(name, *3 * [1.0 if i else 1e4])
            volume = g.G4LogicalVolume(solid, g.G4NistManager.Instance().FindOrBuildMaterial("G4_" + name), name)
            placed = g.G4PVPlacement(None, g.G4ThreeVector(0, 0, 10 * i), volume, name, mother, False, 0)
            keep.extend([solid, volume, placed])
            mother = mother or volume
        return keep[2]

class Physics(g.G4VModularPhysicsList):
    def __init__(self):
        super().__init__()
        self.electromagnetic = g.G4EmStandardPhysics()
        self.RegisterPhysics(self.electromagnetic)

class Photon(g.G4VUserPrimaryGeneratorAction):
    def __init__(self):
        super().__init__()
        self.gun = g.G4ParticleGun(1)
        self.gun.SetParticleDefinition(g.G4Gamma.Gamma())
        self.gun.SetParticleEnergy(10 * g.MeV)
    def GeneratePrimaries(self, event):
        self.gun.GeneratePrimaryVertex(event)

manager, world, physics = g.G4RunManager(), World(), Physics()
manager.SetUserInitialization(world)
manager.SetUserInitialization(physics)
photon = Photon()
manager.SetUserAction(photon)
for command in ("/process/em/verbose 0", "/process/em/fluo false", "/run/initialize"):
    g.G4UImanager.GetUIpointer().ApplyCommand(command)
manager.BeamOn(1)

calculator, gamma, electron = g.G4EmCalculator(), g.G4Gamma.Gamma(), g.G4Electron.Electron()
result = {}
for name in names:
    material = g.G4NistManager.Instance().FindOrBuildMaterial("G4_" + name)
    unit = material.GetDensity() / (g.g / g.cm3) / g.cm
    def loss(process):
        return [calculator.ComputeDEDX(e, electron, process, material) / unit for e in (0.1, 1, 10)]
    def attenuation(*processes):
        return [sum(calculator.ComputeCrossSectionPerVolume(e, gamma, p, material) for p in processes) / unit
                for e in (0.1, 1, 10)]
    result[name] = {"x0": material.GetRadlen(), "photons": attenuation("phot", "compt", "conv", "Rayl"),
                    "eBrem": loss("eBrem"), "eIoni": loss("eIoni")}
water = g.G4NistManager.Instance().FindOrBuildMaterial("G4_WATER")
cut = g.G4ProductionCutsTable.GetProductionCutsTable().ConvertRangeToEnergy(gamma, water, 0.1 * g.mm)
result["soft photons"] = {
    "rate": calculator.ComputeCrossSectionPerVolume(10, electron, "eBrem", water, cut) * g.cm,
    "loss": calculator.ComputeDEDX(10, electron, "eBrem", water, cut) / g.eV * g.cm,
}
print("RESULT" + json.dumps(result))
"""


@pytest.fixture(autouse=True)
def no_datasets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user without any official dataset and with an empty home."""
    for variable in (*DATASETS, "GEANT4_DATA_DIR", "CALOFORGE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))


def official_folder(parent: Path, name: str = "G4EMLOW8.8") -> Path:
    for part in ELECTROMAGNETIC:
        (parent / name / part).mkdir(parents=True)
    return parent / name


def needs_geant4() -> None:
    if find_spec("geant4_pybind") is None:
        pytest.skip("needs geant4-pybind")


def calculate(materials: str, source: DataSource) -> dict[str, dict[str, list[float]]]:
    """Geant4's own numbers, with a closed stdin and CI set: an import that asks or downloads would fail."""
    process = subprocess.run(
        [sys.executable, "-c", CALCULATOR, materials],
        env={**os.environ, "CI": "true", **source.environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    output = process.stdout + process.stderr
    assert process.returncode == 0, output[-3000:]
    assert "G4Exception" not in output, output[-3000:]
    assert "ownload" not in output
    result: dict[str, dict[str, list[float]]] = json.loads(process.stdout.split("RESULT")[1])
    return result


@pytest.fixture(scope="module")
def geant4(cache: Path) -> dict[str, dict[str, list[float]]]:
    needs_geant4()
    folder = write_tables(cache)
    places = {"G4LEDATA": "G4EMLOW", "G4ENSDFSTATEDATA": "G4ENSDFSTATE"}
    environment = {variable: str(folder / places.get(variable, "empty")) for variable in DATASETS}
    return calculate(",".join(ATTENUATION), DataSource("built-in", "", {**environment, "GEANT4_DATA_DIR": str(folder)}))


def test_soft_photons_are_those_of_geant4s_own_table(geant4: dict[str, dict[str, float]]) -> None:
    assert geant4["soft photons"] == pytest.approx(SOFT_PHOTONS, rel=0.004)


def test_own_variables_win(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mine = official_folder(tmp_path / "mine", "my-copy")
    monkeypatch.setenv("G4LEDATA", str(mine))
    monkeypatch.setenv("GEANT4_DATA_DIR", str(official_folder(tmp_path / "shared").parent))
    source = find_data(tmp_path / "cache")
    assert source.kind == "official"
    assert "my-copy" in source.description
    assert source.environment["G4LEDATA"] == str(mine)


@pytest.mark.parametrize("inside", [".", "share/Geant4/data"])
def test_datasets_of_a_common_folder_are_found_highest_version_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, inside: str
) -> None:
    for name in ("G4EMLOW8.8", "G4EMLOW8.10", "G4EMLOW8.6.1"):
        official_folder(tmp_path / "data" / inside, name)
    monkeypatch.setenv("GEANT4_DATA_DIR", str(tmp_path / "data"))
    source = find_data(tmp_path / "cache")
    assert Path(source.environment["G4LEDATA"]).name == "G4EMLOW8.10"
    assert source.environment["GEANT4_DATA_DIR"] == str(tmp_path / "data")


def test_downloads_of_geant4_pybind_are_found(tmp_path: Path) -> None:
    folder = official_folder(tmp_path / "home" / ".geant4_pybind")
    assert find_data(tmp_path / "cache").environment["G4LEDATA"] == str(folder)


def test_nothing_is_written_when_every_dataset_is_official(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in DATASETS:
        monkeypatch.setenv(variable, str(official_folder(tmp_path / variable)))
    assert find_data(tmp_path / "cache").kind == "official"
    assert not (tmp_path / "cache").exists()


def test_missing_datasets_are_filled_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path) -> None:
    monkeypatch.setenv("G4PARTICLEXSDATA", str(official_folder(tmp_path, "G4PARTICLEXS4.2")))
    source = find_data(cache)
    assert source.kind == "built-in"
    assert "G4PARTICLEXS4.2" in source.description
    assert set(source.environment) == {*DATASETS, "GEANT4_DATA_DIR"}
    assert all(Path(folder).is_dir() for folder in source.environment.values())
    assert not any(Path(source.environment["G4INCLDATA"]).iterdir())
    assert (Path(source.environment["G4ENSDFSTATEDATA"]) / "ENSDFSTATE.dat").is_file()


def test_own_tables_never_pass_for_official_ones(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    first = find_data(cache)
    for variable, folder in first.environment.items():
        monkeypatch.setenv(variable, folder)
    assert find_data(cache) == first


@pytest.mark.parametrize("variable", ["G4LEDATA", "G4PIIDATA", "GEANT4_DATA_DIR"])
def test_a_variable_naming_no_folder_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "nowhere"))
    with pytest.raises(BadFile, match=variable):
        find_data(tmp_path / "cache")


@pytest.mark.parametrize("lost", ELECTROMAGNETIC)
def test_a_folder_that_is_no_whole_dataset_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lost: str
) -> None:
    folder = official_folder(tmp_path)
    (folder / lost).rmdir()
    monkeypatch.setenv("G4LEDATA", str(folder))
    with pytest.raises(BadFile, match=f"it lacks {lost}; use G4EMLOW"):
        find_data(tmp_path / "cache")


@pytest.mark.parametrize(
    ("variable", "folder"), [("CALOFORGE_CACHE", "."), ("XDG_CACHE_HOME", "caloforge"), ("HOME", ".cache/caloforge")]
)
def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, folder: str) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "place"))
    if variable == "HOME":
        monkeypatch.setenv("USERPROFILE", str(tmp_path / "place"))
    assert write_tables().parent == tmp_path / "place" / folder


def test_the_cache_is_written_once(tmp_path: Path) -> None:
    folder = write_tables(tmp_path)
    written = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert write_tables(tmp_path) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == written
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    "lost", ["caloforge-tables.txt", "G4EMLOW/brem_SB/br74", "G4EMLOW/epics2017/phot/pe-cs-82.dat"]
)
def test_a_damaged_cache_is_replaced(tmp_path: Path, cache: Path, lost: str) -> None:
    whole_folder = write_tables(cache)
    folder = Path(shutil.copytree(whole_folder, tmp_path / whole_folder.name))
    whole = (folder / lost).read_text()
    (folder / lost).write_text(whole[: len(whole) // 2])
    assert write_tables(tmp_path) == folder
    assert (folder / lost).read_text() == whole
    (folder / lost).unlink()
    write_tables(tmp_path)
    assert (folder / lost).read_text() == whole
    assert list(tmp_path.iterdir()) == [folder]


def test_an_interrupted_write_leaves_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(folder: Path, packed: bytes) -> None:
        (folder / "G4EMLOW").mkdir(parents=True)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("caloforge.simulation.tables.em_data.write_folder", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_tables(tmp_path)
    assert not any(tmp_path.iterdir())


def test_workers_may_write_the_same_cache_at_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        folders = set(pool.map(write_tables, [tmp_path] * 4))
    assert list(tmp_path.iterdir()) == list(folders)


def test_an_unwritable_cache_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritablePath, match="CALOFORGE_CACHE"):
        write_tables(tmp_path / "file" / "cache")


def test_numbers_written_for_lead(cache: Path) -> None:
    """Photoelectric effect in lead, barn: XCOM gives 6.23 at 1 MeV, 1.73 at 2 MeV, 0.179 at 10 MeV; K edge 88.0 keV."""
    text = (write_tables(cache) / "G4EMLOW" / "epics2017" / "phot" / "pe-high-82.dat").read_text().split()
    shells, threshold, last = int(text[0]), float(text[2]), [float(a) for a in text[-6:]]
    assert float(text[3]) == pytest.approx(0.0880, rel=1e-3)
    assert len(text) == 3 + 7 * shells
    assert threshold < 1
    for energy, expected in ((1, 6.23), (2, 1.73), (10, 0.179)):
        assert sum(a / energy**i for i, a in enumerate(last, start=1)) == pytest.approx(expected, rel=0.02)


def test_shells_add_up_to_the_total(cache: Path) -> None:
    """Geant4 draws the shell from sigma_shell / sigma_total, both interpolated: the shells must exhaust the total."""
    folder = write_tables(cache) / "G4EMLOW" / "epics2017" / "phot"
    for z in (3, 6, 29, 82, 98):
        total = [line.split() for line in (folder / f"pe-cs-{z}.dat").read_text().splitlines()[2:]]
        summed = dict.fromkeys((energy for energy, _ in total), 0.0)
        for line in (folder / f"pe-ss-cs-{z}.dat").read_text().splitlines():
            if len(point := line.split()) == 2 and point[0] in summed:
                summed[point[0]] += float(point[1])
        assert all(math.isclose(summed[energy], float(value), rel_tol=1e-5) for energy, value in total)


@pytest.mark.geant4
@pytest.mark.parametrize("name", X0)
def test_radiation_length(geant4: dict[str, dict[str, list[float]]], name: str) -> None:
    assert geant4[name]["x0"] == pytest.approx(X0[name], rel=0.02)


@pytest.mark.geant4
@pytest.mark.parametrize("name", ATTENUATION)
def test_photon_attenuation_agrees_with_xcom(geant4: dict[str, dict[str, list[float]]], name: str) -> None:
    assert geant4[name]["photons"] == pytest.approx(list(ATTENUATION[name]), rel=0.02)


@pytest.mark.geant4
@pytest.mark.parametrize("name", RADIATIVE_LOSS)
def test_radiative_loss_agrees_with_estar(geant4: dict[str, dict[str, list[float]]], name: str) -> None:
    assert geant4[name]["eBrem"] == pytest.approx(list(RADIATIVE_LOSS[name]), rel=0.02)


@pytest.mark.geant4
def test_collision_loss_agrees_with_estar(geant4: dict[str, dict[str, list[float]]]) -> None:
    assert geant4["Pb"]["eIoni"][2] == pytest.approx(PB_COLLISION_LOSS, rel=0.02)


@pytest.mark.geant4
def test_every_element_loads(cache: Path) -> None:
    """One run with all elements Z = 1..98; a G4Exception or an abort of the process would show."""
    needs_geant4()
    result = calculate(",".join(ELEMENTS), find_data(cache))
    assert all(min(result[name]["photons"]) > 0.01 and min(result[name]["eBrem"]) > 0 for name in ELEMENTS)
