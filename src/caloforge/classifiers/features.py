r"""What a classifier sees of a shower: its observables (high), its cells (low), or the cells of each layer as shares of
the layer's energy (low-normed).

The first column is always :math:`\log_{10} E_\text{inc}` (MeV). Two families: those of the fast classifier, which it
standardises itself, and those of the CaloChallenge with exactly its scalings (arXiv:2410.21611), fed to the network as
they are; let :math:`\epsilon = 10^{-8}` MeV,

.. math:: \text{low}: \frac{E_i}{E_\text{inc}}; \quad
          \text{low-normed}: \frac{E_i}{E_\text{layer}},\ \log_{10}(E_\text{layer} + \epsilon); \quad
          \text{high}: \log_{10}(E_\text{layer} + \epsilon),\ \log_{10}(E_\text{tot} + \epsilon),\
          \text{sparsity},\ \frac{\bar x, \bar y, \bar r, \sigma_x, \sigma_y, \sigma_r}{100\ \text{mm}} .
"""

__all__ = [
    "ENERGY",
    "Features",
    "Table",
    "high",
    "low",
    "low_normed",
    "challenge_high",
    "challenge_low",
    "challenge_low_normed",
]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.physics.observables import OBSERVABLES, Observable, select, tabulate

Table = Mapping[str, Float[Array, "_ _"]]

ENERGY = "log10_incident_energy"
_SMALLEST_ENERGY = 1e-3  # MeV, added to layer energies under the logarithm
_CELL_SCALE = 1e-5  # of the incident energy: typical of a hit cell
_SHARE_SCALE = 1e-3  # of the layer's energy: typical of a hit cell
_EPSILON = 1e-8  # MeV, the CaloChallenge's offset under a logarithm
_CHALLENGE_HIGH = ("centre_x", "centre_y", "width_x", "width_y", "layer_hits", "centre_r", "width_r")
_LENGTH = 100.0  # mm, the CaloChallenge's unit of centres and widths


@dataclass(frozen=True, eq=False)
class Features:
    """One row for each shower, one column for each number the classifier sees.

    Args:
        values: float32; NaN where an observable is undefined.
        names: of the columns, the observable and where there are several columns the place: ``centre_x[layer 7]``,
            counted from 0. Columns may share a name: all cells of layer 7 are ``cells[layer 7]``.

    Raises:
        BadValue: not one name for each column.
    """

    values: Float[Array, "N f"]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.names) != self.values.shape[1]:
            raise BadValue("names of features", len(self.names), f"give one for each of {self.values.shape[1]} columns")

    def __len__(self) -> int:
        return len(self.values)

    def by_name(self) -> dict[str, Int[Array, " _"]]:
        """Columns of each name: one observable in one layer."""
        return _grouped(self.names)

    def by_observable(self) -> dict[str, Int[Array, " _"]]:
        """Columns of each observable, all layers together."""
        return _grouped([name.split("[")[0] for name in self.names])


def _grouped(names: Sequence[str]) -> dict[str, Int[Array, " _"]]:
    groups: dict[str, list[int]] = {}
    for column, name in enumerate(names):
        groups.setdefault(name, []).append(column)
    return {name: np.array(columns) for name, columns in groups.items()}


def high(table: Table, energy: Float[Array, " N"], observables: Mapping[str, Observable] = OBSERVABLES) -> Features:
    """All observables of a table (`caloforge.physics.observables.tabulate`); layer energies enter as logarithms.

    Args:
        table: observables of N showers, NaN where undefined.
        energy: incident energies, MeV.
        observables: definitions by name.
    """
    columns = dict(table)
    if "layer_energy" in table:
        columns["layer_energy"] = np.log10(table["layer_energy"] + _SMALLEST_ENERGY)
    per = {name: observables[name].per if name in observables else "column" for name in columns}
    return _joined(energy, columns, per)


def _joined(energy: Float[Array, " N"], columns: Table, per: Mapping[str, str]) -> Features:
    values = np.concatenate([np.log10(energy)[:, None], *columns.values()], axis=1, dtype=np.float32)
    names = [ENERGY]
    for name, block in columns.items():
        many = block.shape[1] > 1
        names += [f"{name}[{per[name]} {i}]" if many else name for i in range(block.shape[1])]
    return Features(values, tuple(names))


def low(showers: Showers) -> Features:
    r"""Every cell twice, as share :math:`s_i = E_i/E_\text{inc}` and as its logarithm.

    The shares show what sums of cells do, :math:`\log(1 + s_i / 10^{-5})` shows what the many faint cells do.

    Args:
        showers: N showers, in MeV.
    """
    values = _cells(showers, showers.incident_energy[:, None], 2)
    _append_logarithms(values, showers.binning.n_voxels, _CELL_SCALE)
    return Features(values, (ENERGY, *_cell_names(showers), *_cell_names(showers)))


