"""FastCaloSim's geometry: read from ROOT, and points of full simulation summed in its cells."""

import math

import numpy as np
import pytest
import uproot

from caloforge.data.formats.calo_cells import read_calo_cells
from caloforge.data.opening import open_any
from caloforge.errors import BadFile

FLAGS = ("isEtaPhiR", "isEtaPhiZ", "isXYZ")
N_PHI, N_ETA, RADIUS, DEPTH = 16, 20, 1500.0, 4000.0


def write_cells(path, **changes):
    """A barrel, one sampling, 1 to 5 m from the beams; eta from -1 to 1."""
    eta, phi = (
        grid.reshape(-1)
        for grid in np.meshgrid(
            -0.95 + 0.1 * np.arange(N_ETA), -math.pi + (np.arange(N_PHI) + 0.5) * 2 * math.pi / N_PHI
        )
    )
    n, r = len(eta), RADIUS + DEPTH / 2
    zeros = np.zeros(n, np.float32)
    columns = {
        "id": np.arange(n, dtype=np.uint64) + np.uint64(2**61),
        "layer": np.full(n, 2, np.uint32),
        **{flag: np.full(n, flag == "isEtaPhiR") for flag in FLAGS},
        "eta": eta, "phi": phi, "r": np.full(n, r),
        "x": r * np.cos(phi), "y": r * np.sin(phi), "z": r * np.sinh(eta),
        "deta": np.full(n, 0.1), "dphi": np.full(n, 2 * math.pi / N_PHI), "dr": np.full(n, DEPTH),
        "dx": zeros, "dy": zeros, "dz": zeros,
    } | changes  # fmt: skip
    with uproot.recreate(path) as file:
        file["caloDetCells"] = columns
    return path


def test_cells_come_in_their_own_coordinates(tmp_path):
    cells = read_calo_cells(write_cells(tmp_path / "cells.root"))
    assert len(cells) == N_PHI * N_ETA
    assert int(cells.id[0]) == 2**61
    np.testing.assert_array_equal(cells.locate(cells.centre), np.arange(len(cells)))


def test_points_are_summed_in_them_by_command(call, tmp_path):
    """Points of three showers about the middles of a few cells, and one far outside."""
    rng = np.random.default_rng(3)
    cells = read_calo_cells(write_cells(tmp_path / "cells.root"))
    event, chosen = np.repeat(np.arange(3), 40), rng.choice([5, 17, 200], 120)
    points = cells.centre[chosen] + rng.normal(0, 5, (120, 3))
    points[7] = 0.0
    energy = rng.uniform(1, 2, 120)
    table = np.column_stack([event, points, energy])
    np.savetxt(tmp_path / "points.csv", table, delimiter=",", header="event,x,y,z,energy", comments="")
    words = ("--units", "cells=MeV,length=mm", "--incident", "10GeV", "--particle", "gamma", "--to", "npz")
    target = ("--cells", tmp_path / "cells.root")
    code, out, err = call("convert", tmp_path / "points.csv", tmp_path / "cells.npz", *words, *target)
    assert code == 0, err
    assert f"{energy[7] / energy.sum():.2%} of the energy lies outside" in out
    with open_any(tmp_path / "cells.npz") as file:
        hits = file.read()
    inside = np.arange(120) != 7
    for i in range(3):
        part = slice(hits.offsets[i], hits.offsets[i + 1])
        assert hits.cell[part].tolist() == (np.uint64(2**61) + np.array([5, 17, 200], np.uint64)).tolist()
        sums = [energy[(event == i) & (chosen == cell) & inside].sum() for cell in (5, 17, 200)]
        np.testing.assert_allclose(hits.energy[part], sums, rtol=1e-6)
    assert (hits.layer == 2).all()


def test_a_mesh_has_no_use_for_them(call, sample_files, tmp_path):
    write_cells(tmp_path / "cells.root")
    code, _, err = call("convert", sample_files["caloforge"], tmp_path / "o.h5", "--cells", tmp_path / "cells.root")
    assert code == 1
    assert "points to points" in err


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"isEtaPhiR": np.zeros(N_PHI * N_ETA, bool)}, "no coordinates of a kind"),
        ({"dr": np.zeros(N_PHI * N_ETA)}, "not positive"),
        ({"eta": np.full(N_PHI * N_ETA, np.nan)}, "not finite"),
        ({"id": np.zeros(N_PHI * N_ETA, np.uint64)}, "an id twice"),
    ],
)
def test_broken_geometries_are_refused(tmp_path, changes, says):
    with pytest.raises(BadFile, match=says):
        read_calo_cells(write_cells(tmp_path / "cells.root", **changes))


def test_a_geometry_is_no_file_of_showers_and_the_reverse(tmp_path, sample_files):
    with pytest.raises(BadFile, match=r"cells without showers.*--cells cells\.root"):
        open_any(write_cells(tmp_path / "cells.root"))
    with pytest.raises(BadFile, match="caloDetCells"):
        read_calo_cells(sample_files["edm4hep"])
    with pytest.raises(BadFile, match="no such file"):
        read_calo_cells(tmp_path / "nothing.root")
