"""Extrapolation: deviations with a known answer, which truth counts, findings that know when they cannot tell."""

import json
from dataclasses import replace

import numpy as np
import pytest
import yaml

from caloforge.data.showers import Showers
from caloforge.data.splits import split_mask, take_split
from caloforge.data.writer import write_showers
from caloforge.diagnosis.extrapolation.deviation import GOALS, deviations, judge_deviation
from caloforge.diagnosis.extrapolation.near import showers_near
from caloforge.diagnosis.extrapolation.study import extrapolate
from caloforge.errors import BadValue, BinningMismatch
from caloforge.geometry.detector import detector
from caloforge.training.run import load_run
from caloforge.units import GeV
from caloforge.validation.finding import Status

X0 = detector("par04-siw").radiation_length
CONFIG = {
    "seed": 3,
    "energies": ["5GeV", "50GeV"],
    "model": {"name": "vae", "latent": 2, "width": 16, "depth": 1, "flow_transforms": 2, "flow_width": 16},
    "training": {"steps": 60, "batch": 64, "log_every": 1000, "learning_rate": 3e-3},
}


def scaled(showers, factor):
    """Every shower times its own factor."""
    energy = showers.energy * np.broadcast_to(factor, len(showers))[:, None].astype(np.float32)
    return replace(showers, energy=energy)


def wider(showers, factor):
    """The response as far again from its mean."""
    response = showers.total_energy / showers.incident_energy
    mean = response.mean(dtype=np.float64)
    return scaled(showers, (mean + factor * (response - mean)) / response)  # no shower is so far off as to turn over


def deeper(showers, millimetres):
    layers = tuple(
        replace(layer, z_edges=tuple(z + millimetres for z in layer.z_edges)) for layer in showers.binning.layers
    )
    return replace(showers, binning=replace(showers.binning, layers=layers))


CASES = {
    "response_bias": (lambda s: scaled(s, 1.02), 0.02),
    "resolution_ratio": (lambda s: wider(s, 1.1), 1.1),
    "depth_shift": (lambda s: deeper(s, 0.5 * X0), 0.5),
}


@pytest.mark.parametrize("name", GOALS)
def test_a_known_deviation_is_found(showers, name):
    """Exactly on the same showers, within errors on others, and only where it is."""
    change, expected = CASES[name]
    same = deviations(showers, change(showers), 1, X0)
    assert same[name].value == pytest.approx(expected, rel=2e-4)
    for other in set(GOALS) - {name}:
        assert same[other].distance < 1e-4
    halves = deviations(showers[::2], change(showers[1::2]), 1, X0)[name]
    assert abs(halves.value - expected) < 3 * halves.error
    assert halves.value != pytest.approx(expected, rel=1e-6)


def test_errors_and_floors_are_those_of_the_scatter(showers):
    """Truth against truth, n pairs: deviations are as large as their errors say, and their mean size is the floor.

    The sum of n squared pulls has the mean n and the variance 2 n; the mean size of n normal numbers is known to
    sqrt((pi/2 - 1) / n) of itself. Three standard deviations.
    """
    order = np.random.default_rng(5).permutation(len(showers))
    parts = [showers[order[i : i + 60]] for i in range(0, 3000, 60)]
    pairs = [deviations(a, b, i, X0) for i, (a, b) in enumerate(zip(parts[::2], parts[1::2], strict=True))]
    n = len(pairs)
    for name in GOALS:
        pulls = np.array([(p[name].value - p[name].ideal) / p[name].error for p in pairs])
        assert (pulls**2).sum() == pytest.approx(n, abs=3 * np.sqrt(2 * n))
        distances, floors = (np.array([getattr(p[name], what) for p in pairs]) for what in ("distance", "floor"))
        assert distances.mean() / floors.mean() == pytest.approx(1, abs=3 * np.sqrt((np.pi / 2 - 1) / n))


def test_findings_against_the_goals(showers):
    """Missed by far, kept, too few showers to say; and no goal for a depth of unknown unit."""
    found = deviations(showers, scaled(showers, 1.05), 1, X0)
    missed = judge_deviation("response_bias", found["response_bias"], "150GeV", len(showers))
    kept = judge_deviation("depth_shift", found["depth_shift"], "150GeV", len(showers))
    assert (missed.status, kept.status) == (Status.FAIL, Status.PASS)
    assert "bias +5.00" in missed.evidence
    few = deviations(showers[:30], showers[30:60], 1, X0)["resolution_ratio"]
    unsure = judge_deviation("resolution_ratio", few, "150GeV", 30)
    assert unsure.status is Status.CANNOT_TELL
    assert unsure.needed > 100
    unknown = deviations(showers, showers, 1)["depth_shift"]
    assert (unknown.unit, unknown.goal) == ("mm", None)
    assert "radiation length" in judge_deviation("depth_shift", unknown, "150GeV", len(showers)).evidence
    dark = deviations(showers, scaled(showers, 0.0), 1, X0)
    assert judge_deviation("resolution_ratio", dark["resolution_ratio"], "5GeV", 3000).status is Status.CANNOT_TELL
    assert dark["response_bias"].value == -1


