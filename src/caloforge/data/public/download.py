"""One file over HTTP: resumed where it was interrupted, verified, and renamed only when its checksum is right.

The standard library does it: a Range header and a hash. pooch 1.9, the library that is made for this, asks for no
ranges and so begins a file of gigabytes again.
"""

__all__ = ["Unreachable", "digest", "download", "fetch_json"]

import hashlib
import http.client
import json
import os
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from caloforge.errors import BadFile, CaloforgeError, UnwritablePath

_TIMEOUT = 30.0  # s without a byte
_BLOCK = 2**20
_ATTEMPTS = 3  # in a row that bring nothing
_PAUSE = 1.0  # s before the next attempt, and once more for each that brought nothing
_BROKEN = (http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError, urllib.error.URLError)


class Unreachable(CaloforgeError):
    """A server that does not answer, or not with what was asked for.

    Args:
        url: that was asked.
        problem: what went wrong.
    """

    def __init__(self, url: str, problem: str) -> None:
        super().__init__(f"{url}: {problem}")
        self.problem = problem


def fetch_json(url: str) -> Any:
    """What a server says in JSON.

    Args:
        url: http or https.

    Raises:
        Unreachable: no answer, or one that is no JSON.
    """
    try:
        with _open(url, 0) as answer:
            return json.loads(answer.read(2**24))
    except (*_BROKEN, ValueError) as error:
        raise Unreachable(url, _reason(error)) from error


def digest(path: Path) -> str:
    """MD5 sum of a file.

    Args:
        path: of the file.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def download(
    url: str,
    path: Path,
    md5: str,
    size: int | None = None,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> None:
    """Fetch a file; what an interrupted call left beside it is continued.

    Args:
        url: http or https.
        path: of the file.
        md5: checksum that it has to have.
        size: bytes, where they are known.
        progress: called with the bytes there are and those of the whole.

    Raises:
        Unreachable: no answer, or the connection breaks again and again; what came stays, the next call goes on.
        BadFile: the checksum or the size is another; nothing is left.
        UnwritablePath: the folder cannot be written, or the disk is too small.
    """
    partial = path.with_name(f".{path.name}.partial")
    failures = 0
    while True:
        before = partial.stat().st_size if partial.exists() else 0
        try:
            _continue(url, partial, size, progress)
            break
        except _BROKEN as error:
            failures = failures + 1 if _size(partial) == before else 0
            if failures >= _ATTEMPTS or (isinstance(error, urllib.error.HTTPError) and error.code < 500):
                kept = (
                    f"; {_size(partial)} bytes are kept, the same command goes on from there" if _size(partial) else ""
                )
                raise Unreachable(url, f"{_reason(error)}{kept}") from error
            time.sleep(_PAUSE * (1 + failures))
        except OSError as error:
            raise UnwritablePath(path, error.strerror or "writing failed") from error
    arrived, found = _size(partial), digest(partial)
    if found != md5 or (size is not None and arrived != size):
        partial.unlink()
        raise BadFile(path, f"what came has MD5 {found} ({arrived} bytes) and not {md5}", "fetch it again")
    partial.replace(path)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _continue(url: str, partial: Path, size: int | None, progress: Callable[[int, int | None], None]) -> None:
    """From the end of what is there, or from the beginning where the server knows no ranges."""
    start = _size(partial)
    if size is not None and start >= size:
        if start == size:
            return
        partial.unlink()
        start = 0
    try:
        answer = _open(url, start)
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not start:
            raise
        return  # all of it was there, which the checksum will tell
    with answer:
        begins = start if answer.status == http.HTTPStatus.PARTIAL_CONTENT else 0
        if begins and not str(answer.headers.get("Content-Range", "")).startswith(f"bytes {start}-"):
            raise http.client.HTTPException("the server sent another part than was asked for")
        length = answer.headers.get("Content-Length")
        total = size if length is None else begins + int(length)
        if total is not None:
            _require_space(partial, total - begins)
        with partial.open("ab" if begins else "wb") as file:
            done = begins
            progress(done, total)
            while block := answer.read(_BLOCK):
                file.write(block)
                done += len(block)
                progress(done, total)
        if total is not None and done < total:
            raise http.client.HTTPException(f"the connection ended after {done} of {total} bytes")


def _open(url: str, start: int) -> Any:
    headers = {"User-Agent": "caloforge"} | ({"Range": f"bytes={start}-"} if start else {})
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT)


def _require_space(partial: Path, needed: int) -> None:
    free = shutil.disk_usage(partial.parent).free
    if needed > free:
        raise UnwritablePath(partial.parent, f"{needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free")


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} {error.reason}"
    reason = getattr(error, "reason", error)
    if isinstance(reason, OSError) and reason.errno:
        return os.strerror(reason.errno) if reason.errno > 0 else str(reason.strerror)
    return str(reason) or type(error).__name__
