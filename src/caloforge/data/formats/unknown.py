"""What a file looks like that no format recognises, and what to do with it."""

__all__ = ["unknown_file"]

from collections.abc import Mapping
from pathlib import Path

from caloforge.data.checks import describe_file
from caloforge.data.formats.peek import Dataset, Peek
from caloforge.errors import BadFile

_LISTED = "docs/formats.md lists the layouts"
_MOST = 6  # names that a sentence can hold
_PICKLES = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))


def unknown_file(path: Path, peek: Peek | None) -> BadFile:
    """The error for a file in no layout that is known.

    Args:
        path: of the file, or of a folder.
        peek: into the file; None for a folder.
    """
    if peek is None:
        return BadFile(path, "a folder, not a file of showers", "give one file")
    if peek.start.startswith(_PICKLES):
        remedy = "write its arrays with h5py or numpy.savez, where they were made, and give that file"
        return BadFile(path, "a Python pickle, which is never loaded since loading it runs code from it", remedy)
    if peek.is_hdf5:
        return BadFile(path, *_hdf5(peek))
    if peek.is_root and "caloDetCells" in peek.trees:
        remedy = "sum points of full simulation in them: caloforge convert IN OUT --to step2point --cells " + path.name
        return BadFile(path, "FastCaloSim's geometry, cells without showers", remedy)
    if peek.is_root:
        trees = ", ".join(f"{name} ({_few(branches)})" for name, branches in list(peek.trees.items())[:_MOST])
        return BadFile(path, f"a ROOT file in no layout that caloforge knows: its trees are {trees or 'none'}", _LISTED)
    kind = describe_file(path)
    if kind != "not an HDF5 file":
        return BadFile(path, f"{kind}, in no layout that caloforge knows", _LISTED)
    if peek.text is not None:
        first = peek.text.splitlines()[0][:60]
        return BadFile(path, f"text in no layout that caloforge knows, it begins {first!r}", _LISTED)
    return BadFile(path, "of no kind and in no layout that caloforge knows", _LISTED)


def _hdf5(peek: Peek) -> tuple[str, str]:
    """What the datasets look like, with the layouts that are known and not read."""
    datasets = peek.datasets
    if "PYTABLES_FORMAT_VERSION" in peek.attributes:
        return "a table of PyTables or pandas, not showers", "write its columns to CSV or Parquet, and give --columns"
    if {"showers", "gen_info"} <= datasets.keys():
        return (
            "showers of CMS HGCal, padded, whose geometry is in a pickle that is never loaded",
            "write their points as a table with positions (CSV, Parquet, npz), and give --columns",
        )
    if any(name.endswith("/layers") for name in datasets):
        return (
            "showers of getting_high, a group with layers and energy",
            "write its cells as points in a table (CSV, Parquet, npz), and give --columns",
        )
    return f"HDF5 in no layout that caloforge knows: it holds {_shapes(datasets)}", _LISTED


def _shapes(datasets: Mapping[str, Dataset]) -> str:
    return _few([f"{name} {item.shape}" for name, item in datasets.items()]) or "no dataset"


def _few(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
