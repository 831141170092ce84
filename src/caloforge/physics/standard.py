r"""The observables of one cell, layer, ring or sum at a time: name, function, quantity, unit, edges, source of each.

Definitions and formulas stand in `longitudinal`, `lateral` and `cells`.
"""

__all__ = ["STANDARD"]

from collections.abc import Callable
from functools import partial

from numpy import ndarray as Array

from caloforge.physics import cells, lateral, longitudinal
from caloforge.physics.axes import integer_edges, linear_edges, logarithmic_edges
from caloforge.physics.definition import Observable
from caloforge.units import MeV

_CHALLENGE = "CaloChallenge, arXiv:2410.21611"
_PAR04 = "Geant4 example Par04"
_HIGH = "Buhmann et al., arXiv:2005.05334"
_CALOGAN = "Paganini et al., arXiv:1712.10321"
_PDG = "PDG, Review of Particle Physics 2024, 34"
_OWN = "caloforge"

_TOTAL = r"E_\mathrm{tot}"
_OVER_MEV = tuple(f"> {t / MeV:g} MeV" for t in cells.THRESHOLDS)
_OVER_SHARE = tuple(f"> {share:g} Etot" for share in cells.SHARES)


def _depth(share: float) -> str:
    return f"Depth of {100 * share:g} % of the energy"


def _radius(share: float) -> str:
    return f"Radius of {100 * share:g} % of the energy"


def _in_layers(name: str, function: Callable[..., Array], coordinate: str, quantity: str) -> Observable:
    return Observable(name, partial(function, coordinate=coordinate), quantity, "mm", per="layer", source=_CHALLENGE)


