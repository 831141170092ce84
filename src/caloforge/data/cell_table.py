"""Cells that are volumes, in a file of showers: a group ``cells`` with their names, centres, volumes and depths.

Lengths are mm in the frame of the beam: x, y from the axis and depth from the face. The attribute ``binning_xml`` holds
the layers, with a sector for each cell, so that tools of the CaloChallenge read the file.
"""

__all__ = ["read_cells", "write_cells"]

import h5py
import numpy as np

from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning
from caloforge.geometry.cell_mesh import CellLayer, CellMesh

_GROUP = "cells"
_COLUMNS = {"centre_mm": (3,), "volume_mm3": (), "depth_mm": (2,)}


def write_cells(file: h5py.File, mesh: Binning) -> None:
    """Keep the cells of a mesh; nothing to do for one of rings and sectors.

    Args:
        file: open for writing.
        mesh: of its showers.
    """
    if not isinstance(mesh, CellMesh):
        return
    group = file.create_group(_GROUP)
    packed = {"compression": "gzip"}
    group.create_dataset("name", data=list(mesh.names), dtype=h5py.string_dtype(), **packed)
    for name, column in zip(_COLUMNS, (mesh.centres, mesh.sizes, mesh.depths), strict=True):
        group.create_dataset(name, data=column, **packed)


def read_cells(file: h5py.File, formal: Binning) -> Binning:
    """The cells of a file that has them, else the mesh as it is.

    Args:
        file: open for reading.
        formal: what its ``binning_xml`` says.

    Raises:
        BadValue: a table that does not belong to that mesh.
    """
    if _GROUP not in file:
        return formal
    group, n = file[_GROUP], formal.n_voxels
    shapes = {"name": (n,)} | {name: (n, *width) for name, width in _COLUMNS.items()}
    for name, shape in shapes.items():
        dataset = group.get(name) if isinstance(group, h5py.Group) else None
        if not isinstance(dataset, h5py.Dataset) or dataset.shape != shape:
            raise BadValue(f"cells/{name}", getattr(dataset, "shape", None), f"its mesh needs one of shape {shape}")
    centres, sizes, depths = (np.asarray(group[name], float) for name in _COLUMNS)
    if not (np.isfinite(centres).all() and np.isfinite(depths).all() and (sizes > 0).all()):
        raise BadValue("cells", "not finite", "centres are finite and volumes positive")
    if formal.z_edges is None:
        raise BadValue("binning_xml", formal.name, "layers of volumes know their depths")
    z = [(float(low), float(high)) for low, high in formal.z_edges]
    layers = tuple(CellLayer(x.id, x.n_voxels, edges, formal.name) for x, edges in zip(formal.layers, z, strict=True))
    return CellMesh(layers, formal.name, None, tuple(group["name"].asstr()[:]), centres, sizes, depths)
