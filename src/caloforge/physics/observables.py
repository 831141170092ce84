r"""Observables T(h) of a shower: what an analysis looks at instead of the cells; energy-weighted moments.

Notation: :math:`E_i` is the energy of cell :math:`i`, at radius :math:`r_i` and angle :math:`\alpha_i` in its layer, so
:math:`x_i = r_i\cos\alpha_i` and :math:`y_i = r_i\sin\alpha_i` (the CaloChallenge, arXiv:2410.21611, calls them eta and
phi). For any cell coordinate :math:`q`, centre and width are

.. math:: \bar q = \frac{\sum_i E_i q_i}{\sum_i E_i}, \qquad
          \sigma_q = \sqrt{\max\big(\overline{q^2} - \bar q^2, 0\big)} .

Sums run in float64. A value that does not exist (the centre of a layer without energy) is NaN, never zero.
"""

__all__ = ["Observable", "OBSERVABLES", "select", "tabulate", "depth_unit", "layer_depths"]

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array

from caloforge.data.showers import Showers
from caloforge.errors import UnknownName
from caloforge.geometry.binning import Binning
from caloforge.physics.axes import integer_edges, linear_edges, logarithmic_edges

Per = Literal["shower", "layer", "ring", "cell"]
Coordinate = Callable[[Binning], Float[Array, " V"]]

_CHALLENGE = "CaloChallenge, arXiv:2410.21611"
_PAR04 = "Geant4 example Par04"


@dataclass(frozen=True)
class Observable:
    """A function of showers, and how to draw and bin it.

    Args:
        name: identifier, also the key in ``report.json``.
        function: showers -> (N,) or (N, k) values in the unit of the label; NaN where undefined.
        label: text of the plot's axis; ``{depth}`` stands for the mesh's unit of depth.
        edges: truth values of one column (finite ones) -> histogram edges.
        per: what the columns are; the columns of a ``cell`` observable fill one histogram together.
        source: where the definition comes from.
    """

    name: str
    function: Callable[[Showers], Float[Array, "N ..."]]
    label: str
    edges: Callable[[Float[Array, " n"]], Float[Array, " e"]] = linear_edges
    per: Per = "shower"
    source: str = _CHALLENGE

    def __call__(self, showers: Showers) -> Float[Array, "N k"]:
        """Values of each shower, always with a second axis."""
        return self.function(showers).reshape(len(showers), -1)

    def axis_label(self, binning: Binning) -> str:
        """The label with the unit of depth that the mesh has."""
        return self.label.replace("{depth}", depth_unit(binning))


def depth_unit(binning: Binning) -> str:
    """``mm`` where the mesh knows its depth, else ``layer``."""
    return "layer" if binning.z_edges is None else "mm"


def layer_depths(binning: Binning) -> Float[Array, " L"]:
    """Middle of each layer, mm, or its id where the mesh has no depth."""
    if binning.z_edges is None:
        return np.array([float(layer.id) for layer in binning.layers])
    return binning.z_edges.mean(axis=1)


def _x(binning: Binning) -> Float[Array, " V"]:
    return binning.r_centres * np.cos(binning.alpha_centres)


def _y(binning: Binning) -> Float[Array, " V"]:
    return binning.r_centres * np.sin(binning.alpha_centres)


def _r(binning: Binning) -> Float[Array, " V"]:
    return binning.r_centres


def _z(binning: Binning) -> Float[Array, " V"]:
    return layer_depths(binning)[binning.layer_of_voxel]


def _has_sectors(binning: Binning) -> Bool[Array, " L"]:
    return np.array([layer.n_alpha > 1 for layer in binning.layers])


def _layer_sums(showers: Showers, weight: Float[Array, " V"]) -> Float[Array, "N L"]:
    return np.add.reduceat(showers.energy * weight, showers.binning.layer_starts[:-1], axis=1, dtype=np.float64)


def _ratio(above: Array, below: Array) -> Array:
    """Quotient, NaN where the denominator is zero."""
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)


def _width(mean_square: Array, mean: Array) -> Array:
    return np.sqrt(np.maximum(mean_square - mean**2, 0))


def _layer_centre(showers: Showers, coordinate: Coordinate) -> Float[Array, "N L"]:
    centre = _ratio(_layer_sums(showers, coordinate(showers.binning)), showers.layer_energy)
    if coordinate is not _r:
        centre[:, ~_has_sectors(showers.binning)] = np.nan
    return centre


def _layer_width(showers: Showers, coordinate: Coordinate) -> Float[Array, "N L"]:
    mean_square = _ratio(_layer_sums(showers, coordinate(showers.binning) ** 2), showers.layer_energy)
    return _width(mean_square, _layer_centre(showers, coordinate))


def _shower_centre(showers: Showers, coordinate: Coordinate) -> Float[Array, " N"]:
    return _ratio(showers.energy @ coordinate(showers.binning), showers.total_energy)


