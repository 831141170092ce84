"""Files of podio, which writes the events of Key4hep: collections as columns of a TTree or an RNTuple, by uproot.

In a TTree a member of a collection is a branch of its own, in an RNTuple a field of records; `Events` gives both as
flat arrays with the number of objects in each event. What a file says of itself lies in the trees ``podio_metadata``
(definitions with units, names of collections by number) and ``metadata`` (encodings of cells).
"""

__all__ = ["Column", "Events", "Metadata"]

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Int
from numpy import ndarray as Array

from caloforge.data.formats.cell_id import CellEncoding

_HIT = ("cellID", "energy", "position.x", "position.y", "position.z", "contributions_begin", "contributions_end")
_PARTICLE = ("PDG", "generatorStatus", "mass", "momentum.x", "momentum.y", "momentum.z")
_MEMBER = re.compile(r"^\s*[\w:<>, ]+?\s+(\w+)\s*\[(\w+)\]")
_ENCODING = "__CellIDEncoding"


@dataclass(frozen=True)
class Column:
    """One member of the objects of all events of a block.

    Args:
        values: of all objects, event after event.
        counts: objects in each event.
    """

    values: Array
    counts: Int[Array, " events"]

    @property
    def starts(self) -> Int[Array, " events"]:
        """First object of each event."""
        return np.cumsum(self.counts) - self.counts


class Events:
    """The tree of events.

    Args:
        tree: TTree or RNTuple as uproot opens it.
    """

    def __init__(self, tree: Any) -> None:
        self.tree = tree
        self.is_ttree = "RNTuple" not in type(tree).__name__
        self._records: dict[tuple[str, int, int], Any] = {}
        self._names = frozenset(name.rpartition("/")[2] for name in tree.keys(recursive=True))

    def __len__(self) -> int:
        return int(self.tree.num_entries)

    def has(self, collection: str, *members: str) -> bool:
        """Whether a collection has all these members.

        Args:
            collection: its name.
            members: such as ``position.x``.
        """
        return all(f"{collection}.{member}" in self._names for member in members)

    def of_members(self, members: tuple[str, ...]) -> list[str]:
        """Collections that have all these members, in the order of the file.

        Args:
            members: that tell one type of objects from all others.
        """
        last = f".{members[-1]}"
        names = (
            key.rpartition("/")[2].removesuffix(last) for key in self.tree.keys(recursive=True) if key.endswith(last)
        )
        return [name for name in dict.fromkeys(names) if self.has(name, *members)]

    @cached_property
    def hits(self) -> list[str]:
        """Collections of the type ``edm4hep::SimCalorimeterHit``, whatever their names."""
        return self.of_members(_HIT)

    @cached_property
    def particles(self) -> list[str]:
        """Collections of the type ``edm4hep::MCParticle``."""
        return self.of_members(_PARTICLE)

    def column(self, collection: str, member: str, start: int, stop: int) -> Column:
        """One member of all objects of a block of events.

        Args:
            collection: its name.
            member: such as ``position.x``.
            start: first event.
            stop: the one behind the last.
        """
        import awkward

        if self.is_ttree:
            array = self.tree[f"{collection}.{member}"].array(entry_start=start, entry_stop=stop)
        else:
            key = (collection, start, stop)
            if key not in self._records:
                kept = {k: v for k, v in self._records.items() if k[1:] == key[1:]}  # of this block only
                self._records = kept | {key: self.tree[collection].array(entry_start=start, entry_stop=stop)}
            array = self._records[key]
            for name in member.split("."):
                array = array[name]
        counts = awkward.to_numpy(awkward.num(array, axis=1)).astype(np.int64)
        return Column(awkward.to_numpy(awkward.flatten(array, axis=1)), counts)

    @property
    def bytes_per_event(self) -> float:
        """Unpacked size of an event, about: ROOT files are packed by a factor of two to four."""
        return 4 * float(self.tree.file.source.num_bytes) / max(1, len(self))


class Metadata:
    """What a file says of itself.

    Args:
        file: as uproot opens it.
    """

    def __init__(self, file: Any) -> None:
        self._file = file

    def _column(self, tree: str, *paths: str) -> list[Any]:
        """All values of the first of some branches that there is, whatever they are nested in."""
        if tree not in self._file:
            return []
        keys = self._file[tree].keys(recursive=True)
        for path in paths:
            names = [key for key in keys if key == path or key.endswith(f"/{path}")]
            if names:
                return list(_leaves(self._file[tree][names[0]].array().to_list()))
        return []

    @cached_property
    def encodings(self) -> Mapping[str, CellEncoding]:
        """Name of a collection -> the layout of its cell identifiers."""
        return {name: CellEncoding.parse(text) for name, text in self.encoding_texts.items()}

    @cached_property
    def encoding_texts(self) -> Mapping[str, str]:
        """Name of a collection -> the layout of its cell identifiers as text."""
        # before podio 1.0 the parameters are a map in one branch, which uproot reads only by its two ends
        keys = self._column("metadata", "GPStringKeys", "_stringMap.first")
        values = self._column("metadata", "GPStringValues", "_stringMap.second")
        if len(keys) != len(values):
            return {}
        pairs = zip(keys, values, strict=True)
        return {key.removesuffix(_ENCODING): text for key, text in pairs if key.endswith(_ENCODING)}

    @cached_property
    def units(self) -> Mapping[tuple[str, str], str]:
        """(type, member) -> unit, such as ("SimCalorimeterHit", "energy") -> "GeV", as the definitions say."""
        units: dict[tuple[str, str], str] = {}
        for text in self._column("podio_metadata", *_DEFINITIONS):
            if not str(text).lstrip().startswith("{"):
                continue  # the name of the model
            for name, datatype in json.loads(text).get("datatypes", {}).items():
                matches = (_MEMBER.match(str(member)) for member in datatype.get("Members", ()))
                units |= {(name.removeprefix("edm4hep::"), match[1]): match[2] for match in matches if match}
        return units

    @cached_property
    def collections(self) -> Mapping[int, str]:
        """Number of a collection -> its name."""
        info, table = "events___CollectionTypeInfo", "events___idTable"
        ids = self._column("podio_metadata", f"{info}.collectionID", f"{table}/m_collectionIDs")
        names = self._column("podio_metadata", f"{info}.name", f"{table}/m_names")
        return dict(zip(ids, names, strict=True)) if len(ids) == len(names) else {}

    @cached_property
    def version(self) -> str | None:
        """Of podio, such as ``1.7.0``; None where the file does not say."""
        numbers = self._column("podio_metadata", "PodioBuildVersion")
        return ".".join(map(str, numbers[:3])) or None


_DEFINITIONS = (
    "EDMDefinitions._1",
    "EDMDefinitions.1",
    "EDMDefinitions",
)  # a pair of the model's name and this, or this


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
