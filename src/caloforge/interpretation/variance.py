r"""Where the variance of a shower shape comes from: shares of the parts of the noise, held against Geant4's variance.

For the parts g of independent noise z, at fixed energy, the first-order (closed) Sobol index

.. math:: S_g = \frac{\mathrm{Var}\,E[T \mid z_g]}{\mathrm{Var}\,T}
              = \frac{\mathrm{Cov}\big(T(z_g, z_{-g}),\, T(z_g, z'_{-g})\big)}{\mathrm{Var}\,T}

is estimated by pairs of showers that share the part g and nothing else (pick-freeze). What is left,
:math:`1 - \sum_g S_g`, is due to parts acting together. Times :math:`\mathrm{Var}\,T` over that of Geant4 the bars of
a shape add up to the variance that the model reaches. Sources: Sobol', Math. Comput. Simul. 55 (2001) 271; error of a
correlation :math:`(1 - S^2)/\sqrt n`.
"""

__all__ = ["VarianceShares", "measure_variance"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

Shapes = Callable[[Tensor], Float[Array, "n T"]]
_CLIP = 5.0  # standard deviations, as `caloforge diagnose` does: a wild shower is not to decide a variance


@dataclass(frozen=True, eq=False)
class VarianceShares:
    """Shares of G parts of the noise in the variance of T shapes at fixed energy.

    Args:
        parts: of the noise.
        shapes: names of the columns.
        share: first-order index of each part.
        share_error: its standard error.
        ratio: variance of the model over that of Geant4, and ``ratio_error`` its standard error.
        n: generated showers of each sample, and showers of Geant4.
    """

    parts: tuple[str, ...]
    shapes: tuple[str, ...]
    share: Float[Array, "G T"]
    share_error: Float[Array, "G T"]
    ratio: Float[Array, " T"]
    ratio_error: Float[Array, " T"]
    n: tuple[int, int]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "parts": list(self.parts),
            "shapes": list(self.shapes),
            "share": self.share.tolist(),
            "share_error": self.share_error.tolist(),
            "variance_over_geant4": self.ratio.tolist(),
            "variance_over_geant4_error": self.ratio_error.tolist(),
            "n": {"generated": self.n[0], "geant4": self.n[1]},
        }


def measure_variance(
    shapes: Shapes,
    base: Float[Array, "n T"],
    noises: tuple[Float[Tensor, "n _"], Float[Tensor, "n _"]],
    parts: Mapping[str, tuple[int, int]],
    truth: Float[Array, "N T"],
    names: tuple[str, ...],
) -> VarianceShares:
    """Shares of the parts of the noise.

    Args:
        shapes: T of the showers of given noise, at conditions that are always the same, energy dependence taken out.
        base: these of the first noise.
        noises: of n showers, and independent noise of as many.
        parts: columns of the noise.
        truth: the shapes of Geant4's showers.
        names: of the shapes.
    """
    base, (noise, independent) = np.clip(base, -_CLIP, _CLIP), noises
    correlations = []
    for start, end in parts.values():
        mixed = independent.clone()
        mixed[:, start:end] = noise[:, start:end]
        correlations.append(_correlation(base, np.clip(shapes(mixed), -_CLIP, _CLIP)))
    share = np.stack(correlations)
    mine, theirs = (_variance(v) for v in (base, np.clip(truth, -_CLIP, _CLIP)))
    ratio = mine[0] / theirs[0]
    return VarianceShares(
        tuple(parts), names, share, (1 - share**2) / np.sqrt(len(base)), ratio,
        ratio * np.sqrt(mine[1] + theirs[1]), (len(base), len(truth)),
    )  # fmt: skip


def _correlation(x: Float[Array, "n T"], y: Float[Array, "n T"]) -> Float[Array, " T"]:
    """Correlation of each column of x with that of y, over the rows where both are defined."""
    defined = np.isfinite(x) & np.isfinite(y)
    x, y = (np.where(defined, v - np.nanmean(np.where(defined, v, np.nan), axis=0), 0.0) for v in (x, y))
    return (x * y).sum(axis=0) / np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))


def _variance(x: Float[Array, "n T"]) -> tuple[Float[Array, " T"], Float[Array, " T"]]:
    """Variance of each column, and the squared relative error that its kurtosis gives it."""
    centred, n = x - np.nanmean(x, axis=0), np.isfinite(x).sum(axis=0)
    second = np.nanmean(centred**2, axis=0)
    return second, (np.nanmean(centred**4, axis=0) / second**2 - 1) / n
