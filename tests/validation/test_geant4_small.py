"""Geant4 against Geant4 in small samples: no number fails for want of showers, none explodes over rounding."""

import numpy as np
import pytest

from caloforge.classifiers.features import high
from caloforge.data.bundled import BUNDLED, showers_path
from caloforge.data.store import ShowerFile
from caloforge.metrics.correlation import measure_correlation_distance
from caloforge.metrics.frechet import measure_fpd
from caloforge.metrics.kernel import measure_kpd
from caloforge.physics.observables import OBSERVABLES, select, tabulate
from caloforge.units import GeV
from caloforge.validation.checklist import load_checklist
from caloforge.validation.evidence import Evidence
from caloforge.validation.finding import Status
from caloforge.validation.judgement import judge
from caloforge.validation.key import Key


@pytest.fixture(scope="module")
def electrons():
    with ShowerFile(showers_path(BUNDLED)) as file:
        return file.read()


def features(showers, observables=OBSERVABLES):
    whole = {name: observable for name, observable in observables.items() if observable.per != "cell"}
    return high(tabulate(showers, whole), showers.incident_energy).values


def test_the_floor_of_correlations_over_the_limit_is_no_failure(electrons):
    """800 against 400: the floor itself is over 0.05."""
    t, g = features(electrons[:800]), features(electrons[5000:5400])
    measured = measure_correlation_distance(t, g, np.random.default_rng(1), repeats=20)
    assert measured.value > 0.05
    assert measured.floor > 0.05
    findings = judge(load_checklist("analysis"), [Evidence(Key("correlation"), measured, 400)], (800, 400))
    (correlation,) = [finding for finding in findings if finding.test == "correlation"]
    assert correlation.status is Status.CANNOT_TELL
    assert correlation.needed > 400
    assert "showers in each sample would tell" in correlation.reason


def test_a_wrong_correlation_still_fails_where_the_floor_is_over_the_limit(electrons):
    """Columns exchanged between showers: no correlation is left."""
    t, g = features(electrons[:800]), features(electrons[5000:5400])
    g = np.random.default_rng(2).permuted(g, axis=0)
    measured = measure_correlation_distance(t, g, np.random.default_rng(1), repeats=20)
    findings = judge(load_checklist("analysis"), [Evidence(Key("correlation"), measured, 400)], (800, 400))
    (correlation,) = [finding for finding in findings if finding.test == "correlation"]
    assert correlation.status is Status.FAIL


def test_distances_of_soft_electrons_stay_near_their_floors(electrons):
    """Below 1.5 GeV the width of the last layers is rounding noise in one sample and not in the other."""
    soft = electrons[electrons.incident_energy < 1.5 * GeV]
    layers = select(["layer_energy", "centre_r", "width_r"])
    t, g = features(soft[:500], layers), features(soft[500:900], layers)
    fpd = measure_fpd(t, g, np.random.default_rng(1), repeats=8)
    kpd = measure_kpd(t, g, np.random.default_rng(1))
    for measured in (fpd, kpd):
        assert abs(measured.value - measured.floor) < 4 * np.hypot(measured.error, measured.floor_spread)
        assert measured.error < 1
