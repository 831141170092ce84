"""Fetching a public set: verified what is there, fetched what is missing; without a network, what to fetch by hand."""

__all__ = ["NoNetwork", "get_set"]

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from caloforge.data.public.download import Unreachable, digest, download, fetch_json
from caloforge.data.public.sets import PublicFile, PublicSet
from caloforge.errors import BadFile, CaloforgeError, UnknownName, UnwritablePath

ZENODO = "https://zenodo.org"
_MD5 = re.compile(r"md5:[0-9a-f]{32}")
_PLAIN = re.compile(r"[^/\\\x00-\x1f]+")  # a name, no path


class NoNetwork(CaloforgeError):
    """Zenodo cannot be reached; the sentence says what to fetch by other means.

    Args:
        problem: what went wrong.
        chosen: the set.
        files: of it that are missing.
        folder: where they belong.
    """

    def __init__(self, problem: str, chosen: PublicSet, files: Sequence[PublicFile], folder: Path) -> None:
        wanted = [f"{_url(chosen, file)} ({_facts(file)})" for file in files] or [
            f"all files of {ZENODO}/records/{chosen.record}"
        ]
        super().__init__(
            f"{problem}; fetch by other means and put into {folder}, under the names they have: {', '.join(wanted)}; "
            "the same command then verifies them"
        )


def _facts(file: PublicFile) -> str:
    size = "size not known here" if file.size is None else f"{file.size} bytes"
    return f"{size}, MD5 {file.md5 or 'not known here'}"


def _url(chosen: PublicSet, file: PublicFile) -> str:
    return f"{ZENODO}/records/{chosen.record}/files/{quote(file.name)}?download=1"


def get_set(
    chosen: PublicSet,
    folder: str | Path,
    names: Sequence[str] = (),
    overwrite: bool = False,
    progress: Callable[[str, int, int | None], None] = lambda name, done, total: None,
) -> dict[Path, PublicFile]:
    """Have the files of a set in a folder, each with the right checksum.

    Args:
        chosen: the set.
        folder: it is made if missing.
        names: of the files to have; none for all.
        overwrite: replace a file that has another checksum.
        progress: called with the name of a file, its bytes that are there, and those of the whole.

    Returns:
        The files, as Zenodo has them.

    Raises:
        NoNetwork: Zenodo cannot be reached and files are missing.
        UnknownName: the set has no file of that name.
        BadFile: a file in the folder is another, or what came is damaged.
        UnwritablePath: the folder cannot be written.
    """
    folder = Path(folder)
    files = _select(chosen, chosen.files, names)
    if not files or any(file.md5 is None for file in files):
        try:
            files = _select(chosen, _listed(chosen, fetch_json(f"{ZENODO}/api/records/{chosen.record}")), names)
        except Unreachable as error:
            raise NoNetwork(str(error), chosen, files, folder) from error
    missing = [file for file in files if not _is_there(folder / file.name, file, overwrite)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnwritablePath(folder, error.strerror or "the folder cannot be made") from error
    for number, file in enumerate(missing):

        def report(done: int, total: int | None, name: str = file.name) -> None:
            progress(name, done, total)

        assert file.md5 is not None
        try:
            download(_url(chosen, file), folder / file.name, file.md5, file.size, report)
        except Unreachable as error:
            raise NoNetwork(str(error), chosen, missing[number:], folder) from error
    return {folder / file.name: replace(file, size=(folder / file.name).stat().st_size) for file in files}


def _select(chosen: PublicSet, files: Sequence[PublicFile], names: Sequence[str]) -> list[PublicFile]:
    by_name = {file.name: file for file in files}
    if files and (unknown := [name for name in names if name not in by_name]):
        raise UnknownName(f"file of {chosen.name}:", unknown[0], by_name)
    return [by_name[name] for name in names or by_name if name in by_name]


def _listed(chosen: PublicSet, record: Any) -> list[PublicFile]:
    """Files of a record as Zenodo's API lists them: ``key``, ``size`` and ``checksum`` (``md5:...``)."""
    place = f"{ZENODO}/api/records/{chosen.record}"
    try:
        listed = [(str(f["key"]), str(f["checksum"]), int(f["size"])) for f in record["files"]]
    except (KeyError, TypeError, ValueError) as error:
        raise BadFile(place, "no list of files with size and checksum", "fetch the files by hand") from error
    if other := [checksum for _, checksum, _ in listed if not _MD5.fullmatch(checksum)]:
        raise BadFile(place, f"a checksum is {other[0]!r} and no MD5 sum", "fetch the files by hand")
    files = [PublicFile(name, checksum.removeprefix("md5:"), size) for name, checksum, size in listed]
    for file in files:
        if not _PLAIN.fullmatch(file.name) or file.name in (".", ".."):
            raise BadFile(place, f"it names a file {file.name!r}", "fetch the files by hand")
    known = {file.name: file.md5 for file in chosen.files}
    for file in files:
        if known.get(file.name) not in (None, file.md5):
            raise BadFile(place, f"{file.name} has MD5 {file.md5} there and {known[file.name]} here", "ask its authors")
    return [file for file in files if not known or file.name in known]


def _is_there(path: Path, file: PublicFile, overwrite: bool) -> bool:
    """Whether the file is there as it should be; another one in its place is an error unless it may go."""
    if path.is_dir():
        raise UnwritablePath(path, "it is a folder")
    if not path.exists():
        return False
    if (file.size is None or path.stat().st_size == file.size) and digest(path) == file.md5:
        return True
    if not overwrite:
        problem = f"its MD5 is not {file.md5}, which Zenodo states"
        raise BadFile(path, problem, "remove it, or replace it with --overwrite (overwrite=True)")
    return False
