r"""Feature matching: a linear critic in closed form, of features and their squares, at each condition.

At conditions c with basis :math:`b(c) = (1, c)`, the difference of samples and data is

.. math:: m = E\big[b(c) \otimes (\phi(G(z, c)) - \phi(x))\big], \qquad \phi(f) = (f, f^2) / s,

where s is the spread of the difference of one sample and one shower at like conditions, so that every component counts
by how well it tells them apart. :math:`|m|^2` is a squared distance of two distributions (with the kernel
:math:`b \cdot b'\,\phi \cdot \phi'`), and m is its witness, the critic. It is averaged over the batches before, which
takes most of its noise, and the gradient of the loss is that of :math:`2 \bar m \cdot m`.

Source: feature matching, Salimans et al., arXiv:1606.03498; the distance, Gretton et al., JMLR 13 (2012) 723.
"""

__all__ = ["FeatureMatching"]

import torch
from jaxtyping import Float
from torch import Tensor, nn

_DECAY = 0.5  # of the average of m over batches: with 0.9 the generator chased what was no longer there
_SLOW = 0.99  # of that of the squared spread
_LARGEST = 4.0  # standard deviations at which a feature is cut off, so that single showers do not decide
_TINY = 1e-3


class FeatureMatching(nn.Module):
    """The loss of samples against showers at like conditions.

    Args:
        n_features: K.
        n_conditions: C.
    """

    difference: Tensor
    variance: Tensor

    def __init__(self, n_features: int, n_conditions: int) -> None:
        super().__init__()
        self.register_buffer("difference", torch.zeros(2, 1 + n_conditions, n_features))
        self.register_buffer("variance", torch.ones(2, n_features))

    def forward(
        self, real: Float[Tensor, "N K"], fake: Float[Tensor, "N K"], c: Float[Tensor, "N C"]
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        r"""The loss, whose gradient is the distance's, and :math:`|\bar m|^2/K` to log; moves the averages on.

        Args:
            real: (N, K) standardised features of data.
            fake: (N, K) those of samples at the same conditions.
            c: (N, C) the conditions.
        """
        real, fake = (x.clamp(-_LARGEST, _LARGEST) for x in (real, fake))
        apart = torch.stack([fake - real, fake.square() - real.square()])
        with torch.no_grad():
            self.variance.lerp_(apart.square().mean(1), 1 - _SLOW)
        basis = torch.cat([torch.ones_like(c[:, :1]), c], 1).detach()
        spread = (self.variance + _TINY).sqrt()[:, None]
        now = torch.einsum("nb,snk->sbk", basis, apart) / len(real) / spread
        loss = 2 * (self.difference.clone() * now).sum() / real.shape[1]
        with torch.no_grad():
            self.difference.lerp_(now, 1 - _DECAY)
        return loss, self.difference.square().sum() / real.shape[1]
