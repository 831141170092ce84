"""`caloforge inspect` of a file of points: what it holds, in one pass."""

__all__ = ["mean_in_words", "point_facts"]

from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.points.hits import Hits
from caloforge.data.points.point_file import PointFile
from caloforge.metrics.measured import standard_error
from caloforge.metrics.particles import particle_name
from caloforge.units import format_energy

_SILENT = "the file does not say"


def point_facts(file: PointFile) -> dict[str, Any]:
    """Showers, points, energies, extent and origin.

    Args:
        file: open.
    """
    incident, total, points, kinds = [], [], [], set[int]()
    ends: dict[str, list[float]] = {}
    for hits in file.batches():
        incident.append(hits.incident_energy)
        total.append(hits.total_energy)
        points.append(hits.n_points)
        kinds.update(np.unique(hits.pdg).tolist())
        _widen(ends, hits)
    energy, deposited, n = np.concatenate(incident), np.concatenate(total), np.concatenate(points)
    response = deposited / energy
    names = ", ".join(sorted(particle_name(kind) for kind in kinds - {0})) or _SILENT
    return {
        "file": str(file.path),
        "showers": len(file),
        "points": f"{n.sum()} ({n.min()} to {n.max()} a shower)" if len(n) else "none",
        "particles": names,
        "incident_energy": _energies(energy),
        "deposited_energy": f"{format_energy(float(deposited.sum()))} in all",
        "mean_response": mean_in_words(response[np.isfinite(response)], "E_points/E_incident"),
        **{name: f"{low:.6g} to {high:.6g}" for name, (low, high) in ends.items()},
        "detector": file.detector,
        **({"cautions": list(file.doubts)} if file.doubts else {}),
        "provenance": file.provenance.facts,
    }


def _widen(ends: dict[str, list[float]], hits: Hits) -> None:
    """Keep the least and the greatest of every column."""
    depth = "z_mm" if hits.depth == "mm" else "z_layer"
    columns = {"x_mm": hits.x, "y_mm": hits.y, depth: hits.z, "time_ns": hits.time, "layer": hits.layer}
    for name, values in columns.items():
        if values is not None and len(values):
            before = ends.get(name, [np.inf, -np.inf])
            ends[name] = [min(before[0], float(values.min())), max(before[1], float(values.max()))]


def _energies(energy: Float[Array, " N"]) -> str:
    if not len(energy) or not np.isfinite(energy).all():
        return _SILENT
    return " to ".join(dict.fromkeys(format_energy(float(end)) for end in (energy.min(), energy.max())))


def mean_in_words(response: Float[Array, " n"], ratio: str) -> str:
    """The mean response with its error, which a single shower does not have.

    Args:
        response: of each shower.
        ratio: what it is the ratio of.
    """
    if len(response) < 2:
        return f"{response.mean():.5f} ({ratio})" if len(response) else _SILENT
    return f"{response.mean():.5f} +- {standard_error(response):.5f} ({ratio})"