@pytest.fixture(scope="module")
def folder(showers, tmp_path_factory):
    """Truth, and a model trained on the showers of 5 to 50 GeV in it."""
    place = tmp_path_factory.mktemp("extrapolated")
    write_showers(place / "truth.h5", showers, "par04-siw", {})
    (place / "config.yaml").write_text(yaml.safe_dump(CONFIG | {"data": str(place / "truth.h5")}))
    return place


@pytest.fixture
def run(call, folder):
    if not (folder / "run").exists():
        assert call("train", folder / "config.yaml", "-o", folder / "run")[0] == 0
    return folder / "run"


def test_a_run_on_some_energies_knows_its_range(run, showers):
    model = load_run(run)
    low, high = model.pipeline.condition.energy_range.tolist()
    assert 5 * GeV <= low < 5.2 * GeV
    assert 48 * GeV < high <= 50 * GeV
    inside = (showers.incident_energy >= 5 * GeV) & (showers.incident_energy <= 50 * GeV)
    assert model.provenance.training_showers == (inside & split_mask(showers, "train")).sum()


def test_showers_near_an_energy_come_from_all_files(run, showers):
    model = load_run(run)
    near = showers[np.abs(showers.incident_energy / (80 * GeV) - 1) <= 0.1]
    assert np.array_equal(showers_near(model, {"t": showers}, 80 * GeV).energy, near.energy)
    both = {"low": showers[showers.incident_energy < 80 * GeV], "high": showers[showers.incident_energy >= 80 * GeV]}
    assert len(showers_near(model, both, 80 * GeV)) == len(near)


def test_only_showers_that_did_not_train_the_model_count(run, showers):
    """Inside the range those of the test split; the verdict says how many were left out."""
    model = load_run(run)
    truth = {e * GeV: showers_near(model, {"t": showers}, e * GeV) for e in (20, 80)}
    result = extrapolate(model, truth, 1, X0, n=50)
    inside, above = result.energies
    assert inside.n_truth == len(take_split(truth[20 * GeV], "test"))
    assert (above.n_truth, above.left_out) == (len(truth[80 * GeV]), 0)
    assert inside.left_out == len(truth[20 * GeV]) - inside.n_truth > 0
    assert result.verdict.endswith(f" {inside.left_out} showers of the truth left out: the model was trained on them.")
    assert result.to_dict()["energies"][0]["left_out"] == inside.left_out


def test_truth_that_does_not_fit_is_refused(run, showers):
    model = load_run(run)
    with pytest.raises(BadValue, match=r"energy is '500GeV'; truth.h5 holds .*simulate --energy 500GeV"):
        showers_near(model, {"truth.h5": showers}, 500 * GeV)
    muons = Showers(
        showers.energy, showers.incident_energy, np.full(len(showers), 13), showers.theta, showers.phi, showers.binning
    )  # fmt: skip
    with pytest.raises(BadValue, match=r"particle is .mu- .PDG 13."):
        showers_near(model, {"mu": muons}, 80 * GeV)
    other = replace(showers.binning.layers[0], r_edges=(0.0, 5.0, 11.0, 20.0))
    mesh = replace(showers.binning, layers=(other, *showers.binning.layers[1:]))
    with pytest.raises(BinningMismatch):
        showers_near(model, {"t": replace(showers, binning=mesh)}, 80 * GeV)


def test_the_command_writes_page_pictures_and_json(call, run, folder, tmp_path):
    words = ["extrapolation", run, "--truth", folder / "truth.h5", "-o", tmp_path / "r", "--json", "--strict"]
    code, out, _ = call(*words, "--energy", "80GeV", "--energy", "20GeV")
    facts = json.loads(out)
    assert code == (1 if facts["alarms"] else 0)
    assert facts == json.loads((tmp_path / "r" / "extrapolation.json").read_text())
    assert [(at["energy"], at["place"]) for at in facts["energies"]] == [(20 * GeV, "inside"), (80 * GeV, "above")]
    for at in facts["energies"]:
        assert at["generated_showers"] == 4 * at["truth_showers"] > 0
        assert {"value", "error", "floor", "goal"} <= set(at["depth_shift"])
        assert at["separation"]["response"]["floor"] > 0
        assert len(at["findings"]) == 3
        assert (at["auc_high"] is None) == (at["truth_showers"] < 120)  # 60 a class, and for the floor
    page = (tmp_path / "r" / "extrapolation.html").read_text()
    assert "80GeV (above)" in page
    assert 'src="http' not in page
    plots = {path.stem for path in (tmp_path / "r" / "plots").iterdir()}
    assert {"against_energy", "distributions_80GeV", "mean_20GeV"} <= plots


