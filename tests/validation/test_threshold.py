"""A threshold empties the cells below it on both sides before anything is measured, and is stated; ids stay."""

import hepunits
import numpy as np
import pytest

import caloforge as cf
from caloforge.data.ids import SURE_CELLS
from caloforge.data.writer import write_showers
from caloforge.errors import BadValue
from caloforge.files import finite_json
from caloforge.units import parse_threshold
from caloforge.validation.conditions import copies
from caloforge.validation.sample import read_sample
from caloforge.validation.validate import validate

THRESHOLD = 1.0  # MeV


@pytest.fixture(scope="module")
def pair(showers):
    return showers[:150], showers[150:300]


def with_cells(showers, energy):
    s = showers
    return cf.Showers(energy.astype(np.float32), s.incident_energy, s.pdg, s.theta, s.phi, s.binning)


def trimmed(showers):
    """11 bits of mantissa: cells near the threshold may fall below it."""
    return with_cells(showers, (showers.energy.view(np.uint32) & np.uint32(0xFFFFF000)).view(np.float32))


def with_noise(showers):
    """What lies below the threshold drawn anew: no cell crosses it."""
    noise = np.random.default_rng(2).uniform(0, 0.999 * THRESHOLD, showers.energy.shape)
    return with_cells(showers, np.where(showers.energy < THRESHOLD, noise, showers.energy))


@pytest.fixture(scope="module")
def report(pair):
    return validate(*pair, quick=True, threshold=THRESHOLD)


def test_what_lies_below_the_threshold_changes_nothing(pair, report):
    noisy = validate(with_noise(pair[0]), with_noise(pair[1]), quick=True, threshold=THRESHOLD)
    assert finite_json(noisy.judgement()) == finite_json(report.judgement())


def test_the_threshold_is_stated(report):
    assert "cells below 1MeV count as empty in both samples" in report.verdict
    facts = report.to_dict()
    assert facts["provenance"]["threshold"] == "1MeV"
    assert facts["cautions"] == ["cells below 1MeV count as empty in both samples"]


def test_a_cell_at_the_threshold_stays_and_showers_keep_their_ids(pair):
    showers = pair[0]
    lowest = float(showers.energy[showers.energy > 0].min())
    assert np.array_equal(showers.above(lowest).energy, showers.energy)
    sample = read_sample(showers, threshold=THRESHOLD)
    assert np.array_equal(sample.ids, showers.ids)
    assert sample.cells.energy[sample.cells.energy > 0].min() >= THRESHOLD
    assert np.array_equal(sample.table["hits"][:, 0], (showers.energy >= THRESHOLD).sum(axis=1))


def test_copies_of_the_truth_are_noticed_under_a_threshold(pair):
    truth, rounded = (read_sample(s, threshold=THRESHOLD) for s in (pair[0], trimmed(pair[0])))
    sure = (rounded.table["hits"][:, 0] >= SURE_CELLS).sum()
    assert copies(truth.ids, rounded.ids, rounded.table["hits"][:, 0]) > 0.98 * sure


@pytest.mark.parametrize("value", ["0.1MeV", "100keV", 0.1, 0.1 * hepunits.MeV, np.float32(0.1)])
def test_thresholds_are_text_with_a_unit_or_mev(value):
    assert parse_threshold(value) == pytest.approx(0.1)


@pytest.mark.parametrize("value", ["0.1", "0.1 Mev", "-1keV", -0.1, np.nan, np.inf, None, True, [1.0]])
def test_other_thresholds_are_refused(value):
    with pytest.raises(BadValue, match=r"^threshold is .*0\.1MeV"):
        parse_threshold(value)


def test_a_threshold_above_everything_is_refused(pair):
    with pytest.raises(BadValue, match="no cell of the truth"):
        cf.validate(*pair, threshold="1TeV")


def test_command(pair, tmp_path, call):
    for name, showers in zip("ab", pair, strict=True):
        write_showers(tmp_path / f"{name}.h5", showers, "unknown", {})
    words = (
        "validate",
        tmp_path / "a.h5",
        "--truth",
        tmp_path / "b.h5",
        "--quick",
        "--observable",
        "response",
        "--threshold",
    )
    _, out, _ = call(*words, "1MeV")
    assert "cells below 1MeV count as empty" in out
    code, _, err = call(*words, "1")
    assert code == 1
    assert err.startswith("caloforge: threshold is '1'")
