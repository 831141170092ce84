"""A small request that Geant4 answers in a second."""

from importlib.util import find_spec

import pytest

from caloforge.geometry.detector import detector
from caloforge.geometry.readouts import readout
from caloforge.simulation.beam import Beam, parse_particle, parse_spectrum
from caloforge.simulation.production.request import Request, simulate


def make_request(
    energy: str = "50MeV:200MeV:log", n: int = 12, seed: int = 3, particle: str = "e-", mesh: str = "siw-1080"
) -> Request:
    """Showers in the W-Si stack."""
    beam = Beam(parse_particle(particle), parse_spectrum(energy))
    return Request(detector("par04-siw"), beam, readout(mesh), n, seed)


@pytest.fixture(scope="session")
def request_of():
    """Makes small requests; skips where Geant4 is not installed."""
    if find_spec("geant4_pybind") is None:
        pytest.skip("needs geant4-pybind")
    return make_request


@pytest.fixture(scope="session")
def undisturbed(request_of):
    """The showers of the small request, made by one worker."""
    return simulate(request_of(), workers=1)[0]


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """A folder for the tables that Geant4 reads, which take seconds to be made."""
    return tmp_path_factory.mktemp("cache")
