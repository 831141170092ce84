r"""How well fitted laws describe the showers: chi2, its chance, limits of what lies at a bound, misfits in words.

Errors of the points are those of the bootstrap. The mean longitudinal profile f of a bin, with its fitted gamma
distribution p, is judged by the residuals d = f - p with the covariance C of the same residuals over the R resamples,

.. math:: \chi^2 = \frac{R - r - 2}{R - 1}\; d^T C^{+} d , \qquad r = L - 3 ,

of rank r for L layers: shares sum to one, and two parameters are fitted. The factor undoes the bias of an inverse that
is estimated from R draws. Source: Hartlap, Simon and Schneider, A&A 464 (2007) 399.
"""

__all__ = ["DOUBTFUL", "LAW_NAMES", "Fit", "ProfileFit", "chance", "fit_of_profiles", "misfit"]

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array
from scipy.special import chdtrc

from caloforge.files import finite_json

LAW_NAMES = {
    "linearity": "a linear response",
    "resolution": "the law of the resolution",
    "shower_maximum": "a maximum that grows with ln E",
}
_SINGULAR = 1e-12  # of the largest variance
DOUBTFUL = 1e-3  # chance of a chi2 below which a law does not describe


@dataclass(frozen=True, eq=False)
class Fit:
    """A law fitted to the sample and to each of its resamples.

    Args:
        parameters: by name, in row 0 those of the sample itself.
        chi2: of the fit to the sample itself.
        degrees_of_freedom: bins less parameters.
        limits: upper limits at 95 % of those parameters of the sample that lie at their bound, by name.
    """

    parameters: Mapping[str, Float[Array, " S"]]
    chi2: float
    degrees_of_freedom: int
    limits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ProfileFit:
    """How well a gamma distribution describes the mean longitudinal profile of each energy bin.

    Args:
        chi2: of each bin; NaN where there is none.
        degrees_of_freedom: layers less three.
        furthest: largest distance of a layer from the fit, as a share of the largest layer.
    """

    chi2: Float[Array, " B"]
    degrees_of_freedom: int
    furthest: Float[Array, " B"]

    def misfit(self, of: str) -> str:
        """A sentence where a gamma distribution does not describe the mean profile of a bin, else nothing.

        Args:
            of: which showers.
        """
        chances = [chance(x, self.degrees_of_freedom) for x in self.chi2]
        bad = [i for i, p in enumerate(chances) if p < DOUBTFUL]
        if not bad:
            return ""
        worst = max(bad, key=lambda i: self.chi2[i])
        return (
            f"the mean profile of {of} is no gamma distribution in {len(bad)} of {len(self.chi2)} energy bins (at "
            f"worst chi2/ndf = {self.chi2[worst]:.3g}/{self.degrees_of_freedom}); layers are off by up to "
            f"{100 * self.furthest[bad].max():.2g} % of the maximum"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON, None where undefined."""
        values: dict[str, Any] = finite_json(
            {
                "chi2": self.chi2.tolist(),
                "degrees_of_freedom": self.degrees_of_freedom,
                "furthest": self.furthest.tolist(),
            }
        )
        return values


def chance(chi2: float, degrees_of_freedom: int) -> float:
    """Probability of a chi2 at least as large where the law holds; NaN without degrees of freedom.

    Args:
        chi2: of the fit.
        degrees_of_freedom: of the fit.
    """
    return float(chdtrc(degrees_of_freedom, chi2)) if degrees_of_freedom > 0 else float("nan")


def misfit(law: str, of: str, chi2: float, degrees_of_freedom: int) -> str:
    """A sentence where a law does not describe the showers, else nothing.

    Args:
        law: its name.
        of: which showers.
        chi2: of the fit.
        degrees_of_freedom: of the fit.
    """
    p = chance(chi2, degrees_of_freedom)
    if not p < DOUBTFUL:
        return ""
    quality = f"chi2/ndf = {chi2:.3g}/{degrees_of_freedom}, p = {p:.1g}"
    return f"{law} does not describe {of} ({quality}): its parameters mean little"


def fit_of_profiles(profile: Float[Array, "S B L"], fitted: Float[Array, "S B L"]) -> ProfileFit:
    """Goodness of the fits to the mean profiles, see the module.

    Args:
        profile: mean shares of the layers; row 0 is the sample, the others are its resamples.
        fitted: shares of the distributions fitted to each row; NaN where there is none.
    """
    residuals = profile - fitted
    bins, rank = residuals.shape[1], residuals.shape[2] - 3
    chi2 = np.array([_chi2(residuals[:, i], rank) for i in range(bins)])
    with np.errstate(invalid="ignore", divide="ignore"):
        furthest = np.abs(residuals[0]).max(axis=1) / profile[0].max(axis=1)
    return ProfileFit(chi2, rank, furthest)


def _chi2(residuals: Float[Array, "S L"], rank: int) -> float:
    draws = residuals[1:][np.isfinite(residuals[1:]).all(axis=1)]
    if rank < 1 or len(draws) < rank + 3 or not np.isfinite(residuals[0]).all():
        return float("nan")
    values, vectors = np.linalg.eigh(np.cov(draws.T))
    largest, directions = values[-rank:], vectors[:, -rank:]
    if largest[0] <= _SINGULAR * largest[-1]:
        return float("nan")
    factor = (len(draws) - rank - 2) / (len(draws) - 1)
    return float(factor * np.sum((directions.T @ residuals[0]) ** 2 / largest))
