"""All formats by name, and which of them a file is."""

__all__ = ["FORMATS", "as_format", "detect", "format_named"]

from pathlib import Path

from caloforge.data.formats.base import Format
from caloforge.data.formats.calochallenge import CaloChallenge, Native
from caloforge.data.formats.caloclouds import CaloClouds
from caloforge.data.formats.calogan import CaloGan
from caloforge.data.formats.edm4hep import Edm4hep
from caloforge.data.formats.hit_tables import CsvPoints, NpzPoints, ParquetPoints, RootPoints
from caloforge.data.formats.par04 import Par04
from caloforge.data.formats.par04_root import Par04Root
from caloforge.data.formats.peek import Peek
from caloforge.data.formats.showerdata import ShowerData
from caloforge.data.formats.step2point import Step2Point
from caloforge.data.formats.unknown import unknown_file
from caloforge.data.formats.unread import Ddg4Root, Slcio
from caloforge.errors import BadFile, UnknownName

FORMATS: dict[str, Format] = {
    fmt.name: fmt
    for fmt in (
        Native(),
        CaloChallenge(),
        Par04(),
        CaloGan(),
        Edm4hep(),
        Step2Point(),
        ShowerData(),
        CaloClouds(),
        Par04Root(),
        ParquetPoints(),
        CsvPoints(),
        NpzPoints(),
        RootPoints(),
        Slcio(),
        Ddg4Root(),
    )
}


def format_named(name: str) -> Format:
    """The format of that name.

    Args:
        name: as ``--from`` and ``--to`` take it.

    Raises:
        UnknownName: there is none.
    """
    if name not in FORMATS:
        raise UnknownName("format", name, FORMATS, "docs/formats.md")
    return FORMATS[name]


def detect(path: Path) -> Format:
    """The format of a file, by its content.

    Args:
        path: of the file.

    Raises:
        BadFile: missing, or of no format that is known; the sentence says what it looks like.
    """
    try:
        exists = path.exists()
    except OSError as error:  # a name that is too long, a folder that may not be read
        raise BadFile(path, error.strerror or "it cannot be looked at", "give a file of showers") from error
    if not exists:
        raise BadFile(path, "no such file", "give a file of showers, or a name (caloforge inspect --names lists all)")
    peek = None if path.is_dir() else Peek(path)
    for candidate in FORMATS.values():
        if peek is not None and candidate.recognises(peek):
            return candidate
    raise unknown_file(path, peek)


def as_format(path: Path, name: str) -> Format:
    """The format that a user says a file has; the file may be of several.

    Args:
        path: of the file.
        name: of the format.

    Raises:
        UnknownName: there is none of that name.
        BadFile: missing, or nothing that this format could read.
    """
    layout = format_named(name)
    if not path.is_file():
        raise BadFile(path, "a folder" if path.is_dir() else "no such file", "give a file of showers")
    if not layout.recognises(Peek(path)):
        raise BadFile(path, f"it is not {layout.title}", "leave --from out, and its content tells what it is")
    return layout
