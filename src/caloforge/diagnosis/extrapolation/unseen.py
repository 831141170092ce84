"""Showers of the truth near an energy that a model has not seen: all outside its training range, held-out ones inside.

Inside the range only the test split counts, whatever file the showers come from: the split goes by content, so a shower
that trained the model is never among them.
"""

__all__ = ["WINDOW", "showers_near"]

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.data.source import Source
from caloforge.data.splits import split_mask
from caloforge.errors import BadValue, BinningMismatch
from caloforge.preprocessing.conditions import ConditionEncoder
from caloforge.training.run import Run
from caloforge.units import format_energy

WINDOW = 0.1  # about an energy: within this part of it


def showers_near(run: Run, sources: Mapping[str, Source], energy: float) -> Showers:
    """Showers within 10 % of ``energy`` (MeV) that did not train the model; none where all of them did.

    Raises:
        BadValue: no source has a shower at this energy, or they are of particles or directions the model does not know.
        BinningMismatch: a source has another mesh than the model.
    """
    known, found, ends = run.pipeline.condition, [], []
    for source in sources.values():
        if not source.binning.same_cells(run.pipeline.binning):
            raise BinningMismatch(run.pipeline.binning.name, source.binning.name)
        for batch in source.batches():
            near = np.abs(batch.incident_energy / energy - 1) <= WINDOW
            ends += [float(batch.incident_energy.min()), float(batch.incident_energy.max())]
            found.append((batch[near], _unseen(batch, known)[near]))
    if not any(len(near) for near, _ in found):
        raise BadValue("energy", format_energy(energy), _remedy(sources, energy, ends))
    kept = Showers.concatenate([near[unseen] for near, unseen in found])
    _require_known(known, kept)
    return kept


def _unseen(showers: Showers, known: ConditionEncoder) -> Bool[Array, " N"]:
    """Outside the training range, or of the test split."""
    low, high = known.energy_range.tolist()
    outside = (showers.incident_energy < low) | (showers.incident_energy > high)
    return outside | split_mask(showers, "test")


def _remedy(sources: Mapping[str, Source], energy: float, ends: list[float]) -> str:
    has = f"{', '.join(sources)} holds {format_energy(min(ends))} to {format_energy(max(ends))}"
    return f"{has}; give a file with --truth that caloforge simulate --energy {format_energy(energy)} makes"


def _require_known(known: ConditionEncoder, showers: Showers) -> None:
    """Particle and direction; the energy may be anything."""
    incident = Incident.of(showers)
    energy = np.clip(incident.energy.astype(np.float64), *known.energy_range.tolist())
    known.check_range(Incident(energy, incident.pdg, incident.theta, incident.phi))
