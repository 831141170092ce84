"""`caloforge models list, show, get`: trained models by name; and the options ``--models`` and ``--device``."""

__all__ = ["DeviceName", "ModelsFile", "load_models", "models"]

import json
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from caloforge.advice.measured import Figure, shipped_measured
from caloforge.cli.kinds import CommandInWords
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


@models.command("list", cls=CommandInWords)
def list_models(json_only: _JsonOption = False) -> None:
    """List the models that go by name: detector, particles, energies, size, and the AUC that was measured."""
    from caloforge.training.folders import fetched_models, shipped_models
    from caloforge.training.shelf import model_facts

    shelf = []
    for folder in (fetched_models() | shipped_models()).values():
        try:
            shelf.append(model_facts(folder))
        except BadFile as error:
            print(f"caloforge: warning: {error}", file=sys.stderr)
    measured = {name: model.figures.get("auc") for name, model in shipped_measured()[0].items()}
    figures = {facts.name: measured.get(facts.name) for facts in shelf}
    if json_only:
        plain = {name: None if figure is None else vars(figure) for name, figure in figures.items()}
        print(json.dumps([facts.plain | {"measured_auc": plain[facts.name]} for facts in shelf]))
        return
    for facts in shelf:
        particles = ", ".join(map(str, facts.particles))
        print(f"{facts.name}: {facts.family}, {facts.detector}, {facts.mesh}, PDG {particles}, {facts.energies}")
        print(f"  {facts.megabytes:.1f} MB, AUC {_auc(figures[facts.name], facts.auc)}")
    print("AUC: of the better of two classifiers, against Geant4; 0.5 cannot tell them apart. More: caloforge advise")


def _auc(measured: Figure | None, on_card: dict[str, str]) -> str:
    """The figure that `caloforge advise` ranks by, or else the largest of the card."""
    if measured is not None:
        error = "" if measured.error is None else f" ± {measured.error:.3f}"
        return f"{measured.value:.3f}{error}"
    if not on_card:
        return "not measured"
    what, value = max(on_card.items(), key=lambda figure: float(figure[1].split()[0]))
    return f"{value} on its card ({what.removeprefix('AUC of ')})"


@models.command(cls=CommandInWords)
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


@models.command(cls=CommandInWords)
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
