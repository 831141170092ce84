"""Times of cells in Geant4: light from the face to a layer, neutrons late, the gate a cut on the same deposits."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from caloforge.errors import BadValue
from caloforge.geometry.detector import detector
from caloforge.geometry.readouts import default_readout
from caloforge.simulation.beam import Beam, parse_beam_particles, parse_spectrum
from caloforge.simulation.geant4.scores import Scores
from caloforge.simulation.geant4.steps import StepBuffer, Steps
from caloforge.simulation.physics_lists import Physics
from caloforge.simulation.production.request import Request, simulate
from caloforge.simulation.timing import Timing

C = 299.792458  # mm/ns
BACK = 1.0  # mm before the face, where the gun stands and the clock starts
GATE = 15.0  # ns


def gathered(rows, layer=0, neutral=False):
    """Steps as a scorer leaves them."""
    return StepBuffer(layer, neutral, bytearray(np.asarray(rows, float).tobytes()))


def row(deposit, start, end, x=0.0):
    return [deposit, x, 0, 0, start, x, 0, 0, end]


def test_charged_particles_count_in_the_middle_of_a_step_neutral_ones_at_its_end():
    buffers = [gathered([row(1, 2, 4)]), gathered([row(1, 2, 4)], layer=3, neutral=True)]
    steps = Steps.take(buffers)
    np.testing.assert_array_equal(steps.time, [3, 4])
    np.testing.assert_array_equal(steps.layer, [0, 3])
    assert len(Steps.take(buffers).rows) == 0  # taken


def test_mean_and_first_time_of_a_cell():
    r"""t = sum e t / sum e; a deposit of nothing is no hit; what no cell holds has no time."""
    steps = Steps.take([gathered([row(3, 0, 2), row(1, 4, 6), row(0, 0, 0), row(5, 8, 8), row(7, 9, 9)])])
    scores = Scores.empty(1, 3, times=True)
    scores.fill(0, steps, np.array([1, 1, 1, 2, -1]))
    np.testing.assert_array_equal(scores.cells, [[0, 4, 5]])
    np.testing.assert_array_equal(scores.times.mean, [[np.nan, (3 * 1 + 1 * 5) / 4, 8]])
    np.testing.assert_array_equal(scores.times.first, [[np.nan, 1, 8]])
    assert scores.sensitive[0] == 16


def test_energy_grows_with_the_gate_up_to_all_of_it():
    rng = np.random.default_rng(1)
    start = rng.exponential(10, 200)
    rows = [row(e, t, t + 0.1) for e, t in zip(rng.random(200), start, strict=True)]
    steps = Steps.take([gathered(rows)])
    sums = [steps.until(gate).deposit.sum() for gate in (*np.linspace(0.01, 60, 50), math.inf)]
    assert np.all(np.diff(sums) >= 0)
    assert sums[0] < sums[-1] == steps.deposit.sum()
    exact = steps.time[0]
    assert exact in steps.until(exact).time  # a deposit at the gate still counts
    assert exact not in steps.until(np.nextafter(exact, 0)).time


@pytest.mark.parametrize("gate", [0.0, -1.0, math.nan])
def test_gate_is_a_time(gate):
    with pytest.raises(BadValue, match="gate"):
        Timing(gate=gate)


def test_infinite_gate_is_none():
    assert Timing(gate=math.inf) == Timing()
    assert Timing().facts == {}
    assert Timing(True, 200.0).facts["gate_ns"] == 200


@pytest.fixture(scope="module")
def three_particles(request_of):
    """Electrons, muons and pions of 4 GeV in a deep calorimeter, all deposits and those before the gate."""
    del request_of
    beam = Beam(parse_beam_particles("e-:0.25,mu-:0.25,pi-:0.5"), parse_spectrum("4GeV"))
    stack = detector("siw-hcal")
    mesh = default_readout(stack)
    request = Request(stack, beam, mesh, 12, 4, physics=Physics("FTFP_BERT"), timing=Timing(times=True))
    every, provenance = simulate(request)
    gated, gated_provenance = simulate(replace(request, timing=Timing(True, GATE)))
    assert json.loads(provenance.to_json())["cell_times"]
    assert (provenance.gate_ns, gated_provenance.gate_ns) == (None, GATE)
    return every, gated


def first_slabs(mesh):
    """Depth of the front and back of the first sensitive slab in each layer, mm."""
    stack = detector("siw-hcal")
    fronts, backs = stack.faces[stack.sensitive], stack.faces[stack.sensitive + 1]
    _, first = np.unique(mesh.layer_at_depth((fronts + backs) / 2), return_index=True)
    return fronts[first], backs[first]


@pytest.mark.geant4
def test_muon_comes_with_the_speed_of_light(three_particles):
    """First time of a layer: t = (z + 1 mm) / c, with z in its first sensitive slab; scattering lengthens the way."""
    every, _ = three_particles
    mesh = every.binning
    muons = every[every.pdg == 13]
    assert len(muons) > 0
    first = np.fmin.reduceat(muons.first_time, mesh.layer_starts[:-1], axis=1)
    fronts, backs = first_slabs(mesh)
    crossed = np.isfinite(first)
    assert crossed.mean() > 0.9
    way = first * C - BACK
    assert np.all((way >= fronts * (1 - 1e-6))[crossed])
    # 4 GeV to 2 GeV: 1 / beta - 1 < 1.4e-3; scattering by 5 mrad rms or so in each projection
    assert np.all((way <= backs * 1.002 + 0.01)[crossed])


@pytest.mark.geant4
def test_nothing_is_faster_than_light_and_hadrons_are_late(three_particles):
    every, _ = three_particles
    fronts, _ = first_slabs(every.binning)
    earliest = (fronts[every.binning.layer_of_voxel] + BACK) / C
    hit = every.energy > 0
    assert np.all((every.first_time >= earliest * (1 - 1e-6))[hit])
    assert np.all((every.time >= every.first_time)[hit])
    lag = np.where(hit, every.time - earliest, 0)
    mean_lag = (lag * every.energy).sum(axis=1) / every.total_energy
    assert mean_lag[every.pdg == -211].mean() > 10 * mean_lag[every.pdg == 11].mean()


@pytest.mark.geant4
def test_gate_takes_the_same_showers_and_cuts_what_is_late(three_particles):
    every, gated = three_particles
    np.testing.assert_array_equal(every.incident_energy, gated.incident_energy)
    assert np.all(gated.energy <= every.energy)
    early = every.time <= GATE
    assert gated.total_energy.sum() < every.total_energy.sum()
    assert not np.any(gated.energy[every.first_time > GATE * (1 + 1e-6)])
    assert np.all(gated.energy[early] > 0)
    assert np.nanmax(gated.time) <= GATE * (1 + 1e-6)
    electrons = every.pdg == 11
    assert every.time[electrons][every.energy[electrons] > 0].max() > 0
    np.testing.assert_allclose(gated.energy[electrons].sum(), every.energy[electrons].sum(), rtol=0.01)


def test_shards_of_other_times_and_gates_are_not_taken_for_these(request_of, tmp_path):
    """The name of a shard names its timing, but for a request without any, which is named as ever."""

    def label(timing):
        request = replace(request_of(), timing=timing)
        return request.shards(tmp_path, 5, request.facts)[0].label

    timings = (Timing(), Timing(True), Timing(gate=200.0), Timing(gate=100.0), Timing(True, 100.0))
    assert len({label(timing) for timing in timings}) == len(timings)
    assert label(Timing(gate=math.inf)) == label(Timing())
    assert not {"cell_times", "gate_ns"} & set(request_of().facts)
