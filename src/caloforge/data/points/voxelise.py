r"""Points to cells and back: `voxelise` sums the energy of points in a mesh, `devoxelise` puts a point into each cell.

In the frame of the mesh, where z is its axis, a point lies in the ring of :math:`r = \sqrt{x^2 + y^2}`, in the sector
of :math:`\alpha = \mathrm{atan2}(y, x)` and in the layer of its depth z or of its number.
``voxelise(devoxelise(showers))`` gives the same cells bit for bit.
"""

__all__ = ["Place", "devoxelise", "frame_of", "voxelise"]

import math
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.data.cell_times import CellTimes
from caloforge.data.points.hits import Hits
from caloforge.data.points.placement import Placement
from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning
from caloforge.geometry.frame import angles_of, from_axis_frame, to_axis_frames, unit_vectors
from caloforge.rng import stream

Place = Literal["centre", "uniform"]
_MARGIN = 1e-3  # of a cell's size, at each face: no rounding of a file of float32 moves a point into the next cell


def voxelise(hits: Hits, binning: Binning, placement: Placement) -> tuple[Showers, Float[Array, " N"]]:
    """The energy of points in the cells of a mesh, and where points have times, those of the cells.

    Args:
        hits: N showers.
        binning: the mesh.
        placement: where it lies; one that is not `Placement.resolved` is resolved with these points.

    Returns:
        The showers, and the energy of each that lies outside the mesh, MeV.

    Raises:
        BadValue: points without what the placement needs, incident energies or particles that the file does not say,
            directions away from the calorimeter.
    """
    _require_incident(hits)
    placement = placement.resolved(hits, max(layer.r_edges[-1] for layer in binning.layers))
    axes = placement.axes(hits)
    shower = hits.shower_of_point
    points = np.stack([hits.x, hits.y, hits.z], 1).astype(float)
    if hits.depth == "layer":
        points[:, 2] = 0.0
    local = to_axis_frames(points - placement.origins(hits, axes)[shower], axes[shower])
    layer = _layers(hits, local[:, 2], binning, placement.first_layer)
    cell = binning.flat_index(layer, np.hypot(local[:, 0], local[:, 1]), np.arctan2(local[:, 1], local[:, 0]))
    inside, energy = cell >= 0, hits.energy.astype(float)
    flat = shower[inside] * binning.n_voxels + cell[inside]
    cells = np.bincount(flat, energy[inside], len(hits) * binning.n_voxels).reshape(len(hits), binning.n_voxels)
    outside = np.bincount(shower[~inside], energy[~inside], len(hits)).astype(float)
    theta, phi = _angles(hits, placement)
    provenance = hits.provenance.with_facts(readout=binning.name, mesh=frame_of(hits, placement))
    incident = hits.incident_energy.astype(np.float32), hits.pdg.astype(np.int32), theta, phi
    energy_of_cells = cells.astype(np.float32)
    times = None if hits.time is None else _times(flat, energy[inside], hits.time[inside], energy_of_cells)
    return Showers(energy_of_cells, *incident, binning, hits.detector, provenance, times=times), outside


def _times(
    flat: Int[Array, " n"], energy: Float[Array, " n"], time: Float[Array, " n"], cells: Float[Array, "N V"]
) -> CellTimes:
    """Mean time of each cell weighted with the energy, and that of its first point with energy."""
    hit, total = cells.ravel() > 0, np.bincount(flat, energy, cells.size)
    mean = np.full(cells.size, np.nan)
    mean[hit] = np.bincount(flat, energy * time, cells.size)[hit] / total[hit]
    first = np.full(cells.size, np.inf)
    np.minimum.at(first, flat[energy > 0], time[energy > 0])
    first = np.where(hit, first, np.nan).astype(np.float32)
    later = np.maximum(mean.astype(np.float32), first)  # of one point, the mean may be rounded to before it
    return CellTimes(later.reshape(cells.shape), first.reshape(cells.shape))


def _require_incident(hits: Hits) -> None:
    if not np.isfinite(hits.incident_energy).all():
        raise BadValue("incident energy", "not in the file", "give it with --incident, for example --incident 10GeV")
    if (hits.pdg == 0).all() and len(hits):
        raise BadValue("incident particle", "not in the file", "give it with --particle, for example --particle gamma")


def frame_of(hits: Hits, placement: Placement) -> Literal["axis", "detector"]:
    """Whether the mesh follows each shower's axis or stays with the detector.

    Args:
        hits: some of the points.
        placement: of the mesh.
    """
    return "axis" if placement.axis == "incident" and hits.depth == "mm" else "detector"


def _layers(hits: Hits, depth: Float[Array, " P"], binning: Binning, first: int | None) -> Int[Array, " P"]:
    """Position of the layer of each point, or -1."""
    if first is None and hits.depth == "mm" and binning.z_edges is not None:
        return binning.layer_at_depth(depth)
    if hits.layer is None:
        remedy = "give a mesh whose XML has z_edges" if hits.depth == "mm" else "give points with lengths"
        raise BadValue(
            "layer of the points", None, f"the mesh {binning.name} needs it where depth does not decide; {remedy}"
        )
    if first is None:
        low, high = (int(hits.layer.min()), int(hits.layer.max())) if len(hits.layer) else (0, 0)
        numbers = f"the points have layers {low} to {high}, the mesh has {binning.n_layers}"
        raise BadValue("first layer", None, f"{numbers}; say which number is its first: --first-layer N")
    hits.require_one_part()
    ids = np.array([layer.id for layer in binning.layers])
    number = hits.layer.astype(np.int64) - first
    position = np.minimum(np.searchsorted(ids, number), len(ids) - 1)
    return np.where(ids[position] == number, position, -1)


