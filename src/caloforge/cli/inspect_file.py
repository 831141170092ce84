"""The part of `caloforge inspect` for files of showers: facts gathered in one pass."""

__all__ = ["refuse_idle", "file_facts"]

from pathlib import Path
from typing import Any

import numpy as np

from caloforge.api.calorimeter import names_gdml
from caloforge.cli.inspect_detector import is_detector
from caloforge.cli.inspect_events import multiplicity_facts
from caloforge.cli.inspect_points import mean_in_words
from caloforge.data.mesh_file import MeshFile
from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.metrics.particles import particle_name
from caloforge.units import format_angle, format_energy
from caloforge.validation.conditions import repeated


def refuse_idle(file: Path, gdml: Path | None, sensitive: str | None, face: str | None) -> None:
    """Options that would do nothing to this file.

    Args:
        file: the argument.
        gdml: file to write the detector to.
        sensitive: volumes that are read.
        face: where the beam enters.

    Raises:
        BadValue: one of them would.
    """
    if gdml is not None and not is_detector(file):
        raise BadValue("--gdml", str(gdml), "only a preset or a YAML detector can be written as GDML")
    for option, value in (("--sensitive", sensitive), ("--face", face)):
        if value is not None and not names_gdml(file):
            raise BadValue(option, value, "it is of GDML files only")


def file_facts(file: MeshFile) -> dict[str, Any]:
    """Summary of a file, in one pass.

    Args:
        file: of showers, open.
    """
    incident, total, ids, hits, kinds, steepest = [], [], [], [], set(), 0.0
    times = _Times()
    for batch in file.batches():
        incident.append(batch.incident_energy)
        total.append(batch.total_energy)
        ids.append(batch.ids)
        hits.append((batch.energy > 0).sum(axis=1))
        times.add(batch)
        kinds.update(np.unique(batch.pdg).tolist())
        theta = batch.theta if batch.events is None else batch.events.theta
        steepest = max(steepest, float(theta.max(initial=0.0)))
    cautions = [*file.doubts, *repeated(np.concatenate(ids), np.concatenate(hits), "")]
    energy, response = np.concatenate(incident), np.concatenate(total) / np.concatenate(incident)
    return {
        "file": str(file.path),
        "showers": len(file),
        **_particles(file, kinds),
        "incident_energy": f"{format_energy(float(energy.min()))} to {format_energy(float(energy.max()))}",
        "directions": f"theta up to {format_angle(steepest)}" if steepest else "perpendicular",
        "detector": file.detector,
        "readout": f"{file.binning.name}: {file.binning.n_layers} layers, {file.binning.n_voxels} cells",
        "mean_response": mean_in_words(response, "E_cells/E_incident"),
        "cells_hit": f"{np.concatenate(hits).mean() / file.binning.n_voxels:.1%}",
        **({"cell_times": str(times)} if times.energy else {}),
        **({"cautions": cautions} if cautions else {}),
        "provenance": file.provenance.facts,
    }


def _particles(file: MeshFile, kinds: set[int]) -> dict[str, Any]:
    """Names of the particles that made the showers one by one, or how many of each kind made them together."""
    events = file.events()
    if events is None:
        return {"particles": ", ".join(sorted(map(particle_name, kinds)))}
    return multiplicity_facts(events.multiplicity, events.pdg, events.energy)


class _Times:
    """Times of cells in words, added up batch by batch."""

    def __init__(self) -> None:
        self.energy, self.weighted, self.first, self.last = 0.0, 0.0, np.inf, -np.inf

    def add(self, showers: Showers) -> None:
        """Add a batch; nothing where it has no times, or no energy."""
        if showers.times is None or not (hit := showers.energy > 0).any():
            return
        energy, mean, first = showers.energy[hit].astype(float), showers.times.mean[hit], showers.times.first[hit]
        self.energy += float(energy.sum())
        self.weighted += float(energy @ mean)
        self.first, self.last = min(self.first, float(first.min())), max(self.last, float(first.max()))

    def __str__(self) -> str:
        mean, ends = self.weighted / self.energy, f"{self.first:.4g} to {self.last:.4g} ns"
        return f"mean {mean:.4g} ns, weighted with energy; first deposits of cells from {ends}"
