"""Run folders by name: a path, a trained model that comes with caloforge, or one that was fetched."""

__all__ = ["fetched_models", "models_cache", "require_free_name", "run_folder", "shipped_models", "weights_digest"]

import hashlib
import re
from importlib.resources import files
from pathlib import Path

from caloforge.errors import BadFile, BadValue, similar_names
from caloforge.files import cache_folder


def shipped_models() -> dict[str, Path]:
    """Folders of the models that come with caloforge, by name."""
    return {path.name: path for path in sorted(Path(str(files("caloforge") / "shipped")).glob("*/")) if path.is_dir()}


def models_cache() -> Path:
    """The folder that `caloforge models get` fills."""
    return cache_folder() / "models"


def fetched_models() -> dict[str, Path]:
    """Folders of the models that were fetched, by name."""
    return {path.name: path for path in sorted(models_cache().glob("[!.]*/")) if path.is_dir()}


def require_free_name(name: str) -> None:
    """Refuse a name for a model to fetch.

    Args:
        name: of letters, digits, ``-``, ``_`` and ``.``.

    Raises:
        BadValue: no plain name, or one that a model has.
    """
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise BadValue("name of a model", name, "give one of letters, digits, hyphens and dots")
    if name in shipped_models():
        raise BadValue("name of a model", name, "this model comes with caloforge")
    if name in fetched_models():
        raise BadValue(
            "name of a model", name, f"it was fetched before; delete {models_cache() / name} to fetch it anew"
        )


def run_folder(name: str | Path) -> Path:
    """The folder of a run: the path itself where there is one, else that of the model of this name.

    Args:
        name: a path, or name of a model that comes with caloforge or was fetched.

    Raises:
        BadFile: neither a folder nor such a model.
    """
    shipped = fetched_models() | shipped_models()
    if not Path(name).is_dir() and str(name) not in shipped:
        near = similar_names(str(name), shipped) or shipped
        remedy = "give the folder that `caloforge train -o` made or a model that comes with caloforge"
        raise BadFile(name, "no such run folder", f"{remedy} ({', '.join(near)}; docs/models.md lists them)")
    return Path(name) if Path(name).is_dir() else shipped[str(name)]


def weights_digest(folder: Path) -> str:
    """SHA-256 of the weights of a run.

    Args:
        folder: of the run.

    Raises:
        BadFile: it has no weights.
    """
    path = folder / "weights.safetensors"
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise BadFile(path, f"cannot be read ({error})", "give the folder of a finished training run") from error
