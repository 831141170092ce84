"""What the networks of a decoder with neighbours in sight ask of a layer, step by step: it is drawn so, or known."""

__all__ = ["LayerInTurn"]

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class LayerInTurn(Protocol):
    """A layer that is drawn step by step, or known; maps (A, C, N) in, `caloforge.nn.sector_conv.windows` out."""

    def expected(self, block: int, logit: Float[Tensor, "A R N"]) -> Float[Tensor, " N"]:
        """Logarithm of how many cells of a block are hit by what is said of each.

        Args:
            block: which.
            logit: of its cells.
        """

    def hits(
        self, block: int, logit: Float[Tensor, "A R N"], number: Float[Tensor, "5 N"]
    ) -> tuple[Float[Tensor, "A W N"], Float[Tensor, " N"]]:
        """1 where a cell of this block or of one before is hit, and how many are.

        Args:
            block: which.
            logit: of its cells.
            number: numbers of how many of them are hit (`caloforge.models.counted_hits`).
        """

    def hottest(self, numbers: Float[Tensor, "A O N"]) -> None:
        """Once the hits of all blocks are there, where the hottest cell comes first: which it is, and its share.

        Args:
            numbers: of its cells, see `caloforge.models.hottest_cell`.
        """

    def weights(self, block: int, how: Float[Tensor, "A O N"]) -> None:
        """After that: numbers of the weights of the cells of one.

        Args:
            block: which.
            how: of its cells and of those of later blocks.
        """

    def sizes(self, blocks: int) -> Float[Tensor, "A W N"]:
        """Half the logarithm of the energies of cells, see `caloforge.models.layers_before.log_size`.

        Args:
            blocks: of the first ones, as many as this.
        """

    def known(self, blocks: int) -> tuple[list[Float[Tensor, "A W N"]], Float[Tensor, "3 N"]]:
        """Where the hottest cell comes first: cells with a known energy and these energies; what the others have.

        Args:
            blocks: of the first ones, as many as this are known beside the hottest cell; or none.

        Returns:
            1 where a cell is known, then what ``sizes`` says of it; half the logarithm of the energy of the others
            and, as an eighth and as a logarithm, how many they are.
        """
