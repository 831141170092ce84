import json
import re

import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner

from caloforge.classifiers.protocol import PERCEPTRON
from caloforge.cli.validate import validate as command
from caloforge.data.ids import SURE_CELLS
from caloforge.data.showers import Showers
from caloforge.data.splits import take_split
from caloforge.data.writer import write_showers
from caloforge.errors import BadFile, BinningMismatch, EmptySample, UnknownName, UnwritablePath
from caloforge.geometry.binning import Binning, Layer
from caloforge.geometry.readouts import readout
from caloforge.reporting.section import Plot
from caloforge.validation.conditions import ConditionsDiffer, copies, differences
from caloforge.validation.evidence import numbers_of
from caloforge.validation.key import Key
from caloforge.validation.validate import validate

HASTY = PERCEPTRON.having(hidden=16, epochs=2, folds=2)


def like(showers, energy, **changes):
    fields = {n: changes.get(n, getattr(showers, n)) for n in ("incident_energy", "pdg", "theta", "phi")}
    return Showers(energy=energy.astype(np.float32), binning=showers.binning, **fields)


@pytest.fixture(scope="module")
def same(halves):
    few = (half[:800] for half in halves)
    return validate(*few, protocol=HASTY, provenance={"truth": {"file": "<truth>.h5", "geant4": "11.4"}})


@pytest.fixture(scope="module")
def shifted(halves):
    judged = ("response", "sparsity", "layer_ratio")
    return validate(halves[0], like(halves[1], 1.03 * halves[1].energy), quick=True, sufficient=judged)


def test_halves_of_the_truth_fail_nothing(same):
    assert "FAIL" not in same.headline
    assert "finds no difference" in same.verdict
    assert "cannot tell them from Geant4" in same.verdict
    for name, item in numbers_of(same.evidence, "separation").items():
        assert item.measured.significance < 5, name


def test_a_shifted_response_fails_and_is_named(shifted):
    assert not shifted.passed
    assert "response_bias" in shifted.headline
    assert "response (" in shifted.verdict
    assert shifted["response_bias"].value == pytest.approx(0.03, abs=0.02)
    assert shifted["separation/response"].significance > 5
    assert not shifted["separation/sparsity"].significance > 5


@pytest.mark.usefixtures("_undrawn")
def test_json_has_every_key_of_the_schema(same, tmp_path):
    report = same.with_speed(400.0, 0.2)
    path = report.write(tmp_path / "deep" / "report")
    facts = json.loads((path.parent / "report.json").read_text())
    assert facts["schema"] == 3
    assert facts["samples"] == {"truth": 800, "generated": 800}
    evidence = facts["evidence"]
    assert 0 <= evidence["response_bias"]["value"] < 0.02
    assert evidence["resolution_ratio"]["value"] < 0.15
    for numbers in evidence.values():
        assert {"value", "error", "floor", "floor_spread", "n"} <= set(numbers)
    for name in ("response", "layer_energy", "centre_r", "sparsity", "voxel_energy"):
        assert f"separation/{name}" in evidence
    assert {"auc/low", "auc/high", "fpd", "permutation", "physics/linearity.slope"} <= set(evidence)
    assert sum(name.startswith("separation/layer_energy @ layer: ") for name in evidence) == 3
    assert {Key.parse(name).text for name in evidence} == set(evidence)
    assert {finding["status"] for finding in facts["checklist"]["findings"]} <= {"pass", "fail", "cannot tell"}
    assert facts["speed"] == {"geant4_ms_per_shower": 400.0, "generator_ms_per_shower": 0.2, "ratio": 2000.0}
    assert "2,000 times faster" in facts["verdict"]


def test_a_number_is_asked_for_by_the_text_of_its_key(same):
    assert same["auc/high"] == same.evidence[Key("auc", "high")].measured
    assert same[Key("fpd")] == same["fpd"]
    with pytest.raises(UnknownName, match=r"auc/hihg.*auc/high"):
        same["auc/hihg"]


def test_same_seed_same_numbers(halves):
    """Of everything that is drawn: resamples, permutations, folds; in two energy bins, too."""
    few = [half[:300] for half in halves]
    first, again = (validate(*few, protocol=HASTY).to_dict() for _ in range(2))
    assert {"auc/high", "auc/low", "fpd", "permutation"} <= first["evidence"].keys()
    assert any("energy bin" in key for key in first["evidence"])
    assert again == first


def test_a_generator_of_nothing_gets_its_report(halves):
    truth, other = (half[:300] for half in halves)
    report = validate(truth, like(other, 0 * other.energy), quick=True)
    assert not report.passed
    facts = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert facts["evidence"]["response_bias"]["value"] == 1
    assert facts["evidence"]["resolution_ratio"]["value"] is None


def test_refusals(halves):
    truth, other = halves
    with pytest.raises(EmptySample):
        validate(truth, other[:50], quick=True)
    mesh = readout("siw-1080")
    wrong = Showers.perpendicular(np.zeros((200, 1080), np.float32), np.full(200, 1e4, np.float32), mesh)
    with pytest.raises(BinningMismatch):
        validate(truth, wrong, quick=True)


def test_different_conditions(halves):
    truth, other = halves
    assert differences(truth, other) == []
    harder = other[other.incident_energy > 1e4]
    assert "incident energies" in differences(truth, harder)[0]
    assert "PDG [11] against [22]" in differences(truth, like(other, other.energy, pdg=0 * other.pdg + 22))[0]
    assert "angles" in differences(truth, like(other, other.energy, theta=other.theta + 0.3))[0]
    with pytest.raises(ConditionsDiffer, match="--allow-different-conditions"):
        validate(truth, harder, quick=True)
    allowed = validate(truth, harder, quick=True, allow_different_conditions=True, sufficient=["response"])
    assert "Caution" in allowed.verdict


