"""Weights, unweighting and amplification from the command line."""

import json

import numpy as np
import pytest

from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.data.writer import write_showers

FEW = ["--observable", "response", "--observable", "layer_energy"]


@pytest.fixture(scope="module")
def files(tmp_path_factory, showers):
    """Truth, generated showers chosen by the share of their first layer, and new ones of the same generator."""
    folder = tmp_path_factory.mktemp("reweight")
    share = showers.layer_energy[:, 0] / showers.incident_energy
    taken = np.random.default_rng(1).random(len(share)) < 1 / (1 + np.exp(-2 * (share - share.mean()) / share.std()))
    origin = {"training": {"training_showers": 500, "showers_digest": "abc"}}
    write_showers(folder / "truth.h5", showers[:500], "tiny stack", {})
    for name, part in (("fake", slice(500, 1400)), ("new", slice(2000, 3000))):
        write_showers(folder / f"{name}.h5", showers[part][taken[part]], "tiny stack", origin)
    return folder


def test_fit_draw_and_weight_new_showers(call, files, tmp_path):
    out = tmp_path / "w.h5"
    code, text, _ = call(
        "reweight", files / "fake.h5", "--truth", files / "truth.h5", *FEW, "-o", out, "--report", tmp_path / "r"
    )
    assert code == 0
    assert "AUC before" in text
    assert "effective number" in text
    page = json.loads((tmp_path / "r" / "reweighting.json").read_text())
    assert page["auc_before"]["value"] > 0.5 + 2 * page["auc_before"]["error"]
    assert page["effective_size"] < page["showers"]
    assert set(page["observables"]) == {"response", "layer_energy"}
    assert {p.name for p in (tmp_path / "r" / "plots").glob("*.png")} == {"weights.png", "observables.png"}
    code, text, _ = call("reweight", files / "fake.h5", "--apply", out, "-o", tmp_path / "u.h5", "--json")
    answer = json.loads(text)
    with ShowerFile(tmp_path / "u.h5") as kept, ShowerFile(files / "fake.h5") as fake:
        assert (code, len(kept)) == (0, answer["showers"])
        assert np.isin(kept.read().ids, fake.read().ids).all()
    code, _, err = call("reweight", files / "new.h5", "--apply", out, "-o", tmp_path / "no.h5")
    assert (code, "other showers" in err, err.count("\n")) == (1, True, 1)
    code, text, _ = call("reweight", files / "new.h5", "--with", tmp_path / "r", "-o", tmp_path / "w2.h5", "--json")
    assert (code, json.loads(text)["showers"] > 400) == (0, True)
    assert call("reweight", files / "new.h5", "--apply", tmp_path / "w2.h5", "-o", tmp_path / "u2.h5")[0] == 0
    code, _, err = call("reweight", files / "truth.h5", "--with", tmp_path / "r", "-o", tmp_path / "no.h5")
    assert (code, "fitted to another" in err) == (1, True)
    assert not (tmp_path / "no.h5").exists()


def test_wrong_calls_are_one_sentence_and_leave_nothing(call, files, tmp_path, showers):
    high = showers[showers.incident_energy > 2e4]
    write_showers(files / "high.h5", high, "tiny stack", {})
    truth = ["--truth", files / "truth.h5"]
    for words, says in (
        ([files / "fake.h5"], "exactly one"),
        ([files / "fake.h5", *truth, "--apply", "w.h5"], "exactly one"),
        ([files / "fake.h5", *truth, *truth], "once"),
        ([files / "high.h5", *truth], "incident energies differ"),
        ([files / "fake.h5", "--truth", "bundled"], "binnings differ"),
        ([files / "fake.h5", *truth, "--observable", "voxel_energy"], "single cells"),
        ([files / "fake.h5", "--apply", files / "none.h5"], "no such file"),
        ([files / "fake.h5", "--with", files / "none"], "--report"),
    ):
        code, out, err = call("reweight", *words, "-o", tmp_path / "no.h5")
        assert (code, out, says in err, err.count("\n")) == (1, "", True, 1), err
    assert list(tmp_path.iterdir()) == []


def test_amplification(call, files, tmp_path, showers):
    """Showers with a fifth too much energy are worth little."""
    energy = (1.2 * showers.energy[2000:]).astype(np.float32)
    made = Showers.perpendicular(energy, showers.incident_energy[2000:], showers.binning)
    write_showers(tmp_path / "hot.h5", made, "tiny stack", {"training": {"training_showers": 500}})
    words = ["--truth", files / "truth.h5", "--observable", "response", "--cells", 5, "-o", tmp_path / "a"]
    code, out, _ = call("amplification", tmp_path / "hot.h5", *words)
    assert code == 0
    assert "trained on 500" in out
    response = json.loads((tmp_path / "a" / "amplification.json").read_text())["observables"]["response"]
    assert response["verdict"] == "less"
    assert response["interval"][1] < 500
    assert (tmp_path / "a" / "plots" / "saturation.png").exists()
    code, out, _ = call(
        "amplification", tmp_path / "hot.h5", *words, "--training-showers", 10**6, "--json", "--overwrite"
    )
    assert (code, json.loads(out)["training_showers"]) == (0, 10**6)


def test_amplification_that_cannot_be_told(call, files, tmp_path, showers):
    write_showers(tmp_path / "alike.h5", showers[:700], "tiny stack", {"training": {"training_showers": 500}})
    words = ["--truth", files / "truth.h5", "-o", tmp_path / "a"]
    for path, more, says in (
        (tmp_path / "alike.h5", [], "drawn anew"),
        (files / "truth.h5", [], "--training-showers"),
        (files / "high.h5", ["--training-showers", 9], "incident energies differ"),
        (files / "fake.h5", ["--observable", "layer_energy"], "several values"),
    ):
        code, out, err = call("amplification", path, *words, *more)
        assert (code, out, says in err, err.count("\n")) == (1, "", True, 1), err
    assert not (tmp_path / "a").exists()