def _shower_width(showers: Showers, coordinate: Coordinate) -> Float[Array, " N"]:
    mean_square = _ratio(showers.energy @ coordinate(showers.binning) ** 2, showers.total_energy)
    return _width(mean_square, _shower_centre(showers, coordinate))


def _response(showers: Showers) -> Float[Array, " N"]:
    return showers.total_energy / showers.incident_energy


def _longitudinal_profile(showers: Showers) -> Float[Array, "N L"]:
    return _ratio(showers.layer_energy, np.broadcast_to(showers.total_energy[:, None], showers.layer_energy.shape))


def _radial_profile(showers: Showers) -> Float[Array, "N R"]:
    rings = showers.binning.ring_of_voxel
    sums = np.stack([showers.energy[:, rings == i].sum(1, dtype=np.float64) for i in range(rings.max() + 1)], axis=1)
    return _ratio(sums, np.broadcast_to(showers.total_energy[:, None], sums.shape))


def _sparsity(showers: Showers) -> Float[Array, " N"]:
    return 1.0 - np.count_nonzero(showers.energy, axis=1) / showers.binning.n_voxels


def _layer_hits(showers: Showers) -> Float[Array, "N L"]:
    return np.add.reduceat(showers.energy > 0, showers.binning.layer_starts[:-1], axis=1, dtype=np.float64)


def _voxel_energy(showers: Showers) -> Float[Array, "N V"]:
    return np.where(showers.energy > 0, showers.energy, np.float32(np.nan))


_ALL = (
    Observable("response", _response, r"Response $E_\mathrm{tot}/E_\mathrm{inc}$"),
    Observable("layer_energy", lambda s: s.layer_energy, "Layer energy [MeV]", logarithmic_edges, "layer"),
    Observable("longitudinal_profile", _longitudinal_profile, r"Share of $E_\mathrm{tot}$ in layer", per="layer"),
    Observable("radial_profile", _radial_profile, r"Share of $E_\mathrm{tot}$ in ring", per="ring", source=_PAR04),
    Observable("centre_z", partial(_shower_centre, coordinate=_z), r"Mean depth $\bar z$ [{depth}]", source=_PAR04),
    Observable("width_z", partial(_shower_width, coordinate=_z), r"Length $\sigma_z$ [{depth}]", source=_PAR04),
    Observable("mean_r", partial(_shower_centre, coordinate=_r), r"Mean radius of shower $\bar r$ [mm]", source=_PAR04),
    Observable("spread_r", partial(_shower_width, coordinate=_r), r"Spread in radius $\sigma_r$ [mm]", source=_PAR04),
    Observable("centre_r", partial(_layer_centre, coordinate=_r), r"Layer mean radius $\bar r$ [mm]", per="layer"),
    Observable("width_r", partial(_layer_width, coordinate=_r), r"Layer width $\sigma_r$ [mm]", per="layer"),
    Observable("centre_x", partial(_layer_centre, coordinate=_x), r"Layer centre $\bar x$ [mm]", per="layer"),
    Observable("centre_y", partial(_layer_centre, coordinate=_y), r"Layer centre $\bar y$ [mm]", per="layer"),
    Observable("width_x", partial(_layer_width, coordinate=_x), r"Layer width $\sigma_x$ [mm]", per="layer"),
    Observable("width_y", partial(_layer_width, coordinate=_y), r"Layer width $\sigma_y$ [mm]", per="layer"),
    Observable("sparsity", _sparsity, "Fraction of cells without energy"),
    Observable("layer_hits", _layer_hits, "Cells hit in layer", integer_edges, "layer"),
    Observable("voxel_energy", _voxel_energy, "Cell energy [MeV]", logarithmic_edges, "cell"),
)

OBSERVABLES: dict[str, Observable] = {observable.name: observable for observable in _ALL}


def select(names: Iterable[str]) -> dict[str, Observable]:
    """The observables of these names, in their order.

    Raises:
        UnknownName: no such observable.
    """
    chosen = {}
    for name in names:
        if name not in OBSERVABLES:
            raise UnknownName("observable", name, OBSERVABLES)
        chosen[name] = OBSERVABLES[name]
    return chosen


def tabulate(
    showers: Showers, observables: Mapping[str, Observable] = OBSERVABLES, batch: int = 1000
) -> dict[str, Float[Array, "N _"]]:
    """Values of every observable but those of cells, ``batch`` showers at a time, so that no float64 copy is made."""
    wanted = {name: o for name, o in observables.items() if o.per != "cell"}
    starts = range(0, len(showers), batch)
    parts = [{name: o(piece) for name, o in wanted.items()} for piece in (showers[i : i + batch] for i in starts)]
    return {name: np.concatenate([part[name] for part in parts]) for name in wanted}
