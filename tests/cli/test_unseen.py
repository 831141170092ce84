"""Showers that a model was trained on judge nothing, in whatever file they come; runs are resumed on their own data."""

import json
import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from caloforge.api.truth import left_out_text, truth_split
from caloforge.api.validate import validate
from caloforge.config import load_config
from caloforge.data.bundled import showers_path
from caloforge.data.ids import SURE_CELLS
from caloforge.data.showers import Showers
from caloforge.data.splits import split_mask, take_split
from caloforge.data.store import ShowerFile
from caloforge.data.writer import write_showers
from caloforge.errors import BadFile
from caloforge.training.folders import shipped_models
from caloforge.training.run import load_run
from caloforge.training.train import TrainingInterrupted, train_run

CONFIG = """
data: truth.h5
seed: 3
model: {name: vae, latent: 3, width: 16, depth: 1, flow_transforms: 2, flow_width: 16}
training: {steps: 20, batch: 64, log_every: 10, checkpoint_every: 5}
"""


@pytest.fixture(scope="module")
def showers(showers):
    return showers[:1600]


@pytest.fixture(scope="module")
def place(tmp_path_factory, showers):
    """A run trained on the first 1,200 of 1,600 showers, and what it generates."""
    folder = tmp_path_factory.mktemp("unseen")
    (folder / "config.yaml").write_text(CONFIG)
    config = load_config(folder / "config.yaml")
    train_run(showers[:1200], config.model, config.training, config.seed, folder / "run", config.to_yaml(), {})
    write_showers(folder / "all.h5", showers, "tiny stack", {})
    return folder


@pytest.fixture
def seen(showers):
    """Which showers the optimiser or early stopping saw."""
    ids = np.concatenate([take_split(showers[:1200], name).ids for name in ("train", "validation")])
    return np.isin(showers.ids, ids) & ((showers.energy > 0).sum(axis=1) >= SURE_CELLS)


def test_a_run_and_what_it_generates_carry_the_training_ids(call, place, showers, seen, tmp_path):
    assert set(load_run(place / "run").training_ids.all) == set(showers.ids[seen])
    assert call("generate", place / "run", "--like", place / "all.h5", "-o", tmp_path / "g.h5")[0] == 0
    assert call("merge", tmp_path / "g.h5", "-o", tmp_path / "m.h5")[0] == 0
    for name in ("g.h5", "m.h5"):
        with ShowerFile(tmp_path / name) as file:
            assert set(file.training_ids) == set(showers.ids[seen])


@pytest.mark.parametrize("rounded", [False, True])
def test_training_showers_are_left_out_of_a_merged_or_rounded_file(call, place, showers, seen, tmp_path, rounded):
    """The truth is another file than the one trained on: it holds new showers too, or rounded ones."""
    write_showers(tmp_path / "truth.h5", showers, "tiny stack", {}, mantissa_bits=15 if rounded else 23)
    assert call("generate", place / "run", "--energy", "5GeV", "-n", 10, "-o", tmp_path / "g.h5")[0] == 0
    with ShowerFile(tmp_path / "truth.h5") as truth, ShowerFile(tmp_path / "g.h5") as generated:
        source, facts = truth_split("auto", truth, [generated])
        judged = Showers.concatenate(list(source.batches()))
    assert len(judged) == len(showers) - facts["left_out"]
    assert not np.isin(judged.ids, showers.ids[seen]).any()
    assert left_out_text([facts])[0].startswith(f"{facts['left_out']} showers of the truth left out")
    if rounded:
        assert 0.97 * seen.sum() <= facts["left_out"] <= seen.sum()  # an id changes for less than 1 in 1000 copies
    else:
        assert facts["left_out"] == seen.sum()


def test_score_and_diagnose_leave_them_out(call, place, showers, seen, tmp_path):
    words = ["-n", 3, "--draws", 20, "--observable", "response", "--no-likelihood"]
    code, out, err = call("score", place / "run", place / "all.h5", "-o", tmp_path / "s.json", *words, "--json")
    assert (code, json.loads(out)["left_out"]) == (0, seen.sum()), err
    scored = json.loads((tmp_path / "s.json").read_text())["incident_energy"]
    assert scored == showers.incident_energy[~seen][:3].tolist()
    code, out, err = call("diagnose", place / "run", "--truth", place / "all.h5", "-o", tmp_path / "d")
    assert (code, f"; {seen.sum()} showers of the truth left out: the model was trained on them" in out) == (0, True), (
        err
    )
    facts = json.loads((tmp_path / "d" / "diagnosis.json").read_text())
    assert facts["left_out"] == seen.sum()
    assert facts["samples"]["held out"] == (~seen).sum()
    assert facts["samples"]["training"] == len(load_run(place / "run").training_ids.train)


