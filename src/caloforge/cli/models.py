"""`caloforge models list, show, get`: trained models by name; and the options ``--models`` and ``--device``."""

__all__ = ["DeviceName", "ModelsFile", "load_models", "models"]

import json
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from caloforge.device import Device
from caloforge.errors import BadFile

ModelsFile = Annotated[
    Path | None,
    typer.Option("--models", help="Python file with models of your own; it is run, so it must be trusted"),
]
DeviceName = Annotated[
    Device, typer.Option("--device", help="where networks run; auto: on a graphics card if there is one")
]
_JsonOption = Annotated[bool, typer.Option("--json", help="print only JSON")]
_PUBLISHER = "caloforge"  # of the models that do not come with the package, on the Hub

models = typer.Typer(
    name="models",
    help="List trained models, those that come with caloforge and those that were fetched, and fetch others.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def load_models(path: Path | None) -> None:
    """Models of installed packages, and those of a file.

    Raises:
        BadFile: no such file.
        BrokenPlugin: something that was asked for cannot be loaded.
    """
    from caloforge.models.plugins import PLUGINS

    PLUGINS.load(path)


@models.command("list")
def list_models(json_only: _JsonOption = False) -> None:
    """List the models that go by name: detector, particles, energies, size and the AUC on their cards."""
    from caloforge.training.folders import fetched_models, shipped_models
    from caloforge.training.shelf import model_facts

    shelf = []
    for folder in (fetched_models() | shipped_models()).values():
        try:
            shelf.append(model_facts(folder))
        except BadFile as error:
            print(f"caloforge: warning: {error}", file=sys.stderr)
    if json_only:
        print(json.dumps([facts.plain for facts in shelf]))
        return
    for facts in shelf:
        aucs = ", ".join(value.split(" ")[0] for value in facts.auc.values()) or "not on its card"
        particles = ", ".join(map(str, facts.particles))
        print(f"{facts.name}: {facts.family}, {facts.detector}, {facts.mesh}, PDG {particles}, {facts.energies}")
        print(f"  {facts.megabytes:.1f} MB, AUC {aucs}")


@models.command()
def show(
    name: Annotated[str, typer.Argument(help="of a model, see `caloforge models list`, or a run folder")],
    json_only: _JsonOption = False,
) -> None:
    """Show what a model is: what the list says, where it lies, and its card."""
    from caloforge.training.folders import run_folder
    from caloforge.training.shelf import model_facts

    facts = model_facts(run_folder(name))
    card = facts.folder / "README.md"
    if json_only:
        print(json.dumps(facts.plain))
        return
    print(f"{facts.folder} ({facts.megabytes:.1f} MB)\n")
    print(card.read_text() if card.is_file() else "no card: caloforge card writes one")


@models.command()
def get(
    name: Annotated[str, typer.Argument(help="that the model will go by")],
    source: Annotated[
        str | None,
        typer.Option(
            "--from", help="owner/name[@revision] on the Hugging Face Hub, or ./folder; if not caloforge/NAME"
        ),
    ] = None,
) -> None:
    """Fetch a model into the cache, every hash verified and nothing executed; it then goes by its name."""
    from caloforge.deployment import hub
    from caloforge.training.folders import models_cache, require_free_name
    from caloforge.training.shelf import model_facts

    require_free_name(name)
    place = hub.place_of(source or f"{_PUBLISHER}/{name}")
    folder = hub.pull(place, models_cache() / name)
    try:
        facts = model_facts(folder)
    except BadFile:  # something else than a run, such as a bundle
        shutil.rmtree(folder)
        raise
    print(f"{facts.name}: {facts.megabytes:.1f} MB in {facts.folder}")
