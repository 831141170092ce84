"""`caloforge push`: a model to the Hugging Face Hub, or to a folder."""

__all__ = ["push"]

from typing import Annotated

import typer

from caloforge.training.folders import run_folder


def push(
    model: Annotated[str, typer.Argument(help="run folder, ensemble or bundle with a card (README.md)")],
    to: Annotated[str, typer.Argument(help="owner/name on the Hub, or a new folder, as ./folder")],
    public: Annotated[bool, typer.Option("--public", help="a repository that is made by this is open to all")] = False,
) -> None:
    """Hand on a model whole, with the hash of every file: to the Hugging Face Hub or to a folder."""
    from caloforge.deployment import hub

    print(hub.push(run_folder(model), hub.place_of(to), private=not public))
