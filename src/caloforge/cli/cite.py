"""`caloforge cite`: how to cite caloforge, and a model."""

__all__ = ["cite"]

from pathlib import Path
from typing import Annotated

import typer

from caloforge.errors import BadValue, UnknownName
from caloforge.reporting.citation import bibtex, cff


def cite(
    model: Annotated[str | None, typer.Argument(help="bundle, run folder or name, to cite it too")] = None,
    style: Annotated[str, typer.Option("--format", help="bibtex, or cff for the software alone")] = "bibtex",
) -> None:
    """Print how to cite caloforge, and a model by its name and the hash of its weights."""
    if style not in ("bibtex", "cff"):
        raise UnknownName("format of a citation", style, ("bibtex", "cff"))
    if style == "cff":
        if model is not None:
            raise BadValue("format of a citation", style, "it is for the software; a model is cited with bibtex")
        print(cff(), end="")
        return
    if model is None:
        print(bibtex(), end="")
        return
    from caloforge.deployment.open_model import model_identity

    digest, version = model_identity(model)
    print(bibtex(Path(model).resolve().name if Path(model).is_dir() else model, digest, version), end="")
