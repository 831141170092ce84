"""Quantities of energy bins, and the laws fitted over the bins, of one sample and of each of its resamples."""

__all__ = ["NEEDED", "Fit", "ShowerLaws", "Depths", "columns_of", "measure_laws"]

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning
from caloforge.physics.depth import layer_edges
from caloforge.physics.laws import fit_gamma, fit_line, fit_resolution, gamma_maximum
from caloforge.physics.moments import ratio
from caloforge.units import GeV
from caloforge.validation.bin_means import BinMeans, Table

_MEANS = {  # quantity of a bin: the observable of which it is the mean
    "leakage_back": "last_layers_share",
    "leakage_side": "outer_ring_share",
    "mean_depth": "centre_z",
    "mean_radius": "mean_r",
    "radius_50": "radius_50",
    "radius_90": "radius_90",
}
_POWERS = 5  # R, R^2, 1/E, 1/E^2, ln E
NEEDED = ("response", "longitudinal_profile", *_MEANS.values())


@dataclass(frozen=True, eq=False)
class Fit:
    """Parameters of a law, chi2 of the sample itself, and bins less parameters."""

    parameters: Mapping[str, Float[Array, " S"]]
    chi2: float
    degrees_of_freedom: int


@dataclass(frozen=True, eq=False)
class ShowerLaws:
    """Row 0 of every array is the sample, the others are its resamples; ``bins`` has a column for each bin."""

    bins: Mapping[str, Float[Array, "S B"]]
    laws: Mapping[str, Fit]


@dataclass(frozen=True, eq=False)
class Depths:
    """Edges of the layers for the fit of the profile, and their unit."""

    edges: Float[Array, "L 2"]
    unit: str

    @classmethod
    def of(cls, binning: Binning, radiation_length: float | None) -> "Depths":
        """In X0 where a radiation length (mm) is given and the mesh knows its depths, else in mm, else in layers."""
        edges = layer_edges(binning)
        if binning.z_edges is None:
            return cls(edges - edges[0, 0], "layer")
        return cls(edges, "mm") if radiation_length is None else cls(edges / radiation_length, "X0")


def columns_of(table: Table, incident_energy: Float[Array, " N"]) -> Float[Array, "N k"]:
    """What is averaged: R, R^2, 1/E, 1/E^2 and ln E (E in GeV), the means of a bin, then the share of each layer.

    Raises:
        BadValue: the table lacks an observable.
    """
    for name in NEEDED:
        if name not in table:
            raise BadValue("table of observables", sorted(table), f"the physics summary needs {name}")
    response, energy = table["response"][:, 0].astype(np.float64), incident_energy.astype(np.float64) / GeV
    powers = [response, response**2, 1 / energy, 1 / energy**2, np.log(energy)]
    means = [table[name][:, 0] for name in _MEANS.values()]
    return np.column_stack([*powers, *means, table["longitudinal_profile"]]).astype(np.float64)


def measure_laws(means: BinMeans, depths: Depths) -> ShowerLaws:
    """Everything that the bins allow: a line takes two of them, a resolution three, a profile three layers."""
    v = means.values
    response, inverse, inverse_square, logarithm = v[..., 0], v[..., 2], v[..., 3], v[..., 4]
    variance = ratio(np.maximum(v[..., 1] - response**2, 0), response**2)
    bins = {"response": response, "resolution": np.sqrt(variance)}
    bins |= {name: v[..., _POWERS + i] for i, name in enumerate(_MEANS)}
    laws = {}
    n_bins = v.shape[1]
    if n_bins >= 2:
        found, chi2 = fit_line(inverse, response, _errors(response))
        laws["linearity"] = Fit({"slope": found[:, 1], "offset": found[:, 0] * GeV}, chi2[0], n_bins - 2)
        bins["nonlinearity"] = response / (found[:, [1]] + found[:, [0]] * inverse) - 1
    if n_bins >= 3:
        found, chi2 = fit_resolution(inverse, inverse_square, variance, _errors(variance))
        terms = dict(zip(("stochastic", "constant", "noise"), found.T, strict=True))
        laws["resolution"] = Fit(terms, chi2[0], n_bins - 3)
    if len(depths.edges) >= 3:
        shares = v[..., _POWERS + len(_MEANS) :].reshape(-1, len(depths.edges))
        alpha, beta = np.moveaxis(fit_gamma(shares, depths.edges).reshape(*response.shape, 2), -1, 0)
        bins |= {"alpha": alpha, "beta": beta, "shower_max": gamma_maximum(alpha, beta)}
    if n_bins >= 2 and "shower_max" in bins:
        found, chi2 = fit_line(logarithm, bins["shower_max"], _errors(bins["shower_max"]))
        laws["shower_maximum"] = Fit({"slope": found[:, 0], "offset": found[:, 1]}, chi2[0], n_bins - 2)
    return ShowerLaws(bins, laws)


def _errors(draws: Float[Array, "S B"]) -> Float[Array, " B"]:
    return draws[1:].std(axis=0, ddof=1)