def test_a_classifier_and_another_number_of_showers(run, showers):
    low = showers[(showers.incident_energy > 2 * GeV) & (showers.incident_energy < 4 * GeV)][:250]
    found = extrapolate(load_run(run), {3 * GeV: low}, 1, X0, n=300)
    (at,) = found.energies
    assert at.place == "below"
    assert len(at.samples[1]) == 300
    assert 0.5 < at.auc.value <= 1
    assert abs(at.auc.floor - 0.5) < 0.2
    assert found.verdict.startswith("Trained on 5")


def test_a_handful_of_showers_cannot_tell(call, run, showers, tmp_path):
    near = showers[np.abs(showers.incident_energy / (80 * GeV) - 1) < 0.1]
    write_showers(tmp_path / "few.h5", near[:8], "par04-siw", {})
    code, out, _ = call("extrapolation", run, "--truth", tmp_path / "few.h5", "--energy", "80GeV", "-o", tmp_path / "r")
    assert code == 0
    assert out.count("cannot tell: ") == 3
    assert "8 showers of Geant4 are too few; it needs about 20 showers" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--energy", "500GeV"], "energy is '500GeV'"),
        (["--energy", "80"], "number with a unit"),
        (["--energy", "80GeV", "--energy", "80000MeV"], "give each energy once"),
        (["--energy", "80GeV", "--truth", "bundled"], "binnings differ"),
        (["--energy", "80GeV", "--truth", "missing.h5"], "no such file"),
    ],
)
def test_bad_input_is_one_sentence(call, run, folder, tmp_path, words, says):
    code, out, err = call("extrapolation", run, "--truth", folder / "truth.h5", "-o", tmp_path / "r", *words)
    assert (code, out) == (1, "")
    assert says in err
    assert err.count("\n") == 1
    assert not (tmp_path / "r").exists()


def test_generating_outside_the_range_is_refused_or_warned_of(call, run, tmp_path):
    words = ["generate", run, "--energy", "80GeV", "-n", 3, "-o", tmp_path / "x.h5"]
    code, _, err = call(*words)
    assert code == 1
    assert "--extrapolate" in err
    code, _, err = call(*words, "--extrapolate")
    assert code == 0
    assert err.startswith("caloforge: warning: incident energy 80GeV lies outside the training, 5")
    assert call("generate", run, "--energy", "20GeV", "-n", 3, "-o", tmp_path / "y.h5", "--extrapolate")[2] == ""


@pytest.mark.parametrize("energies", [["50GeV", "5GeV"], ["5", "50GeV"], ["5GeV"]])
def test_energies_that_are_no_range_are_refused(call, folder, tmp_path, energies):
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(CONFIG | {"data": str(folder / "truth.h5"), "energies": energies}))
    code, _, err = call("train", tmp_path / "c.yaml", "-o", tmp_path / "r")
    assert code == 1
    assert "field energies" in err


def test_validation_knows_the_file_of_which_a_part_trained_the_model(call, run, folder, tmp_path):
    assert call("generate", run, "--energy", "6GeV:40GeV:log", "-n", 200, "-o", tmp_path / "fake.h5")[0] == 0
    words = ["validate", tmp_path / "fake.h5", "--truth", folder / "truth.h5", "--quick", "--json"]
    code, out, _ = call(*words, "--allow-different-conditions", "--observable", "response")
    assert code == 0
    assert json.loads(out)["provenance"]["truth"]["split"] == "unseen"


def test_the_shipped_model_for_extrapolation_says_its_range(call, tmp_path):
    words = ["generate", "vae-siw-1080-physics", "--energy", "150GeV", "-n", 5, "-o", tmp_path / "x.h5"]
    code, _, err = call(*words)
    assert code == 1
    assert (
        "the model was trained on 10GeV to 99.98GeV; extrapolate=True, or --extrapolate of generate and expect, goes on"
        in err
    )
    assert not (tmp_path / "x.h5").exists()
    code, _, err = call(*words, "--extrapolate")
    assert code == 0
    assert "warning: incident energy 150GeV lies outside the training, 10GeV to 99.98GeV" in err
