"""Showers that trained no model: which are left out, in which order the others stay, what is said of it."""

import numpy as np
import pytest

from caloforge.data.ids import SURE_CELLS
from caloforge.data.origins import HasOrigin
from caloforge.data.provenance import Provenance
from caloforge.data.showers import Showers
from caloforge.data.source import KnownSource, Source
from caloforge.data.unseen import TrainingIds, Unseen, left_out_sentences, sure_ids, unseen_showers
from caloforge.errors import EmptySample


def ids(*values):
    return np.array(values, np.uint64)


def test_ids_of_both_splits_once_and_sorted():
    both = TrainingIds(ids(7, 3, 5), ids(5, 2))
    assert both.all.tolist() == [2, 3, 5, 7]
    assert TrainingIds().all.dtype == np.uint64
    assert len(TrainingIds().all) == 0
    assert TrainingIds().train is not TrainingIds().train


@pytest.mark.parametrize(("hits", "sure"), [(SURE_CELLS - 1, False), (SURE_CELLS, True), (SURE_CELLS + 1, True)])
def test_few_cells_make_no_sure_id(binning, hits, sure):
    energy = (np.arange(binning.n_voxels) < hits).astype(np.float32)[None]
    one = Showers.perpendicular(energy, np.array([1e4]), binning)
    assert sure_ids(one).tolist() == (one.ids.tolist() if sure else [])


def test_what_was_trained_on_is_left_out_in_order(showers):
    trained = np.zeros(len(showers), bool)
    trained[[0, 7, 8, 2999]] = True
    judged = unseen_showers(showers, np.append(showers.ids[trained][::-1], ids(1)))
    assert np.array_equal(judged.energy, showers.energy[~trained])
    assert len(unseen_showers(showers[:5], ids())) == 5


def test_a_source_without_what_was_trained_on(showers):
    """Read in batches, some of which are empty; it keeps its origin, so that samples can be compared."""
    some = Showers(
        *(getattr(showers[:30], name) for name in ("energy", "incident_energy", "pdg", "theta", "phi")),
        showers.binning, "tea", Provenance(seed=3),
    )  # fmt: skip
    trained = np.arange(30) // 10 == 1
    source = Unseen(some, some.ids[trained])
    assert [len(batch) for batch in source.batches(10)] == [10, 0, 10]
    assert np.array_equal(Showers.concatenate(list(source.batches(7))).energy, some.energy[~trained])
    assert source.count_left_out() == 10
    assert (source.binning, source.detector, source.provenance.seed) == (some.binning, "tea", 3)
    assert isinstance(source, HasOrigin)
    assert isinstance(some, KnownSource)
    assert isinstance(source, Source)
    assert not isinstance(source, KnownSource)
    assert not isinstance(some.energy, Source)
    assert Unseen(some, ids()).count_left_out() == 0


def test_nothing_left_judges_nothing(showers):
    with pytest.raises(EmptySample, match="trained on all of these showers, a judgement needs others; got 0"):
        Unseen(showers[:20], showers.ids).count_left_out()
    assert Unseen(showers[:20], showers.ids[1:]).count_left_out() == 19


def test_what_is_said():
    assert left_out_sentences(0) == []
    assert left_out_sentences(3) == ["3 showers of the truth left out: the model was trained on them"]
    assert left_out_sentences(1, ["a.h5", "b.h5"])[1:] == [
        f"{name} does not say which showers its model was trained on: none left out" for name in ("a.h5", "b.h5")
    ]
