"""What the networks of a decoder with neighbours in sight ask of a layer, step by step: it is drawn so, or known."""

__all__ = ["LayerInTurn"]

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class LayerInTurn(Protocol):
    """A layer that is drawn step by step, or known; maps (A, N, ...) in, maps out."""

    def early_hits(
        self, logit: Float[Tensor, "A N R"], number: Float[Tensor, "N 5"]
    ) -> tuple[Float[Tensor, "A N R"], Float[Tensor, " N"]]:
        """1 where an early cell is hit, and how many are.

        Args:
            logit: of early cells.
            number: numbers of how many are hit (`caloforge.models.counted_hits`).
        """

    def late_hits(self, logit: Float[Tensor, "A N R"], number: Float[Tensor, "N 5"]) -> Float[Tensor, "A N R"]:
        """1 where a cell of either block is hit.

        Args:
            logit: of late cells.
            number: numbers of how many are hit.
        """

    def early_energies(self, how: Float[Tensor, "A N O"]) -> Float[Tensor, "A N R"]:
        """Energies of the early cells.

        Args:
            how: numbers of the weights of all cells.
        """

    def late_energies(self, how: Float[Tensor, "A N O"]) -> None:
        """The last step.

        Args:
            how: numbers of the weights of late cells.
        """
