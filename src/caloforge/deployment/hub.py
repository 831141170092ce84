"""Run folders and bundles handed on whole: to the Hugging Face Hub and back, or through a folder that others can read.

What travels is a list of files by name, each with its SHA-256, in ``caloforge.json``. Only files that loading reads
without executing anything are on it: safetensors, JSON, YAML, ONNX, NumPy arrays without objects, and the card. Nothing
of a folder that is pulled appears under its name before every hash is right.
"""

__all__ = ["INDEX", "Place", "files_of", "place_of", "pull", "push"]

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

from caloforge import __version__
from caloforge.deployment.manifest import MANIFEST, Manifest
from caloforge.errors import BadFile, BadValue, MissingExtra, UnwritablePath
from caloforge.files import require_writable

INDEX = "caloforge.json"
CARD = "README.md"
_OF_A_RUN = (
    "config.yaml",
    "weights.safetensors",
    "preprocessing.safetensors",
    "training_ids.safetensors",
    "swag.safetensors",
    "provenance.json",
    "log.jsonl",
    "ensemble.json",
    CARD,
)
_NEEDED = "provenance.json"  # what a finished training, or ensemble, writes
_KINDS = "yaml|safetensors|json|jsonl|md|onnx|npy|xml|h5|mac|txt"
_PULLED = re.compile(rf"(members/\d+/)?[A-Za-z0-9_][A-Za-z0-9_.-]*\.({_KINDS})|ddml_steering\.py")
_ON_THE_HUB = re.compile(r"(?P<name>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")


@dataclass(frozen=True)
class Place:
    """Where models lie: a folder, or a repository of the Hub.

    Args:
        folder: that of a model on this machine, or None.
        repository: ``owner/name`` on the Hub, or None.
        revision: branch, tag or commit; the newest where None.
    """

    folder: Path | None = None
    repository: str | None = None
    revision: str | None = None

    def __str__(self) -> str:
        return str(self.folder or self.repository)


def place_of(address: str) -> Place:
    """A place from text: a path begins with ``/``, ``./``, ``../`` or ``~``; ``owner/name@revision`` is on the Hub.

    Args:
        address: text.

    Raises:
        BadValue: neither.
    """
    if address.startswith(("/", "./", "../", "~")):
        return Place(folder=Path(address).expanduser())
    match = _ON_THE_HUB.fullmatch(address)
    if match is None:
        raise BadValue("address", address, "write owner/name of the Hub, owner/name@revision, or a path as ./folder")
    return Place(repository=match["name"], revision=match["revision"])


def files_of(folder: Path) -> dict[str, str]:
    """The files of a run folder, ensemble or bundle that others need -> their SHA-256.

    Args:
        folder: of one of these.

    Raises:
        BadFile: it is none of these, has no card, or a bundle's file is missing or changed.
    """
    if (folder / MANIFEST).is_file():
        manifest = Manifest.read(folder)
        names = [MANIFEST, CARD, *manifest.files]
    elif (folder / _NEEDED).is_file() or (folder / "ensemble.json").is_file():
        members = sorted((folder / "members").glob("*/"))
        candidates = [Path(name) for name in _OF_A_RUN]
        candidates += [member.relative_to(folder) / name for member in members for name in _OF_A_RUN]
        names = [path.as_posix() for path in candidates if (folder / path).is_file()]
        manifest = None
    else:
        remedy = "give what `caloforge train -o` or `caloforge export -o` made"
        raise BadFile(folder, "neither a finished run nor a bundle", remedy)
    if not (folder / CARD).is_file():
        remedy = f"nobody should use a model without one: caloforge card RUN --report report.json -o {folder / CARD}"
        raise BadFile(folder, f"it has no card, {CARD}", remedy)
    for name in names:
        if not (folder / name).is_file():
            raise BadFile(folder / name, "a file of the model is missing", "export it again")
        if not _PULLED.fullmatch(name):
            raise BadFile(folder / name, "no kind of file that models are handed on with", "leave it out of the model")
    hashes = {name: _hash(folder / name) for name in names}
    changed = [name for name, digest in (manifest.files if manifest else {}).items() if hashes[name] != digest]
    if changed:
        raise BadFile(folder / changed[0], f"its hash is not the one in {MANIFEST}", "export the bundle again")
    return hashes


