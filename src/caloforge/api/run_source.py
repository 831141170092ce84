"""A run or an ensemble, open as a source of showers."""

__all__ = ["RunSource"]

from collections.abc import Iterator
from typing import Any

from jaxtyping import UInt64
from numpy import ndarray as Array

from caloforge import __version__
from caloforge.api.filling import ShowerSource
from caloforge.data.incident import Incident
from caloforge.data.provenance import TrainingProvenance
from caloforge.data.showers import Showers
from caloforge.generation.mixture import mixture_batches
from caloforge.generation.sampler import BLOCK, sample_batches
from caloforge.geometry.binning import Binning
from caloforge.preprocessing.conditions import ConditionEncoder
from caloforge.preprocessing.trained import Trained
from caloforge.training.ensemble import Ensemble


class RunSource(ShowerSource):
    """A trained model, or an ensemble of them; a bundle is a `BundleSource`.

    Args:
        name: what it was asked for by.
        ensemble: its members; one for a single model.
    """

    def __init__(self, name: str, ensemble: Ensemble) -> None:
        self.name, self.ensemble = name, ensemble

    @property
    def binning(self) -> Binning:
        """The mesh of the showers that it makes."""
        return self.ensemble.pipeline.binning

    @property
    def conditions(self) -> ConditionEncoder:
        """Particles, energies and angles that it was trained on."""
        return self.ensemble.pipeline.condition

    @property
    def trained(self) -> Trained:
        """The same as values, without PyTorch."""
        return self.conditions.trained

    @property
    def training_ids(self) -> UInt64[Array, " k"]:
        """Of the showers that it was trained on; of an ensemble, any of its members."""
        return self.ensemble.training_ids.all

    @property
    def block(self) -> int:
        """Showers whose noise is drawn at a time; a place at which one begins can begin a part of a request."""
        return BLOCK * len(self.ensemble.members)

    def facts(self, seed: int) -> dict[str, Any]:
        """For the provenance of its showers.

        Args:
            seed: of the request.
        """
        return {"caloforge": __version__, "generator": self.name, "seed": seed, "training": self.provenance.facts}

    @property
    def provenance(self) -> TrainingProvenance:
        """How it was trained, and on what."""
        return self.ensemble.provenance

    @property
    def detector(self) -> str:
        """That of its training showers, or "unknown"."""
        data = self.provenance.data
        return (data and data.detector) or "unknown"

    def batches(self, incident: Incident, seed: int, batch: int = 1000, first: int = 0) -> Iterator[Showers]:
        """Showers as they are made, one for each particle.

        Args:
            incident: particles that the model knows.
            seed: of the noise.
            batch: showers in memory at a time.
            first: place of the first particle in a larger request with this seed, a multiple of ``block``.

        Raises:
            BadValue: ``first`` lies within a block.
        """
        members = self.ensemble.members
        if len(members) > 1:
            return mixture_batches(members, incident, seed, first)
        return sample_batches(members[0].model, self.ensemble.pipeline, incident, seed, batch, first)