def test_copies_of_the_truth_are_noticed(halves):
    truth, other = halves
    hits = [(s.energy > 0).sum(axis=1) for s in halves]
    assert copies(truth.ids, other.ids, hits[1]) == 0
    mixed = Showers.concatenate([other, truth[:7]])
    assert copies(truth.ids, mixed.ids, (mixed.energy > 0).sum(axis=1)) == 7
    report = validate(truth, truth[:1000], quick=True, sufficient=["response"])
    sure = int((hits[0][:1000] >= SURE_CELLS).sum())  # the others may be equal by chance
    assert f"Caution: {sure} generated showers are copies" in report.verdict


def test_empty_showers_are_no_copies(halves):
    """Showers with fewer than three cells are equal by chance."""
    truth = halves[0]
    few = truth.energy[:9] * (np.cumsum(truth.energy[:9] > 0, axis=1) <= 2)
    both = [like(s[:9], few) for s in (truth, truth)]
    assert len(np.unique(both[0].ids)) > 1
    assert copies(both[0].ids, both[1].ids, (few > 0).sum(axis=1)) == 0


def test_laws_and_response_are_of_one_particle_each(halves):
    """Every other shower is a pion's with two thirds of the response: neither sample is biased, nothing is pooled."""
    pdg = np.tile([11, -211], 750)
    scale = np.where(pdg == 11, 1, 2 / 3)[:, None]
    mixed = [like(s, scale * s.energy, pdg=pdg) for s in halves]
    report = validate(*mixed, quick=True, sufficient=["response", "centre_z"])
    assert list(report.details.physics) == ["pi-", "e-"]
    for name, slope in (("pi-", 0.02), ("e-", 0.03)):
        fitted = report.details.physics[name].laws["linearity"].parameters["slope"]
        assert fitted.truth == pytest.approx(slope, rel=0.02)
        assert abs(fitted.pull) < 5
    labels = {key.place.label.split(" ")[0] for key in report.evidence if key.metric == "response_bias"} - {"all"}
    assert labels == {"pi-", "e-"}
    assert {"laws_1", "laws_2", "response_energy_1", "response_energy_2"} <= {plot.name for plot in report.plots}
    assert {"particle"} <= {key.place.kind for key in report.evidence if key.metric == "ks"}
    for plot in report.plots:
        if plot.name in ("laws_2", "response_energy_1"):
            assert plot.render()["png"].startswith(b"\x89PNG")


def test_repeated_conditions_are_the_same_conditions(halves):
    truth, _ = halves
    assert differences(truth, truth[np.resize(np.arange(len(truth)), 5000)]) == []


def test_unwritable_folder(same, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritablePath):
        same.write(tmp_path / "file" / "report")


@pytest.mark.slow
def test_a_mesh_without_depth_and_without_sectors_is_drawn(halves):
    mesh = Binning((Layer(0, (0.0, 5.0, 20.0), 1), Layer(3, (0.0, 4.0), 1)), "flat")
    flat = [Showers.perpendicular(s.energy[:300, :3], s.incident_energy[:300], mesh) for s in halves]
    report = validate(*flat, quick=True)
    kinds = {f"observable_{name}" for name in ("response", "layer_energy", "radial_profile", "voxel_energy")}
    drawn = [plot for plot in report.plots if plot.name in kinds or not plot.name.startswith("observable_")]
    assert all(plot.draw().axes for plot in drawn)


@pytest.fixture
def files(tmp_path, halves):
    for name, showers in zip(("truth", "generated"), halves, strict=True):
        write_showers(tmp_path / f"{name}.h5", showers, "a stack", {"geant4": "11.4"})
    return tmp_path


def run(*arguments):
    app = Typer()
    app.command()(command)
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def _undrawn(monkeypatch):
    """Plots are drawn in other tests."""
    monkeypatch.setattr(Plot, "render", lambda plot, kinds: dict.fromkeys(kinds, b"not drawn"))


@pytest.mark.slow
@pytest.mark.usefixtures("_undrawn")
def test_command(files, halves):
    words = ("--split", "test", "--json", "--observable", "response", "--observable", "sparsity")
    result = run(files / "generated.h5", "--truth", files / "truth.h5", "-o", files / "out", *words)
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["samples"]["truth"] == len(take_split(halves[0], "test"))
    assert facts["provenance"]["truth"]["geant4"] == "11.4"
    assert facts["provenance"]["showers"].startswith("e- of ")
    assert facts["provenance"]["showers"] in (files / "out" / "report.html").read_text()
    assert json.loads((files / "out" / "report.json").read_text()) == facts


@pytest.mark.slow
@pytest.mark.usefixtures("_undrawn")
def test_strict_command_exits_with_one(files, halves):
    bad = like(halves[1], 1.1 * halves[1].energy)
    write_showers(files / "bad.h5", bad, "a stack", {})
    words = ("-o", files / "out", "--strict", "--quick", "--observable", "response")
    result = run(files / "bad.h5", "--truth", files / "truth.h5", *words)
    assert result.exit_code == 1
    assert result.stdout.startswith("FAIL analysis: response_bias")
    assert re.search(r"\. \d of \d requirements are met\.", result.stdout)  # in the same breath
    assert (files / "out" / "report.json").exists()


def test_command_refuses_before_it_reads(files):
    (files / "file").write_text("")
    result = run("nowhere.h5", "--truth", "nowhere.h5", "-o", files / "file" / "out")
    assert isinstance(result.exception, UnwritablePath)


def test_command_leaves_nothing_behind_when_it_fails(files):
    result = run("nowhere.h5", "--truth", files / "truth.h5", "-o", files / "out")
    assert isinstance(result.exception, BadFile)
    assert not (files / "out").exists()
