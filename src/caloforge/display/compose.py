"""A display from a file of showers, a model, or both."""

__all__ = ["Choice", "compose"]

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from caloforge.data.incident import Incident
from caloforge.data.mesh_file import MeshFile
from caloforge.data.showers import NO_IDS, Showers
from caloforge.display.fast_model import SEED, FastModel
from caloforge.display.page import Display
from caloforge.display.remarkable import Remarkable, least_likely, surest
from caloforge.display.truth import Truth, read_truth
from caloforge.errors import BadValue, EmptySample
from caloforge.geometry.binning import require_one_mesh
from caloforge.simulation.primaries import Mesh

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Choice:
    """How much is shown.

    Args:
        n: showers to look at.
        judge: look for the least likely shower and those that a classifier is surest of.
    """

    n: int = 50
    judge: bool = True


def compose(
    title: str,
    file: MeshFile | None,
    fast: FastModel | None,
    choice: Choice,
    progress: Progress = lambda done, text: None,
) -> Display:
    """Read showers, let the model make some of the same particles, and look for remarkable ones.

    Args:
        title: of the page.
        file: of showers, or None.
        fast: the model, or None; one of both at least.
        choice: how much is shown.
        progress: called with the share of the work done.

    Raises:
        BinningMismatch: the file's cells are not the model's.
        EmptySample: no shower to show, or none inside the model's training.
        BadFile: damaged.
    """
    if fast is not None and file is None:
        generated = fast.showers(fast.spread(choice.n))
        progress(1.0, "made")
        return Display(title, fast.model.binning, fast.model.detector, fast.model.frame, None, fast, generated)
    if file is None:
        raise BadValue("showers and model", None, "give one of both at least")
    if fast is not None:
        require_one_mesh(fast.model.binning, file.binning)
    truth = read_truth(file, choice.n, NO_IDS if fast is None else fast.model.training_ids)
    progress(0.4, "read")
    stays = file.provenance.values("mesh") == {"detector"}
    frame: Mesh = "detector" if stays else "axis"
    name = "Geant4" if file.provenance.values("geant4") else "the file"
    if fast is None:
        return Display(title, file.binning, file.detector, frame, truth, truth_name=name)
    truth = _inside(truth, fast, choice.n)
    generated = fast.showers(Incident.of(truth.showers))
    progress(0.6, "made")
    shown = _remarkable(truth, generated, fast, name) if choice.judge else []
    progress(1.0, "judged")
    mesh = file.binning.with_depths_of(fast.model.binning)
    return Display(title, mesh, file.detector, frame, truth, fast, generated, shown, name)


def _inside(truth: Truth, fast: FastModel, n: int) -> Truth:
    """The showers whose particles the model was trained on."""
    inside = np.flatnonzero(fast.model.trained.holds(Incident.of(truth.showers)))
    if len(inside) == 0:
        raise EmptySample("no shower of the file is of a particle that the model was trained on", 0)
    shown = min(n, int((inside < truth.shown).sum())) or min(n, len(inside))
    return Truth(truth.showers[inside], shown, truth.profiles, truth.trained)


def _remarkable(truth: Truth, generated: Showers, fast: FastModel, name: str) -> list[Remarkable]:
    unlikely = fast.run and least_likely(fast.run, truth.showers[: truth.shown], name, SEED)
    return [*([unlikely] if unlikely else []), *surest(truth.showers, generated, truth.shown, name, SEED)]
