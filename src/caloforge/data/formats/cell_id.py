"""Cell identifiers of DD4hep: bit fields by name, as a file's own encoding lays them out."""

__all__ = ["CellEncoding", "Field"]

import re
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, UInt64
from numpy import ndarray as Array

from caloforge.errors import BadValue

_FIELD = re.compile(r"\s*([A-Za-z_]\w*):(?:(\d+):)?(-?\d+)\s*")
_BITS = 64


@dataclass(frozen=True)
class Field:
    """Bits of an identifier.

    Args:
        offset: of the lowest bit.
        width: number of bits.
        signed: whether the highest bit is a sign.
    """

    offset: int
    width: int
    signed: bool


@dataclass(frozen=True)
class CellEncoding:
    """The fields of an identifier by name.

    Args:
        fields: where each lies.
    """

    fields: dict[str, Field]

    @classmethod
    def parse(cls, text: str) -> "CellEncoding":
        """An encoding from its text, such as ``system:8,layer:16:6,x:32:-16``: name, lowest bit where it is not the
        next one, and width, with a minus for a signed field.

        Args:
            text: as the file has it.

        Raises:
            BadValue: not of that form, or fields beyond 64 bits or over each other.
        """
        fields: dict[str, Field] = {}
        after, taken = 0, 0
        for word in text.split(","):
            match = _FIELD.fullmatch(word)
            if match is None:
                raise BadValue("cell encoding", text, "fields are NAME:WIDTH or NAME:OFFSET:WIDTH, joined by commas")
            name, start, width = match[1], int(match[2] or after), int(match[3])
            after = start + abs(width)
            bits = ((1 << abs(width)) - 1) << start if after <= _BITS else 0
            if not bits or bits & taken or name in fields:
                raise BadValue(
                    "cell encoding", text, f"field {name} lies beyond 64 bits, over another or is there twice"
                )
            taken |= bits
            fields[name] = Field(start, abs(width), width < 0)
        return cls(fields)

    def decode(self, name: str, cell: UInt64[Array, " n"]) -> Int[Array, " n"] | None:
        """Value of a field of each identifier; None where the encoding has no such field.

        Args:
            name: of the field.
            cell: identifiers.
        """
        if name not in self.fields:
            return None
        field = self.fields[name]
        shifted = np.asarray(cell, np.uint64) << np.uint64(_BITS - field.offset - field.width)
        aligned = shifted.view(np.int64) if field.signed else shifted
        return (aligned >> aligned.dtype.type(_BITS - field.width)).astype(np.int64)
