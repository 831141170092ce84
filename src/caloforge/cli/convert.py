"""`caloforge convert`: a file of showers in one format into another, streamed."""

__all__ = ["convert"]

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from caloforge.cli.options import OverwriteOption

if TYPE_CHECKING:
    from caloforge.data.convert import Conversion
    from caloforge.data.points.placement import Placement

# names of formats, without opening them
WRITTEN = "caloforge, calochallenge, par04, calogan, edm4hep, step2point, showerdata, caloclouds, parquet, csv, npz"
READ = f"{WRITTEN}, par04-root, root-table, slcio, ddg4"


def convert(
    source: Annotated[Path, typer.Argument(help="file of showers, of any kind in docs/formats.md")],
    output: Annotated[Path, typer.Argument(help="file to make")],
    to: Annotated[str, typer.Option(help=WRITTEN)] = "caloforge",
    source_format: Annotated[str | None, typer.Option("--from", help=f"{READ}; default: told by the content")] = None,
    units: Annotated[
        str | None, typer.Option(help="GeV for all energies, or incident=GeV,cells=MeV,length=cm,time=ns")
    ] = None,
    binning: Annotated[
        str | None,
        typer.Option("--binning", "--readout", help="mesh by name, or a CaloChallenge XML: of cells, or for points"),
    ] = None,
    particle: Annotated[str | None, typer.Option(help="incident particle, as gamma; for files that name none")] = None,
    incident: Annotated[
        str | None, typer.Option(help="incident energy, as 10GeV; for files that do not say it")
    ] = None,
    sampling_fraction: Annotated[
        float | None, typer.Option(help="0.033 takes CaloChallenge 2 and 3 back to deposited energy")
    ] = None,
    axes: Annotated[str | None, typer.Option(help="order of cells on disk, as r,alpha,layer")] = None,
    columns: Annotated[str | None, typer.Option(help="of a table: x=hit_x,energy=edep,event=evt")] = None,
    collections: Annotated[
        str | None, typer.Option(help="of EDM4hep: collections of hits, as ECalBarrelCollection,ECalEndcap*")
    ] = None,
    points: Annotated[str | None, typer.Option(help="of EDM4hep: steps or hits")] = None,
    axis: Annotated[
        str | None, typer.Option(help="of the mesh among points: incident, x, -z or three numbers as 0,1,0")
    ] = None,
    origin: Annotated[
        str | None, typer.Option(help="of the mesh among points: entrance, vertex, 1250mm or 0,1250,0")
    ] = None,
    first_layer: Annotated[int | None, typer.Option(help="number of the layer that the mesh calls 0")] = None,
    cells: Annotated[
        Path | None, typer.Option(help="FastCaloSim's CaloCells.root: points are summed in these cells and stay points")
    ] = None,
    place: Annotated[str, typer.Option(help="of a point in its cell: centre or uniform")] = "centre",
    seed: Annotated[int, typer.Option(help="of uniform places")] = 0,
    mantissa_bits: Annotated[int, typer.Option(help="bits of cell energies to keep")] = 23,
    overwrite: OverwriteOption = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Convert a file of showers; energies stay as they are, what the new file has no place for is said."""
    from caloforge.api.file_options import read_options
    from caloforge.data.convert import Remeshing, convert_file
    from caloforge.data.formats.calo_cells import read_calo_cells
    from caloforge.data.formats.options import WriteOptions, parse_columns

    options = read_options(
        units=units,
        binning=binning,
        particle=particle,
        incident=incident,
        sampling_fraction=sampling_fraction,
        axes=axes,
        columns=columns,
        collections=collections,
        points=points,
    )
    conversion = convert_file(
        source,
        output,
        to,
        options,
        source_format,
        Remeshing(
            _placement(axis, origin, first_layer), _place(place), seed, read_calo_cells(cells) if cells else None
        ),
        WriteOptions(mantissa_bits, parse_columns(columns) if columns else {}),
        overwrite,
        lambda text: print(f"caloforge: warning: {text}", file=sys.stderr),
    )
    print(json.dumps(_facts(conversion)) if json_only else _sentence(conversion))


def _placement(axis: str | None, origin: str | None, first_layer: int | None) -> "Placement | None":
    from caloforge.data.points.placement import Placement, parse_axis, parse_origin

    if axis is None and origin is None and first_layer is None:
        return None
    where = None if origin is None else parse_origin(origin)
    return Placement(parse_axis(axis or "incident"), where, first_layer)


def _place(text: str) -> Literal["centre", "uniform"]:
    match text:
        case "centre" | "uniform":
            return text
    raise typer.BadParameter("write centre or uniform", param_hint="--place")


def _facts(conversion: "Conversion") -> dict[str, object]:
    outside = conversion.energy_outside_mesh
    return {
        "file": str(conversion.output),
        "showers": conversion.showers,
        "from": conversion.source_format,
        "to": conversion.format,
        "companions": [str(path) for path in conversion.companions],
        "warnings": conversion.warnings,
        **({} if outside is None else {"energy_outside_mesh": outside}),
    }


def _sentence(conversion: "Conversion") -> str:
    beside = "".join(f", {path}" for path in conversion.companions)
    outside = conversion.energy_outside_mesh
    share = "" if outside is None else f"; {outside:.2%} of the energy lies outside the mesh"
    what = f"{conversion.showers} showers, {conversion.source_format} to {conversion.format}{share}"
    return f"{conversion.output}{beside}: {what}"
