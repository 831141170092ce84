"""What `strict` is for: truth against truth passes; every change below fails, and its reason is named. Real Geant4."""

from importlib.util import find_spec

import numpy as np
import pytest

from caloforge.data.bundled import BUNDLED, showers_path
from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.geometry.detector import detector
from caloforge.geometry.readouts import readout
from caloforge.physics.observables import OBSERVABLES
from caloforge.simulation.beam import Beam, parse_particle, parse_spectrum
from caloforge.simulation.production.request import Request, simulate
from caloforge.validation.key import Key
from caloforge.validation.multivariate import permuted
from caloforge.validation.sample import read_sample

N = 2500
LIMIT = 0.01  # of `strict`


def with_cells(showers, energy, **changes):
    fields = {n: getattr(showers, n) for n in ("incident_energy", "pdg", "theta", "phi", "binning")}
    return Showers(energy=energy.astype(np.float32), **(fields | changes))


@pytest.fixture(scope="module")
def parts():
    with ShowerFile(showers_path(BUNDLED)) as file:
        return file[:N], file[N : 2 * N]


@pytest.fixture(scope="module")
def tested(parts):
    """The permutation test of `strict` against the first half, with fewer permutations."""
    truth = read_sample(parts[0], keep=1)
    edges = {name: h.edges[0] for name, h in truth.pooled.items()}

    def run(showers):
        return permuted(OBSERVABLES, truth, read_sample(showers, pooled_edges=edges, keep=1), 1, permutations=199)

    return run


def named(test):
    return {Key.parse(culprit.name).observable for culprit in test.culprits}


def test_truth_against_truth_passes(parts, tested):
    assert tested(parts[1]).p_value > LIMIT


def test_a_response_shift_of_two_percent_fails(parts, tested):
    test = tested(with_cells(parts[1], 1.02 * parts[1].energy))
    assert test.p_value <= LIMIT
    assert Key.parse(test.culprits[0].name).observable.startswith("response")


def test_swapped_layers_fail(parts, tested):
    starts = parts[1].binning.layer_starts
    energy = parts[1].energy.copy()
    first, second = slice(starts[5], starts[6]), slice(starts[6], starts[7])
    energy[:, first], energy[:, second] = parts[1].energy[:, second], parts[1].energy[:, first]
    test = tested(with_cells(parts[1], energy))
    assert test.p_value <= LIMIT
    assert Key.parse(test.culprits[0].name).observable == "layer_ratio"
    assert {5, 6} <= {culprit.column for culprit in test.culprits}


def test_smeared_voxels_fail(parts, tested):
    """Cells times log-normal noise of 15 % and mean 1: mean energies, mean profiles and counts of hits stay."""
    noise = np.exp(0.15 * np.random.default_rng(3).standard_normal(parts[1].energy.shape) - 0.15**2 / 2)
    test = tested(with_cells(parts[1], parts[1].energy * noise))
    assert test.p_value <= LIMIT
    assert named(test) & {"voxel_energy", "hottest_share", "hottest_five_share", "second_to_hottest"}
    assert not named(test) & {"hits", "sparsity", "layer_hits"}


@pytest.mark.geant4
def test_one_percent_of_muons_fails(parts, tested):
    if find_spec("geant4_pybind") is None:
        pytest.skip("needs geant4-pybind")
    n = N // 100
    beam = Beam(parse_particle("mu-"), parse_spectrum("1GeV:100GeV:log"))
    muons, _ = simulate(Request(detector("par04-siw"), beam, readout("siw-1080"), n, 5), 1)
    energy, incident = parts[1].energy.copy(), parts[1].incident_energy.copy()
    energy[:n], incident[:n] = muons.energy, muons.incident_energy
    test = tested(with_cells(parts[1], energy, incident_energy=incident))
    assert test.p_value <= LIMIT
    assert test.culprits[0].statistic in ("tail", "bin")
