"""`caloforge merge`: the shards of a job array, or several files of showers, into one file."""

__all__ = ["merge"]

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli.options import BinningOption, OverwriteOption
from caloforge.errors import BadFile


def merge(
    inputs: Annotated[list[Path], typer.Argument(help="files of showers, or the folder OUTPUT.shards of a job array")],
    output: Annotated[Path, typer.Option("-o", "--output", help="HDF5 file to make")],
    mantissa_bits: Annotated[
        int | None, typer.Option(help="bits of cell energies to keep; default as they are")
    ] = None,
    binning: BinningOption = None,
    overwrite: OverwriteOption = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Merge the shards of a finished job array, or files of showers with one mesh and detector, into one file."""
    from caloforge.data.merge import merge_files
    from caloforge.data.opening import find_binning
    from caloforge.data.store import ShowerFile
    from caloforge.simulation.production.array import merge_shards

    folders = [path for path in inputs if path.is_dir()]
    if not folders:
        bits = 23 if mantissa_bits is None else mantissa_bits
        merge_files(inputs, output, bits, overwrite, find_binning(binning), _warn)
    elif len(inputs) == 1:
        merge_shards(inputs[0], output, mantissa_bits, overwrite)
    else:
        raise BadFile(folders[0], "a folder among several inputs", "merge each job array first, then the files")
    with ShowerFile(output) as file:
        answer = {"file": str(output), "showers": len(file), "inputs": [str(path) for path in inputs]}
    print(json.dumps(answer) if json_only else f"{output}: {answer['showers']} showers")


def _warn(text: str) -> None:
    print(f"caloforge: warning: {text}", file=sys.stderr)
