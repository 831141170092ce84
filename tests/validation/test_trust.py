"""The trust table: what is spoiled stands first, what is not stays within a limit, and limits are read as given."""

from dataclasses import replace

import numpy as np
import pytest

from caloforge.errors import BadValue
from caloforge.physics.observables import select
from caloforge.validation.parts import subsamples
from caloforge.validation.sample import read_sample
from caloforge.validation.trust import Trust, share, trust_in, trust_table

CHOSEN = select(["centre_z", "hits", "response", "longitudinal_profile", "sparsity"])
NONE = np.zeros(0, np.int64)


@pytest.fixture(scope="module")
def rows(halves):
    """The other half of the truth, with 2 % more energy in every cell."""
    spoiled = replace(halves[1], energy=halves[1].energy * np.float32(1.02))
    truth, generated = (read_sample(s, CHOSEN, keep=10) for s in (halves[0], spoiled))
    return trust_in(CHOSEN, truth, generated, subsamples(truth, generated), NONE)


def test_a_response_two_percent_too_high_stands_first_with_its_size(rows):
    assert rows[0].observable == "response"
    assert rows[0].sigma > 5
    assert rows[0].words(rows[0].overall[0]).startswith("mean +2")
    assert max(row.sigma for row in rows[1:]) < 3


def test_trust_says_what_is_within_and_what_is_off(rows):
    trust = Trust.to(0.01, rows)
    assert list(trust.off) == ["response"]
    assert "mean +2" in trust.off["response"]
    loose = Trust.to(0.5, rows)
    assert "response" in loose.within
    assert not loose.off
    assert str(loose).startswith("Within 50 %: ")
    every = {*trust.within, *trust.off, *trust.undecided}
    assert every == set(CHOSEN)


def test_showers_needed_make_the_errors_fit(rows):
    """With n times as many showers every error is one over the root of n as large."""
    row = next(row for row in rows if row.observable == "sparsity")
    limit = 0.8 * row.within
    needed = row.needed(limit)
    assert all(abs(o.value) + 2 * o.error * np.sqrt(o.n / needed) < limit for o in row.overall)
    assert row.needed(max(abs(o.value) for o in row.overall) * 0.9) is None


def test_freaks_take_no_part(halves):
    energy = halves[1].energy.copy()
    energy[[5, 6]] = 0
    energy[[5, 6], -1] = 1e6
    truth, generated = (read_sample(s, CHOSEN, keep=10) for s in (halves[0], replace(halves[1], energy=energy)))
    parts = subsamples(truth, generated)
    with_freaks, without = (trust_in(CHOSEN, truth, generated, parts, np.array(r, int)) for r in ([], [5, 6]))
    assert max(row.sigma for row in without) < 3
    assert {row.observable: row.within for row in with_freaks}["response"] > 1


def test_the_table_lists_every_observable_and_folds_the_last(rows):
    page = trust_table([*rows] * 5, 2, "vae")
    assert page.count("<details>") == 1
    assert "5 more observables" in page
    assert "2 freak showers are left out" in page
    assert all(name in trust_table(rows, 0) for name in CHOSEN)


@pytest.mark.parametrize(("text", "value"), [("2%", 0.02), ("2 %", 0.02), ("0.02", 0.02), (0.02, 0.02)])
def test_limits_are_read(text, value):
    assert share(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["0%", "-2%", "two", "nan", "inf%"])
def test_what_is_no_limit_is_refused(text):
    with pytest.raises(BadValue):
        share(text)
