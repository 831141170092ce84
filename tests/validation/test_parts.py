from itertools import pairwise

import numpy as np
import pytest

from caloforge.data.showers import Showers
from caloforge.metrics.physics_summary import summarise_physics
from caloforge.metrics.response import compare_response
from caloforge.physics.observables import select
from caloforge.rng import stream
from caloforge.units import GeV
from caloforge.validation.evidence import collect
from caloforge.validation.key import Key
from caloforge.validation.multivariate import permuted, same_conditions
from caloforge.validation.parts import subsamples, whole
from caloforge.validation.sample import read_sample
from caloforge.validation.univariate import distances

CHOSEN = select(["response", "sparsity", "voxel_energy"])


def like(showers, **changes):
    fields = {n: getattr(showers, n) for n in ("energy", "incident_energy", "pdg", "theta", "phi", "binning")}
    return Showers(**(fields | changes))


@pytest.fixture(scope="module")
def tilted(halves):
    """A response 3 % high below 10 GeV and 3 % low above: right on average."""
    factor = np.where(halves[1].incident_energy < 10 * GeV, 1.03, 0.97).astype(np.float32)
    return like(halves[1], energy=halves[1].energy * factor[:, None])


def read(*showers):
    first = read_sample(showers[0], CHOSEN)
    edges = {name: h.edges[0] for name, h in first.pooled.items()}
    return first, *(read_sample(s, CHOSEN, edges) for s in showers[1:])


def test_right_on_average_and_wrong_in_every_bin_is_seen(halves, tilted):
    truth, good, bad = read(*halves, tilted)
    mean = [s.table["response"].mean(dtype=np.float64) for s in (truth, bad)]
    assert abs(mean[1] / mean[0] - 1) < 0.01
    pairs = [(s.incident_energy, s.table["response"][:, 0].astype(float)) for s in (truth, bad)]
    biases = [b.bias for b in compare_response(pairs[0], pairs[1], stream(1, "x")).bins]
    assert min(biases[:3]) > 0.01
    assert max(biases[-3:]) < -0.01
    for cut in subsamples(truth, bad):
        of_bad, of_good = (
            collect(distances(CHOSEN, truth, s, cut, 1))[Key("ks", "response", cut.place)].measured for s in (bad, good)
        )
        assert of_bad.value > of_good.value
    test = permuted(CHOSEN, truth, bad, 1, permutations=199)
    assert test.p_value <= 0.01
    assert any(Key.parse(culprit.name).place.kind == "energy bin" for culprit in test.culprits)
    assert permuted(CHOSEN, truth, good, 1, permutations=199).p_value > 0.01


def test_energy_bins_divide_the_sample(halves):
    truth, generated = read(*halves)
    parts = subsamples(truth, generated)
    assert {part.place.kind for part in parts} == {"energy bin"}
    assert sum(part.truth.astype(int) for part in parts).tolist() == [1] * len(truth)
    assert sum(part.sizes[1] for part in parts) == len(generated)
    assert all(min(part.sizes) >= 100 for part in parts)
    ranges = [part.place.label.removesuffix(" GeV").split("–") for part in parts]
    assert all(a[1] == b[0] for a, b in pairwise(ranges))


def test_angles_and_particles_get_parts_of_their_own(halves):
    n = len(halves[0])
    theta = np.tile([0.0, 0.2, 0.4], n // 3 + 1)[:n]
    mixed = [like(s, theta=theta, phi=theta * 2, pdg=np.where(np.arange(n) % 2, 11, 22)) for s in halves]
    parts = subsamples(*read(*mixed))
    labels = [part.place.label for part in parts if part.place.kind != "energy bin"]
    assert labels[-2:] == ["e-", "gamma"]
    assert len(labels) == 3 + 3 + 2
    theta_parts = [part for part in parts if part.place.label.startswith("θ")]
    assert [part.sizes[0] for part in theta_parts] == [n // 3] * 3


def test_one_energy_has_no_energy_bins(halves):
    mono = [like(s, incident_energy=np.full(len(s), 1e4, np.float32)) for s in halves]
    assert subsamples(*read(*mono)) == ()


def test_a_wrong_angular_dependence_is_seen(halves):
    rng = np.random.default_rng(5)
    truth, other = (like(s, theta=rng.uniform(0, 0.5, len(s))) for s in halves)
    factor = (1 + 0.2 * (other.theta - 0.25)).astype(np.float32)
    bad = like(other, energy=other.energy * factor[:, None])
    test = permuted(CHOSEN, *read(truth, bad), 1, permutations=199)
    assert test.p_value <= 0.01
    assert any("θ" in culprit.name for culprit in test.culprits)


def test_pairs_are_recognised(halves):
    truth, other = read(*halves)
    assert not same_conditions(truth, other)
    assert same_conditions(truth, read(halves[0], like(halves[0], energy=1.1 * halves[0].energy))[1])


def test_distances_of_the_whole_do_not_depend_on_the_order(halves):
    shuffled = halves[1][np.random.default_rng(1).permutation(len(halves[1]))]
    truth, other, shuffled = read(*halves, shuffled)
    first, second = (list(distances(CHOSEN, truth, s, whole(truth, s), 1)) for s in (other, shuffled))
    values = [{e.key: e.measured.value for e in items if e.key.metric == "ks"} for items in (first, second)]
    assert values[0] == values[1]
    assert len(values[0]) >= len(CHOSEN) - 1


def test_a_physics_summary_reads_float32_tables(halves):
    truth, other = (read_sample(s) for s in halves)
    summary = summarise_physics(truth, other, (truth.table, other.table), stream(1, "x"), repeats=20)
    assert abs(summary.laws["linearity"].parameters["slope"].pull) < 5
