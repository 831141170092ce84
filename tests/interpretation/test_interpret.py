"""`caloforge interpret` from a run to the page: models with and without encoder, and what it refuses."""

import json
from functools import partial

import numpy as np
import pytest
import torch
import yaml

from caloforge.classifiers.auc import ClassifierSettings
from caloforge.data.showers import Showers
from caloforge.data.writer import write_showers
from caloforge.errors import BadObservable
from caloforge.interpretation.interpret import interpret_run
from caloforge.interpretation.sentences import summary
from caloforge.models import model_config
from caloforge.physics.definition import Observable
from caloforge.physics.observables import OBSERVABLES, register
from caloforge.rng import torch_stream
from caloforge.training.options import TrainingConfig
from caloforge.training.run import load_run
from caloforge.training.train import train_run

SMALL = {"latent": 2, "width": 8, "depth": 1, "flow_transforms": 2, "flow_width": 8}
SHAPES = ["response", "centre_z"]
QUICK = ClassifierSettings(hidden=16, layers=1, epochs=3, folds=2)


def train(showers, folder, **model):
    options = SMALL | model
    training = TrainingConfig(steps=3, batch=64, log_every=1000, augment=False)
    train_run(showers, model_config(options), training, 1, folder, yaml.safe_dump({"model": options}), {})
    return folder


@pytest.fixture(scope="module")
def folders(showers, tmp_path_factory):
    """A VAE and a GAN that hardly learned anything, with their truth."""
    folder = tmp_path_factory.mktemp("interpreted")
    write_showers(folder / "truth.h5", showers, "tiny stack", {})
    train(showers, folder / "vae", name="vae")
    train(showers, folder / "gan", name="gan", critic_width=8, critic_depth=0, conditioning="concat")
    return folder


def test_the_command_writes_page_plots_and_json(call, folders, tmp_path, monkeypatch):
    monkeypatch.setattr("caloforge.interpretation.interpret.interpret_run", partial(interpret_run, classifier=QUICK))
    monkeypatch.setattr("caloforge.interpretation.study._TRAVERSED", 1)  # a figure each
    words = ["interpret", folders / "vae", "--truth", folders / "truth.h5", "-o", tmp_path / "out", "-n", 300, "--json"]
    code, out, _ = call(*words, *(w for name in SHAPES for w in ("--observable", name)), "--energy", "5GeV")
    assert code == 0
    facts = json.loads(out)
    assert facts == json.loads((tmp_path / "out" / "interpretation.json").read_text())
    assert facts["absent"] == {}
    assert facts["shapes"] == SHAPES
    assert facts["generated"]["latents"] == ["E0", "E1", "E2", "z0", "z1"]
    assert facts["encoded"]["latents"] == ["z0", "z1"]
    assert [t["energy_MeV"] for t in facts["traversals"]] == [5000.0] * len(facts["traversals"])
    assert {m["layer"] for m in facts["modulations"]} == {"shape.decoder.first.film", "shape.decoder.blocks.0.film"}
    assert set(facts["sensitivity"]["quantities"]) == {*SHAPES, "visible_energy", "resolution"}
    page = (tmp_path / "out" / "interpretation.html").read_text()
    assert 'src="http' not in page
    assert "What a classifier sees, on the calorimeter" in page
    plots = {path.name for path in (tmp_path / "out" / "plots").iterdir()}
    drawn = {"latents", "encoder", "variance", "modulation", "sensitivity", "attribution"}
    assert {f"{name}.{kind}" for name in drawn for kind in ("png", "pdf")} <= plots


def test_a_generator_without_encoder_and_without_film(folders, showers):
    run = load_run(folders / "gan")
    found = interpret_run(run, showers, 1, n=200, observables=SHAPES, classifier=QUICK)
    assert found.left_out == found.to_dict()["left_out"] == len(showers) - found.sizes["held-out Geant4"] > 0
    assert list(summary(found))[-1].startswith(f"{found.left_out} showers of the truth left out")
    assert set(found.absent) == {"encoder", "modulation"}
    assert (found.encoded, found.modulations) == (None, ())
    assert found.generated is not None
    assert found.variance is not None
    assert found.variance.parts == ("layer energies", "shape", "cells")
    alone = found.variance.share[:, SHAPES.index("response")]
    assert alone == pytest.approx([1, 0, 0], abs=0.3)  # cells and shape do not change the energy of a layer


def test_a_known_model_is_read_as_it_is(known, showers):
    found = interpret_run(known, showers, 1, n=500, observables=SHAPES, classifier=QUICK)
    told = {(t.latent, t.told) for t in found.traversals}
    assert told == {("z0", "response"), ("z1", "centre_z")}
    assert found.generated.significant.tolist() == [[True, False], [False, True], [False, False]]
    assert found.attribution.auc.value > 0.8  # its cells are all alike
    assert found.sensitivity.quantities["centre_z"].path_error[0] > 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--observable", "response", "--observable", "depht"], "unknown observable 'depht'"),
        (["--observable", "layer_energy"], "not one number a shower"),
        (["--energy", "500GeV"], "the model was trained on 1"),
        (["--energy", "5"], "write a number with a unit"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(call, folders, tmp_path, words, says):
    code, out, err = call("interpret", folders / "vae", "--truth", folders / "truth.h5", "-o", tmp_path / "out", *words)
    assert (code, out) == (1, "")
    assert says in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_truth_of_another_mesh_and_too_few_showers(call, folders, showers, tmp_path):
    write_showers(tmp_path / "few.h5", showers[:500], "tiny stack", {})
    for truth, says in (
        ("bundled", "binnings differ"),
        (tmp_path / "few.h5", "400 showers that did not train the model"),
    ):
        code, out, err = call("interpret", folders / "vae", "--truth", truth, "-o", tmp_path / "out")
        assert (code, out) == (1, "")
        assert says in err
        assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_observable_that_never_varies(known, showers):
    energy = np.maximum(showers.energy, np.float32(1e-3))
    full = Showers(energy, showers.incident_energy, showers.pdg, showers.theta, showers.phi, showers.binning)
    with pytest.raises(BadObservable, match="'sparsity' is the same in all"):
        interpret_run(known, full, 1, n=200, observables=["sparsity"])


def test_an_observable_that_no_generated_shower_has(folders, showers):
    """A shower in one cell has no second hottest one; here the model makes nothing else."""

    def second(s):
        return np.where((s.energy > 0).sum(1) > 1, 1.0, np.nan) * s.total_energy

    run = load_run(folders / "vae")
    run.model.sample = lambda noise, c: _one_cell(run, noise, c)
    register(Observable("second_total", second, "total where two cells are hit"))
    try:
        with pytest.raises(BadObservable, match="undefined in every generated shower"):
            interpret_run(run, showers, 1, n=200, observables=["second_total"])
    finally:
        del OBSERVABLES["second_total"]


def _one_cell(run, noise, c):
    """All energy in the first layer, and there in one cell."""
    pipeline = run.pipeline
    energy = pipeline.condition.energies(c).double()
    layers = torch.zeros(len(c), pipeline.binning.n_layers, dtype=torch.float64)
    layers[:, 0] = 0.03 * energy
    features = pipeline.energies(layers, energy, torch_stream(1, "bands"))[0]
    shares = torch.zeros(len(c), pipeline.binning.n_voxels)
    shares[:, pipeline.binning.layer_starts[:-1]] = 1
    return torch.cat([features, shares], 1)
