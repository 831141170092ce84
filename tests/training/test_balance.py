"""Rare showers shown more often and kept as rarely: the truth's fractions come back, whatever tells the kinds apart."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch.special import ndtr

from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.generation.expectation import expectation, expected_difference
from caloforge.generation.likelihood import log_likelihood
from caloforge.generation.sampler import sample_batches, sample_showers
from caloforge.geometry.binning import Binning, Layer
from caloforge.models import model_config
from caloforge.models.base import Generator
from caloforge.models.keep_probability import shower_terms
from caloforge.physics.observables import select, tabulate
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import stream, torch_stream
from caloforge.training.balance import Balance
from caloforge.training.options import TrainingConfig
from caloforge.training.run import load_run
from caloforge.training.train import train_run

RARE = 0.02
ENERGY = 2e4


@pytest.fixture(scope="module")
def mixed(showers):
    """Showers of one energy, of which 2 % are muons: a tenth of the response, as much in every layer."""
    rng = np.random.default_rng(4)
    muon = rng.random(len(showers)) < RARE
    energy = showers.energy / showers.incident_energy[:, None] * ENERGY
    energy[muon] = rng.gamma(5, 0.1, energy[muon].shape) * (showers.binning.r_centres < 6)
    pdg = np.where(muon, 13, 11).astype(np.int32)
    incident = np.full(len(showers), ENERGY, np.float32)
    return Showers(energy.astype(np.float32), incident, pdg, showers.theta, showers.phi, showers.binning)


@pytest.fixture(scope="module")
def prepared(mixed):
    """Pipeline that hides the particle, with x and c."""
    pipeline, generator = Pipeline(mixed.binning, hide_particle=True), torch_stream(1, "test")
    pipeline.fit(mixed, generator)
    return pipeline, *pipeline(mixed, generator)[:2]


@pytest.fixture(scope="module")
def balanced(prepared, mixed):
    """Balances by strength and kinds, each made once."""
    pipeline, x, c = prepared

    @cache
    def of(strength, kinds):
        return Balance.of((x, c), mixed.pdg, pipeline, strength, kinds, stream(1, "balance"))

    return of


class Learned(Generator):
    """A perfect generator of what it was shown: one of the training showers, as often as it was drawn."""

    explicit = False
    noise_shape = (1,)

    def __init__(self, x, balance):
        super().__init__()
        self.x, self.keep_probability = x, balance.keep_probability
        self.steps = (balance.weight / balance.weight.sum()).double().cumsum(0)

    def loss(self, x, c, progress, generator):
        raise NotImplementedError

    def sample(self, noise, c):
        rows = torch.searchsorted(self.steps, ndtr(noise[:, 0].double()))
        return self.x[rows.clamp(max=len(self.x) - 1)]


def is_muon(showers):
    return showers.total_energy / showers.incident_energy < 0.01


@pytest.mark.parametrize("kinds", ["particle", "clusters"])
@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_kinds_are_shown_as_asked_and_kept_as_rarely(balanced, prepared, mixed, strength, kinds):
    balance, rare = balanced(strength, kinds), mixed.pdg == 13
    fraction = rare.mean()
    drawn = (balance.weight / balance.weight.sum()).double().numpy()
    shown = fraction ** (1 - strength) / (fraction ** (1 - strength) + (1 - fraction) ** (1 - strength))
    if kinds == "particle":
        assert drawn[rare].sum() == pytest.approx(shown, rel=0.1)
    else:
        least = {0.5: 2.9, 1.0: 3.0}[strength]  # other rare showers are shown more often, too
        assert drawn[rare].sum() > least * fraction
    kept = drawn * balance.keep_probability(shower_terms(*prepared[1:], prepared[0]).tensor).double().numpy()
    np.testing.assert_allclose(kept / kept.sum(), 1 / len(mixed), rtol=1e-4)
    rows = balance.rows(4000, torch_stream(1, "rows")).numpy()
    assert rare[rows].mean() == pytest.approx(drawn[rare].sum(), abs=4 * np.sqrt(0.25 / 4000))


@pytest.mark.parametrize("knows_depth", [True, False])
def test_terms_are_those_of_the_observables(showers, knows_depth):
    """Mean and spread of the depth: mm, or ids of layers (0, 1, 4 here), as the observables have them."""
    showers = showers[:200]
    if not knows_depth:
        layers = tuple(Layer(layer.id, layer.r_edges, layer.n_alpha) for layer in showers.binning.layers)
        showers = replace(showers, binning=Binning(layers, "tiny"))
    pipeline, generator = Pipeline(showers.binning), torch_stream(1, "test")
    pipeline.fit(showers, generator)
    x, c = pipeline(showers, generator)[:2]
    table, terms = tabulate(showers, select(["centre_z", "width_z"])), shower_terms(x, c, pipeline)
    np.testing.assert_allclose(terms.depth, table["centre_z"][:, 0], rtol=1e-3)
    np.testing.assert_allclose(terms.depth_spread, table["width_z"][:, 0], rtol=1e-3)


def test_what_lies_between_the_kinds_is_hardly_kept(balanced, prepared, mixed):
    """Half an electron and half a muon: an imperfect generator draws it, Geant4 does not."""
    pipeline, x, c = prepared
    keep_probability = balanced(1.0, "particle").keep_probability
    electron, muon = (shower_terms(x[rows], c[rows], pipeline).tensor for rows in (mixed.pdg == 11, mixed.pdg == 13))
    between = 0.5 * (electron[: len(muon)] + muon)
    assert keep_probability(electron).mean() > 0.97
    assert keep_probability(muon).mean() < 1.5 * RARE
    assert keep_probability(between).mean() < 0.1


def test_what_learned_the_balanced_mixture_generates_the_truth(balanced, prepared, mixed):
    pipeline, x, _ = prepared
    model, n = Learned(x, balanced(1.0, "particle")), 8000
    with torch.inference_mode():
        raw = model.sample(model.latent(n, torch_stream(1, "raw")), prepared[2][:1].expand(n, -1))
    incident = pipeline.incident(np.full(n, ENERGY, np.float32))
    assert is_muon(pipeline.inverse(raw, incident)).mean() == pytest.approx(0.5, abs=0.06)
    share, truth = is_muon(sample_showers(model, pipeline, incident, 3)).mean(), is_muon(mixed).mean()
    assert abs(share - truth) < 4 * np.sqrt(truth * (1 - truth) / n)


def test_a_kept_shower_depends_on_seed_and_place_alone(balanced, prepared, mixed):
    pipeline, x, _ = prepared
    model = Learned(x, balanced(1.0, "particle"))
    energies = np.full(2300, ENERGY, np.float32)
    whole = sample_showers(model, pipeline, energies, 5)
    parts = list(sample_batches(model, pipeline, energies, 5, 1000))
    np.testing.assert_array_equal(whole.energy, Showers.concatenate(parts).energy)
    np.testing.assert_array_equal(whole.energy[:1234], sample_showers(model, pipeline, energies[:1234], 5).energy)
    assert (whole.energy != sample_showers(model, pipeline, energies, 6).energy).any()


def test_expectations_are_of_what_is_kept(balanced, prepared, mixed):
    pipeline, x, _ = prepared
    model, one = Learned(x, balanced(1.0, "particle")), pipeline.incident(np.full(1, ENERGY, np.float32))
    value, error = expectation(model, pipeline, lambda s: s.total_energy / s.incident_energy, one, 8000, 1)
    responses = mixed.total_energy / mixed.incident_energy
    assert float(value) == pytest.approx(responses.mean(), abs=4 * float(error))
    assert float(error) == pytest.approx(responses.std() / np.sqrt(8000), rel=0.5)
    same = expected_difference(model, pipeline, is_muon, one, one, 500, 1)
    assert [float(part) for part in same] == pytest.approx([0, 0], abs=1e-9)


def test_particles_that_the_model_is_told_need_no_acceptance(prepared, mixed):
    told = Pipeline(mixed.binning)
    told.fit(mixed, torch_stream(1, "test"))
    x, c, _ = told(mixed, torch_stream(1, "test"))
    balance = Balance.of((x, c), mixed.pdg, told, 1.0, "particle", stream(1, "balance"))
    assert balance.keep_probability is None
    assert float(balance.weight[torch.from_numpy(mixed.pdg == 13)].sum() / balance.weight.sum()) == pytest.approx(0.5)
    assert Balance.of((x, c), mixed.pdg, told, 0.0, "particle", stream(1, "balance")) is None
    with pytest.raises(BadValue, match="balance_by=clusters"):
        Balance.of((x, c), mixed.pdg * 0, told, 1.0, "particle", stream(1, "balance"))


def test_a_run_keeps_its_acceptance_and_has_no_likelihood(mixed, tmp_path):
    model = {"name": "vae", "latent": 2, "width": 8, "depth": 0, "flow_transforms": 2, "hide_particle": True}
    options = TrainingConfig(steps=5, batch=64, balance=1.0)
    train_run(mixed, model_config(model), options, 1, tmp_path / "run", f"model: {json.dumps(model)}\n", {})
    run = load_run(tmp_path / "run")
    assert sorted(set(run.model.keep_probability.kept.tolist())) == pytest.approx([RARE / (1 - RARE), 1], rel=0.3)
    generated = sample_showers(run.model, run.pipeline, np.full(50, ENERGY, np.float32), 1)
    assert np.isfinite(generated.energy).all()
    with pytest.raises(BadValue, match="train without balance"):
        log_likelihood(run.model, run.pipeline, mixed[:10], 1)
