"""FPD and KPD in parts of the samples: where a difference is, and where showers are too few to tell."""

from dataclasses import replace

import numpy as np
import pytest

from caloforge.metrics.measured import Measured
from caloforge.physics.observables import select
from caloforge.validation.evidence import Evidence, collect
from caloforge.validation.key import Key, Place
from caloforge.validation.multivariate import in_part
from caloforge.validation.parts import Subsample
from caloforge.validation.places import places_table
from caloforge.validation.sample import read_sample

CHOSEN = select(["response", "centre_z", "mean_r", "hits", "layer_energy"])
HIGH, LOW = Place("energy bin", "10–100 GeV"), Place("energy bin", "1–10 GeV")
ODD = 7


@pytest.fixture(scope="module")
def samples(halves):
    """Above 10 GeV the generated response is 10 % too high, and one shower there is a freak."""
    energy = halves[1].energy * np.where(halves[1].incident_energy > 1e4, np.float32(1.1), np.float32(1))[:, None]
    row = int(np.flatnonzero(halves[1].incident_energy > 1e4)[ODD])
    energy[row] = 0
    energy[row, -1] = 1e6
    return *(read_sample(s, CHOSEN, keep=10) for s in (halves[0], replace(halves[1], energy=energy))), np.array([row])


def part(place, truth, generated, most=10_000):
    high = [(s.incident_energy > 1e4) == (place is HIGH) for s in (truth, generated)]
    return Subsample(place, *(mask & (mask.cumsum() <= most) for mask in high))


def test_a_difference_is_told_in_its_part_and_freaks_are_left_out(samples):
    truth, generated, odd = samples
    high, low = (
        {e.key.metric: e for e in in_part(CHOSEN, truth, generated, part(p, truth, generated), odd, 1)}
        for p in (HIGH, LOW)
    )
    assert high["fpd"].measured.significance > 5
    assert high["kpd"].measured.significance > 3
    assert all(abs(item.measured.significance) < 3 for item in low.values())
    assert (high["fpd"].detail, low["fpd"].detail) == ("without 1 freak", "")
    assert high["fpd"].key == Key("fpd", "", HIGH)


def test_a_part_with_few_showers_has_no_number_and_the_page_says_what_it_needs(samples):
    truth, generated, odd = samples
    few = list(in_part(CHOSEN, truth, generated, part(LOW, truth, generated, 120), odd, 1))
    assert [e.key.metric for e in few] == ["kpd"]
    m = Measured(0.6, 0.01, 0.5, 0.01)
    areas = [Evidence(Key("auc", "high", *at), m, 120) for at in ((), (LOW,))]
    page = places_table(collect([Evidence(Key("separation", "hits", LOW), m, 120), *few, *areas]))
    assert "needs 300 showers" in page
    assert "needs 100 showers" not in page
    assert "0.6 ± 0.01 (0.5)" in page
    assert places_table({}) == ""


def test_nothing_of_whole_showers_has_no_number(samples):
    truth, generated, odd = samples
    assert not list(in_part(select(["layer_energy"]), truth, generated, part(LOW, truth, generated), odd, 1))
