"""Models by name, conditions on the command line, scores and the beta sweep."""

import json
import math
import re
from functools import partial

import numpy as np
import pytest
import yaml

from caloforge.classifiers.auc import ClassifierSettings, classify
from caloforge.cli.scores import summary_of
from caloforge.config import load_config, packaged_configs
from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.data.writer import write_showers
from caloforge.errors import BadFile
from caloforge.preprocessing.parts import ConditionColumns
from caloforge.training.folders import shipped_models
from caloforge.training.run import load_run

CONFIG = {
    "seed": 3,
    "model": {"name": "vae", "latent": 2, "width": 8, "depth": 1, "flow_transforms": 2, "flow_width": 8},
    "training": {"steps": 20, "batch": 64, "log_every": 10},
}


def train(call, folder, showers):
    write_showers(folder / "truth.h5", showers, "tiny stack", {})
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG | {"data": str(folder / "truth.h5")}))
    assert call("train", folder / "config.yaml", "-o", folder / "run")[0] == 0
    return folder / "run"


@pytest.fixture
def inclined(showers):
    """Electrons and photons from everywhere within half a radian of the normal."""
    rng = np.random.default_rng(2)
    n = len(showers)
    theta, phi = rng.uniform(0, 0.5, n), rng.uniform(-math.pi, math.pi, n)
    return Showers(showers.energy, showers.incident_energy, rng.choice([11, 22], n), theta, phi, showers.binning)


def test_every_condition_by_hand(call, tmp_path, inclined):
    model = train(call, tmp_path, inclined)
    words = ["generate", model, "-n", 40, "-o", tmp_path / "fake.h5", "--energy", "20GeV", "--overwrite"]
    asked = ["--particle", "gamma", "--theta", "20deg", "--phi=-180deg:180deg:uniform"]
    assert call(*words, *asked)[0] == 0
    with ShowerFile(tmp_path / "fake.h5") as file:
        made = file.read()
    assert (made.pdg == 22).all()
    assert np.allclose(made.theta, math.radians(20), atol=1e-6)
    assert made.phi.std() > 1
    for refused, says in (
        ([], "particle is not given; the model was trained on"),
        (asked[:2], "theta is not given; the model was trained on"),
        (asked[:4], "phi is not given; the model was trained on"),
        (["--particle", "gamma", "--theta", "40deg", "--phi", "0deg"], "theta is '40deg'"),
        (["--particle", "mu-", "--theta", "20deg", "--phi", "0deg"], "trained on e- (PDG 11), gamma (PDG 22)"),
    ):
        code, out, err = call(*words, *refused)
        assert (code, out) == (1, "")
        assert says in err
        assert err.count("\n") == 1
    steep = [*asked[:2], "--theta", "40deg", "--phi", "0deg", "--extrapolate"]
    assert call(*words, *steep)[0] == 0


def test_every_condition_of_a_file(call, tmp_path, inclined):
    model = train(call, tmp_path, inclined)
    code, out, _ = call(
        "generate", model, "--like", tmp_path / "truth.h5", "--split", "test", "-o", tmp_path / "fake.h5", "--json"
    )
    assert code == 0
    assert 600 < json.loads(out)["showers"] < 900
    with ShowerFile(tmp_path / "fake.h5") as file, ShowerFile(tmp_path / "truth.h5") as truth:
        made, given = file.read(), truth.read()
    for name in ("pdg", "theta", "phi", "incident_energy"):
        assert np.isin(getattr(made, name), getattr(given, name)).all()
    for words, says in (
        (["--like", tmp_path / "truth.h5", "--theta", "3deg"], "like has its own"),
        (["--energy", "20GeV", "--split", "test"], "showers of like"),
    ):
        code, _, err = call("generate", model, *words, "-o", tmp_path / "no.h5")
        assert (code, says in err) == (1, True)


@pytest.mark.slow
@pytest.mark.geant4
def test_geant4_showers_of_two_particles_from_many_directions(call, tmp_path):
    """Simulated, merged, trained on, generated alike, and scored, from the command line."""
    angles = ["--theta", "0deg:30deg:solid-angle", "--phi", "0deg:360deg:uniform"]
    parts = []
    for seed, particle in enumerate(["e-", "gamma"]):
        parts.append(tmp_path / f"{particle}.h5")
        made = ["--particle", particle, "--energy", "50MeV:150MeV:log", *angles, "-n", 600, "--seed", seed]
        assert call("simulate", *made, "--workers", 1, "-o", parts[-1])[0] == 0
    assert call("merge", *parts, "-o", tmp_path / "truth.h5")[0] == 0
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG | {"data": str(tmp_path / "truth.h5")}))
    assert call("train", tmp_path / "config.yaml", "-o", tmp_path / "run")[0] == 0
    known = load_run(tmp_path / "run").pipeline.condition
    assert known.particles.tolist() == [11, 22]
    assert known.columns == ConditionColumns(particle=True, cos_theta=True, direction=True)
    words = [tmp_path / "run", "--like", tmp_path / "truth.h5", "-o", tmp_path / "fake.h5"]
    assert call("generate", *words)[0] == 0
    with ShowerFile(tmp_path / "fake.h5") as fake, ShowerFile(tmp_path / "truth.h5") as truth:
        made, given = fake.read(), truth.read()
    assert np.array_equal(made.theta, given.theta)
    responses = [showers.total_energy / showers.incident_energy for showers in (made, given)]
    # The network starts from the mean and spread of the training showers, whatever few steps teach it.
    assert responses[0].mean() == pytest.approx(responses[1].mean(), abs=0.5 * responses[1].std())
    words = ["score", tmp_path / "run", tmp_path / "truth.h5", "-n", 20, "--draws", 20, "--samples", 2]
    assert call(*words, "-o", tmp_path / "s.json")[0] == 0


