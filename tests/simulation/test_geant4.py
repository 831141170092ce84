"""Geant4's showers against physics: containment, response, symmetry, and a shower that has no past."""

import subprocess
import sys

import numpy as np
import pytest

from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning, Layer
from caloforge.geometry.detector import detector
from caloforge.geometry.readouts import readout
from caloforge.simulation.production.request import simulate
from caloforge.simulation.readout_fit import check_readout

RESPONSE = 0.0317  # of the W-Si stack, Geant4 11.4 option 0


@pytest.fixture(scope="module")
def electrons(request_of):
    return simulate(request_of("5GeV", 40, seed=5))[0]


@pytest.mark.geant4
def test_response_of_silicon(electrons):
    response = electrons.total_energy / electrons.incident_energy
    error = response.std(ddof=1) / np.sqrt(len(response))
    assert 0 < response.max() < 1
    assert error < 0.015 * RESPONSE
    assert abs(response.mean() - RESPONSE) < 3.5 * error + 0.01 * RESPONSE  # 1 % of the response leaves the mesh


@pytest.mark.geant4
def test_showers_are_symmetric_about_the_axis(electrons):
    mesh = electrons.binning
    x, y = (electrons.energy @ f(mesh.alpha_centres) / electrons.total_energy for f in (np.cos, np.sin))
    for moment in (x, y):
        assert abs(moment.mean()) < 4 * moment.std(ddof=1) / np.sqrt(len(moment))


@pytest.mark.geant4
def test_shower_maximum(electrons):
    """PDG, "Passage of particles through matter": t_max = ln(E / E_c) - 0.5 radiation lengths, for electrons."""
    stack = detector("par04-siw")
    profile = electrons.layer_energy.mean(axis=0)
    depths = electrons.binning.z_edges.mean(axis=1)
    around = slice(max(profile.argmax() - 1, 0), profile.argmax() + 2)
    a, b, _ = np.polyfit(depths[around], profile[around], 2)
    critical = 1 / (stack.moliere_radius / stack.radiation_length / 21.2052)  # R_M = X0 E_s / E_c
    expected = np.log(5000 / critical) - 0.5
    assert -b / (2 * a) / stack.radiation_length == pytest.approx(expected, abs=1.0)


@pytest.mark.geant4
@pytest.mark.parametrize("particle", ["e+", "gamma"])
def test_other_particles_leave_about_as_much(request_of, particle):
    showers, _ = simulate(request_of("2GeV", 30, particle=particle))
    response = showers.total_energy / showers.incident_energy
    assert np.all(showers.pdg == {"e+": -11, "gamma": 22}[particle])
    assert response.mean() == pytest.approx(RESPONSE, abs=4 * response.std() / np.sqrt(30) + 0.02 * RESPONSE)


IN_ANY_ORDER = """
import numpy as np
from caloforge.errors import Geant4Failed
from caloforge.geometry.detector import detector
from caloforge.geometry.readouts import readout
from caloforge.simulation.geant4 import simulate as geant4
from caloforge.simulation.beam import Beam, parse_spectrum

stack, mesh = detector("par04-siw"), readout("siw-1080")
primaries = Beam(11, parse_spectrum("100MeV:400MeV:log")).primaries(8, 1)
together, facts = geant4.simulate(stack, primaries, mesh)
for i in (5, 0, 7, 5):
    alone, _ = geant4.simulate(stack, primaries[i : i + 1], mesh)
    assert np.array_equal(alone.energy[0], together.energy[i]), i
assert np.isclose(facts.cell_energy, together.total_energy.sum())
assert facts.cell_energy <= (1 + 1e-6) * facts.sensitive_energy  # cells are float32
assert facts.sensitive_energy <= primaries.energy.sum()
try:
    geant4.simulate(stack, primaries, readout("siw-6480"))
except Geant4Failed as error:
    print("refused:", error)
"""


@pytest.mark.geant4
def test_shower_does_not_depend_on_what_ran_before(request_of):
    """One process, one run manager: every shower alone equals itself among others; a second readout is refused."""
    del request_of
    done = subprocess.run([sys.executable, "-c", IN_ANY_ORDER], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "refused: this process runs Geant4 with another detector" in done.stdout


EVERY_STEP = """
import os
from caloforge.simulation.geant4 import simulate as geant4
from caloforge.simulation.tables.em_data import find_data
os.environ.update(find_data().environment)
from caloforge.simulation.geant4 import scored_stack
from caloforge.geometry.detector import detector
from caloforge.geometry.readouts import readout
from caloforge.simulation.beam import Beam, parse_spectrum
from caloforge.simulation.geant4.steps import StepBuffer, Steps

every, scorers = [], scored_stack.scorers

def with_one_more(kind, layer, light, hadronic):
    everything = scored_stack.g4.G4SDParticleWithEnergyFilter(f"everything{layer}", 0.0, float("inf"))
    for name in ("gamma", "e-", "e+"):
        everything.add(name)
    one_more = scored_stack.Scorer(StepBuffer(layer, neutral=False), everything)
    every.append(one_more.steps)
    return [*scorers(kind, layer, light, hadronic), one_more]

scored_stack.scorers = with_one_more
primaries = Beam(11, parse_spectrum("1GeV")).primaries(4, 1)
take = Steps.take
deposits = []

def take_every(buffers):
    deposits.extend(take(every).deposit)
    return take([buffer for buffer in buffers if not any(buffer is b for b in every)])

Steps.take = take_every
_, facts = geant4.simulate(detector("par04-siw"), primaries, readout("siw-1080"))
print(len(deposits), sum(deposits), facts.sensitive_energy)
"""


@pytest.mark.geant4
def test_filters_of_the_scoring_lose_no_energy(request_of):
    del request_of
    done = subprocess.run([sys.executable, "-c", EVERY_STEP], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    steps, everything, scored = map(float, done.stdout.split()[-3:])
    assert steps > 1000
    assert scored == pytest.approx(everything, rel=1e-5)


def test_every_silicon_slab_has_its_layer():
    layers = check_readout(detector("par04-siw"), readout("siw-6480"))
    np.testing.assert_array_equal(layers, np.arange(90) // 2)


def test_mesh_that_does_not_meet_the_detector():
    stack = detector("par04-siw")
    with pytest.raises(BadValue, match="depth"):
        check_readout(stack, Binning((Layer(0, (0.0, 1.0), 1),)))
    with pytest.raises(BadValue, match="inside"):
        check_readout(stack, Binning((Layer(0, (0.0, 1.0), 1, (1000.0, 2000.0)),)))
