"""`caloforge inspect`: what a file of showers holds and how it was made, or what a detector is made of."""

__all__ = ["inspect"]

import json
import os
import warnings
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from caloforge.api.calorimeter import names_gdml
from caloforge.api.file_options import read_options
from caloforge.cli.inspect_detector import inspect_detector, is_detector
from caloforge.cli.inspect_events import inspect_events, multiplicity_facts, multiplicity_rows
from caloforge.cli.inspect_gdml import inspect_gdml
from caloforge.cli.inspect_names import inspect_names
from caloforge.cli.inspect_observables import inspect_observables
from caloforge.cli.inspect_origin import in_words
from caloforge.cli.inspect_points import mean_in_words, point_facts
from caloforge.cli.options import OverwriteOption
from caloforge.data.bundled import showers_path
from caloforge.data.formats.hepmc import is_hepmc
from caloforge.data.mesh_file import MeshFile
from caloforge.data.opening import open_any
from caloforge.data.showers import Showers
from caloforge.errors import BadFile, BadValue, OddShowers
from caloforge.metrics.particles import particle_name
from caloforge.training.folders import shipped_models
from caloforge.units import format_angle, format_energy
from caloforge.validation.conditions import repeated


def inspect(
    file: Annotated[
        Path | None,
        typer.Argument(help="file of showers in any format, HepMC events, detector.yaml, detector.gdml, or a name"),
    ] = None,
    binning: Annotated[
        str | None,
        typer.Option(
            "--binning",
            "--readout",
            help="mesh by name, or a CaloChallenge XML: of a file that carries none, or to draw over the detector",
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="PNG of the detector; default NAME.png")] = None,
    units: Annotated[
        str | None, typer.Option(help="of a file that does not say them: GeV, incident=GeV,cells=MeV; of HepMC GEV,MM")
    ] = None,
    gdml: Annotated[Path | None, typer.Option(help="also write the detector as GDML")] = None,
    sensitive: Annotated[
        str | None, typer.Option(help="of a GDML file: volumes that are read; default: those tagged SensDet")
    ] = None,
    face: Annotated[
        str | None,
        typer.Option(help="of a GDML file: where the beam enters, POINT:DIRECTION; default: along z into the world"),
    ] = None,
    particle: Annotated[str | None, typer.Option(help="incident particle of a file that names none")] = None,
    incident: Annotated[str | None, typer.Option(help="incident energy of a file that does not say it")] = None,
    axes: Annotated[str | None, typer.Option(help="order of cells on disk, as r,alpha,layer")] = None,
    columns: Annotated[str | None, typer.Option(help="of a table of points: x=hit_x,energy=edep")] = None,
    collections: Annotated[str | None, typer.Option(help="of EDM4hep: collections of hits to read")] = None,
    observables: Annotated[
        bool, typer.Option("--observables", help="list every observable, plug-ins included")
    ] = False,
    names: Annotated[
        bool,
        typer.Option("--names", help="list all that goes by name: detectors, meshes, models, configurations, sets"),
    ] = False,
    overwrite: OverwriteOption = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Say what a file of showers or events holds (reads all of it), or what a detector is made of, and draw it."""
    if observables:
        inspect_observables(json_only)
        return
    if names:
        inspect_names(json_only)
        return
    if file is None:
        raise typer.BadParameter("give a file, the name of a detector, --names or --observables", param_hint="FILE")
    _refuse_idle(file, gdml, sensitive, face)
    run = os.path.isfile(file / "config.yaml")  # noqa: PTH113 -- a name that is too long is no file, Path.is_file raises
    if run or str(file) in shipped_models():
        raise BadFile(file, "a trained model, not a file of showers", f"caloforge models show {file}")
    if is_hepmc(file):
        inspect_events(file, units, json_only)
        return
    if names_gdml(file):
        inspect_gdml(file, sensitive, face, binning, output, overwrite, json_only)
        return
    if is_detector(file):
        inspect_detector(str(file), binning, output, gdml, overwrite, json_only)
        return
    options = read_options(
        units=units,
        binning=binning,
        particle=particle,
        incident=incident,
        axes=axes,
        columns=columns,
        collections=collections,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OddShowers)  # they stand among the facts
        opened = open_any(showers_path(file), options)
    with opened as showers:
        facts = _facts(showers) if isinstance(showers, MeshFile) else point_facts(showers)
    if json_only:
        print(json.dumps(facts))
        return
    for name, value in facts.items():
        if name not in ("provenance", "by_particle"):
            print(f"{name:>20}  {'; '.join(value) if isinstance(value, list) else value}")
    for name, value in facts["provenance"].items():
        print(f"{'made with' if name == 'caloforge' else name:>20}  {in_words(value)}")
    if "by_particle" in facts:
        print("\n".join(["", *multiplicity_rows(facts["by_particle"])]))


def _refuse_idle(file: Path, gdml: Path | None, sensitive: str | None, face: str | None) -> None:
    """Options that would do nothing to this file."""
    if gdml is not None and not is_detector(file):
        raise BadValue("--gdml", str(gdml), "only a preset or a YAML detector can be written as GDML")
    for option, value in (("--sensitive", sensitive), ("--face", face)):
        if value is not None and not names_gdml(file):
            raise BadValue(option, value, "it is of GDML files only")


def _facts(file: MeshFile) -> dict[str, Any]:
    """Summary of a file, in one pass."""
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
