"""Model cards: what a run and its reports say stands on the card, and what is no report is refused."""

import hashlib
import json

import pytest
import yaml

from caloforge.reporting.card import model_card
from caloforge.training.folders import run_folder
from caloforge.training.run import load_run

MODEL = "vae-siw-1080"
CONFIG = yaml.safe_load((run_folder(MODEL) / "config.yaml").read_text())


def evidence(value, error, floor):
    return {"value": value, "error": error, "floor": floor, "floor_spread": 0.01, "n": [2481, 10000]}


@pytest.fixture
def report(tmp_path):
    facts = {
        "schema": 3,
        "samples": {"truth": 2481, "generated": 10000},
        "provenance": {"truth": {"file": "some/where/truth.h5", "split": "test"}},
        "headline": "PASS analysis",
        "checklist": {"name": "analysis"},
        "evidence": {
            "auc/high": evidence(0.524, 0.008, 0.508),
            "response_bias": evidence(0.0066, 0.001, 0.0009),
            "separation/hits": evidence(2e-4, 1e-5, 1e-4),
            "separation/voxel_energy": evidence(1.6e-4, 1e-5, 3.8e-5),
            "separation/layer_energy @ layer: 3": evidence(9.0, 1e-5, 1e-5),
        },
    }
    path = tmp_path / "report.json"
    path.write_text(json.dumps(facts))
    return path


def test_the_card_says_what_run_and_report_say(call, report, tmp_path):
    code, out, err = call("card", MODEL, "--report", report, "-o", tmp_path / "README.md")
    assert (code, err) == (0, "")
    assert out.strip() == str(tmp_path / "README.md")
    text = (tmp_path / "README.md").read_text()
    for line in (
        f"# {MODEL}",
        "| particles | PDG 11 |",
        "| incident energy | 1GeV to 100GeV; other energies only with `--extrapolate` |",
        "| physics list | G4EmStandardPhysics (option 0) |",
        "| AUC of a classifier on observables | 0.524 ± 0.008 | 0.508 |",
        "| largest separation power over its floor: `voxel_energy` | 0.00016 ± 1e-05 | 3.8e-05 |",
        "caloforge validate fake.h5 --truth truth.h5 -o report",
        "Checklist analysis: PASS analysis",
    ):
        assert line in text.splitlines()
    assert "21217 showers of Geant4 11.4.1" in text
    assert hashlib.sha256((run_folder(MODEL) / "weights.safetensors").read_bytes()).hexdigest() in text


def test_a_card_without_report_says_so_and_goes_to_stdout(call):
    code, out, _ = call("card", MODEL)
    assert code == 0
    assert "Not measured: no report" in out
    assert "Apache-2.0" in out


def test_energies_beside_the_range(call, tmp_path):
    at = {"energy": 150e3, "place": "above", "truth_showers": 1000, "auc_high": None}
    for name in ("response_bias", "resolution_ratio", "depth_shift"):
        at[name] = evidence(0.01, 0.002, 0.003)
    truth = {"file": "x/e150.h5", "command": "caloforge simulate --energy 150GeV -n 1000 -o old.h5"}
    path = tmp_path / "extrapolation.json"
    path.write_text(json.dumps({"provenance": {"truth": [truth]}, "energies": [at]}))
    code, out, _ = call("card", MODEL, "--extrapolation", path)
    assert code == 0
    assert "caloforge simulate --energy 150GeV -n 1000 -o e150.h5" in out.splitlines()
    assert f"caloforge extrapolation {MODEL} --truth e150.h5 --energy 150GeV -o extrapolation" in out.splitlines()
    numbers = " | ".join(["0.01 ± 0.002 (0.003)"] * 3)
    assert f"| 150GeV, above | 1000 | {numbers} | - |" in out.splitlines()


@pytest.mark.parametrize("content", ["no JSON", "[1]", "{}", '{"evidence": 3}'])
def test_what_is_no_report_is_one_sentence(call, tmp_path, content):
    path = tmp_path / "report.json"
    path.write_text(content)
    code, out, err = call("card", MODEL, "--report", path, "-o", tmp_path / "card.md")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "caloforge validate" in err
    assert list(tmp_path.iterdir()) == [path]


def test_an_existing_card_stays_unless_told(call, tmp_path):
    path = tmp_path / "card.md"
    path.write_text("mine")
    code, _, err = call("card", MODEL, "-o", path)
    assert (code, "--overwrite" in err, path.read_text()) == (1, True, "mine")
    assert call("card", MODEL, "-o", path, "--overwrite")[0] == 0
    assert path.read_text().startswith(f"# {MODEL}")


def test_the_card_says_what_a_shower_costs_and_the_licence():
    times = {"PyTorch": {1: 5.1, 100: 0.212}}
    text = model_card(MODEL, load_run(MODEL), CONFIG, "0" * 64, None, None, times, "CC-BY-4.0")
    assert "weights are under CC-BY-4.0." in text
    assert {"| showers in a batch | PyTorch |", "| 1 | 5.1 |", "| 100 | 0.212 |"} <= set(text.splitlines())
    assert "## Time" not in model_card(MODEL, load_run(MODEL), CONFIG, "0" * 64)
