"""Cells that are volumes, in files of showers: kept as they are, refused where the table does not fit the mesh."""

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from caloforge.data.merge import merge_files
from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.data.writer import write_showers
from caloforge.errors import BadFile, BinningMismatch
from caloforge.geometry.binning import Binning
from caloforge.geometry.cell_mesh import CellMesh, cell_mesh

N = 6


def written(path: Path, shift: float = 0.0, seed: int = 1) -> CellMesh:
    """Eight showers in six cells, two layers of three."""
    rng = np.random.default_rng(seed)
    across = np.random.default_rng(1).normal(size=(N, 2)) * 10
    centres = np.column_stack([across + np.array([shift, 0]), np.repeat([5.0, 25.0], 3)])
    depths = centres[:, 2:] + np.array([-5.0, 5.0])
    mesh = cell_mesh("six", [f"m:{i}/c:0" for i in range(N)], centres, np.full(N, 8.0), depths)
    energy = rng.exponential(10, (8, N)).astype(np.float32)
    showers = Showers.perpendicular(energy, np.full(8, 100.0, np.float32), mesh)
    write_showers(path, showers, "somebody's", {})
    return mesh


def test_cells_come_back_as_they_were(tmp_path: Path) -> None:
    mesh = written(tmp_path / "a.h5")
    with ShowerFile(tmp_path / "a.h5") as file:
        read = file.binning
        assert isinstance(read, CellMesh)
        assert read == mesh
        for name in ("centres", "sizes", "depths"):
            np.testing.assert_array_equal(getattr(read, name), getattr(mesh, name))
        assert file.read().layer_energy.shape == (8, 2)
    assert pickle.loads(pickle.dumps(mesh)) == mesh


def test_tools_of_the_calochallenge_see_layers_of_as_many_cells(tmp_path: Path) -> None:
    mesh = written(tmp_path / "a.h5")
    formal = Binning.from_xml(mesh.to_xml())
    assert [layer.n_voxels for layer in formal.layers] == [3, 3]
    np.testing.assert_array_equal(formal.z_edges, mesh.z_edges)


def test_showers_merge_where_cells_are_the_same(tmp_path: Path) -> None:
    written(tmp_path / "a.h5")
    written(tmp_path / "b.h5", seed=2)
    written(tmp_path / "moved.h5", shift=1.0)
    with ShowerFile(merge_files([tmp_path / "a.h5", tmp_path / "b.h5"], tmp_path / "ab.h5")) as file:
        assert len(file) == 16
        assert isinstance(file.binning, CellMesh)
    with pytest.raises(BinningMismatch):
        merge_files([tmp_path / "a.h5", tmp_path / "moved.h5"], tmp_path / "none.h5")
    assert not (tmp_path / "none.h5").exists()


@pytest.mark.parametrize("column", ["name", "centre_mm", "volume_mm3", "depth_mm"])
def test_a_table_that_does_not_fit_is_refused(column: str, tmp_path: Path) -> None:
    written(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        rows = file["cells"][column][:-1]
        del file["cells"][column]
        file["cells"][column] = rows
    with pytest.raises(BadFile, match=f"cells/{column}"):
        ShowerFile(tmp_path / "a.h5")


@pytest.mark.parametrize(("column", "value"), [("centre_mm", np.nan), ("volume_mm3", -1.0)])
def test_cells_without_place_or_volume_are_refused(column: str, value: float, tmp_path: Path) -> None:
    written(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["cells"][column][0] = value
    with pytest.raises(BadFile, match="centres are finite and volumes positive"):
        ShowerFile(tmp_path / "a.h5")
