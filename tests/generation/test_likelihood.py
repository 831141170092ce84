"""What a model says of single showers: ranks, tail probabilities and intervals on cases with a known answer."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from caloforge.data.incident import Incident
from caloforge.data.opening import open_showers
from caloforge.generation.likelihood import (
    credible_interval,
    draw_alike,
    likelihood_ranks,
    log_likelihood,
    rank_among_draws,
    tail_probability,
)
from caloforge.models import model_config
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import stream, torch_stream
from caloforge.training.run import load_run


@pytest.fixture(scope="module")
def normal():
    """200 observed numbers, each with 500 of the same normal distribution."""
    rng = stream(1, "normal")
    return rng.normal(3.0, 2.0, 200), rng.normal(3.0, 2.0, (200, 500))


def test_tail_probabilities(normal):
    observed, alike = normal
    p, error = tail_probability(observed, alike)
    exact = stats.norm(3.0, 2.0).sf(observed)
    assert np.abs((p - exact) / np.maximum(error, 0.002)).max() < 5
    assert stats.kstest(p, "uniform").pvalue > 1e-3
    assert tail_probability(np.array([1e9]), alike[:1])[0] == pytest.approx(1 / 501)
    assert np.isnan(tail_probability(np.array([np.nan]), alike[:1])[0]).all()


def test_ranks_are_uniform_whatever_values_an_observable_takes():
    """Whole numbers, mostly zero, some missing: P(T >= t) is far from uniform there, and said so of every model."""
    rng = stream(1, "counts")
    counts = rng.poisson(0.7, (2000, 41)).astype(float)
    counts[rng.random(counts.shape) < 0.2] = np.nan
    rank = rank_among_draws(counts[:, 0], counts[:, 1:], rng)
    exist = ~np.isnan(counts[:, 0])
    assert (np.isnan(rank) == ~exist).all()
    assert stats.kstest(rank[exist], "uniform").pvalue > 1e-3
    assert stats.kstest(tail_probability(counts[exist, 0], counts[exist, 1:])[0], "uniform").pvalue < 1e-20
    assert stats.kstest(rank_among_draws(counts[exist, 0] + 1, counts[exist, 1:], rng), "uniform").pvalue < 1e-20


def test_an_interval_of_few_draws_holds_what_it_says():
    """Quantiles of 40 draws, taken as those of the distribution, hold 85.6 % and not 90."""
    values = stream(1, "few").normal(size=(4000, 41))
    low, high = credible_interval(values[:, 1:], 0.9)
    inside = ((values[:, 0] >= low) & (values[:, 0] <= high)).mean()
    assert inside == pytest.approx(0.9, abs=4 * np.sqrt(0.9 * 0.1 / 4000))


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_credible_intervals(normal, level):
    observed, alike = normal
    low, high = credible_interval(alike, level)
    assert low.mean() == pytest.approx(3.0 + 2.0 * stats.norm.ppf((1 - level) / 2), abs=0.05)
    inside = ((observed >= low) & (observed <= high)).mean()
    assert inside == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 200))


def test_an_interval_of_nothing():
    alike = np.array([[np.nan, np.nan], [1.0, np.nan]])
    low, high = credible_interval(alike, 0.5)
    assert np.isnan([low[0], high[0]]).all()
    assert low[1] == high[1] == 1.0


def test_ranks_are_uniform_for_the_right_model(normal):
    """Ranks of the log-density itself: uniform, and near zero for showers from elsewhere."""
    observed, alike = normal
    density = stats.norm(3.0, 2.0).logpdf
    rank, error = likelihood_ranks(density(observed), density(alike))
    assert stats.kstest(rank, "uniform").pvalue > 1e-3
    assert (error <= 0.5 / np.sqrt(500)).all()
    assert likelihood_ranks(density(observed + 20.0), density(alike))[0].max() < 0.01


@pytest.fixture(scope="module")
def untrained(binning, showers):
    pipeline = Pipeline(binning)
    generator = torch_stream(1, "test")
    pipeline.fit(showers, generator)
    x, c, _ = pipeline(showers, generator)
    model = model_config({"name": "vae", "latent": 2, "width": 8, "depth": 1, "flow_transforms": 2}).build(pipeline)
    model.initialise(x, c)
    return model.requires_grad_(False), pipeline


def test_likelihoods_of_showers(untrained, showers):
    value, error = log_likelihood(*untrained, showers[:40], seed=3, samples=8)
    again, _ = log_likelihood(*untrained, showers[:40], seed=3, samples=8)
    assert np.array_equal(value, again)
    assert (error > 0).all()
    turned = type(showers)(
        showers.energy[:40, ::-1].copy(),
        *(getattr(showers, n)[:40] for n in ("incident_energy", "pdg", "theta", "phi")),
        showers.binning,
    )
    assert log_likelihood(*untrained, turned, seed=3, samples=8)[0].mean() < value.mean()


@pytest.mark.parametrize("name", ["vae-siw-1080", "flow-siw-1080", "fm-siw-1080"])
def test_shipped_families_know_a_shower_from_a_turned_one(name):
    run = load_run(name)
    with open_showers("bundled") as file:
        true = file[:2]
    turned = replace(true, energy=true.energy[:, ::-1].copy())
    value, other = (log_likelihood(run.model, run.pipeline, showers, 1, samples=1)[0] for showers in (true, turned))
    assert np.isfinite(value).all()
    assert (value > other + 100).all()


def test_draws_of_one_particle_stand_together(untrained, showers):
    incident = Incident.of(showers[:5])
    alike = draw_alike(*untrained, incident, 30, seed=2)
    assert np.array_equal(alike.incident_energy.reshape(5, 30), np.repeat(incident.energy, 30).reshape(5, 30))
    assert len(np.unique(alike.ids)) == 150
