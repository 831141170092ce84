import numpy as np
import pytest

from caloforge.errors import UnknownName
from caloforge.geometry.readouts import readout
from caloforge.physics.challenge import CHALLENGE_OBSERVABLES, challenge_edges
from caloforge.physics.observables import OBSERVABLES


@pytest.mark.parametrize("name", CHALLENGE_OBSERVABLES)
@pytest.mark.parametrize("mesh", ["calochallenge-1-photons", "calochallenge-1-pions", "calochallenge-2"])
def test_every_column_has_edges(name, mesh):
    binning, observable = readout(mesh), OBSERVABLES[name]
    values = np.random.default_rng(0).exponential(size=(20, observable.width(binning)))
    edges = challenge_edges(name, binning, values, 0.01)
    assert len(edges) == len(observable.column_names(binning))
    assert all((np.diff(e) > 0).all() for e in edges)


def test_known_binnings():
    photons, electrons = readout("calochallenge-1-photons"), readout("calochallenge-2")
    nothing = np.zeros((2, 5))
    assert [e[-1] for e in challenge_edges("width_x", photons, nothing, 1.0)] == [100, 100, 100, 100, 400]
    assert {e[0] for e in challenge_edges("centre_y", electrons, nothing, 1.0)} == {-30}
    energies = challenge_edges("layer_energy", photons, np.array([[8.0, 0.5, 2, 2, 2]]), 1.0)
    assert energies[0] == pytest.approx(np.geomspace(1, 8, 40))
    assert energies[1] == pytest.approx(np.geomspace(1, 10, 40))
    assert len(challenge_edges("response", photons, nothing, 1.0)[0]) == 101


def test_the_challenge_has_no_other_binning():
    with pytest.raises(UnknownName, match="depth_max"):
        challenge_edges("depth_max", readout("calochallenge-2"), np.zeros((1, 1)), 1.0)
