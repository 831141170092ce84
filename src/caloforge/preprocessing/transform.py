r"""A step from layer energies to what a network likes, and a list of them: fit, forward, inverse, log|det|.

``forward(x, incident)`` returns :math:`(y, \log|\partial y/\partial x|)` with the logarithm summed over features;
``inverse(y, incident)`` returns x. Parameters found by ``fit`` are buffers, so they are saved with the weights.
"""

__all__ = ["AtomBands", "Composed", "Transform"]

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.errors import BadValue

_FAR = 1e9


class AtomBands(NamedTuple):
    """Where features lie that stand for atoms, such as an empty layer.

    Args:
        below: (2, F) lower and upper end of the bands below everything else.
        above: (2, F) those above.
    """

    below: Tensor
    above: Tensor

    @classmethod
    def nowhere(cls, features: int) -> "AtomBands":
        """Bands that no feature reaches.

        Args:
            features: F.
        """
        ends = torch.tensor([[_FAR], [2 * _FAR]]).repeat(1, features)
        return cls(-ends.flip(0), ends)


class Transform(nn.Module, ABC):
    """One step; those that need neither the incident energies nor random numbers leave them aside."""

    def fit(self, x: Float[Tensor, "N F"], incident: Float[Tensor, " N"]) -> None:
        """Find parameters from training showers; nothing to find unless a step says otherwise.

        Args:
            x: (N, F) what the steps before make of them.
            incident: (N,) incident energies, MeV.
        """

    @abstractmethod
    def forward(
        self, x: Float[Tensor, "N F"], incident: Float[Tensor, " N"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "N F"], Float[Tensor, " N"]]:
        """y and log|det| (N,).

        Args:
            x: (N, F) what the steps before give; infinite values are atoms, which count for nothing in log|det|.
            incident: (N,) incident energies, MeV.
            generator: draws random numbers, for a step that needs them.
        """

    def bands(self) -> AtomBands | None:
        """The bands that this step gives to atoms; None unless a step says otherwise."""
        return None

    @abstractmethod
    def inverse(self, y: Float[Tensor, "N F"], incident: Float[Tensor, " N"]) -> Float[Tensor, "N F"]:
        """x.

        Args:
            y: (N, F) what this step gives, or a network in its place.
            incident: (N,) incident energies, MeV.
        """


class Composed(nn.ModuleList):
    """Steps one after the other; the first takes layer energies in float64, since differences of them matter.

    Args:
        steps: in the order of ``forward``.
    """

    _kind: Tensor

    def __init__(self, steps: Sequence[Transform]) -> None:
        super().__init__(steps)
        self.register_buffer("_kind", torch.zeros(()), persistent=False)

    @property
    def steps(self) -> list[Transform]:
        """Those that it was made of."""
        return [step for step in self if isinstance(step, Transform)]

    def fit(self, x: Float[Tensor, "N F"], incident: Float[Tensor, " N"], generator: torch.Generator) -> None:
        """Fit every step to what those before it make of the training showers.

        Args:
            x: (N, F) layer energies, MeV, float64.
            incident: (N,) incident energies, MeV.
            generator: draws random numbers.

        Raises:
            BadValue: something that is not finite comes out.
        """
        for step in self.steps:
            step.fit(x, incident)
            x = step(x, incident, generator)[0].to(self._kind)
        if not torch.isfinite(x).all():
            names = [type(step).__name__ for step in self.steps]
            raise BadValue(
                "preprocessing.energies", names, "features are not finite: log and logit need dequantise after them"
            )

    def forward(
        self, x: Float[Tensor, "N F"], incident: Float[Tensor, " N"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "N F"], Float[Tensor, " N"]]:
        """Features and the sum of all log|det| (N,).

        Args:
            x: (N, F) layer energies, MeV, float64.
            incident: (N,) incident energies, MeV.
            generator: draws random numbers.
        """
        log_det = torch.zeros(len(x), dtype=self._kind.dtype, device=x.device)
        for step in self.steps:
            x, step_det = step(x, incident, generator)
            x, log_det = x.to(self._kind), log_det + step_det.to(self._kind)
        return x, log_det

    def inverse(self, y: Float[Tensor, "N F"], incident: Float[Tensor, " N"]) -> Float[Tensor, "N F"]:
        """Layer energies, MeV.

        Args:
            y: (N, F) features.
            incident: (N,) incident energies, MeV.
        """
        for step in reversed(self.steps):
            y = step.inverse(y, incident)
        return y

    def bands(self, features: int) -> AtomBands:
        """The bands of atoms as the last step has them; nowhere if no step makes any.

        The steps behind treat every feature by itself, rising, whatever the incident energy.

        Args:
            features: F.
        """
        bands, generator = None, torch.Generator()
        for step in self.steps:
            if bands is not None:
                ones = torch.ones(2, device=self._kind.device)
                bands = AtomBands(*(step(ends, ones, generator)[0].to(self._kind) for ends in bands))
            bands = step.bands() or bands
        return bands or AtomBands.nowhere(features)
