"""Response, resolution and profiles of one sample, against closed forms."""

import math

import numpy as np
import pytest

from caloforge.data.showers import Showers
from caloforge.errors import EmptySample
from caloforge.geometry.binning import Binning, Layer
from caloforge.metrics.overview import measure_overview


def test_profiles_are_densities(showers):
    """Along the axis, and over the area across it, the shares of the energy add up to one."""
    (particle,) = measure_overview(showers).particles
    lengths = np.diff(particle.longitudinal.edges, axis=1)[:, 0]
    areas = math.pi * np.diff(particle.lateral.edges**2, axis=1)[:, 0]
    assert np.allclose(particle.longitudinal.density @ lengths, 1)
    assert np.allclose(particle.lateral.density @ areas, 1)
    assert particle.counts.sum() == len(showers)


def test_lateral_density_of_an_irregular_mesh():
    """A ring of one layer that spans two of another shares its energy by area: a uniform energy stays uniform."""
    layers = (Layer(0, (0.0, 5.0, 10.0), 1, (0.0, 1.0)), Layer(1, (0.0, 10.0), 2, (1.0, 2.0)))
    binning = Binning((*layers, Layer(2, (0.0, 10.0), 1, (2.0, 3.0))), "irregular")
    n = 60
    cells = np.tile((binning.areas / binning.areas.sum() * 100).astype(np.float32), (n, 1))
    cells *= np.linspace(0.9, 1.1, n, dtype=np.float32)[:, None]
    (particle,) = measure_overview(Showers.perpendicular(cells, np.full(n, 1e3, np.float32), binning)).particles
    assert np.allclose(particle.lateral.density, 1 / (math.pi * 100), rtol=1e-5)
    assert particle.lateral.edges.tolist() == [[0, 5], [5, 10]]


def test_particles_are_apart(showers):
    """Each particle has the response of its own showers; one with too few is counted only."""
    n = 400
    pdg = np.array([11] * 200 + [22] * 190 + [211] * 10, np.int32)
    energy = showers.energy[:n].copy()
    energy[200:390] *= 2
    mixed = Showers.perpendicular(energy, showers.incident_energy[:n], showers.binning, pdg)
    overview = measure_overview(mixed)
    assert [particle.pdg for particle in overview.particles] == [11, 22]
    assert overview.left_out == {211: 10}
    for particle in overview.particles:
        own = mixed[mixed.pdg == particle.pdg]
        mean = np.average(particle.quantity("response")[0], weights=particle.counts)
        assert mean == pytest.approx((own.total_energy / own.incident_energy).mean(), rel=1e-6)


def test_same_whatever_the_batches(showers):
    """A source that comes in other batches has the same numbers."""

    class InPieces:
        binning = showers.binning

        def batches(self, size=1000):
            return showers.batches(77)

    first, second = (measure_overview(source).particles[0] for source in (showers, InPieces()))
    assert np.allclose(first.longitudinal.density, second.longitudinal.density, rtol=1e-12)
    assert np.allclose(first.quantity("resolution"), second.quantity("resolution"), rtol=1e-9)


def test_too_few(showers):
    with pytest.raises(EmptySample, match="20 showers"):
        measure_overview(showers[:19])
