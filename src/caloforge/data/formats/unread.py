"""Files that are told by their content and not read: each with the program that makes another one of it."""

__all__ = ["Ddg4Root", "Slcio"]

from pathlib import Path

from caloforge.data.formats.base import Format, Opened
from caloforge.data.formats.options import ReadOptions
from caloforge.data.formats.peek import Peek
from caloforge.errors import BadFile

_EVERYTHING = frozenset(
    {"units", "binning", "particle", "sampling_fraction", "columns", "collections", "points", "incident"}
)


class Slcio(Format):
    """LCIO's own files."""

    name, title, holds = "slcio", "LCIO (SLCIO)", "points"
    takes = _EVERYTHING

    def recognises(self, peek: Peek) -> bool:
        """The magic word at byte 4."""
        return peek.start[4:].startswith(b"\xab\xad\xca\xfe")

    def open(self, path: Path, options: ReadOptions) -> Opened:
        """Refused, with the converter."""
        raise BadFile(
            path, "an LCIO (SLCIO) file", "make EDM4hep of it with lcio2edm4hep, of Key4hep's k4EDM4hep2LcioConv"
        )


class Ddg4Root(Format):
    """DDG4's own tree of C++ objects."""

    name, title, holds = "ddg4", "DDG4's own ROOT tree EVENT", "points"
    takes = _EVERYTHING

    def recognises(self, peek: Peek) -> bool:
        """ROOT with the tree ``EVENT``."""
        return "EVENT" in peek.trees

    def open(self, path: Path, options: ReadOptions) -> Opened:
        """Refused, with the way to another file."""
        remedy = "simulate again with an output file named NAME.edm4hep.root, which ddsim then writes as EDM4hep"
        raise BadFile(path, "DDG4's own tree EVENT, of C++ objects without an encoding of cells", remedy)
