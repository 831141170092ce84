"""Points written in EDM4hep's layout by uproot: a TTree with the branches that readers by name expect.

uproot writes numbers, not classes of C++: programs that read the branches take the file, podio's own reader does not.
Every point is a hit, and where points have times, with one contribution at its place.
"""

__all__ = ["write_edm4hep"]

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray as Array

from caloforge.data.formats.origin import ORIGIN, origin_note
from caloforge.data.formats.peek import require_extra
from caloforge.data.formats.rows import masses, total_momentum
from caloforge.data.points.hits import Hits
from caloforge.data.points.point_file import PointFile
from caloforge.errors import BadFile
from caloforge.units import GeV

HITS = "CalorimeterHits"
_OWN_ENCODING = "system:8,layer:16,cell:40"  # where points bring no encoding of their own
_DEFINITIONS = {
    "MCParticle": ["double mass[GeV]", "edm4hep::Vector3d momentum[GeV]", "edm4hep::Vector3d vertex[mm]"],
    "SimCalorimeterHit": ["std::uint64_t cellID", "float energy[GeV]", "edm4hep::Vector3f position[mm]"],
    "CaloHitContribution": ["float energy[GeV]", "float time[ns]", "edm4hep::Vector3f stepPosition[mm]"],
}


def write_edm4hep(source: PointFile, path: Path) -> None:
    """Stream all points into a new file.

    Args:
        source: of the points.
        path: of the file.

    Raises:
        BadFile: points without positions, particles or directions.
    """
    uproot = require_extra("uproot")
    require_extra("awkward")
    if not path.parent.is_dir():  # uproot would make it
        raise FileNotFoundError(errno.ENOENT, "the folder is missing", str(path.parent))
    with uproot.recreate(path) as file:
        first = 0
        for hits in source.batches():
            _require(hits, source.path)
            cell, encoding = _cells(hits)
            collections = _collections(hits, cell, first)
            if not first:
                types = {name: array.type.content for name, array in collections.items()}
                file.mktree("events", types, field_name=lambda outer, inner: f"{outer}.{inner}" if outer else inner)
                _describe(file, hits, encoding)
            file["events"].extend(collections)
            first += len(hits)


def _require(hits: Hits, path: Path) -> None:
    if hits.depth == "layer":
        raise BadFile(path, "its depths are numbers of layers", "EDM4hep wants positions in mm: choose another --to")
    if not (np.isfinite(hits.incident_energy).all() and np.isfinite(hits.direction).all()):
        problem = "it does not say the energies and directions of all its particles"
        raise BadFile(path, problem, "give --incident and --axis, if all are alike")


def _cells(hits: Hits) -> tuple[Array, str | None]:
    """Identifier of the cell of each point, and its encoding: the points' own, ours, or none."""
    own = hits.provenance.facts.get("cell_encoding")
    if own and hits.cell is not None:
        return hits.cell, str(own)
    cell = np.zeros(len(hits.x), np.uint64) if hits.cell is None else hits.cell.astype(np.uint64)
    layer = np.zeros(len(cell), np.int64) if hits.layer is None else hits.layer
    part = np.zeros(len(cell), np.int64) if hits.part is None else hits.part
    small = all(not len(v) or 0 <= v.min() <= v.max() < limit for v, limit in ((layer, 2**16), (part, 2**8)))
    if hits.layer is None or not small or (len(cell) and int(cell.max()) >= 2**40):
        return cell, None
    shifts = (part, 0), (layer, 8), (cell, 24)
    return np.bitwise_or.reduce([v.astype(np.uint64) << np.uint64(shift) for v, shift in shifts]), _OWN_ENCODING


def _collections(hits: Hits, cell: Array, first: int) -> dict[str, Any]:
    n, counts, index = len(hits), hits.n_points, np.arange(len(hits.x)) - np.repeat(hits.offsets[:-1], hits.n_points)
    energy, ones = (hits.energy / GeV).astype(np.float32), np.ones(n, np.int64)
    place = {axis: getattr(hits, axis).astype(np.float32) for axis in "xyz"}
    last = index if hits.time is None else index + 1
    momentum = (total_momentum(hits.incident_energy.astype(float), hits.pdg) / GeV)[:, None] * hits.direction
    vertex = np.zeros((n, 3)) if hits.vertex is None else np.nan_to_num(hits.vertex.astype(float))
    particle: dict[str, Array] = {
        "PDG": hits.pdg.astype(np.int32),
        "generatorStatus": np.ones(n, np.int32),
        "simulatorStatus": np.zeros(n, np.int32),
        "charge": np.zeros(n, np.float32),
        "time": np.zeros(n, np.float32),
        "mass": masses(hits.pdg) / GeV,
        **{f"vertex.{axis}": vertex[:, i] for i, axis in enumerate("xyz")},
        **{f"momentum.{axis}": momentum[:, i] for i, axis in enumerate("xyz")},
    }
    hit: dict[str, Array] = {"cellID": cell, "energy": energy, **{f"position.{axis}": place[axis] for axis in "xyz"}}
    hit |= {"contributions_begin": index.astype(np.uint32), "contributions_end": last.astype(np.uint32)}
    header: dict[str, Array] = {
        "eventNumber": np.arange(first, first + n, dtype=np.uint64),
        "runNumber": np.zeros(n, np.uint32),
    }
    collections = {
        "EventHeader": _jagged(header, ones),
        "MCParticles": _jagged(particle, ones),
        HITS: _jagged(hit, counts),
    }
    if hits.time is None:
        return collections
    contribution: dict[str, Array] = {"PDG": np.zeros(len(energy), np.int32), "energy": energy}
    contribution |= {"time": hits.time.astype(np.float32), **{f"stepPosition.{axis}": place[axis] for axis in "xyz"}}
    relation: dict[str, Array] = {"index": index.astype(np.int32), "collectionID": np.zeros(len(index), np.uint32)}
    relations = {f"_{HITS}_contributions": _jagged(relation, counts)}
    return collections | relations | {f"{HITS}Contributions": _jagged(contribution, counts)}


def _jagged(columns: dict[str, Array], counts: Array) -> Any:
    import awkward

    return awkward.unflatten(awkward.Array(columns), counts)


def _describe(file: Any, hits: Hits, encoding: str | None) -> None:
    """What the file says of itself: units, encoding of cells, where the points come from."""
    import awkward

    datatypes = {f"edm4hep::{name}": {"Members": members} for name, members in _DEFINITIONS.items()}
    file.mktree("podio_metadata", {"EDMDefinitions": "string"})
    file["podio_metadata"].extend({"EDMDefinitions": awkward.Array([json.dumps({"datatypes": datatypes})])})
    if encoding is not None:
        strings = {"GPStringKeys": f"{HITS}__CellIDEncoding", "GPStringValues": encoding}
        file.mktree("metadata", dict.fromkeys(strings, "string"))
        file["metadata"].extend({name: awkward.Array([text]) for name, text in strings.items()})
    file[ORIGIN] = origin_note(hits)