def _angles(hits: Hits, placement: Placement) -> tuple[Float[Array, " N"], Float[Array, " N"]]:
    """Angles of the particles to the calorimeter's normal; 0 where the normal or the direction is not known."""
    normal = hits.normal if placement.axis == "incident" or hits.depth == "layer" else placement.axis
    if normal is None or not np.isfinite(hits.direction).all():
        return np.zeros(len(hits)), np.zeros(len(hits))
    theta, phi = angles_of(to_axis_frames(hits.direction, np.tile(np.array(normal, float), (len(hits), 1))))
    return theta, np.where(theta < 1e-6, 0.0, phi)


def devoxelise(showers: Showers, place: Place = "centre", seed: int = 0, first: int = 0) -> Hits:
    """A point for every cell that is hit, with the energy of the cell, in the frame of the calorimeter's face.

    Where cells have times, a point has the mean one. A mesh without depths gives points whose z is the number of their
    layer and a half.

    Args:
        showers: N of them.
        place: in the middle of the cell (of its radii, its sector and its depths), or uniform in its volume, a
            thousandth of its size away from its faces.
        seed: of the uniform places.
        first: index of the first shower in its file; a shower has the same points in any batch.

    Raises:
        BadValue: showers of which some have a mesh along the axis and some along the normal.
    """
    binning = showers.binning
    shower, cell = np.nonzero(showers.energy)
    offsets = np.searchsorted(shower, np.arange(len(showers) + 1))
    across, ring, depth = _fractions(np.diff(offsets), place, seed, first)
    low, high = _faces(binning)
    square = low[cell, 0] ** 2 + ring * (high[cell, 0] ** 2 - low[cell, 0] ** 2)
    r = np.sqrt(square) if place == "uniform" else binning.r_centres[cell]
    alpha = low[cell, 1] + across * (high[cell, 1] - low[cell, 1])
    z = low[cell, 2] + depth * (high[cell, 2] - low[cell, 2])
    points = np.stack([r * np.cos(alpha), r * np.sin(alpha), z], 1)
    directions = unit_vectors(showers.theta, showers.phi)
    if binning.z_edges is not None and _follows_axis(showers):
        points = from_axis_frame(points, directions[shower])
    ids = np.array([layer.id for layer in binning.layers])
    x, y, z = np.ascontiguousarray(points.T)
    return Hits(
        x=x,
        y=y,
        z=z,
        energy=showers.energy[shower, cell],
        offsets=offsets,
        incident_energy=showers.incident_energy,
        pdg=showers.pdg,
        direction=directions,
        vertex=np.zeros((len(showers), 3)),
        time=None if showers.times is None else showers.times.mean[shower, cell],
        layer=ids[binning.layer_of_voxel[cell]],
        cell=cell.astype(np.uint64),
        depth="layer" if binning.z_edges is None else "mm",
        first_layer=0,
        normal=(0.0, 0.0, 1.0),
        detector=showers.detector,
        provenance=showers.provenance.without("cell_encoding"),  # of the cells of a detector, not of the mesh
    )


def _fractions(counts: Int[Array, " N"], place: Place, seed: int, first: int) -> Float[Array, "3 P"]:
    """Where in its cell each point lies: across the sector, through the ring's area and through the depth, 0 to 1."""
    if place == "centre":
        return np.full((3, int(counts.sum())), 0.5)
    draws = [stream(seed, "devoxelise", first + i).random((3, int(n))) for i, n in enumerate(counts)]
    return _MARGIN + (1 - 2 * _MARGIN) * np.concatenate([np.empty((3, 0)), *draws], axis=1)


def _faces(binning: Binning) -> tuple[Float[Array, "V 3"], Float[Array, "V 3"]]:
    """Lower and upper r, alpha and z of every cell; z is the number of the layer where the mesh has no depths."""
    rings = [np.array([layer.r_edges[:-1], layer.r_edges[1:]]) for layer in binning.layers]
    r = np.concatenate([np.tile(edges, layer.n_alpha) for edges, layer in zip(rings, binning.layers, strict=True)], 1)
    sectors = np.array([layer.n_alpha for layer in binning.layers])[binning.layer_of_voxel]
    alpha = -math.pi + np.array([binning.sector_of_voxel, binning.sector_of_voxel + 1]) * 2 * math.pi / sectors
    ids = np.array([[layer.id, layer.id + 1] for layer in binning.layers], float)
    z = (ids if binning.z_edges is None else binning.z_edges)[binning.layer_of_voxel].T
    return np.stack([r[0], alpha[0], z[0]], 1), np.stack([r[1], alpha[1], z[1]], 1)


def _follows_axis(showers: Showers) -> bool:
    frames = showers.provenance.values("mesh") or {"axis"}
    if len(frames) > 1:
        raise BadValue("mesh", sorted(frames), "the frames of these showers differ; convert them one by one")
    return frames == {"axis"}
