"""Lines of a HepMC ASCII file (versions 2 and 3), gzip or not, cut into events; nothing is passed over in silence.

The readers of HepMC take an unknown unit for GeV, a word that is no number for 0 and a cut file for its whole, lose
events with a vertex that nothing flies into (their own writer makes such), and may end the process where lines have
changed places. So the lines are read here, and counted against what each event announces in `hepmc_event`.
"""

__all__ = ["EventText", "event_texts"]

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from caloforge.errors import BadFile

HEADERS = {3: "HepMC::Asciiv3-START_EVENT_LISTING", 2: "HepMC::IO_GenEvent-START_EVENT_LISTING"}
_GZIP = b"\x1f\x8b"
_READ, _PASSED_OVER = "EUVP", "ACFHNTW"  # lines by their first letter: those that matter here, and those that do not
_MAKE_AGAIN = "make it again or give another file"


@dataclass
class EventText:
    """The lines of one event that matter: announcement, unit, vertices and particles.

    Args:
        path: of the file.
        place: of the event in the file, from 0.
        version: of HepMC's ASCII layout, 2 or 3.
        line: number of its first line, from 1.
        lines: those that matter, in order, with their numbers.
    """

    path: Path
    place: int
    version: int
    line: int
    lines: list[tuple[int, list[str]]] = field(default_factory=list)

    def bad(self, problem: str, line: int | None = None, remedy: str = _MAKE_AGAIN) -> BadFile:
        """The error for this event.

        Args:
            problem: what is wrong.
            line: where; the event's first one if None.
            remedy: what to do.
        """
        return BadFile(self.path, f"event {self.place} (line {line or self.line}): {problem}", remedy)

    def of(self, letter: str) -> list[tuple[int, list[str]]]:
        """Its lines that begin with a letter: number and words of each.

        Args:
            letter: E, U, V or P.
        """
        return [(number, words) for number, words in self.lines if words[0] == letter]

    def units(self) -> str | None:
        """The last unit line, such as ``GEV MM``; None where there is none."""
        for number, words in self.of("U"):
            if len(words) != 3 or words[1] not in ("GEV", "MEV") or words[2] not in ("MM", "CM"):
                raise self.bad(f"the unit line is {' '.join(words)!r}", number, "HepMC knows GEV or MEV, and MM or CM")
        unit_lines = self.of("U")
        return " ".join(unit_lines[-1][1][1:]) if unit_lines else None


def event_texts(path: Path) -> Iterator[EventText]:
    """The events of a file, one at a time, in order; files written one behind the other are read as one.

    Args:
        path: of the file, as it is or compressed by gzip.

    Raises:
        BadFile: missing, not HepMC, truncated, damaged.
    """
    version, event, ended, place, number = 0, None, False, 0, 0
    for number, text in _lines(path):
        if text.startswith("HepMC::"):
            if event is not None:
                yield event
                event = None
            versions = [v for v, header in HEADERS.items() if text == header]
            if "START_EVENT_LISTING" in text and not versions:
                raise BadFile(path, f"line {number}: layout {text!r} is not read", "write HepMC3 ASCII (Asciiv3)")
            version = versions[0] if versions else version
            ended = text.endswith("END_EVENT_LISTING")
            continue
        words = text.split()
        if not words:
            continue
        if words[0] == "E":
            if event is not None:
                yield event
            event = EventText(path, place, version, number)
            place += 1
        if words[0] in _READ and version and not ended:
            if event is not None:
                event.lines.append((number, words))
            elif words[0] != "U":
                raise BadFile(path, f"line {number}: {words[0]} before the first event", _MAKE_AGAIN)
        elif words[0] not in _PASSED_OVER or ended or not version:
            problem = "is no line of HepMC" if version and not ended else "lies outside the list of events"
            raise BadFile(path, f"line {number}, {text[:20]!r}, {problem}", _MAKE_AGAIN)
    if not ended:
        last = f"after event {place - 1}" if place else "before the first event"
        end = HEADERS.get(version, HEADERS[3]).replace("START", "END")
        remedy = f"make it again, or add the line {end} if nothing is missing"
        raise BadFile(path, f"truncated at line {number}, {last}: the line that ends the list is missing", remedy)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbers and texts of all lines."""
    number = 0
    try:
        with _opened(path) as file:
            for number, line in enumerate(file, 1):
                yield number, line.decode("utf-8", "replace").strip()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadFile(path, f"truncated or damaged gzip behind line {number}", _MAKE_AGAIN) from error
    except OSError as error:
        raise BadFile(path, error.strerror or str(error), _MAKE_AGAIN) from error


def _opened(path: Path) -> io.BufferedIOBase:
    """The file, unpacked where gzip packed it, after a look at how it begins."""
    if not path.is_file():
        raise BadFile(path, "a folder" if path.is_dir() else "no such file", "give a file of HepMC events")
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP
    if path.suffix == ".gz" and not packed:
        raise BadFile(path, "its name ends in .gz and gzip has not packed it", "rename it or pack it")
    file: io.BufferedIOBase = gzip.open(path, "rb") if packed else path.open("rb")  # noqa: SIM115 closed by the caller
    try:
        if not file.read(64).lstrip().startswith(b"HepMC::"):
            raise BadFile(path, "not HepMC ASCII: it does not begin with 'HepMC::Version'", "give HepMC 2 or 3 ASCII")
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file
