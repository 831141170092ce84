"""What a client asks for, checked field by field, and the particles that it means."""

__all__ = ["Asked", "Limits", "incident_of"]

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array
from pydantic import BaseModel, ConfigDict, Field

from caloforge.data.incident import Incident
from caloforge.errors import BadValue
from caloforge.preprocessing.trained import Trained
from caloforge.simulation.beam import parse_particle
from caloforge.units import parse_angle, parse_energy

Number = Annotated[float, Field(allow_inf_nan=False)]
Quantity = Number | str | list[Number | str]


@dataclass(frozen=True)
class Limits:
    """How much one client, and all of them, may ask for.

    Args:
        showers: of one request.
        waiting: showers of all requests that are not yet answered; more are sent away for a while.
        body: bytes of a request.
        batch: showers computed at a time.
        wait: seconds for which a batch that is not full waits for more.

    Raises:
        BadValue: a limit that lets nothing through.
    """

    showers: int = 10_000
    waiting: int = 100_000
    body: int = 1_000_000
    batch: int = 1000
    wait: float = 0.002

    def __post_init__(self) -> None:
        for name in ("showers", "waiting", "body", "batch"):
            if getattr(self, name) < 1:
                raise BadValue(f"limit of {name}", getattr(self, name), "give at least 1")
        if not 0 <= self.wait <= 1:
            raise BadValue("time that a batch waits", self.wait, "give 0 to 1 s")


class Asked(BaseModel):
    """Body of ``POST /showers``: numbers are in MeV and rad, text has its unit."""

    model_config = ConfigDict(extra="forbid")

    energy: Quantity = Field(description="kinetic energy: MeV, or text such as 50GeV; a list gives each shower its own")
    n: int | None = Field(None, ge=1, description="number of showers; lists repeat; their length, or 1, if not given")
    particle: int | str | None = Field(None, description="PDG number or name; needed where the model knows several")
    theta: Quantity | None = Field(None, description="angle to the normal: rad, or text such as 30deg")
    phi: Quantity | None = Field(None, description="azimuth about the normal, likewise")
    seed: int = Field(1, ge=0, lt=2**63, description="same seed, same showers")
    format: Literal["json", "hdf5"] = Field("json", description="hdf5: the file that `caloforge generate` writes")


def incident_of(asked: Asked, trained: Trained, most: int) -> Incident:
    """The particles of a request.

    Args:
        asked: by a client.
        trained: what the model was trained on.
        most: showers of one request.

    Raises:
        BadValue: words that are no quantities, lists of different lengths, too many showers, an unknown particle, or
            something left open that the model was trained on several of.
        OutsideTraining: an energy or angle outside the training.
    """
    columns = {
        "energy": _numbers("energy", asked.energy, parse_energy),
        "theta": _angle("theta", asked.theta, trained.theta, trained.theta_varies),
        "phi": _angle("phi", asked.phi, trained.phi, trained.phi_varies),
    }
    lengths = {name: len(column) for name, column in columns.items() if len(column) != 1}
    if 0 in lengths.values() or len(set(lengths.values())) > 1:
        raise BadValue("lengths of lists", lengths, "give one value of each for every shower")
    n = asked.n or next(iter(lengths.values()), 1)
    if n > most:
        raise BadValue("n", n, f"this server makes at most {most} showers a request: ask in parts")
    energy, theta, phi = (column[np.arange(n) % len(column)] for column in columns.values())
    incident = Incident(energy, np.full(n, _pdg(asked.particle, trained), np.int32), theta, phi)
    if not (energy > 0).all():
        raise BadValue("energy", float(energy.min()), "kinetic energies are positive")
    for outside in trained.outside(incident):
        raise outside
    return incident


def _numbers(name: str, value: Quantity, parse: object) -> Float[Array, " n"]:
    items = value if isinstance(value, list) else [value]
    numbers = [parse(item) if isinstance(item, str) else float(item) for item in items]  # type: ignore[operator]
    if not all(map(math.isfinite, numbers)):
        raise BadValue(name, value, "give finite numbers")
    return np.array(numbers, float)


def _angle(name: str, value: Quantity | None, ends: tuple[float, float], varies: bool) -> Float[Array, " n"]:
    if value is None and varies:
        raise BadValue(name, None, f"the model was trained on {ends[0]:.3g} to {ends[1]:.3g} rad; say which")
    return np.array(ends[:1]) if value is None else _numbers(name, value, parse_angle)


def _pdg(particle: int | str | None, trained: Trained) -> int:
    if particle is None and len(trained.particles) > 1:
        raise BadValue("particle", None, f"the model was trained on {trained.particle_names}; say which")
    if particle is None:
        return trained.particles[0]
    number = parse_particle(particle) if isinstance(particle, str) else particle
    if number not in trained.particles:
        raise BadValue("particle", particle, f"the model was trained on {trained.particle_names}")
    return number
