"""Energy in is energy deposited and leaked, event by event: exactly for e, gamma and mu, with binding for hadrons."""

import json
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

LEDGER = """
import json, os, sys
from caloforge.geometry.detector import detector
from caloforge.geometry.readouts import default_readout
from caloforge.simulation.geant4 import simulate as geant4
from caloforge.simulation.beam import PARTICLES, Beam, parse_spectrum
from caloforge.simulation.physics_lists import Physics

name, physics, energy, n, *particles = sys.argv[1:]
stack = detector(name)
engine = geant4._engine(stack, default_readout(stack), Physics(physics), False)
from caloforge.simulation.geant4.energy_balance import Ledger
ledger, answer = Ledger(engine), {}
for particle in particles:
    found = ledger.shoot(Beam(PARTICLES[particle], parse_spectrum(energy)).primaries(int(n), 1))
    parts = ("incoming", "sensitive", "passive", "leaked", "neutrinos", "invisible")
    answer[particle] = {part: getattr(found, part).tolist() for part in parts}
print("RESULT" + json.dumps(answer), flush=True)
os._exit(0)
"""
ELECTROMAGNETIC = ("e-", "e+", "gamma", "mu-")
HADRONS = {"pi+": 139.57, "pi-": 139.57, "p": 0.0, "n": 0.0, "K+": 493.68, "K-": 493.68}


def book(*arguments: str) -> dict:
    if find_spec("geant4_pybind") is None:
        pytest.skip("needs geant4-pybind")
    done = subprocess.run([sys.executable, "-c", LEDGER, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "G4Exception" not in done.stdout + done.stderr
    rows = json.loads(done.stdout.split("RESULT")[1])
    return {particle: {part: np.array(values) for part, values in row.items()} for particle, row in rows.items()}


@pytest.fixture(scope="module")
def hadrons():
    return book("par04-siw", "FTFP_BERT", "2GeV", "6", *HADRONS)


@pytest.mark.geant4
@pytest.mark.parametrize("name", ["par04-siw", "pbwo4-crystals"])
def test_electromagnetic_showers_close_to_rounding(name):
    """Every event: pairs cost 2 m_e and positrons give it back; a muon leaves with what it has not lost."""
    for particle, found in book(name, "em0", "1GeV:5GeV:log", "6", *ELECTROMAGNETIC).items():
        assert np.abs(found["invisible"] / found["incoming"]).max() < 1e-9, particle
        assert (found["neutrinos"] == 0).all()
        assert (found["sensitive"] > 0).all()
        assert (found["leaked"] > 0).any()
        if particle == "mu-":
            assert (found["leaked"] > 0.05 * found["incoming"]).all()
        else:
            assert found["leaked"].mean() < 0.03 * found["incoming"].mean()


@pytest.mark.geant4
@pytest.mark.parametrize("particle", HADRONS)
def test_hadrons_lose_only_what_binds_nuclei(hadrons, particle):
    """Missing is what frees nucleons, 8 MeV each: never negative, at most a third, a tenth on average."""
    found, rest = hadrons[particle], HADRONS[particle]
    missing = found["invisible"] / found["incoming"]
    assert found["incoming"] == pytest.approx(np.full(6, 2000.0 + rest), rel=1e-4)
    assert missing.min() > -0.005
    assert missing.max() < 0.4
    assert 0.02 < missing.mean() < 0.3
    assert (found["sensitive"] + found["passive"] > 0).all()
