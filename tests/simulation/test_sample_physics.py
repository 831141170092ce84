"""Laws of electromagnetic showers, held against the bundled sample: 10,000 electrons that this engine simulated."""

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.special import gammainc

from caloforge.data.bundled import BUNDLED, showers_path
from caloforge.data.store import ShowerFile
from caloforge.geometry.detector import detector
from caloforge.units import GeV

EDGES = np.geomspace(1 * GeV, 100 * GeV, 7)


@pytest.fixture(scope="module")
def sample():
    with ShowerFile(showers_path(BUNDLED)) as file:
        return file.read()


@pytest.fixture(scope="module")
def bins(sample):
    """Showers of each bin of incident energy."""
    where = np.digitize(sample.incident_energy, EDGES) - 1
    return [sample[where == i] for i in range(len(EDGES) - 1)]


def test_response_is_linear(bins):
    """Mean energy in silicon over incident energy: constant within 1 % from 1 to 100 GeV."""
    response = [(part.total_energy / part.incident_energy).mean() for part in bins]
    assert np.abs(np.array(response) / response[-1] - 1).max() < 0.01


def test_resolution_is_stochastic(bins):
    r"""sigma/E = a/sqrt(E) (+) b: sampling fluctuations dominate, and one a describes all bins within 10 %."""
    response = [part.total_energy / part.incident_energy for part in bins]
    energy = np.array([part.incident_energy.mean() / GeV for part in bins])
    resolution = np.array([r.std() / r.mean() for r in response])
    (b2, a2), _ = np.polynomial.polynomial.polyfit(1 / energy, resolution**2, 1, full=True)
    assert 0.10 < np.sqrt(a2) < 0.17  # a in sqrt(GeV): 0.3 mm of silicon every 0.4 X0
    assert np.sqrt(max(b2, 0.0)) < 0.01
    assert resolution == pytest.approx(np.sqrt(a2 / energy + max(b2, 0.0)), rel=0.1)


def test_shower_maximum_grows_with_the_logarithm(bins):
    """PDG: t_max = ln(E/Ec) - 0.5 for electrons, in radiation lengths; a gamma distribution fitted to the layers.

    The stack answers up to half a radiation length earlier, more at the lowest energies, where t_max is 4.
    """
    stack = detector("par04-siw")
    differences = []
    for part in bins:
        depth = np.append(part.binning.z_edges[:, 0], part.binning.z_edges[-1, 1]) / stack.radiation_length
        profile = part.layer_energy.mean(axis=0) / part.total_energy.mean()
        (a, b, _), _ = curve_fit(
            lambda _, a, b, n, depth=depth: n * np.diff(gammainc(a, b * depth)), None, profile, p0=(4, 0.5, 1)
        )
        expected = np.log(part.incident_energy / stack.critical_energy).mean() - 0.5
        differences.append((a - 1) / b - expected)
    assert np.abs(differences[:3]).max() < 0.75
    assert np.abs(differences[3:]).max() < 0.5


def test_lateral_profile_scales_with_the_moliere_radius(sample):
    """About 90 % of the energy lies within one Molière radius of the axis, whatever the energy: here within 1.2."""
    radius = detector("par04-siw").moliere_radius
    found = []
    for low, high in ((1, 10), (10, 100)):
        part = sample[(sample.incident_energy > low * GeV) & (sample.incident_energy < high * GeV)]
        share = np.bincount(part.binning.ring_of_voxel, part.energy.sum(axis=0, dtype=float))
        contained = np.append(0, np.cumsum(share)) / share.sum()
        edges = np.square(part.binning.layers[0].r_edges)
        found.append(np.sqrt(np.interp(0.9, contained, edges)) / radius)
    assert found[0] == pytest.approx(found[1], rel=0.01)
    assert found[1] == pytest.approx(1.0, abs=0.2)
