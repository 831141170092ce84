"""Showers to repeat the incident particles of: in memory, in an open dataset or in a file."""

__all__ = ["Like", "particles_like", "path_of"]

from pathlib import Path

from jaxtyping import UInt64
from numpy import ndarray as Array

from caloforge.api.dataset import Dataset
from caloforge.data.bundled import showers_path
from caloforge.data.event_particles import ONE_PARTICLE
from caloforge.data.formats.hepmc import incident_of, is_hepmc, read_events
from caloforge.data.incident import Incident
from caloforge.data.opening import open_like
from caloforge.data.showers import Showers
from caloforge.data.split_names import Part
from caloforge.data.unseen import NO_IDS, part_of
from caloforge.errors import BadValue, EmptySample
from caloforge.geometry.binning import Binning

Like = Dataset | Showers | Incident | str | Path


def path_of(like: Like | None) -> Path | None:
    """The file that is read, if one is.

    Args:
        like: showers in any form.
    """
    if isinstance(like, str | Path):
        return showers_path(like)
    return like.path if isinstance(like, Dataset) else None


def particles_like(
    like: Like,
    model: Binning,
    split: Part = "all",
    binning: str | Binning | None = None,
    n: int | None = None,
    training_ids: UInt64[Array, " k"] = NO_IDS,
) -> Incident:
    """The incident particles of showers that exist already.

    Args:
        like: the showers, their particles alone, or a file of them; HepMC events of one particle each have particles.
        model: mesh of the model.
        split: which of the showers.
        binning: mesh of the file, where it carries none.
        n: how many, again from the first where there are fewer; all when not given.
        training_ids: of the showers that ``split="auto"`` leaves out.

    Raises:
        BadFile: the file cannot be read.
        BadValue: a mesh of other cells, showers of events, a split of particles without showers, or `auto` where
            nobody knows what the model was trained on.
        EmptySample: no shower.
    """
    if isinstance(like, str | Path) and is_hepmc(Path(like)):
        return particles_like(incident_of(read_events(like)), model, split, n=n, training_ids=training_ids)
    if isinstance(like, str | Path):
        with Dataset(open_like(like, binning, model), str(like)) as dataset:
            return particles_like(dataset, model, split, n=n, training_ids=training_ids)
    if isinstance(like, Incident):
        if split != "all":
            raise BadValue("split", split, "it goes by whole showers; give showers or their file")
        incident = like
    elif like.events is not None:
        raise BadValue("like", "showers of events", ONE_PARTICLE)
    elif not like.binning.same_cells(model):
        raise BadValue("like", like.binning.name, f"its mesh has other cells than the model's, {model.name}")
    elif split == "auto" and len(training_ids) == 0:
        raise BadValue("split", split, "the model does not say which showers it was trained on; give test or all")
    else:
        incident = like.incident if isinstance(like, Dataset) else Incident.of(like)
        if split != "all":
            chosen = part_of(like, split, training_ids).batches()
            incident = Incident.concatenate([incident[:0], *map(Incident.of, chosen)])
    if len(incident) == 0:
        raise EmptySample("like needs showers", 0)
    return incident if n is None else incident.repeated(n)
