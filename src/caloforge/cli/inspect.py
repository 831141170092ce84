"""`caloforge inspect`: what a file of showers holds and how it was made, or what a detector is made of."""

__all__ = ["inspect"]

import json
import os
import warnings
from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli.options import ObservablesOption, OverwriteOption, load_observables
from caloforge.data.bundled import showers_path
from caloforge.errors import BadFile, OddShowers
from caloforge.training.folders import shipped_models


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
    list_observables: Annotated[
        bool, typer.Option("--list-observables", help="list every observable, plug-ins and your own included")
    ] = False,
    observables: ObservablesOption = None,
    names: Annotated[
        bool,
        typer.Option("--names", help="list all that goes by name: detectors, meshes, models, configurations, sets"),
    ] = False,
    overwrite: OverwriteOption = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Say what a file of showers or events holds (reads all of it), or what a detector is made of, and draw it."""
    from caloforge.api.calorimeter import names_gdml
    from caloforge.api.file_options import read_options
    from caloforge.cli.inspect_detector import inspect_detector, is_detector
    from caloforge.cli.inspect_events import inspect_events, multiplicity_rows
    from caloforge.cli.inspect_file import file_facts, refuse_idle
    from caloforge.cli.inspect_gdml import inspect_gdml
    from caloforge.cli.inspect_names import inspect_names
    from caloforge.cli.inspect_observables import inspect_observables
    from caloforge.cli.inspect_origin import in_words
    from caloforge.cli.inspect_points import point_facts
    from caloforge.data.formats.hepmc import is_hepmc
    from caloforge.data.mesh_file import MeshFile
    from caloforge.data.opening import open_any

    if list_observables:
        load_observables(observables)
        inspect_observables(json_only)
        return
    if names:
        inspect_names(json_only)
        return
    if file is None:
        raise typer.BadParameter(
            "give a file, the name of a detector, --names or --list-observables", param_hint="FILE"
        )
    refuse_idle(file, gdml, sensitive, face)
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
        facts = file_facts(showers) if isinstance(showers, MeshFile) else point_facts(showers)
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
