"""Showers of the truth near an energy, of particles and directions that a model knows."""

__all__ = ["WINDOW", "showers_near"]

from collections.abc import Mapping

import numpy as np

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.data.source import Source
from caloforge.errors import BadValue
from caloforge.geometry.binning import require_one_mesh
from caloforge.preprocessing.conditions import ConditionEncoder
from caloforge.training.run import Run
from caloforge.units import format_energy

WINDOW = 0.1  # about an energy: within this part of it


def showers_near(run: Run, sources: Mapping[str, Source], energy: float) -> Showers:
    """Showers within 10 % of ``energy`` (MeV).

    Args:
        run: the model.
        sources: files of showers by name.
        energy: MeV.

    Raises:
        BadValue: no source has a shower at this energy, or they are of particles or directions the model does not know.
        BinningMismatch: a source has another mesh than the model.
    """
    condition, batches, ends = run.pipeline.condition, [], []
    for source in sources.values():
        require_one_mesh(run.pipeline.binning, source.binning)
        for batch in source.batches():
            near = np.abs(batch.incident_energy / energy - 1) <= WINDOW
            ends += [float(batch.incident_energy.min()), float(batch.incident_energy.max())]
            batches.append(batch[near])
    if not any(map(len, batches)):
        raise BadValue("energy", format_energy(energy), _remedy(sources, energy, ends))
    showers = Showers.concatenate(batches)
    _require_known(condition, showers)
    return showers


def _remedy(sources: Mapping[str, Source], energy: float, ends: list[float]) -> str:
    has = f"{', '.join(sources)} holds {format_energy(min(ends))} to {format_energy(max(ends))}"
    return f"{has}; give a file that `caloforge simulate --energy {format_energy(energy)}` makes"


def _require_known(condition: ConditionEncoder, showers: Showers) -> None:
    """Particle and direction; the energy may be anything."""
    incident = Incident.of(showers)
    energy = np.clip(incident.energy.astype(np.float64), *condition.energy_range.tolist())
    condition.check_range(Incident(energy, incident.pdg, incident.theta, incident.phi))
