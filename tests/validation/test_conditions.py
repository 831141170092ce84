import numpy as np
import pytest

from caloforge.data.showers import Showers
from caloforge.validation.conditions import ConditionsDiffer, differences, require_comparable


def sample(binning, seed, **conditions):
    rng = np.random.default_rng(seed)
    n = len(next(iter(conditions.values()))) if conditions else 2000
    plain = {
        "incident_energy": rng.uniform(1e3, 1e5, n).astype(np.float32),
        "pdg": np.full(n, 11),
        "theta": np.zeros(n),
        "phi": np.zeros(n),
    }
    energy = rng.random((n, binning.n_voxels)).astype(np.float32)
    return Showers(energy=energy, binning=binning, **(plain | conditions))


def test_the_mixture_of_particles_counts(binning):
    rng = np.random.default_rng(1)
    half, again, most = (rng.choice([11, 22], 2000, p=[p, 1 - p]) for p in (0.5, 0.5, 0.7))
    truth = sample(binning, 2, pdg=half)
    assert differences(truth, sample(binning, 3, pdg=again)) == []
    (found,) = differences(truth, sample(binning, 4, pdg=most))
    assert "mixture of particles" in found
    assert "11: " in found


def test_energies_are_compared_particle_by_particle(binning):
    """Both particles together have the same spectrum in either sample."""
    low, high = np.random.default_rng(1).uniform([1e3, 2e4], [1e4, 1e5], (1000, 2)).T
    energy = np.concatenate([low, high]).astype(np.float32)
    pdg = np.repeat([11, 22], 1000)
    truth, exchanged = (
        sample(binning, i, incident_energy=energy, pdg=p) for i, p in enumerate((pdg, pdg[::-1].copy()))
    )
    found = differences(truth, exchanged)
    assert [text.split(" differ")[0] for text in found] == [
        "incident energies of particle 11",
        "incident energies of particle 22",
    ]


def test_azimuths_count_where_there_is_an_angle(binning):
    rng = np.random.default_rng(1)
    tilt, phi = np.full(2000, 0.3), rng.uniform(0, 2 * np.pi, 2000)
    truth = sample(binning, 2, theta=tilt, phi=phi)
    other = rng.uniform(0, np.pi, 2000)
    assert "azimuths differ" in differences(truth, sample(binning, 3, theta=tilt, phi=other))[0]
    turned = np.where(phi > np.pi, phi - 2 * np.pi, phi)
    assert differences(truth, sample(binning, 3, theta=tilt, phi=turned)) == []
    assert differences(sample(binning, 4, phi=phi), sample(binning, 5, phi=other)) == []


def test_refusal_names_all_reasons_and_gives_way(binning):
    truth = sample(binning, 1)
    other = sample(binning, 2, theta=np.full(2000, 0.5), incident_energy=np.full(2000, 1e4, np.float32))
    with pytest.raises(ConditionsDiffer, match=r"incident .*; angles .*--allow-different"):
        require_comparable(truth, other)
    assert len(require_comparable(truth, other, allow_different=True)) == 2
