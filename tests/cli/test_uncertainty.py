"""Ensembles on the command line: train, generate, expect and coverage, and what each says of bad input."""

import json

import numpy as np
import pytest
import yaml
from PIL import Image

from caloforge.config import RunConfig
from caloforge.data.store import ShowerFile
from caloforge.data.writer import write_showers
from caloforge.training.ensemble import load_ensemble, train_ensemble
from caloforge.training.train import train_run

CONFIG = {
    "seed": 3,
    "model": {"name": "vae", "latent": 2, "width": 8, "depth": 1, "flow_transforms": 1, "flow_width": 8},
    "training": {"steps": 10, "batch": 32, "log_every": 10, "swag": 2, "swag_every": 2},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory, showers):
    """A truth file, an ensemble of two, and a run with snapshots of SWAG."""
    path = tmp_path_factory.mktemp("uncertainty")
    write_showers(path / "truth.h5", showers, "tiny stack", {})
    config = RunConfig.model_validate(CONFIG | {"data": str(path / "truth.h5")})
    (path / "config.yaml").write_text(config.to_yaml())
    plain = config.training.model_copy(update={"swag": 0})

    def text(seed, training):
        return config.model_copy(update={"seed": seed, "training": training}).to_yaml()

    train_ensemble(showers, config.model, plain, 3, 2, path / "ensemble", text, {"detector": "tiny stack"})
    train_run(showers, config.model, config.training, 3, path / "swag", text(3, config.training), {})
    return path


def test_train_and_resume(call, place, tmp_path):
    words = ["train", place / "config.yaml", "-o", tmp_path / "run", "--members", 2, "--set", "training.swag=0"]
    code, out, _ = call(*words, "--json")
    assert code == 0
    assert json.loads(out)["step"] == 10
    first, again = load_ensemble(place / "ensemble"), load_ensemble(tmp_path / "run")
    for a, b in zip(first.members, again.members, strict=True):
        assert all((a.model.state_dict()[k] == v).all() for k, v in b.model.state_dict().items())
    assert call(*words)[2].count("not empty") == 1
    assert call(*words, "--resume")[0] == 0
    code, _, err = call(*words, "--resume", "--no-bootstrap")
    assert (code, "another configuration" in err) == (1, True)
    config = yaml.safe_load((tmp_path / "run/members/1/config.yaml").read_text())
    assert config["training"]["bootstrap"] is True


def test_generate_and_diagnose(call, place, tmp_path):
    code, _, err = call("generate", place / "ensemble", "--energy", "20GeV", "-n", 41, "-o", tmp_path / "fake.h5")
    assert (code, err) == (0, "")
    with ShowerFile(tmp_path / "fake.h5") as file:
        assert len(file.read()) == 41
        assert file.provenance.facts["training"]["members"] == 2
    code, _, err = call("diagnose", place / "ensemble", "--truth", place / "truth.h5", "-o", tmp_path / "diagnosis")
    assert (code, "give a member" in err, err.count("\n")) == (1, True, 1)


def test_expect(call, place):
    words = ["expect", place / "ensemble", "--energy", "20GeV", "--energy", "50GeV", "-n", 300]
    asked = [*words, "--observable", "response", "--observable", "layer_energy"]
    code, out, _ = call(*asked, "--json")
    answer = json.loads(out)
    assert (code, answer["method"], answer["members"], len(answer["expectations"])) == (0, "ensemble", 2, 8)
    for row in answer["expectations"]:
        assert row["low"] < row["value"] < row["high"]
        assert row["mc_error"] > 0
    response, *layers = answer["expectations"][:4]
    total = sum(row["value"] for row in layers)
    assert response["value"] == pytest.approx(total / 2e4, rel=1e-4)
    assert [layers[0][key] for key in ("unit", "column", "energy_MeV")] == ["MeV", "layer 0", 2e4]
    code, out, _ = call(*asked)
    assert "ensemble of 2 models, 300 showers of each" in out
    assert "95 % interval" in out
    assert out.count("MeV") == 6