def test_scores(call, tmp_path, showers):
    model = train(call, tmp_path, showers)
    words = ["score", model, tmp_path / "truth.h5", "-n", 30, "--draws", 20, "--samples", 4, "-o", tmp_path / "s.json"]
    code, out, _ = call(*words, "--observable", "response", "--observable", "width_z")
    assert code == 0
    assert "response" in out
    assert re.search(r"log_likelihood +\S+ nats ", out)  # a mean without its unit says nothing
    assert re.search(r"width_z +\S+ mm ", out)
    scores = json.loads((tmp_path / "s.json").read_text())
    assert set(scores["scores"]) == {"log_likelihood", "response", "width_z"}
    assert len(scores["scores"]["log_likelihood"]["rank"]) == 30
    assert 0 <= scores["summary"]["response"]["inside"] <= 1
    code, _, err = call(*words, "--overwrite", "--observable", "layer_energy")
    assert (code, "several values" in err) == (1, True)
    muons = Showers(
        showers.energy[:30], showers.incident_energy[:30], np.full(30, 13), *np.zeros((2, 30)), showers.binning
    )
    write_showers(tmp_path / "muons.h5", muons, "tiny stack", {})
    code, out, err = call("score", model, tmp_path / "muons.h5", "-o", tmp_path / "no.json")
    assert (code, out, "particle is 'mu- (PDG 13)'; the model was trained on e- (PDG 11)" in err) == (1, "", True), err
    assert not (tmp_path / "no.json").exists()


def test_an_observable_that_no_scored_shower_has():
    nothing = np.full(1, np.nan)
    entry = dict.fromkeys(("value", "rank", "low", "high"), nothing)
    assert all(np.isnan(number) for number in summary_of(entry, 0.9).values())


def test_beta_sweep(call, tmp_path, showers, monkeypatch):
    hasty = ClassifierSettings(hidden=32, epochs=6, folds=2)
    monkeypatch.setattr("caloforge.diagnosis.beta_sweep.classify", partial(classify, settings=hasty))
    model = train(call, tmp_path, showers[:1500])
    words = ["beta-sweep", model, "--truth", tmp_path / "truth.h5", "-o", tmp_path / "d"]
    code, out, _ = call(*words, "--betas", "0.01,100", "--steps", 100)
    assert code == 0
    assert "distortion" in out
    low, high = json.loads((tmp_path / "d" / "beta_sweep.json").read_text())["points"]
    assert low["rate"] > high["rate"]
    assert low["distortion"] < high["distortion"] + 0.5
    assert {"value", "error", "floor"} <= set(low["auc_low"])
    assert (tmp_path / "d" / "beta_sweep.png").read_bytes()[:4] == b"\x89PNG"
    for wrong in ("0.1,x", "1,1", "-1", ""):
        assert call(*words[:-1], tmp_path / "none", "--betas", wrong)[0] == 1
    assert not (tmp_path / "none").exists()


def test_packaged_configurations():
    assert "vae-siw-1080" in packaged_configs()
    for name in packaged_configs():
        assert load_config(name).model.name in ("vae", "flow", "flow_matching", "gan", "wgan")
    with pytest.raises(BadFile, match="vae-siw-1080"):
        load_config("vae-siw-108")


def test_an_unknown_model_is_told_the_names_that_come_close(call, tmp_path):
    code, out, err = call("generate", "vae-siw-1081", "--energy", "50GeV", "-o", tmp_path / "x.h5")
    assert (code, out) == (1, "")
    assert "vae-siw-1080" in err
    assert list(tmp_path.iterdir()) == []


INCLINED = ("--theta", "15deg", "--phi", "30deg")
CONDITIONS = {
    "em-siw-1080": ("--particle", "gamma", *INCLINED),
    "gamma-lar": ("--particle", "gamma"),
    "hadron-siw-hcal": ("--particle", "pi+", *INCLINED),
}


@pytest.mark.parametrize("name", sorted(shipped_models()))
def test_shipped_models(call, tmp_path, name):
    """Every shipped model loads by its name, has a card, is small, and makes showers of the right energy."""
    folder = shipped_models()[name]
    assert (folder / "README.md").read_text().startswith(f"# {name}")
    assert sum(path.stat().st_size for path in folder.iterdir()) < 12e6
    assert load_run(name).provenance.training_showers > 1000
    words = CONDITIONS.get(name, ())
    assert call("generate", name, "--energy", "45GeV", *words, "-n", 200, "-o", tmp_path / "x.h5")[0] == 0
    with ShowerFile(tmp_path / "x.h5") as file:
        response = file.read().total_energy / 45e3
    sampling_fraction = 0.2 if name == "gamma-lar" else 0.03
    assert 0.3 * sampling_fraction < response.mean() < 3 * sampling_fraction
    assert response.std() / response.mean() < (0.5 if "hadron" in name else 0.1)
