"""Trained models by name: listed from what they say of themselves, fetched whole, and never in the way of another."""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import caloforge
from caloforge.advice.measured import shipped_measured
from caloforge.deployment.hub import INDEX, Place, push
from caloforge.errors import BadFile
from caloforge.training.folders import models_cache, run_folder, shipped_models
from caloforge.training.run import load_run
from caloforge.training.shelf import model_facts
from caloforge.training.tensor_files import read_tensors, write_tensors

RUN = run_folder("vae-siw-1080")


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CALOFORGE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def shelf(tmp_path):
    push(RUN, Place(tmp_path / "shelf"))
    return tmp_path / "shelf"


def test_the_list_says_what_the_models_are(call):
    code, out, err = call("models", "list", "--json")
    assert code == 0, err
    listed = {facts["name"]: facts for facts in json.loads(out)}
    assert set(listed) == set(shipped_models())
    facts = listed["vae-siw-1080"]
    run = load_run("vae-siw-1080")
    assert facts["family"] == "vae"
    assert facts["mesh"] == run.pipeline.binning.name
    assert facts["particles"] == run.pipeline.condition.particles.tolist()
    assert facts["detector"] == run.provenance.data.detector
    assert facts["showers"] == run.provenance.training_showers
    assert all(value in (RUN / "README.md").read_text() for value in facts["auc"].values())
    assert len(facts["auc"]) == 2


def test_one_auc_of_a_model_is_told_everywhere(call):
    """What the list says is what `advise` ranks by, and its card says no smaller one."""
    measured, _ = shipped_measured()
    lines = call("models", "list")[1].splitlines()
    for name, model in measured.items():
        line = next(below for above, below in pairwise(lines) if above.startswith(f"{name}:"))
        assert line.endswith(f"AUC {model.figures['auc'].value:.3f} ± {model.figures['auc'].error:.3f}")
        on_card = [float(value.split()[0]) for value in model_facts(run_folder(name)).auc.values()]
        assert max(on_card) > model.figures["auc"].value - 0.05


def test_a_model_is_shown_with_its_card(call):
    assert call("models", "show", "vae-siw-1080")[1].endswith((RUN / "README.md").read_text() + "\n")


def test_a_fetched_model_goes_by_its_name(call, shelf, tmp_path):
    assert call("models", "get", "mine", "--from", shelf)[0] == 0
    assert run_folder("mine") == models_cache() / "mine"
    copy, original = load_run("mine").model.state_dict(), load_run(RUN).model.state_dict()
    assert all((copy[name] == original[name]).all() for name in original)
    assert "mine: vae" in call("models", "list")[1]
    code, _, err = call("models", "get", "mine", "--from", shelf)
    assert code == 1
    assert "fetched before" in err


def test_what_is_no_run_is_not_fetched_and_a_damaged_one_hides_no_other(call, shelf):
    index = json.loads((shelf / INDEX).read_text())
    (shelf / "provenance.json").unlink()
    files = index["files"]
    del files["provenance.json"]
    (shelf / INDEX).write_text(json.dumps(index))
    code, _, err = call("models", "get", "mine", "--from", shelf)
    assert code == 1
    assert err.count("\n") == 1
    assert not (models_cache() / "mine").exists()
    shutil.copytree(shelf, models_cache() / "mine")
    code, out, err = call("models", "list", "--json")
    assert code == 0
    assert {facts["name"] for facts in json.loads(out)} == set(shipped_models())
    assert err.startswith("caloforge: warning: ")


@pytest.mark.parametrize("name", ["vae-siw-1080", "../mine", "a/b", ".hidden", ""])
def test_names_that_are_taken_or_none_are_refused(call, shelf, name):
    code, _, err = call("models", "get", name, "--from", shelf)
    assert code == 1
    assert err.startswith("caloforge: name of a model")
    assert not models_cache().exists()


def test_a_changed_model_is_not_fetched(call, shelf):
    with (shelf / "weights.safetensors").open("r+b") as file:
        file.seek(-4, 2)
        file.write(np.float32(1.0).tobytes())
    code, _, err = call("models", "get", "mine", "--from", shelf)
    assert code == 1
    assert f"its hash is not the one in {INDEX}" in err
    with pytest.raises(BadFile, match="no such run folder"):
        run_folder("mine")


def test_a_damaged_model_is_named(tmp_path):
    shutil.copytree(RUN, tmp_path / "run")
    (tmp_path / "run" / "config.yaml").write_text("model: [")
    with pytest.raises(BadFile, match="configuration"):
        model_facts(tmp_path / "run")


def test_weights_in_16_bits_load_as_float32(tmp_path):
    shutil.copytree(RUN, tmp_path / "run")
    tensors, _ = read_tensors(RUN / "weights.safetensors")
    halved = {name: value.half() if value.ndim > 1 else value for name, value in tensors.items()}
    write_tensors(tmp_path / "run" / "weights.safetensors", halved)
    weights = dict(load_run(tmp_path / "run").model.named_parameters())
    exact = dict(load_run(RUN).model.named_parameters())
    assert all(weights[name].dtype == exact[name].dtype for name in exact)
    assert all((weights[name] == (x.half().float() if x.ndim > 1 else x)).all() for name, x in exact.items())


def test_the_wheel_stays_under_60_megabytes():
    """What the package holds; packed into a wheel it is less."""
    package = Path(caloforge.__file__).parent
    sizes = [path.stat().st_size for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sum(sizes) < 60e6