def push(folder: Path, place: Place, private: bool = True) -> str:
    """Copy a model to a place, as one commit on the Hub; an earlier one there is replaced file by file.

    Args:
        folder: run folder, ensemble or bundle with a card.
        place: where to; a folder must be new or empty.
        private: whether a repository that is made by this is seen by its owner alone.

    Returns:
        Where it lies now.

    Raises:
        BadFile: no model, or the Hub refuses.
        UnwritablePath: a folder that holds something.
        MissingExtra: huggingface_hub is not installed.
    """
    hashes = files_of(folder)
    index = json.dumps({"caloforge": __version__, "files": hashes}, indent=1)
    if place.folder is not None:
        _require_empty(place.folder)

        def copy(beside: Path) -> None:
            for name in hashes:
                _copy(folder / name, beside / name)
            (beside / INDEX).write_text(index)

        _appear(place.folder, copy)
        return str(place.folder)
    hub = _hub()
    with tempfile.TemporaryDirectory(prefix="caloforge-") as beside:
        for name in hashes:
            _copy(folder / name, Path(beside, name))
        Path(beside, INDEX).write_text(index)

        def upload() -> Any:
            api = hub.HfApi()
            api.create_repo(place.repository, private=private, exist_ok=True)
            return api.upload_folder(repo_id=place.repository, folder_path=beside, revision=place.revision)

        return str(_asked(place, upload))


def pull(place: Place, output: Path) -> Path:
    """Fetch a model; it appears when all of it is there and every hash is right.

    Args:
        place: where it lies.
        output: folder to make; new or empty.

    Returns:
        The folder.

    Raises:
        BadFile: no model there, a file that is missing, changed, or not one that models have.
        UnwritablePath: the output holds something or cannot be made.
        MissingExtra: huggingface_hub is not installed.
    """
    _require_empty(output)
    with tempfile.TemporaryDirectory(prefix="caloforge-") as scratch:
        source = place.folder if place.folder is not None else _downloaded(place, Path(scratch))
        hashes = _index(source, str(place))

        def copy(beside: Path) -> None:
            for name, digest in hashes.items():
                path = source / name
                if not path.is_file() or not path.resolve().is_relative_to(source.resolve()):
                    raise BadFile(path, "a file of the model is missing", "push it again")
                _copy(path, beside / name)
                if _hash(beside / name) != digest:
                    raise BadFile(path, f"its hash is not the one in {INDEX}", "fetch or push it again")
            (beside / INDEX).write_bytes((source / INDEX).read_bytes())

        _appear(output, copy)
    return output


def _index(folder: Path, where: str) -> dict[str, str]:
    """The files of a model that was pushed, by the list beside them."""
    try:
        files = json.loads((folder / INDEX).read_text())["files"]
        hashes = {str(name): str(digest) for name, digest in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadFile(where, f"no model that caloforge pushed ({error})", "caloforge push makes one") from error
    for name in hashes:
        if not _PULLED.fullmatch(name) or PurePosixPath(name).is_absolute():
            raise BadFile(where, f"it lists {name!r}, which is no file of a model", "do not use it")
    return hashes


def _downloaded(place: Place, folder: Path) -> Path:
    """The files of the list, from the Hub."""
    hub = _hub()

    def fetch(*patterns: str) -> Any:
        options = {"revision": place.revision, "local_dir": str(folder), "allow_patterns": list(patterns)}
        return _asked(place, lambda: hub.snapshot_download(place.repository, **options))

    fetch(INDEX)
    fetch(INDEX, *_index(folder, str(place)))
    return folder


def _hub() -> Any:
    if find_spec("huggingface_hub") is None:
        raise MissingExtra("huggingface_hub", "hub")
    import huggingface_hub

    return huggingface_hub


def _asked(place: Place, call: Callable[[], Any]) -> Any:
    """What the Hub answers; a refusal, or no net, in one sentence."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return call()
    except (HfHubHTTPError, OSError, ValueError) as error:
        words = (str(error).strip() or type(error).__name__).splitlines()[0]
        remedy = "is the name right, the net there, and HF_TOKEN set?"
        raise BadFile(f"{place} on the Hub", words, remedy) from error


def _require_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UnwritablePath(folder, "there is something already")
    require_writable(folder)


def _appear(folder: Path, fill: Callable[[Path], None]) -> None:
    """Make a folder whole, beside its place, and rename it."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            beside = Path(scratch, "model")
            beside.mkdir()
            fill(beside)
            if folder.exists():
                folder.rmdir()
            beside.rename(folder)
    except OSError as error:
        raise UnwritablePath(folder, error.strerror or "it cannot be made") from error


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