def low_normed(showers: Showers) -> Features:
    r"""Every cell as share of its layer's energy and as the share's logarithm, then log10 of the layer energies.

    Args:
        showers: N showers, in MeV.
    """
    layers = showers.layer_energy
    values = _cells(showers, _layer_of_each_cell(showers, layers), 2, showers.binning.n_layers)
    _append_logarithms(values, showers.binning.n_voxels, _SHARE_SCALE)
    values[:, -showers.binning.n_layers :] = np.log10(layers + _SMALLEST_ENERGY)
    return Features(values, (ENERGY, *_cell_names(showers), *_cell_names(showers), *_layer_names(showers)))


def challenge_low(showers: Showers) -> Features:
    """The CaloChallenge's *low*: cells over incident energy.

    Args:
        showers: N showers, in MeV.

    Source: CaloChallenge, arXiv:2410.21611.
    """
    return Features(_cells(showers, showers.incident_energy[:, None]), (ENERGY, *_cell_names(showers)))


def challenge_low_normed(showers: Showers) -> Features:
    """The CaloChallenge's *low-normed*: cells over the energy of their layer, then log10 of the layer energies.

    Args:
        showers: N showers, in MeV.

    Source: CaloChallenge, arXiv:2410.21611.
    """
    layers = showers.layer_energy
    values = _cells(showers, _layer_of_each_cell(showers, layers), 1, showers.binning.n_layers)
    values[:, -showers.binning.n_layers :] = np.log10(layers + _EPSILON)
    return Features(values, (ENERGY, *_cell_names(showers), *_layer_names(showers)))


def challenge_high(showers: Showers, table: Table) -> Features:
    """The CaloChallenge's *high*: 30, 46, 362 and 362 features for its four data sets.

    Centres and widths in x and y exist where a layer has sectors; moments of a layer without energy are zero, and so
    is everything undefined. Observables that the table lacks are computed.

    Args:
        showers: N showers, in MeV.
        table: observables that exist already.

    Source: CaloChallenge, arXiv:2410.21611.
    """
    table = {**tabulate(showers, select(name for name in _CHALLENGE_HIGH if name not in table)), **table}
    binning = showers.binning
    sectors = np.array([layer.n_alpha > 1 for layer in binning.layers])
    sizes = np.diff(binning.layer_starts)
    columns = {
        "layer_energy": np.log10(showers.layer_energy + _EPSILON),
        **{name: table[name][:, sectors] / _LENGTH for name in ("centre_x", "centre_y", "width_x", "width_y")},
        "total_energy": np.log10(showers.total_energy + _EPSILON)[:, None],
        "layer_sparsity": 1 - table["layer_hits"] / sizes,
        **{name: table[name] / _LENGTH for name in ("centre_r", "width_r")},
    }
    defined = {name: np.nan_to_num(block, nan=0.0) for name, block in columns.items()}
    return _joined(showers.incident_energy, defined, dict.fromkeys(columns, "layer"))


def _cells(showers: Showers, scale: Float[Array, "N _"], copies: int = 1, more: int = 0) -> Float[Array, "N f"]:
    """log10 of the incident energy, the cells over ``scale`` (zero where it is), and room for what follows."""
    n_voxels = showers.binning.n_voxels
    values = np.zeros((len(showers), 1 + copies * n_voxels + more), np.float32)
    values[:, 0] = np.log10(showers.incident_energy)
    divisor = np.maximum(scale.astype(np.float32), np.float32(1e-30))
    np.divide(showers.energy, divisor, out=values[:, 1 : 1 + n_voxels])
    return values


def _append_logarithms(values: Float[Array, "N f"], n_voxels: int, scale: float) -> None:
    shares, logarithms = values[:, 1 : 1 + n_voxels], values[:, 1 + n_voxels : 1 + 2 * n_voxels]
    np.divide(shares, np.float32(scale), out=logarithms)
    np.log1p(logarithms, out=logarithms)


def _layer_of_each_cell(showers: Showers, layers: Float[Array, "N L"]) -> Float[Array, "N V"]:
    return layers.astype(np.float32)[:, showers.binning.layer_of_voxel]


def _cell_names(showers: Showers) -> list[str]:
    return [f"cells[layer {i}]" for i in showers.binning.layer_of_voxel]


def _layer_names(showers: Showers) -> list[str]:
    return [f"layer_energy[layer {i}]" for i in range(showers.binning.n_layers)]
