"""The physics summary on samples whose laws are known: tables of observables drawn from them."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from caloforge.errors import BadValue, BinningMismatch, EmptySample
from caloforge.geometry.binning import Binning, Layer
from caloforge.metrics.physics_summary import summarise_physics
from caloforge.metrics.shower_laws import NEEDED
from caloforge.physics.laws import gamma_shares, resolution
from caloforge.physics.observables import select, tabulate
from caloforge.units import GeV

LAYERS = 12
MESH = Binning(tuple(Layer(i, (0.0, 5.0, 10.0), 4, (10.0 * i, 10.0 * i + 10)) for i in range(LAYERS)), "toy")
EDGES = np.array([[10.0 * i, 10.0 * i + 10] for i in range(LAYERS)])
TERMS = (0.15, 0.012, 0.06)


@dataclass
class Sample:
    incident_energy: np.ndarray
    binning: Binning = MESH


def toy(n, seed, slope=0.03, offset=0.5, terms=TERMS, deeper=0.0, energies=None):
    """Showers with E_vis = slope E + offset, a known resolution, and gamma profiles whose maximum grows with ln E."""
    rng = np.random.default_rng(seed)
    energy = np.exp(rng.uniform(np.log(1 * GeV), np.log(100 * GeV), n)) if energies is None else np.resize(energies, n)
    sigma = resolution(energy / GeV, *terms)
    response = (slope + offset / energy) * (1 + sigma * rng.normal(size=n))
    maximum = 20 + deeper + 8 * np.log(energy / GeV)
    shares = gamma_shares(1 + 0.1 * maximum, np.full(n, 0.1), EDGES)
    shares *= rng.gamma(50, 1 / 50, shares.shape)
    shares /= shares.sum(axis=1, keepdims=True)
    table = {"response": response[:, None], "longitudinal_profile": shares}
    for i, name in enumerate(name for name in NEEDED if name not in table):
        table[name] = rng.gamma(4.0, 0.25 * (i + 1), (n, 1))
    return Sample(energy), table


def summarise(first, second, seed=0, edges=None, **options):
    (truth, table_t), (generated, table_g) = first, second
    return summarise_physics(truth, generated, (table_t, table_g), np.random.default_rng(seed), edges, **options)


@pytest.fixture(scope="module")
def summary():
    return summarise(toy(20_000, 1), toy(20_000, 2))


def test_known_laws_are_recovered_within_their_errors(summary):
    known = {
        "linearity.slope": 0.03,
        "linearity.offset": 0.5,
        "resolution.stochastic": 0.15,
        "resolution.constant": 0.012,
        "resolution.noise": 0.06,
    }
    for name, value in known.items():
        found = summary.quantities[name]
        assert found.truth == pytest.approx(value, abs=3.5 * found.truth_error), name
        assert found.generated == pytest.approx(value, abs=3.5 * found.generated_error), name
    assert summary.quantities["linearity.slope"].truth_error < 1e-3 * 0.03
    assert summary.quantities["resolution.stochastic"].truth_error < 0.05 * 0.15


def test_profiles_are_recovered_in_every_bin():
    """At single energies; in a wide bin the mean of several gamma distributions is not quite one of them."""
    energies = GeV * np.array([1.0, 5.0, 20.0, 100.0])
    found = summarise(toy(8000, 1, energies=energies), toy(8000, 2, energies=energies))
    assert len(found.bins) == 4
    for energy_bin, energy in zip(found.bins, energies / GeV, strict=True):
        beta, deepest = energy_bin.quantities["beta"], energy_bin.quantities["shower_max"]
        assert beta.truth == pytest.approx(0.1, abs=4 * beta.truth_error)
        assert deepest.truth == pytest.approx(20 + 8 * np.log(energy), abs=4 * deepest.truth_error)
    for name, value in (("slope", 8), ("offset", 20)):
        parameter = found.laws["shower_maximum"].parameters[name]
        assert parameter.truth == pytest.approx(value, abs=4 * parameter.truth_error)
        assert parameter.truth_error < 0.01 * value


def test_response_and_nonlinearity_of_every_bin(summary):
    for energy_bin in summary.bins:
        assert energy_bin.quantities["response"].truth == pytest.approx(0.03 + 0.5 / energy_bin.energy, rel=0.01)
        assert abs(energy_bin.quantities["nonlinearity"].truth) < 4 * energy_bin.quantities["nonlinearity"].truth_error


def test_laws_describe_samples_that_follow_them(summary):
    for name in ("linearity", "resolution"):
        law = summary.laws[name]
        assert law.chi2_truth < 20
        assert law.chi2_generated < 20
        assert law.degrees_of_freedom == len(summary.bins) - len(law.parameters)


@pytest.mark.parametrize(
    ("change", "quantity", "shift"),
    [
        ({"slope": 0.0306}, "linearity.slope", 0.0006),
        ({"offset": 2.5}, "linearity.offset", 2.0),
        ({"terms": (0.2, 0.012, 0.06)}, "resolution.stochastic", 0.05),
        ({"terms": (0.15, 0.03, 0.06)}, "resolution.constant", 0.018),
        ({"terms": (0.15, 0.012, 0.3)}, "resolution.noise", 0.24),
        ({"deeper": 4.0}, "shower_maximum.offset", 4.0),
    ],
)
def test_a_changed_law_is_named(change, quantity, shift):
    summary = summarise(toy(10_000, 3), toy(10_000, 4, **change), repeats=100)
    found = summary.quantities[quantity]
    assert found.pull > 5
    assert found.generated - found.truth == pytest.approx(shift, abs=4 * found.difference.error)
    assert found.difference.significance > 5


@pytest.mark.slow
def test_pulls_of_truth_against_truth_are_standard_normal():
    """Mean 0 and width 1 for every quantity that no bound cuts off, over 40 pairs of samples of different sizes."""
    edges = GeV * np.array([1.0, 5.0, 20.0, 100.0])
    toys = [summarise(toy(600, 2 * k), toy(1200, 2 * k + 1), k, edges, repeats=40) for k in range(40)]
    names = [n for n in toys[0].quantities if n not in ("resolution.constant", "resolution.noise")]
    pulls = np.array([[toy.quantities[name].pull for name in names] for toy in toys])
    assert np.isfinite(pulls).all()
    assert np.abs(pulls.mean(axis=0)).max() < 4 / np.sqrt(len(toys))
    assert pulls.std(axis=0).min() > 0.65
    assert pulls.std(axis=0).max() < 1.4
    assert pulls.std() == pytest.approx(1, abs=0.06)
    floors = np.array([[toy.quantities[n].floor for n in names] for toy in toys]).mean(axis=0)
    apart = np.array([[toy.quantities[n].difference.value for n in names] for toy in toys]).mean(axis=0)
    assert apart == pytest.approx(floors, rel=0.35)


def test_depths_in_radiation_lengths():
    both = toy(2000, 1), toy(2000, 2)
    mm, x0 = (summarise(*both, repeats=20, radiation_length=x) for x in (None, 4.0))
    assert x0.laws["shower_maximum"].parameters["slope"].unit == "X0"
    for name in ("slope", "offset"):
        in_mm, in_x0 = (s.laws["shower_maximum"].parameters[name].truth for s in (mm, x0))
        assert in_x0 == pytest.approx(in_mm / 4, rel=1e-4)


def test_real_tables_give_a_summary_that_json_takes(halves):
    truth, generated = halves
    tables = (tabulate(truth, select(NEEDED)), tabulate(generated, select(NEEDED)))
    first, again = (
        summarise_physics(truth, generated, tables, np.random.default_rng(5), repeats=30).to_dict() for _ in range(2)
    )
    assert first == again
    read = json.loads(json.dumps(first, allow_nan=False))
    assert read["laws"]["resolution"]["parameters"]["stochastic"]["truth"] == pytest.approx(0.1, rel=0.1)
    assert sum(b["n_truth"] for b in read["bins"]) == len(truth)
    assert read["notes"] == []


def test_what_cannot_be_had_is_said():
    truth, table = toy(300, 1)
    truth.incident_energy[:] = 10 * GeV
    summary = summarise((truth, table), (truth, table), repeats=20)
    assert summary.laws == {}
    assert "no resolution fit: 1 energy bins, three parameters" in summary.notes
    assert "alpha" in summary.bins[0].quantities
    flat = Binning(MESH.layers[:2], "flat")
    table = table | {"longitudinal_profile": np.full((300, 2), 0.5)}
    summary = summarise((Sample(truth.incident_energy, flat), table), (Sample(truth.incident_energy, flat), table))
    assert "alpha" not in summary.bins[0].quantities
    assert any("fewer than three layers" in note for note in summary.notes)


def test_a_generator_that_deposits_nothing_is_undefined_not_a_crash():
    first, (generated, table) = toy(1000, 1), toy(1000, 2)
    dead = {name: np.full_like(values, np.nan) for name, values in table.items()}
    dead["response"] = np.zeros((1000, 1))
    summary = summarise(first, (generated, dead), repeats=20)
    assert summary.laws["resolution"].to_dict()["parameters"]["stochastic"]["generated"] is None
    assert summary.bins[0].quantities["response"].pull < -20
    assert "bin0.alpha" in summary.notes[-1]
    json.dumps(summary.to_dict(), allow_nan=False)


@pytest.mark.parametrize("which", [0, 1])
def test_a_mesh_that_does_not_know_its_depths_is_the_same_mesh(which):
    """Depths of the fitted profiles are those of the sample that knows them."""
    samples = [toy(500, 1), toy(500, 2)]
    summary = summarise(*samples)
    nowhere = Binning(tuple(Layer(layer.id, layer.r_edges, layer.n_alpha) for layer in MESH.layers), "toy")
    samples[which] = (Sample(samples[which][0].incident_energy, nowhere), samples[which][1])
    assert json.dumps(summarise(*samples).to_dict()) == json.dumps(summary.to_dict())


def test_refusals():
    first, (generated, table) = toy(500, 1), toy(500, 2)
    with pytest.raises(BadValue, match="needs radius_90"):
        summarise(first, (generated, {k: v for k, v in table.items() if k != "radius_90"}))
    with pytest.raises(BinningMismatch):
        summarise(first, (Sample(generated.incident_energy, Binning(MESH.layers[:5])), table))
    with pytest.raises(EmptySample):
        summarise(first, (generated, table), edges=np.array([1e3, 1e5, 2e5]))
