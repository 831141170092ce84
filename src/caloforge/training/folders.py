"""Run folders by name: a path, or one of the trained models that come with caloforge."""

__all__ = ["run_folder", "shipped_models"]

from importlib.resources import files
from pathlib import Path

from caloforge.errors import BadFile, similar_names


def shipped_models() -> dict[str, Path]:
    """Folders of the models that come with caloforge, by name."""
    return {path.name: path for path in sorted(Path(str(files("caloforge") / "shipped")).glob("*/")) if path.is_dir()}


def run_folder(name: str | Path) -> Path:
    """The folder of a run: the path itself where there is one, else that of the shipped model of this name.

    Args:
        name: a path, or name of a shipped model.

    Raises:
        BadFile: neither a folder nor a shipped model.
    """
    shipped = shipped_models()
    if not Path(name).is_dir() and str(name) not in shipped:
        near = similar_names(str(name), shipped) or shipped
        remedy = "give the folder that `caloforge train -o` made or a model that comes with caloforge"
        raise BadFile(name, "no such run folder", f"{remedy} ({', '.join(near)}; docs/models.md lists them)")
    return Path(name) if Path(name).is_dir() else shipped[str(name)]
