"""A simulation in which a model makes some of the showers, from words and numbers."""

__all__ = ["check_comparison", "compare_with", "fast_sentences", "with_fast"]

from pathlib import Path
from typing import TYPE_CHECKING, get_args

from caloforge.api.request import in_mev
from caloforge.data.points.voxelise import Place
from caloforge.data.store import ShowerFile
from caloforge.errors import BadValue, UnknownName, UnwritablePath
from caloforge.files import require_new, require_writable
from caloforge.simulation.production.request import Request
from caloforge.units import format_energy

if TYPE_CHECKING:
    from caloforge.deployment.fast_comparison import Comparison


def with_fast(
    request: Request, model: str | Path | None, above: str | float | None = None, place: str | None = None
) -> Request:
    """The request, with particles that a model knows replaced by its showers; as it is without a model.

    Args:
        request: of Geant4.
        model: a bundle, a run folder or the name of a model that comes with caloforge.
        above: energy from which on, text with a unit or a number in MeV; the lowest of the training when not given.
        place: where a cell's energy goes in another mesh: its ``"centre"`` (when not given) or a ``"uniform"`` place.

    Raises:
        BadFile: no such model, or damaged.
        BadValue: options of fast showers without a model, a threshold above the training, a model of another detector,
            or a readout into which it cannot place showers.
        UnknownName: a place other than these two.
    """
    if model is None:
        for name, value in (("energy above which showers are fast", above), ("place of fast showers", place)):
            if value is not None:
                raise BadValue(name, value, "name the model too: fast=MODEL, or --fast MODEL")
        return request
    places: dict[str, Place] = {name: name for name in get_args(Place)}
    if place is not None and place not in places:
        raise UnknownName("place of fast showers", place, places)
    from caloforge.deployment.geant4_hook import FastSimulation
    from caloforge.deployment.open_model import open_shower_model

    threshold = None if above is None else in_mev(above)
    return FastSimulation(open_shower_model(model), threshold, places[place or "centre"], request.seed).of(request)


def check_comparison(compare: str | Path | None, model: str | Path | None, shard: str | None) -> None:
    """Refuse what cannot be compared, or made in parts.

    Args:
        compare: file of full simulation.
        model: that makes some of the showers.
        shard: part of a job array.

    Raises:
        BadValue: a comparison without a model, or a model in a job array.
        BadFile: a file to compare with that holds no showers.
        UnwritablePath: a file to compare with that cannot be made.
    """
    if compare is not None and model is None:
        raise BadValue("file to compare with", str(compare), "name the model that makes fast showers: --fast MODEL")
    if compare is not None and Path(compare).exists():  # what cannot be read or made is said before the work
        ShowerFile(compare).close()
    elif compare is not None:
        require_new(compare, False)
        if not Path(compare).absolute().parent.is_dir():
            raise UnwritablePath(compare, "the folder is missing")
        require_writable(Path(compare).absolute().parent)
    if model is not None and shard is not None:
        raise BadValue("--shard", shard, "showers of a model are added when all shards are there: use --workers")


def compare_with(fast: str | Path, full: str | Path) -> "Comparison":
    """Time and physics of fast against full simulation of the same particles.

    Args:
        fast: file with showers of a model.
        full: file of Geant4 alone.

    Raises:
        BadFile: other particles, or no file of showers.
        BinningMismatch: other meshes.
        EmptySample: fewer than two showers.
    """
    from caloforge.deployment.fast_comparison import compare_files

    with ShowerFile(fast) as first, ShowerFile(full) as second:
        return compare_files(first, second)


def fast_sentences(request: Request) -> list[str]:
    """How many particles the model replaces, and what its training was simulated with that is otherwise here.

    Args:
        request: with a model or without.
    """
    if request.fast is None or (replaced := request.primaries.replaced) is None:
        return []
    facts = request.fast.facts
    range_ = " to ".join(format_energy(energy) for energy in (facts["above_mev"], facts["energy_mev"][1]))
    rule = f"PDG {', '.join(map(str, facts['particles_replaced_of']))}, {range_}"
    count = f"{facts['model']} makes the showers of {int(replaced.sum())} of {len(replaced)} particles ({rule})"
    return [count, *request.fast.differences(request.physics.facts)]
