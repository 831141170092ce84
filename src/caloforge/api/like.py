"""Showers to repeat the incident particles of: in memory, in an open dataset or in a file."""

__all__ = ["Like", "particles_like", "path_of"]

from pathlib import Path

from caloforge.api.dataset import Dataset
from caloforge.data.bundled import showers_path
from caloforge.data.event_particles import ONE_PARTICLE
from caloforge.data.formats.hepmc import incident_of, is_hepmc, read_events
from caloforge.data.incident import Incident
from caloforge.data.opening import open_like
from caloforge.data.showers import Showers
from caloforge.data.splits import Split, take_split
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
    like: Like, model: Binning, split: Split | None = None, binning: str | Binning | None = None, n: int | None = None
) -> Incident:
    """The incident particles of showers that exist already.

    Args:
        like: the showers, their particles alone, or a file of them; HepMC events of one particle each have particles.
        model: mesh of the model.
        split: only those in this split.
        binning: mesh of the file, where it carries none.
        n: how many, again from the first where there are fewer; all when not given.

    Raises:
        BadFile: the file cannot be read.
        BadValue: a mesh of other cells, showers of events, or a split of particles without showers.
        EmptySample: no shower.
    """
    if isinstance(like, str | Path) and is_hepmc(Path(like)):
        return particles_like(incident_of(read_events(like)), model, split, n=n)
    if isinstance(like, str | Path):
        with Dataset(open_like(like, binning, model), str(like)) as dataset:
            return particles_like(dataset, model, split, n=n)
    if isinstance(like, Incident):
        if split is not None:
            raise BadValue("split", split, "it goes by whole showers; give showers or their file")
        incident = like
    elif like.events is not None:
        raise BadValue("like", "showers of events", ONE_PARTICLE)
    elif not like.binning.same_cells(model):
        raise BadValue("like", like.binning.name, f"its mesh has other cells than the model's, {model.name}")
    elif split is not None:
        incident = Incident.of(like.split(split) if isinstance(like, Dataset) else take_split(like, split))
    else:
        incident = like.incident if isinstance(like, Dataset) else Incident.of(like)
    if len(incident) == 0:
        raise EmptySample("like needs showers", 0)
    return incident if n is None else incident.repeated(n)
