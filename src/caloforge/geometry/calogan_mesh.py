"""The 504 cells of CaloGAN (arXiv:1712.10321, table 1): three layers of a liquid-argon calorimeter, in straight rows.

Layers are 90, 347 and 43 mm deep and 480 mm wide both ways. An array has phi (here y) first and eta (here x) second:
3 x 96, 12 x 12 and 12 x 6 cells, 5, 40 and 80 mm wide in eta. The beam meets the middle of the face.
"""

__all__ = ["CALOGAN_SHAPES", "calogan_mesh"]

from functools import cache

import numpy as np

from caloforge.geometry.cell_mesh import CellMesh, cell_mesh

CALOGAN_SHAPES = ((3, 96), (12, 12), (12, 6))
_DEPTHS = (0.0, 90.0, 437.0, 480.0)  # mm from the face
_WIDTH = 480.0  # mm


@cache
def calogan_mesh() -> CellMesh:
    """All cells, in the order of the arrays: layer, phi, eta."""
    names, centres, sizes, depths = [], [], [], []
    for layer, (n_phi, n_eta) in enumerate(CALOGAN_SHAPES):
        front, back = _DEPTHS[layer : layer + 2]
        height, width = _WIDTH / n_phi, _WIDTH / n_eta
        for row in range(n_phi):
            for column in range(n_eta):
                names.append(f"{layer}/{row}/{column}")
                x, y = (column + 0.5) * width - _WIDTH / 2, (row + 0.5) * height - _WIDTH / 2
                centres.append((x, y, (front + back) / 2))
                sizes.append(width * height * (back - front))
                depths.append((front, back))
    return cell_mesh("calogan", names, np.array(centres), np.array(sizes), np.array(depths))
