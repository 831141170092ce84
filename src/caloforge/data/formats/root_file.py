"""Opening a ROOT file by uproot, when it is as long as its header says."""

__all__ = ["open_root"]

import struct
from pathlib import Path
from typing import Any

from caloforge.data.formats.peek import reading, require_extra
from caloforge.errors import BadFile

_BIG = 1_000_000  # versions from here on have 64-bit places


def open_root(path: Path) -> Any:
    """The file as uproot gives it; whoever opens it closes it.

    Args:
        path: of the file.

    Raises:
        BadFile: shorter than its header says, or damaged.
        MissingExtra: uproot or awkward is not installed.
    """
    uproot = require_extra("uproot")
    require_extra("awkward")
    with reading(path):
        with path.open("rb") as file:
            start = file.read(24)
        version = struct.unpack(">i", start[4:8])[0]
        end = struct.unpack(">q" if version >= _BIG else ">i", start[12:20] if version >= _BIG else start[12:16])[0]
        size = path.stat().st_size
        if size < end:
            raise BadFile(path, f"truncated, {size} bytes of {end}", "copy or make it again")
        # no thread of its own and no arrays kept, as the default has
        return uproot.open(path, handler=uproot.source.file.MemmapSource, array_cache=None)
