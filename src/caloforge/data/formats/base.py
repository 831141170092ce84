"""What a format of shower files is: how it is told, opened and written, and what it cannot hold."""

__all__ = ["Fact", "Format", "Opened"]

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from caloforge.data.formats.options import ReadOptions, WriteOptions
from caloforge.data.formats.peek import Peek
from caloforge.data.mesh_file import MeshFile
from caloforge.data.points.point_file import PointFile
from caloforge.errors import BadValue

Opened = MeshFile | PointFile
Fact = Literal[
    "particle", "angles", "provenance", "mesh", "depth", "units", "time", "layer", "cell_id", "positions", "events"
]


class Format(ABC):
    """One layout of files.

    Attributes:
        name: as ``--from`` and ``--to`` take it.
        title: as a sentence calls it.
        holds: showers on a mesh, or points.
        lacks: what `write` loses, since the layout has no place for it.
        aside: what it keeps where other programs do not look.
        takes: names of the `ReadOptions` that it has a use for; others are refused.
        writes: whether `write` works.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    holds: ClassVar[Literal["mesh", "points"]]
    lacks: ClassVar[frozenset[Fact]] = frozenset()
    aside: ClassVar[frozenset[Fact]] = frozenset()
    takes: ClassVar[frozenset[str]] = frozenset()
    writes: ClassVar[bool] = False

    @abstractmethod
    def recognises(self, peek: Peek) -> bool:
        """Whether a file is of this layout, by its content and never by its name.

        Args:
            peek: a look into it.
        """

    @abstractmethod
    def open(self, path: Path, options: ReadOptions) -> Opened:
        """Open a file; what it gives is in MeV, mm, ns, whatever the file holds.

        Args:
            path: of a file that exists.
            options: what the user says of it, only what `takes` names.

        Raises:
            BadFile: truncated, damaged, or impossible energies.
        """

    def write(self, source: MeshFile | PointFile, path: Path, options: WriteOptions) -> None:
        """Stream all blocks of a source into a new file.

        Args:
            source: of the kind that `holds` names.
            path: where to write; the caller renames it when it is complete.
            options: how.
        """
        raise BadValue("output format", self.name, f"{self.title} is only read; choose another --to")

    def companions(self, source: MeshFile | PointFile, path: Path) -> Mapping[Path, bytes]:
        """Small files that belong beside, such as the XML of a mesh.

        Args:
            source: what is written.
            path: final name of the file.
        """
        return {}

    def check_options(self, options: ReadOptions) -> None:
        """Refuse what this format has no use for, rather than leave it unheard.

        Args:
            options: what the user says.

        Raises:
            BadValue: one of them has no meaning here.
        """
        for name in sorted(options.given - self.takes):
            raise BadValue(
                name.replace("_", " "), getattr(options, name), f"{self.title} has no use for it; leave it out"
            )
