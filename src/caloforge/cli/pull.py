"""`caloforge pull`: a model from the Hugging Face Hub, or from a folder."""

__all__ = ["pull"]

from pathlib import Path
from typing import Annotated

import typer


def pull(
    source: Annotated[str, typer.Argument(metavar="FROM", help="owner/name[@revision] on the Hub, or ./folder")],
    output: Annotated[Path, typer.Option("-o", "--output", help="folder to make")],
) -> None:
    """Fetch a model that was pushed; it appears when all of it is there and every hash is right."""
    from caloforge.deployment import hub

    print(hub.pull(hub.place_of(source), output))
