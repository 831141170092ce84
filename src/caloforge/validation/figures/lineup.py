"""What stands side by side in a plot: the truth, the generated samples by name, and the bins of incident energy."""

__all__ = ["Lineup"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array

from caloforge.data.showers import Showers
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
        freaks: of generated samples by name, the showers outside the truth, the oddest first.
        radiation_length: mean X0 of the detector, mm; None where it is not known.
    """

    truth: Sample
    generated: Mapping[str, Sample]
    energy_edges: Float[Array, " e"]
    freaks: Mapping[str, Showers] = field(default_factory=dict)
    radiation_length: float | None = None

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

    @property
    def means(self) -> Sequence[Float[Array, " V"]]:
        """Mean energy of each cell of each sample, without its freaks."""
        return (self.truth.mean_cells, *(_without(s, self.freaks.get(name)) for name, s in self.generated.items()))

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


def _without(sample: Sample, freaks: Showers | None) -> Float[Array, " V"]:
    """Mean cells of the showers that are no freaks; no number is below zero by rounding."""
    if freaks is None or len(freaks) == len(sample):
        return sample.mean_cells
    total = sample.mean_cells * len(sample) - freaks.energy.sum(axis=0, dtype=np.float64)
    left = np.where(total > 1e-9 * total.max(), total, 0)
    return left / (len(sample) - len(freaks))
