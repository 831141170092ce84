"""Detectors on the command line: `inspect` draws them, `simulate` takes them from YAML, bad ones start no process."""

import json
from importlib.util import find_spec

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from caloforge.cli.inspect import inspect
from caloforge.cli.simulate import simulate
from caloforge.data.store import ShowerFile
from caloforge.errors import CaloforgeError
from caloforge.geometry.detector import DETECTORS, detector
from caloforge.geometry.drawing import draw
from caloforge.geometry.layout import detector_from_yaml
from caloforge.geometry.readouts import default_readout
from caloforge.geometry.stack import Detector, Slab
from caloforge.simulation.production.worker import Worker

OWN = """
name: mine
materials: [{name: my-glass, density: 3.85, fractions: {Pb: 0.52, Si: 0.21, O: 0.27}}]
layers:
  - repeat: 10
    stack: [{material: G4_W, thickness: 3.5}, {material: my-glass, thickness: 5, sensitive: true}]
"""
PNG = b"\x89PNG\r\n"


def call(command, *words):
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.yaml"
    path.write_text(OWN)
    return path


@pytest.mark.parametrize("name", DETECTORS)
def test_inspect_draws_presets(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    stack = detector(name)
    result = call(inspect, name, "--readout", default_readout(stack).name, "-o", "drawing.png", "--json")
    facts = json.loads(result.stdout)
    assert facts["depth_mm"] == pytest.approx(stack.depth)
    assert facts["moliere_radius_mm"] == pytest.approx(stack.moliere_radius)
    assert sum(row["thickness_mm"] for row in facts["materials"]) == pytest.approx(stack.depth)
    assert (tmp_path / "drawing.png").read_bytes().startswith(PNG)
    assert [path.name for path in tmp_path.iterdir()] == ["drawing.png"]


def test_inspect_draws_the_mesh_that_is_simulated_and_says_what_leaks(own, tmp_path):
    facts = json.loads(call(inspect, own, "--json").stdout)
    assert facts["readout"] == default_readout(detector("mine.yaml")).name
    assert facts["electron_containment"]["10GeV"] < 0.95
    assert "caution  showers leak from the back" in call(inspect, own, "--overwrite").stdout
    deep = call(inspect, "pbwo4-crystals", "-o", "deep.png").stdout
    assert "caution" not in deep


def test_a_block_is_drawn_once_whole_and_once_at_its_middle():
    assert [axes.get_title() for axes in draw(detector("pbwo4-crystals")).axes] == ["whole", "middle"]
    assert len(draw(detector("par04-siw")).axes) == 3


def test_a_bar_is_drawn_low_and_a_sheet_within_a_margin():
    bar = draw(Detector("bar", (Slab("G4_PbWO4", 200, True),), 20))
    assert bar.get_size_inches()[1] < 5
    sheet = draw(Detector("sheet", (Slab("G4_Si", 1, True),), 300)).axes[0]
    assert np.diff(sheet.get_xlim()) > 40


def test_inspect_prints_a_table_of_one_s_own(own, tmp_path):
    result = call(inspect, own)
    for words in ("mine, planar", "85 mm", "Molière radius", "my-glass *", "mine.png"):
        assert words in result.stdout
    assert (tmp_path / "mine.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["none.yaml"], "no such file"),
        (["par04-siw", "--readout", "siw-1"], "siw-1080"),
        (["par04-siw", "--readout", "calochallenge-1-photons"], "depth"),
        (["par04-siw", "-o", "missing/x.png"], "cannot write"),
    ],
)
def test_inspect_refuses_in_one_sentence(tmp_path, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)
    result = call(inspect, *words)
    assert isinstance(result.exception, CaloforgeError)
    assert says in str(result.exception)
    assert "\n" not in str(result.exception)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.geant4
def test_simulate_takes_a_yaml_file(own, tmp_path):
    if find_spec("geant4_pybind") is None:
        pytest.skip("needs geant4-pybind")
    angles = ["--theta", "0deg:30deg:solid-angle", "--phi", "0deg:360deg:uniform", "--mesh", "detector"]
    result = call(simulate, "--detector", own, "--energy", "500MeV", "-n", 3, *angles, "-o", "truth.h5")
    assert result.exit_code == 0, result.output
    with ShowerFile(tmp_path / "truth.h5") as file:
        assert file.detector == "mine"
        assert file.binning.n_layers == 10
        assert file.provenance.facts["detector_origin"] == "user's own"
        assert detector_from_yaml(file.provenance.facts["detector_yaml"]) == detector(str(own))
        assert file.provenance.facts["mesh"] == "detector"
        showers = file.read()
    assert (showers.theta > 0).all()
    assert (showers.total_energy > 0).all()


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        (("G4_W", "G4_X"), [], "G4_X"),
        (("thickness: 5", "thickness: -5"), [], "thickness"),
        (("sensitive: true", "sensitive: false"), [], "sensitive"),
        (("", ""), ["--theta", "30"], "unit"),
        (("", ""), ["--theta", "90deg"], "theta"),
        (("", ""), ["--phi", "0deg:30deg:solid-angle"], "phi"),
        (("", ""), ["--mesh", "sideways"], "axis, detector"),
        (("", ""), ["--readout", "calochallenge-1-photons"], "depth"),
    ],
)
def test_bad_detectors_start_no_process(own, tmp_path, monkeypatch, change, options, says):
    own.write_text(OWN.replace(*change) if change[0] else OWN)
    monkeypatch.setattr(Worker, "__init__", lambda worker: pytest.fail("a process was started"))
    result = call(simulate, "--detector", own, "--energy", "1GeV", "-o", "truth.h5", *options)
    assert isinstance(result.exception, CaloforgeError)
    assert says in str(result.exception)
    assert "\n" not in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


def test_drawing_and_gdml_do_not_take_each_others_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = call(inspect, "par04-siw", "--gdml", "both", "-o", tmp_path / "both")
    assert isinstance(result.exception, CaloforgeError)
    assert list(tmp_path.iterdir()) == []


def test_gdml_of_a_file_of_events_is_refused(tmp_path):
    events, gdml = tmp_path / "a.hepmc3", tmp_path / "a.gdml"
    events.write_text("HepMC::Version 3.02.05\n")
    result = call(inspect, events, "--gdml", gdml)
    assert "only a preset or a YAML detector" in str(result.exception)
    assert not gdml.exists()
