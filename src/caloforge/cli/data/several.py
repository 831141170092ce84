"""`caloforge data concat, shuffle, split`: several files to one, another order, one file to several."""

__all__ = ["concat", "shuffle", "split"]

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli.data.options import Input, JsonOption, Output, progress_of, report
from caloforge.cli.options import BinningOption, OverwriteOption
from caloforge.errors import BadValue, UnwritablePath


def concat(
    sources: Annotated[list[Path], typer.Argument(metavar="IN...", help="HDF5 files of showers")],
    output: Annotated[Path, typer.Option("-o", "--output", help="HDF5 file to make")],
    copies: Annotated[bool, typer.Option("--copies", help="allow showers twice, turned copies of a file say")] = False,
    binning: BinningOption = None,
    overwrite: OverwriteOption = False,
    json_only: JsonOption = False,
) -> None:
    """Join files with one mesh and detector, as `caloforge merge` does; --copies allows the same shower twice."""
    from caloforge.data.merge import merge_files
    from caloforge.data.opening import find_binning
    from caloforge.data.store import ShowerFile

    merge_files(sources, output, 23, overwrite, find_binning(binning), _warn, copies)
    with ShowerFile(output) as file:
        report({"file": str(output), "showers": len(file), "operation": "concat"}, json_only)


def _warn(text: str) -> None:
    print(f"caloforge: warning: {text}", file=sys.stderr)


def shuffle(
    source: Input,
    output: Output,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same order")] = 1,
    binning: BinningOption = None,
    overwrite: OverwriteOption = False,
    json_only: JsonOption = False,
) -> None:
    """Write the showers in a random order; memory holds a piece of the file at a time."""
    from caloforge.data.operations.shuffle import shuffle_file

    with progress_of("shuffle") as progress:
        count = shuffle_file(source, output, seed, overwrite, binning, progress=progress)
    report({"file": str(output), "showers": count, "operation": "shuffle"}, json_only)


def split(
    source: Input,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="where NAME.h5 of every part goes")],
    fractions: Annotated[
        str, typer.Option(help="names and fractions of the parts")
    ] = "train=0.7,validation=0.05,test=0.25",
    binning: BinningOption = None,
    overwrite: OverwriteOption = False,
    json_only: JsonOption = False,
) -> None:
    """Deal the showers out to several files by their ids: no shower nor a changed copy of it is in two of them."""
    from caloforge.data.operations.split import split_file

    parts = _fractions(fractions)
    outputs: dict[str | Path, float] = {folder / f"{name}.h5": fraction for name, fraction in parts.items()}
    with _folder(folder), progress_of("split") as progress:
        counts = split_file(source, outputs, overwrite, binning, progress)
    if json_only:
        print(json.dumps({"files": {str(path): count for path, count in counts.items()}}))
    else:
        for path, count in counts.items():
            print(f"{path}: {count} showers")


@contextlib.contextmanager
def _folder(folder: Path) -> Iterator[None]:
    """Made if missing; what fails takes it away again."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnwritablePath(folder, error.strerror or "the folder cannot be made") from error
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # somebody else's files lie in it by now
            for place in missing:
                place.rmdir()
        raise


def _fractions(text: str) -> dict[str, float]:
    parts: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = (word.strip() for word in part.partition("="))
        try:
            value = float(number)
        except ValueError as error:
            raise BadValue("--fractions", text, "write names and numbers such as train=0.7,test=0.3") from error
        if not name or "/" in name or name in parts:
            raise BadValue("--fractions", text, "give every part a name of its own")
        parts[name] = value
    return parts
