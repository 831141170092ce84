"""Cells of a whole calorimeter: every point of a cell is found in it, none beside it."""

import math

import numpy as np
import pytest

from caloforge.errors import BadValue
from caloforge.geometry.calo_cells import CaloCells


def barrel_and_endcap():
    """Two samplings behind each other in r, one of two sizes in z, and a block in x, y, z; phi goes once around."""
    rows = []
    for layer, r in ((1, 1500.0), (2, 1600.0)):
        for eta in np.arange(-0.95, 1, 0.1):
            for i in range(16):
                phi = -math.pi + (i + 0.5) * math.pi / 8
                rows.append((layer, 0, (eta, phi, r), (0.1, math.pi / 8, 100.0)))
    for width, start, stop in ((0.05, 1.5, 2.0), (0.25, 2.0, 3.0)):
        for eta in np.arange(start + width / 2, stop, width):
            for i in range(16):
                rows.append((5, 1, (eta, -math.pi + (i + 0.5) * math.pi / 8, 4000.0), (width, math.pi / 8, 200.0)))
    for x in range(3):
        rows.append((21, 2, (100.0 + 30 * x, 0.0, 5000.0), (30.0, 40.0, 100.0)))
    layer, system, middle, width = (np.array(column) for column in zip(*rows, strict=True))
    centre = to_xyz(middle, system)
    ids = np.arange(len(rows), dtype=np.uint64) + np.uint64(3_000_000_000_000_000_000)
    return CaloCells(ids, layer, system, centre, middle, width)


def to_xyz(middle, system):
    eta, phi, last = middle.T
    r = np.where(system == 0, last, last / np.sinh(np.where(eta == 0, 1, eta)))
    z = np.where(system == 0, last * np.sinh(eta), last)
    points = np.stack([r * np.cos(phi), r * np.sin(phi), z], axis=1)
    return np.where((system == 2)[:, None], middle, points)


CELLS = barrel_and_endcap()


@pytest.mark.parametrize("reach", [0.0, 0.99])
def test_every_point_of_a_cell_is_in_it(reach):
    rng = np.random.default_rng(1)
    for _ in range(5):
        places = CELLS.middle + reach * CELLS.width * rng.uniform(-0.5, 0.5, CELLS.middle.shape)
        np.testing.assert_array_equal(CELLS.locate(to_xyz(places, CELLS.system)), np.arange(len(CELLS)))


def test_points_beside_all_cells_are_in_none():
    points = np.array([[1400.0, 0, 0], [1700, 0, 0], [0, 0, 0], [100, 21, 5000], [84, 0, 5000], [0, 0, -4000]])
    assert CELLS.locate(points).tolist() == [-1] * 6


def test_phi_closes_at_pi():
    r, wrapped = 1500.0, []
    for phi in (math.pi - 1e-9, -math.pi, math.pi + 0.1):
        wrapped.append(int(CELLS.locate(np.array([[r * math.cos(phi), r * math.sin(phi), 1.0]]))[0]))
    assert wrapped[1] == wrapped[2]
    assert CELLS.middle[wrapped[0], 1] == pytest.approx(15 * math.pi / 16)
    assert CELLS.middle[wrapped[1], 1] == pytest.approx(-15 * math.pi / 16)


def test_cells_of_nothing_are_refused():
    columns = {name: getattr(CELLS, name)[:2] for name in ("id", "layer", "system", "centre", "middle", "width")}
    for name, values in (
        ("id", columns["id"][[0, 0]]),
        ("width", np.zeros((2, 3))),
        ("middle", np.full((2, 3), np.nan)),
    ):
        with pytest.raises(BadValue):
            CaloCells(**(columns | {name: values}))
