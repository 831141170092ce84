r"""The binning of the CaloChallenge: fixed edges for its observables, as a second set beside each observable's own.

With :math:`E_\text{min}` the readout threshold and :math:`E_\text{max}` the largest value in the truth,

==================== =============================== ============================= =====================
observable           datasets 2 and 3                dataset 1                     its layers 12 and 13
==================== =============================== ============================= =====================
response             100 bins in 0.5 to 1.5          the same                      the same
layer_energy         39 logarithmic bins, Emin, Emax the same                      the same
voxel_energy         49 logarithmic bins, Emin, Emax the same                      the same
sparsity             20 bins in 0 to 1               the same                      the same
centre_x, centre_y   100 bins in -30 to 30 mm        -100 to 100 mm                -500 to 500 mm
width_x, width_y     100 bins in 0 to 30 mm          0 to 100 mm                   0 to 400 mm
centre_r             100 bins in 0 to 42 mm          0 to 500 mm                   0 to 1500 mm
width_r              100 bins in 0 to 20 mm          0 to 500 mm                   0 to 1500 mm
==================== =============================== ============================= =====================

A mesh that reaches less than 100 mm from its axis counts as one of datasets 2 and 3. Source: CaloChallenge,
arXiv:2410.21611, and its evaluation code.
"""

__all__ = ["CHALLENGE_OBSERVABLES", "challenge_edges", "challenge_threshold"]

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.errors import UnknownName
from caloforge.geometry.binning import Binning, Layer

_BINS = 100
_NARROW_MESH = 100.0  # mm
_WIDE_LAYERS = (12, 13)
_NARROW_THRESHOLD, _WIDE_THRESHOLD = 0.5e-3 / 0.033, 1.0  # MeV
# Low and high edge in mm: datasets 2 and 3, dataset 1, layers 12 and 13 of dataset 1.
_RANGES = {
    "centre_x": ((-30, 30), (-100, 100), (-500, 500)),
    "centre_y": ((-30, 30), (-100, 100), (-500, 500)),
    "width_x": ((0, 30), (0, 100), (0, 400)),
    "width_y": ((0, 30), (0, 100), (0, 400)),
    "centre_r": ((0, 42), (0, 500), (0, 1500)),
    "width_r": ((0, 20), (0, 500), (0, 1500)),
}
_FIXED = {"response": (0.5, 1.5, _BINS), "sparsity": (0.0, 1.0, 20)}
_LOGARITHMIC = {"layer_energy": 39, "voxel_energy": 49}
CHALLENGE_OBSERVABLES = (*_FIXED, *_LOGARITHMIC, *_RANGES)


def challenge_edges(
    name: str, binning: Binning, truth: Float[Array, "N k"], threshold: float
) -> tuple[Float[Array, " _"], ...]:
    """Edges of each column of an observable; one set for all cells of ``voxel_energy``.

    Args:
        name: one of `CHALLENGE_OBSERVABLES`.
        binning: the mesh.
        truth: values of the observable in the truth.
        threshold: lowest energy of a cell, MeV; 1 for dataset 1, 0.01515 for datasets 2 and 3.

    Raises:
        UnknownName: the CaloChallenge has no binning for it.
    """
    if name in _FIXED:
        low, high, bins = _FIXED[name]
        return (np.linspace(low, high, bins + 1),)
    if name in _LOGARITHMIC:
        columns = truth.T if name == "layer_energy" else truth.reshape(1, -1)
        return tuple(_logarithmic(column, threshold, _LOGARITHMIC[name]) for column in columns)
    if name in _RANGES:
        narrow = _is_narrow(binning)
        ranges = (_RANGES[name][_which(layer, narrow)] for layer in binning.layers)
        return tuple(np.linspace(low, high, _BINS + 1) for low, high in ranges)
    raise UnknownName("observable with a binning of the CaloChallenge", name, CHALLENGE_OBSERVABLES)


def challenge_threshold(binning: Binning) -> float:
    """Readout threshold of a cell, MeV: 0.5 keV over the sampling fraction 0.033 of datasets 2 and 3, else 1 MeV.

    Args:
        binning: the mesh.
    """
    return _NARROW_THRESHOLD if _is_narrow(binning) else _WIDE_THRESHOLD


def _is_narrow(binning: Binning) -> bool:
    return max(layer.r_edges[-1] for layer in binning.layers) < _NARROW_MESH


def _which(layer: Layer, narrow: bool) -> int:
    return 0 if narrow else 2 if layer.id in _WIDE_LAYERS else 1


def _logarithmic(values: Float[Array, " n"], threshold: float, bins: int) -> Float[Array, " e"]:
    """From the threshold to the largest value; a decade where nothing exceeds the threshold."""
    largest = np.nanmax(values, initial=0.0)
    return np.geomspace(threshold, largest if largest > threshold else 10 * threshold, bins + 1)
