"""`caloforge data merge-cells, threshold, mask, rotate, mirror`: operations on the cells of every shower."""

__all__ = ["mask", "merge_cells", "mirror", "rotate", "threshold"]

from typing import Annotated, Literal

import typer

from caloforge.cli.data.options import Input, JsonOption, Output, run_operation, whole_numbers
from caloforge.cli.options import BinningOption, OverwriteOption
from caloforge.errors import BadValue
from caloforge.units import parse_threshold


def merge_cells(
    source: Input,
    output: Output,
    layers: Annotated[int, typer.Option(min=1, help="layers that become one")] = 1,
    sectors: Annotated[int, typer.Option(min=1, help="sectors that become one")] = 1,
    rings: Annotated[int, typer.Option(min=1, help="rings that become one")] = 1,
    to: Annotated[str | None, typer.Option(help="mesh to merge into, by name or XML, instead of factors")] = None,
    binning: BinningOption = None,
    overwrite: OverwriteOption = False,
    json_only: JsonOption = False,
) -> None:
    """Merge cells into a coarser mesh; the energies of a shower add up to what they were."""
    from caloforge.data.opening import find_binning
    from caloforge.data.operations.cells import MergeCells

    operation = MergeCells(layers=layers, sectors=sectors, rings=rings, target=find_binning(to))
    run_operation(operation, source, output, overwrite, binning, json_only)


def threshold(
    source: Input,
    output: Output,
    energy: Annotated[str, typer.Option(help="cells below are set to zero, 0.1MeV say")],
    binning: BinningOption = None,
    overwrite: OverwriteOption = False,
    json_only: JsonOption = False,
) -> None:
    """Set cells below a threshold to zero."""
    from caloforge.data.operations.cells import Threshold

    value = parse_threshold(energy)
    if value == 0:
        raise BadValue("--energy", energy, "a threshold of zero changes nothing")
    run_operation(Threshold(energy=value), source, output, overwrite, binning, json_only)


def mask(
    source: Input,
    output: Output,
    layers: Annotated[str | None, typer.Option(help="ids of layers, 0,3-5 say")] = None,
    cells: Annotated[str | None, typer.Option(help="numbers of cells in the flat order of the mesh, from 0")] = None,
    binning: BinningOption = None,
    overwrite: OverwriteOption = False,
    json_only: JsonOption = False,
) -> None:
    """Set whole layers or single cells to zero, as dead channels."""
    from caloforge.data.operations.cells import Mask

    dead_layers = () if layers is None else whole_numbers(layers, "--layers")
    dead_cells = () if cells is None else whole_numbers(cells, "--cells")
    run_operation(Mask(layers=dead_layers, cells=dead_cells), source, output, overwrite, binning, json_only)


def rotate(
    source: Input,
    output: Output,
    sectors: Annotated[int, typer.Option(help="how many whole sectors, of the layer with the fewest")] = 1,
    frame: Annotated[
        Literal["axis", "detector"] | None, typer.Option(help="frame of the mesh, where inclined showers do not say it")
    ] = None,
    binning: BinningOption = None,
    overwrite: OverwriteOption = False,
    json_only: JsonOption = False,
) -> None:
    """Turn showers about the calorimeter's normal by whole sectors, with the azimuth of inclined particles."""
    from caloforge.data.operations.images import Rotate

    run_operation(Rotate(sectors=sectors, frame=frame), source, output, overwrite, binning, json_only)


def mirror(
    source: Input,
    output: Output,
    binning: BinningOption = None,
    overwrite: OverwriteOption = False,
    json_only: JsonOption = False,
) -> None:
    """The mirror image y -> -y of showers, with the azimuth of inclined particles."""
    from caloforge.data.operations.images import Mirror

    run_operation(Mirror(), source, output, overwrite, binning, json_only)