def test_expect_of_one_model_and_of_swag(call, place):
    rest = ["--energy", "20GeV", "--observable", "centre_z", "-n", 300]
    code, out, _ = call("expect", place / "ensemble/members/1", *rest)
    assert (code, "not known" in out, "train with --members" in out) == (0, True, True)
    answer = json.loads(call("expect", place / "ensemble/members/1", *rest, "--json")[1])
    assert answer["expectations"][0]["model_error"] is None
    code, out, _ = call("expect", place / "swag", *rest, "--draws", 4)
    assert (code, "4 draws of SWAG" in out) == (0, True)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--energy", "20GeV", "--observable", "nonsense"], "unknown observable 'nonsense'"),
        (["--energy", "20GeV", "--observable", "voxel_energy"], "a value for every cell"),
        (["--energy", "20GeV", "--observable", "layer_ratio"], "is undefined for the model's showers at 20GeV"),
        (
            ["--energy", "1TeV", "--observable", "response"],
            "extrapolate=True, or --extrapolate of generate and expect, goes on",
        ),
        (["--energy", "20GeV:30GeV:log", "--observable", "response"], "taken at one condition"),
        (["--energy", "20GeV,30GeV", "--observable", "response"], "taken at one condition"),
        (["--energy", "20GeV", "--theta", "0deg:9deg:uniform", "--observable", "response"], "taken at one condition"),
        (["--energy", "20GeV", "--particle", "mu-", "--observable", "response"], "trained on e- (PDG 11)"),
        (["--energy", "20GeV", "--observable", "response", "--recalibration", "no.json"], "not a measured coverage"),
    ],
)
def test_expect_says_what_is_wrong(call, place, words, says):
    code, out, err = call("expect", place / "ensemble", *words, "-n", 50)
    assert (code, out, says in err, err.count("\n")) == (1, "", True, 1), err


def test_expect_outside(call, place):
    words = ["expect", place / "ensemble", "--energy", "1TeV", "--observable", "response", "-n", 50, "--extrapolate"]
    assert call(*words)[0] == 0


def test_coverage(call, place, tmp_path):
    truth = place / "truth.h5"
    words = ["coverage", place / "ensemble", place / "swag", "--single", place / "swag", "--truth", truth]
    few = ["--bins", 2, "--repeats", 2, "--draws", 2, "--growth", 200]
    code, out, err = call(*words, "--fit", truth, *few, "-o", tmp_path / "out")
    assert code == 0, err
    assert "outside" not in out
    answer = json.loads((tmp_path / "out/coverage.json").read_text())
    assert [run["method"] for run in answer["runs"]] == ["ensemble", "SWAG", "single"]
    assert 600 < answer["showers"] < 900  # the test split of a file that was trained on
    factors = answer["runs"][0]["factors"]
    assert [run["name"] for run in answer["runs"]] == ["ensemble", "swag", "swag alone"]
    assert set(factors) == {"energy", "depth", "width", "cells"}
    assert answer["runs"][2]["factors"] is None
    levels = [c["level"] for c in answer["runs"][0]["coverage"]["raw"]]
    assert levels == sorted(levels)
    for name in ("coverage.png", "growth.png"):
        assert np.asarray(Image.open(tmp_path / "out" / name).convert("L")).std() > 5
    asked = ["expect", place / "ensemble", "--energy", "20GeV", "--observable", "response", "-n", 100, "--json"]
    raw, scaled = (
        json.loads(call(*asked, *more)[1])["expectations"][0]["model_error"]
        for more in ([], ["--recalibration", tmp_path / "out/coverage.json"])
    )
    assert scaled == pytest.approx(raw * factors["energy"])
    code, _, err = call(*asked, "--recalibration", tmp_path / "out/coverage.json", "--observable", "sparsity")
    assert (code, "has no factor" in err) == (1, True)