@pytest.mark.parametrize("split", ["auto", "validation", "all"])
def test_split_means_the_same_in_generate_score_and_validate(call, place, showers, seen, tmp_path, split):
    """What stands before, so that `generate --split X` and `score --split X` speak of the same showers."""
    chosen = {"all": np.ones(len(showers), bool), "auto": ~seen}.get(split)
    chosen = split_mask(showers, split) if chosen is None else chosen
    file, common = place / "all.h5", ("--split", split, "-o")
    assert call("generate", place / "run", "--like", file, *common, tmp_path / "g.h5")[0] == 0
    with ShowerFile(tmp_path / "g.h5") as generated:
        assert generated.incident().energy.tolist() == showers.incident_energy[chosen].tolist()
    words = ["-n", 10000, "--draws", 20, "--observable", "response", "--no-likelihood", "--json"]
    code, out, err = call("score", place / "run", file, *common, tmp_path / "s.json", *words)
    assert (code, json.loads(out)["showers"]) == (0, chosen.sum()), err
    source, _ = truth_split(split, showers, [replace(showers[:1], training_ids=showers.ids[seen])])
    assert sum(map(len, source.batches())) == chosen.sum()


def test_a_run_without_the_ids_of_its_showers_is_refused(place, tmp_path):
    """As runs were before they kept them: what it has seen, nobody knows."""
    shutil.copytree(place / "run", tmp_path / "run")
    (tmp_path / "run" / "training_ids.safetensors").unlink()
    with pytest.raises(BadFile, match="does not say which showers it has seen; train again"):
        load_run(tmp_path / "run")


def test_a_file_that_names_a_training_without_ids_is_cautioned_of(call, place, showers, tmp_path):
    assert call("generate", place / "run", "--like", place / "all.h5", "-o", tmp_path / "g.h5")[0] == 0
    with h5py.File(tmp_path / "g.h5", "r+") as file:
        del file["training_ids"]
        file.attrs["detector"] = "another stack"  # origins are compared whatever part of the truth judges
    few = {"quick": True, "observable": ("response",)}
    report = validate(tmp_path / "g.h5", place / "all.h5", **few)
    assert "detector differs" in report.verdict
    assert (
        "the generated file does not say which showers its model was trained on: the truth may hold some"
        in report.verdict
    )
    assert report.samples["truth"] == len(showers)
    held_out = validate(tmp_path / "g.h5", place / "all.h5", **few, split="test")
    assert "does not say" not in held_out.verdict


def test_a_truth_that_was_all_trained_on_judges_nothing(call, place, showers, seen, tmp_path):
    write_showers(tmp_path / "seen.h5", showers[seen], "tiny stack", {})
    assert call("generate", place / "run", "--like", tmp_path / "seen.h5", "-o", tmp_path / "g.h5")[0] == 0
    code, out, err = call("validate", tmp_path / "g.h5", "--truth", tmp_path / "seen.h5", "--quick")
    assert (code, out, "trained on all of these showers" in err) == (1, "", True), err


@pytest.fixture(scope="module")
def bundled_ids():
    with ShowerFile(showers_path("bundled")) as file:
        return file.read().ids


@pytest.mark.parametrize("name", shipped_models())
def test_shipped_models_know_their_training_showers(name, bundled_ids):
    """As many as their provenance says; a fifth of the bundled sample, at least, is left to judge them."""
    run = load_run(name)
    seen = np.isin(bundled_ids, run.training_ids.all)
    assert len(run.training_ids.train) == run.provenance.training_showers
    assert seen.mean() < 0.8
    of_their_own = "em-siw-1080", "gamma-lar", "hadron-siw-hcal", "vae-siw-6480"  # not of the bundled showers
    assert seen.any() == (name not in of_their_own)


def test_resuming_on_other_showers_is_refused(place, showers, tmp_path, monkeypatch):
    config = load_config(place / "config.yaml")
    options = (config.model, config.training, config.seed, tmp_path / "run", config.to_yaml(), {})

    def stop(record):
        if record["step"] == 12:
            raise TrainingInterrupted("stopped")

    with pytest.raises(TrainingInterrupted):
        train_run(showers[:1200], *options, report=stop)
    with pytest.raises(BadFile, match="other showers"):
        train_run(showers[400:], *options, resume=True)
    train_run(showers[:1200], *options, resume=True)
    resumed, undisturbed = (load_file(f / "weights.safetensors") for f in (tmp_path / "run", place / "run"))
    assert all(torch.equal(resumed[name], undisturbed[name]) for name in undisturbed)


def test_weights_that_are_not_finite_or_do_not_fit_are_refused_by_name(place, tmp_path):
    shutil.copytree(place / "run", tmp_path / "run")
    path = tmp_path / "run" / "weights.safetensors"
    weights = load_file(path)
    name = next(name for name, value in weights.items() if value.ndim == 2)
    spoiled = weights[name].clone()
    spoiled[0, 0] = torch.nan
    save_file({**weights, name: spoiled}, path)
    with pytest.raises(BadFile, match=f"{name} holds values that are not finite"):
        load_run(tmp_path / "run")
    save_file({**weights, name: weights[name][:1].clone()}, path)
    with pytest.raises(BadFile, match=name):
        load_run(tmp_path / "run")
