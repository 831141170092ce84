"""Arguments of the commands on files of showers, and how an operation runs behind a progress bar."""

__all__ = ["Input", "JsonOption", "Output", "progress_of", "report", "run_operation", "whole_numbers"]

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from caloforge.cli.progress import track
from caloforge.errors import BadValue

if TYPE_CHECKING:
    from caloforge.data.operations.operation import Operation

_MOST = 1_000_000  # numbers of one range

Input = Annotated[Path, typer.Argument(metavar="IN", help="HDF5 file of showers, or bundled")]
Output = Annotated[Path, typer.Argument(metavar="OUT", help="HDF5 file to make")]
JsonOption = Annotated[bool, typer.Option("--json", help="print only JSON")]


@contextmanager
def progress_of(title: str) -> Iterator[Callable[[int, int], None]]:
    """Showers done of all, as a bar."""
    with track(title, 1.0) as shown:
        yield lambda done, total: shown(done / total)


def run_operation(
    operation: "Operation", source: Path, output: Path, overwrite: bool, binning: str | None, json_only: bool
) -> None:
    """Do it, and say how many showers there are now."""
    from caloforge.data.operations.operation import apply_to_file

    with progress_of(operation.operation) as progress:
        count = apply_to_file(operation, source, output, overwrite, binning, progress)
    report({"file": str(output), "showers": count, "operation": operation.operation}, json_only)


def report(answer: dict[str, Any], json_only: bool) -> None:
    """The answer as one line of JSON, or the file and its number of showers."""
    print(json.dumps(answer) if json_only else f"{answer['file']}: {answer['showers']} showers")


def whole_numbers(text: str, what: str) -> tuple[int, ...]:
    """Numbers from text such as ``0,3-5``.

    Raises:
        BadValue: it is none.
    """
    numbers: list[int] = []
    for part in text.split(","):
        low, dash, high = part.strip().partition("-")
        try:
            first, last = int(low), int(high if dash else low)
        except ValueError as error:
            raise BadValue(what, text, "write numbers and ranges such as 0,3-5") from error
        if not 0 <= last - first < _MOST:
            raise BadValue(what, text, f"write ranges from low to high, of {_MOST} numbers at most")
        numbers += range(first, last + 1)
    return tuple(numbers)
