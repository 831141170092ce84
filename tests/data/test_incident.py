"""Incident particles: built, joined, cut and repeated."""

import jaxtyping
import numpy as np
import pytest

from caloforge.data.incident import Incident
from caloforge.errors import BadValue


def three() -> Incident:
    return Incident(np.array([1.0, 2, 3]), np.array([11, 22, 211]), np.array([0.0, 0.1, 0.2]), np.array([0.0, 1, -1]))


def test_alike_are_perpendicular_electrons_unless_told():
    incident = Incident.alike(np.array([5.0, 6.0]))
    assert (incident.pdg.tolist(), incident.theta.tolist(), incident.phi.tolist()) == ([11, 11], [0, 0], [0, 0])
    inclined = Incident.alike(np.array([5.0]), 22, 0.3, -2.0)
    assert (inclined.pdg.tolist(), inclined.theta.tolist(), inclined.phi.tolist()) == ([22], [0.3], [-2])
    assert inclined.energy.tolist() == [5]


def test_of_showers(showers):
    incident = Incident.of(showers[:5])
    assert np.array_equal(incident.energy, showers.incident_energy[:5])
    assert len(incident) == 5


def test_repeated_begins_again():
    assert three().repeated(7).pdg.tolist() == [11, 22, 211, 11, 22, 211, 11]
    assert three().repeated(2).phi.tolist() == [0, 1]


def test_cut_and_joined_in_order():
    joined = Incident.concatenate([three()[2:], three()[:1]])
    for name, expected in (("energy", [3, 1]), ("pdg", [211, 11]), ("theta", [0.2, 0]), ("phi", [-1, 0])):
        assert getattr(joined, name).tolist() == expected
    assert three()[np.array([1])].energy.tolist() == [2]


def test_lengths_that_differ_are_refused(monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # as where nobody checks annotations
    with pytest.raises(BadValue, match="incident particles"):
        Incident(np.ones(2), np.array([11]), np.zeros(2), np.zeros(2))