_ALL = (
    Observable("response", longitudinal.response, rf"Response ${_TOTAL}/E_\mathrm{{inc}}$", source=_CHALLENGE),
    Observable(
        "total_energy",
        longitudinal.total_energy,
        f"Visible energy ${_TOTAL}$",
        "MeV",
        logarithmic_edges,
        source=_CHALLENGE,
    ),
    Observable(
        "layer_energy", longitudinal.layer_energy, "Layer energy", "MeV", logarithmic_edges, "layer", source=_CHALLENGE
    ),
    Observable(
        "longitudinal_profile",
        longitudinal.longitudinal_profile,
        f"Share of ${_TOTAL}$ in layer",
        per="layer",
        source=_PAR04,
    ),
    Observable(
        "layer_ratio", longitudinal.layer_ratio, "Share of layer in itself and the one before", per="layer", source=_OWN
    ),
    Observable("radial_profile", lateral.radial_profile, f"Share of ${_TOTAL}$ in ring", per="ring", source=_PAR04),
    Observable("centre_z", longitudinal.centre_z, r"Mean depth $\bar z$", "{depth}", source=_PAR04),
    Observable("width_z", longitudinal.width_z, r"Length $\sigma_z$", "{depth}", source=_PAR04),
    Observable("skewness_z", longitudinal.skewness_z, "Skewness in depth", source=_OWN),
    Observable("kurtosis_z", longitudinal.kurtosis_z, "Excess kurtosis in depth", source=_OWN),
    Observable("depth_max", longitudinal.depth_of_maximum, "Depth of shower maximum", "{depth}", source=_PDG),
    Observable("layer_max", longitudinal.layer_of_maximum, "Layer of shower maximum", "id", integer_edges, source=_PDG),
    Observable(
        "start",
        partial(longitudinal.depth_containing, share=longitudinal.START_SHARE),
        f"Start of shower ({100 * longitudinal.START_SHARE:g} % of the energy)",
        "{depth}",
        source=_OWN,
    ),
    Observable("depth_50", partial(longitudinal.depth_containing, share=0.5), _depth(0.5), "{depth}", source=_PDG),
    Observable("depth_90", partial(longitudinal.depth_containing, share=0.9), _depth(0.9), "{depth}", source=_PDG),
    Observable(
        "last_layers_share", longitudinal.last_layers_share, f"Share of ${_TOTAL}$ in last tenth of layers", source=_OWN
    ),
    Observable("mean_r", lateral.mean_r, r"Mean radius of shower $\bar r$", "mm", source=_PAR04),
    Observable("spread_r", lateral.spread_r, r"Spread in radius $\sigma_r$", "mm", source=_PAR04),
    Observable("skewness_r", lateral.skewness_r, "Skewness in radius", source=_OWN),
    Observable("kurtosis_r", lateral.kurtosis_r, "Excess kurtosis in radius", source=_OWN),
    Observable("radius_50", partial(lateral.radius_containing, share=0.5), _radius(0.5), "mm", source=_PDG),
    Observable("radius_90", partial(lateral.radius_containing, share=0.9), _radius(0.9), "mm", source=_PDG),
    Observable("outer_ring_share", lateral.outer_ring_share, f"Share of ${_TOTAL}$ in outermost rings", source=_OWN),
    Observable(
        "barycentre_x", partial(lateral.barycentre, coordinate="x"), r"Centre of shower $\bar x$", "mm", source=_HIGH
    ),
    Observable(
        "barycentre_y", partial(lateral.barycentre, coordinate="y"), r"Centre of shower $\bar y$", "mm", source=_HIGH
    ),
    _in_layers("centre_r", lateral.layer_centre, "r", r"Layer mean radius $\bar r$"),
    _in_layers("width_r", lateral.layer_width, "r", r"Layer width $\sigma_r$"),
    _in_layers("centre_x", lateral.layer_centre, "x", r"Layer centre $\bar x$"),
    _in_layers("centre_y", lateral.layer_centre, "y", r"Layer centre $\bar y$"),
    _in_layers("width_x", lateral.layer_width, "x", r"Layer width $\sigma_x$"),
    _in_layers("width_y", lateral.layer_width, "y", r"Layer width $\sigma_y$"),
    Observable("sparsity", cells.sparsity, "Fraction of cells without energy", source=_CHALLENGE),
    Observable("hits", cells.hits, "Cells hit", "", integer_edges, source=_HIGH),
    Observable("layer_hits", cells.layer_hits, "Cells hit in layer", "", integer_edges, "layer", source=_HIGH),
    Observable("hits_above", cells.hits_above, "Cells above threshold", "", integer_edges, "column", _OVER_MEV, _HIGH),
    Observable(
        "energy_above",
        cells.energy_above,
        f"Share of ${_TOTAL}$ above threshold",
        "",
        linear_edges,
        "column",
        _OVER_MEV,
        _OWN,
    ),
    Observable(
        "hits_above_share",
        cells.hits_above_share,
        f"Cells above a share of ${_TOTAL}$",
        "",
        integer_edges,
        "column",
        _OVER_SHARE,
        _OWN,
    ),
    Observable(
        "energy_above_share",
        cells.energy_above_share,
        f"Share of ${_TOTAL}$ in cells above a share of it",
        "",
        linear_edges,
        "column",
        _OVER_SHARE,
        _OWN,
    ),
    Observable(
        "hottest_energy",
        cells.hottest_energy,
        "Energy of hottest cell $E_1$",
        "MeV",
        logarithmic_edges,
        source=_CALOGAN,
    ),
    Observable("hottest_share", cells.hottest_share, f"Hottest cell $E_1/{_TOTAL}$", source=_CALOGAN),
    Observable(
        "second_to_hottest", cells.second_to_hottest, "Ratio of the two hottest cells $E_2/E_1$", source=_CALOGAN
    ),
    Observable(
        "hottest_five_share", cells.hottest_five_share, f"Share of ${_TOTAL}$ in five hottest cells", source=_OWN
    ),
    Observable("voxel_energy", cells.voxel_energy, "Cell energy", "MeV", logarithmic_edges, "cell", source=_CHALLENGE),
)

STANDARD: dict[str, Observable] = {o.name: o for o in _ALL}
