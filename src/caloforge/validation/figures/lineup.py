"""What stands side by side in a plot: the truth, the generated samples by name, and the bins of incident energy."""

__all__ = ["Lineup"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array

from caloforge.geometry.binning import Binning
from caloforge.metrics.bins import energy_label
from caloforge.reporting.style import plain_label
from caloforge.units import GeV
from caloforge.validation.sample import Sample


@dataclass(frozen=True, eq=False)
class Lineup:
    """Samples to draw over each other.

    Args:
        truth: of full simulation.
        generated: name for the legend -> sample, in the order of their colours.
        energy_edges: of the bins of incident energy, MeV.
    """

    truth: Sample
    generated: Mapping[str, Sample]
    energy_edges: Float[Array, " e"]

    @property
    def binning(self) -> Binning:
        """The mesh that all share."""
        return self.truth.binning

    @property
    def samples(self) -> Sequence[Sample]:
        """The truth, then the generated samples."""
        return (self.truth, *self.generated.values())

    @property
    def names(self) -> Sequence[str]:
        """What the legend calls the samples."""
        return ("Geant4", *map(plain_label, self.generated))

    def energy_bins(self, most: int) -> list[tuple[str, list[Bool[Array, " _"]]]]:
        """At most so many of the energy bins, evenly spaced: label, and which showers of each sample are in it.

        Args:
            most: how many.
        """
        n_bins = len(self.energy_edges) - 1
        chosen = np.unique(np.linspace(0, n_bins - 1, min(most, n_bins)).round().astype(int)).tolist()
        return [(self._label(i), [self._inside(sample, i) for sample in self.samples]) for i in chosen]

    def _inside(self, sample: Sample, i: int) -> Bool[Array, " _"]:
        low, high = self.energy_edges[i : i + 2]
        return (sample.incident_energy >= low) & (sample.incident_energy < high)

    def _label(self, i: int) -> str:
        """The range of a bin, or the energy where the truth has only one in it."""
        energies = np.unique(self.truth.incident_energy[self._inside(self.truth, i)])
        if len(energies) == 1:
            return f"{energies[0] / GeV:.4g} GeV"
        return energy_label(*self.energy_edges[i : i + 2])
