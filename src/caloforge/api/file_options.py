"""What a user says of a file of showers, in words."""

__all__ = ["read_options"]

from collections.abc import Mapping, Sequence
from typing import Literal

from particle import Particle, ParticleNotFound

from caloforge.data.formats.options import ReadOptions, parse_axes, parse_columns, parse_units
from caloforge.data.opening import find_binning
from caloforge.errors import BadValue, UnknownName
from caloforge.geometry.binning import Binning
from caloforge.units import parse_energy

_COMMON = ("e-", "e+", "gamma", "pi+", "pi-", "pi0", "mu-", "p", "n", "K+")


def read_options(
    *,
    units: str | None = None,
    binning: str | Binning | None = None,
    particle: str | int | None = None,
    incident: str | None = None,
    sampling_fraction: float | None = None,
    axes: str | None = None,
    columns: str | Mapping[str, str] | None = None,
    collections: str | Sequence[str] | None = None,
    points: str | None = None,
) -> ReadOptions:
    """What a user says of a file, from words, as `cf.open` takes them.

    Args:
        units: of its numbers.
        binning: its mesh.
        particle: name or PDG number.
        incident: energy with a unit.
        sampling_fraction: between 0 and 1.
        axes: names joined by commas.
        columns: a mapping, or ``x=hit_x,energy=edep``.
        collections: names, or names joined by commas.
        points: ``steps`` or ``hits``.

    Raises:
        BadValue: an option that cannot be read.
        UnknownName: no such mesh or particle.
    """
    return ReadOptions(
        units=parse_units(units) if units else None,
        binning=find_binning(binning) if isinstance(binning, str) else binning,
        particle=_particle(particle) if isinstance(particle, str) else particle,
        incident=parse_energy(incident) if incident else None,
        sampling_fraction=sampling_fraction,
        axes=parse_axes(axes) if axes else (),
        columns=parse_columns(columns) if isinstance(columns, str) else columns or {},
        collections=tuple(collections.split(",")) if isinstance(collections, str) else tuple(collections or ()),
        points=_kind_of_points(points),
    )


def _kind_of_points(text: str | None) -> Literal["steps", "hits"] | None:
    match text:
        case None | "steps" | "hits":
            return text
    raise BadValue("points", text, "write steps or hits")


def _particle(name: str) -> int:
    """PDG number of a particle that the tables of the PDG know, whether or not Geant4 shoots it here."""
    if name.lstrip("-").isdecimal():
        return int(name)
    try:
        return int(Particle.from_name(name).pdgid)
    except ParticleNotFound:
        raise UnknownName("particle", name, _COMMON, "the Particle Data Group") from None
