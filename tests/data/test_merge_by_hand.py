"""When two files share a shower: few cells may be equal by chance, and the sentence says which files and how many."""

import numpy as np
import pytest

from caloforge.data.ids import SURE_CELLS
from caloforge.data.merge import merge_files
from caloforge.data.showers import Showers
from caloforge.data.writer import write_showers
from caloforge.errors import BadFile
from caloforge.geometry.binning import Binning, Layer

MESH = Binning((Layer(0, (0.0, 1.0), 2 * SURE_CELLS),), "ring")


def write(path, *hits):
    """Showers of 1 GeV photons with so many cells hit, all alike."""
    energy = (np.arange(MESH.n_voxels) < np.array(hits)[:, None]).astype(np.float32)
    write_showers(path, Showers.perpendicular(energy, np.full(len(hits), 1000.0), MESH, 22), "tea", {})
    return path


@pytest.mark.parametrize("hits", [0, 1, SURE_CELLS - 1])
def test_showers_of_few_cells_may_be_equal_by_chance(tmp_path, hits):
    merge_files([write(tmp_path / "a.h5", hits, hits), write(tmp_path / "b.h5", hits)], tmp_path / "all.h5")


@pytest.mark.parametrize("hits", [SURE_CELLS, SURE_CELLS + 1, 2 * SURE_CELLS])
def test_showers_of_many_cells_may_not(tmp_path, hits):
    a, b = write(tmp_path / "a.h5", hits), write(tmp_path / "b.h5", hits)
    with pytest.raises(BadFile, match=f"b.h5: 1 of its showers lie in {a} too"):
        merge_files([a, b], tmp_path / "all.h5")


def test_the_sentence_names_the_files_and_counts(tmp_path):
    """Three files; the last shares two showers with the middle one, none with the first."""
    a, b = write(tmp_path / "a.h5", 5), write(tmp_path / "b.h5", 6, 7, 8)
    c = write(tmp_path / "c.h5", 9, 8, 6)
    with pytest.raises(BadFile, match=f"c.h5: 2 of its showers lie in {b} too"):
        merge_files([a, b, c], tmp_path / "all.h5")
    twice = write(tmp_path / "twice.h5", 9, 9, 3, 3)
    with pytest.raises(BadFile, match=r"twice\.h5: 1 showers twice"):
        merge_files([a, twice], tmp_path / "all.h5")
    same = [a, tmp_path / "." / "a.h5"]
    with pytest.raises(BadFile, match=r"a\.h5: 1 showers twice"):
        merge_files(same, tmp_path / "all.h5")
