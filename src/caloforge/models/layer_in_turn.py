"""What the networks of a decoder with neighbours in sight ask of a layer, step by step: it is drawn so, or known."""

__all__ = ["LayerInTurn"]

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class LayerInTurn(Protocol):
    """A layer that is drawn step by step, or known; maps (A, C, N) in, `caloforge.nn.sector_conv.windows` out."""

    def early_hits(
        self, logit: Float[Tensor, "A R N"], number: Float[Tensor, "5 N"]
    ) -> tuple[Float[Tensor, "A W N"], Float[Tensor, " N"]]:
        """1 where an early cell is hit, and how many are.

        Args:
            logit: of early cells.
            number: numbers of how many are hit (`caloforge.models.counted_hits`).
        """

    def late_hits(self, logit: Float[Tensor, "A R N"], number: Float[Tensor, "5 N"]) -> Float[Tensor, "A W N"]:
        """1 where a cell of either block is hit.

        Args:
            logit: of late cells.
            number: numbers of how many are hit.
        """

    def early_energies(self, how: Float[Tensor, "A O N"]) -> Float[Tensor, "A W N"]:
        """Half the logarithm of the energies of the early cells, see `caloforge.models.layers_before.log_size`.

        Args:
            how: numbers of the weights of all cells.
        """

    def late_energies(self, how: Float[Tensor, "A O N"]) -> None:
        """The last step.

        Args:
            how: numbers of the weights of late cells.
        """
