r"""The observables of local structure by name: what a shower looks like from one cell to the next.

The observables of `standard` look at one cell, one layer or one sum at a time: cells that are drawn independently
with the right marginals pass all of them. These look at two or more cells at once. Definitions stand in `neighbours`,
`isolated`, `clusters`, `tracks` and `shower_axis`; `hit_spectrum` has the energies of the hits as a distribution.
"""

__all__ = ["STRUCTURE"]

from collections.abc import Callable
from functools import partial

from numpy import ndarray as Array

from caloforge.physics import clusters, hit_spectrum, isolated, neighbours, shower_axis, tracks
from caloforge.physics.adjacency import DIRECTIONS, Direction
from caloforge.physics.axes import integer_edges, linear_edges, logarithmic_edges
from caloforge.physics.definition import Observable, Per

_OWN = "caloforge"
_MAXIMUM_COLUMNS = tuple(f"> {share:g} E1" for share in neighbours.MAXIMUM_SHARES)
_TOTAL = r"$E_\mathrm{tot}$"


def _columns(name: str, function: Callable[..., Array], quantity: str, columns: tuple[str, ...]) -> Observable:
    return Observable(name, function, quantity, "", linear_edges, "column", columns, _OWN)


def _counts(name: str, function: Callable[..., Array], quantity: str, columns: tuple[str, ...] = ()) -> Observable:
    return Observable(name, function, quantity, "", integer_edges, "column" if columns else "shower", columns, _OWN)


def _in_layers(direction: Direction) -> tuple[Observable, ...]:
    along = f"neighbours along {direction}"
    functions = {
        "product": (neighbours.layer_pair_product, f"Mean product of log energies, {along}"),
        "hits": (neighbours.layer_pair_hits, f"Share of pairs both hit, {along}"),
        "correlation": (neighbours.layer_pair_correlation, f"Correlation within rings, {along}"),
    }
    return tuple(
        Observable(f"{direction}_pair_{name}", partial(function, direction=direction), text, per="layer", source=_OWN)
        for name, (function, text) in functions.items()
    )


def _in_rings(direction: Direction) -> tuple[Observable, ...]:
    along = f"neighbours along {direction}"
    functions = {
        "covariance": (neighbours.ring_pair_covariance, f"Covariance within rings, {along}"),
        "difference": (neighbours.ring_pair_difference, f"Difference of log energies, {along}"),
    }
    return tuple(
        Observable(f"{direction}_ring_{name}", partial(function, direction=direction), text, per="ring", source=_OWN)
        for name, (function, text) in functions.items()
    )


def _spectrum() -> tuple[Observable, ...]:
    places: dict[str, tuple[Per, str]] = {
        "": ("shower", ""),
        "layer_": ("layer", " in layer"),
        "ring_": ("ring", " in ring"),
    }
    moments = {"mean": "Mean log energy of hits", "spread": "Spread of log energy of hits"}
    return tuple(
        Observable(
            f"{prefix}log_energy_{moment}",
            getattr(hit_spectrum, f"{prefix}log_energy_{moment}"),
            text + where,
            per=per,
            source=_OWN,
        )
        for prefix, (per, where) in places.items()
        for moment, text in moments.items()
    )


_ALL = (
    Observable(
        "hit_quantile",
        hit_spectrum.hit_quantile,
        "Energy below which a share of the hits lies",
        "MeV",
        logarithmic_edges,
        "column",
        hit_spectrum.QUANTILE_COLUMNS,
        _OWN,
    ),
    *_spectrum(),
    _columns("pair_product", neighbours.pair_product, "Mean product of log energies", neighbours.PAIR_COLUMNS),
    _columns("pair_hits", neighbours.pair_hits, "Share of pairs of cells both hit", neighbours.PAIR_COLUMNS),
    _columns("pair_correlation", neighbours.pair_correlation, "Correlation within rings", neighbours.PAIR_COLUMNS),
    _columns("pair_covariance", neighbours.pair_covariance, "Covariance within rings", neighbours.PAIR_COLUMNS),
    _columns("pair_difference", neighbours.pair_difference, "Difference of log energies", neighbours.PAIR_COLUMNS),
    *(o for direction in DIRECTIONS for o in (*_in_layers(direction), *_in_rings(direction))),
    _counts("isolated_hits", isolated.isolated_hits, "Hits without a hit neighbour", tuple(isolated.COMPANY)),
    Observable(
        "ring_isolated_hits", isolated.ring_isolated_hits, "Isolated hits", "", integer_edges, "ring", source=_OWN
    ),
    Observable("isolated_log_energy", isolated.isolated_log_energy, "Mean log energy of isolated hits", source=_OWN),
    Observable(
        "isolated_energy", isolated.isolated_energy, "Hottest isolated hit", "MeV", logarithmic_edges, source=_OWN
    ),
    _counts("gaps", neighbours.gaps, "Gaps between hits along the depth"),
    _counts(
        "hits_above_maximum_share",
        neighbours.hits_above_maximum_share,
        "Cells above a share of the hottest",
        _MAXIMUM_COLUMNS,
    ),
    Observable(
        "hottest_neighbours", neighbours.hottest_neighbours, "Eight cells about the hottest over it", source=_OWN
    ),
    _counts("clusters", clusters.clusters, "Connected clusters", clusters.CLUSTER_COLUMNS),
    _counts("largest_cluster", clusters.largest_cluster, "Cells of the largest cluster", clusters.CLUSTER_COLUMNS),
    _columns(
        "outside_largest_cluster",
        clusters.outside_largest_cluster,
        f"Share of {_TOTAL} outside the largest cluster",
        clusters.CLUSTER_COLUMNS,
    ),
    _counts("track_length", tracks.track_length, "Longest run of hits in depth"),
    Observable("track_energy", tracks.track_energy, f"Share of {_TOTAL} on the longest run", source=_OWN),
    _counts("lone_track_length", tracks.lone_track_length, "Longest run of lone hits in depth"),
    Observable(
        "lone_track_energy", tracks.lone_track_energy, f"Share of {_TOTAL} on the longest lone run", source=_OWN
    ),
    Observable("axis_spread", shower_axis.axis_spread, "Spread of centroids about the axis", "mm", source=_OWN),
    Observable("axis_tilt", shower_axis.axis_tilt, "Slope of the axis", "mm/{depth}", source=_OWN),
    Observable("axis_step", shower_axis.axis_step, "Mean step between centroids", "mm", source=_OWN),
    Observable("axis_cosine", shower_axis.axis_cosine, "Mean cosine between centroids", source=_OWN),
    Observable(
        "centroid_step", shower_axis.centroid_step, "Step from the centroid before", "mm", per="layer", source=_OWN
    ),
)

STRUCTURE: dict[str, Observable] = {o.name: o for o in _ALL}
