"""The rule of the splits on ids that are given."""

from types import SimpleNamespace

import numpy as np
import pytest

from caloforge.data.splits import SPLITS, SplitOf, split_mask, take_split
from caloforge.data.store import ShowerFile
from caloforge.data.writer import write_showers
from caloforge.errors import UnknownName


def with_ids(shares) -> SimpleNamespace:
    """Stands for showers whose ids lie at these places of the unit interval."""
    return SimpleNamespace(ids=np.array([int(share * 2**64) for share in shares], np.uint64))


@pytest.fixture
def unchecked(monkeypatch):
    import jaxtyping

    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


def test_no_such_split(unchecked):
    with pytest.raises(UnknownName, match=r"unknown split 'tset'.*test"):
        split_mask(with_ids([0.5]), "tset")


def test_seventy_five_and_twenty_five_percent(unchecked):
    places = with_ids([0.0, 0.1, 0.69999, 0.70001, 0.74999, 0.75, 0.9, 1 - 2**-20])
    assert split_mask(places, "train").tolist() == [True] * 3 + [False] * 5
    assert split_mask(places, "validation").tolist() == [False] * 3 + [True] * 2 + [False] * 3
    assert split_mask(places, "test").tolist() == [False] * 5 + [True] * 3
    assert SPLITS == {"train": (0.0, 0.7), "validation": (0.7, 0.75), "test": (0.75, 1.0)}


def test_the_largest_id_has_a_side(unchecked):
    largest = SimpleNamespace(ids=np.array([2**64 - 1], np.uint64))
    assert [split_mask(largest, split).item() for split in SPLITS] == [False, False, True]


def test_a_split_of_a_file_in_batches(tmp_path, showers):
    write_showers(tmp_path / "a.h5", showers[:300], "x", {})
    with ShowerFile(tmp_path / "a.h5") as file:
        split = SplitOf(file, "train")
        assert split.binning == showers.binning
        batches = list(split.batches(100))
    assert len(batches) == 3
    expected = take_split(showers[:300], "train").ids
    assert np.array_equal(np.concatenate([batch.ids for batch in batches]), expected)
