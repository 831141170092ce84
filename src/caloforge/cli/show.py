"""`caloforge show`: the event display, served on this machine or as one file."""

__all__ = ["show"]

import sys
import webbrowser
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caloforge.cli.models import ModelsFile, load_models
from caloforge.cli.options import BinningOption, OverwriteOption
from caloforge.cli.progress import track
from caloforge.data.bundled import BUNDLED
from caloforge.errors import BadFile, BadValue, UnwritablePath
from caloforge.files import replace_when_complete, require_new

if TYPE_CHECKING:
    from caloforge.geometry.binning import Binning


def show(
    what: Annotated[str, typer.Argument(help="file of showers, bundled, run folder, bundle, or name of a model")],
    model: Annotated[str | None, typer.Option(help="to a file: the model that is shown beside it")] = None,
    truth: Annotated[
        str | None, typer.Option(help="to a model: file of showers beside it; bundled, where it fits, if not given")
    ] = None,
    export: Annotated[Path | None, typer.Option(help="write one HTML file that needs no server")] = None,
    knobs: Annotated[bool, typer.Option(help="let the page compute showers of the model: 10 MB more")] = True,
    judge: Annotated[bool, typer.Option(help="look for the least likely shower, and train a classifier")] = True,
    n: Annotated[int, typer.Option("-n", min=1, max=200, help="showers to look at")] = 50,
    binning: BinningOption = None,
    models_file: ModelsFile = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one")] = 0,
    browser: Annotated[bool, typer.Option(help="open the page in the browser")] = True,
    overwrite: OverwriteOption = False,
) -> None:
    """Show showers in their calorimeter, Geant4 beside a model: in the browser, or as one file with --export."""
    is_file = what == BUNDLED or Path(what).is_file()
    _check(what, is_file, model, truth)
    if export is not None:
        require_new(export, overwrite, [path for path in (what, truth) if path and Path(path).is_file()])
        if not export.parent.is_dir():
            raise UnwritablePath(export, "the folder is missing")
    from caloforge.data.opening import open_like, open_showers  # with PyTorch below, which --help need not wait for
    from caloforge.display.compose import Choice, compose
    from caloforge.display.fast_model import open_fast_model
    from caloforge.geometry.binning import require_one_mesh

    load_models(models_file)
    path, name = (what, model) if is_file else (truth, what)
    with ExitStack() as stack, track("showing", 1.0) as progress:
        fast = None if name is None else open_fast_model(name)
        if path is None and fast is not None:
            path = _fitting(fast.model.binning, fast.model.detector)
        file = None
        if path is not None:
            opened = open_showers(path, binning) if fast is None else open_like(path, binning, fast.model.binning)
            file = stack.enter_context(opened)
            if fast is not None:
                require_one_mesh(fast.model.binning, file.binning)
        if fast is not None and knobs:
            progress(0.0, "comparing the page's model with PyTorch")
            fast = fast.with_graph(n)
            progress(0.2, "model prepared")
        title = " beside ".join(Path(part).name or str(part) for part in (path, name) if part is not None)
        display = compose(title, file, fast, Choice(n, judge), progress)
    if fast is not None and fast.without:
        print(f"caloforge: warning: no knobs: {fast.without}", file=sys.stderr)
    if display.truth is not None and display.truth.trained:
        print(f"{display.truth.trained} showers left out: the model was trained on them", file=sys.stderr)
    if export is not None:
        page = display.to_html(whole=True)
        replace_when_complete(export, lambda beside: beside.write_text(page, encoding="utf-8"))
        print(f"{export} ({len(page) / 1e6:.1f} MB)")
        return
    from caloforge.display.server import serve_display

    def ready(address: str) -> None:
        print(f"caloforge: {title} at {address}, Ctrl-C ends", file=sys.stderr)
        if browser:
            webbrowser.open(address)

    files = {"/": display.to_html(whole=False).encode(), **{f"/{name}": data for name, data in display.assets.items()}}
    serve_display(files, port, ready)


def _check(what: str, is_file: bool, model: str | None, truth: str | None) -> None:
    """Refuse what names nothing, and options that do not go with it."""
    from caloforge.training.folders import fetched_models, shipped_models

    names = fetched_models() | shipped_models()
    if not is_file and not Path(what).is_dir() and what not in names:
        remedy = f"give a file of showers, {BUNDLED}, a run folder, a bundle, or a model ({', '.join(names)})"
        raise BadFile(what, "no such file, folder or model", remedy)
    if is_file and truth is not None:
        raise BadValue("--truth", truth, "the first argument is a file of showers already; give --model")
    if not is_file and model is not None:
        raise BadValue("--model", model, "the first argument is no file of showers; give the file with --truth")


def _fitting(mesh: "Binning", detector: str) -> str | None:
    """The bundled showers, where they are of this mesh and detector."""
    from caloforge.data.opening import open_showers

    with open_showers(BUNDLED) as file:
        return BUNDLED if file.binning.same_cells(mesh) and file.detector == detector else None
