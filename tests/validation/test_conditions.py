from dataclasses import replace

import numpy as np
import pytest

from caloforge.data.provenance import Provenance
from caloforge.data.showers import Showers
from caloforge.data.writer import trim_mantissa
from caloforge.validation.conditions import (
    ConditionsDiffer,
    copies,
    differences,
    origin_cautions,
    repeated,
    require_comparable,
)


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


def test_float32_and_float64_of_one_condition_do_not_differ(binning):
    """Fixed energy, angle and azimuth; of either kind, also a unit in the last place apart."""
    energy, theta, phi = (np.full(2000, value) for value in (12345.678, np.radians(30), 2.7))
    truth = sample(binning, 1, incident_energy=energy, theta=theta, phi=phi)
    single = [x.astype(np.float32) for x in (energy, theta, phi)]
    assert (single[0] != energy).all()
    near = [np.nextafter(x, np.float32(9e9)) for x in single]
    for e, t, p in (single, near):
        assert differences(truth, sample(binning, 2, incident_energy=e, theta=t, phi=p)) == []
    assert differences(truth, sample(binning, 2, incident_energy=energy * 1.00001, theta=theta, phi=phi))


def test_a_trimmed_shower_is_a_copy_and_showers_of_few_cells_are_not(binning):
    truth = sample(binning, 1)
    trimmed = replace(truth, energy=trim_mantissa(truth.energy, 11))
    hits = (truth.energy > 0).sum(axis=1)
    assert copies(truth.ids, trimmed.ids, hits) > 0.98 * len(truth)
    assert copies(truth.ids, sample(binning, 2).ids, hits) == 0
    assert copies(truth.ids, truth.ids, np.full(len(truth), 2)) == 0


def test_repeated_showers_are_counted(binning):
    few = sample(binning, 1)[:150]
    hits = np.full(1500, 20)
    assert repeated(np.tile(few.ids, 10), hits, "generated ")[0].startswith(
        "only 150 of the 1,500 generated showers are distinct"
    )
    assert repeated(sample(binning, 2).ids, np.full(2000, 20), "generated ") == []
    assert repeated(np.tile(few.ids, 10), np.full(1500, 2), "generated ") == []


def test_frames_are_refused_and_the_rest_is_a_caution(binning):
    def made(**facts):
        return replace(sample(binning, 1), detector="tea", provenance=Provenance(**facts))

    axis, detector = made(mesh="axis", physics_list="FTFP_BERT"), made(mesh="detector", physics_list="QGSP_BIC")
    with pytest.raises(ConditionsDiffer, match="frame"):
        origin_cautions(axis, detector, oblique=True)
    assert [text.split(" differs")[0] for text in origin_cautions(axis, detector, oblique=False)] == ["physics list"]
    assert len(origin_cautions(axis, detector, oblique=True, allow_different=True)) == 2
    assert "coffee against tea" in origin_cautions(axis, replace(axis, detector="coffee"), oblique=False)[0]
    assert origin_cautions(axis, axis, oblique=True) == origin_cautions(axis, made(), oblique=True) == []
