r"""Telling kinds of showers apart: multinomial logistic regression of labels on features of showers.

.. math:: P(k \mid x) = \frac{e^{x \cdot \beta_k}}{\sum_j e^{x \cdot \beta_j}}

With 1, t and products of t as features x the border between two kinds is quadratic in t.
"""

__all__ = ["logistic_regression"]

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

_RIDGE = 1e-2


def logistic_regression(
    x: Float[Array, "N p"], kind: Int[Array, " N"], shares: Float[Array, " k"], ridge: float = _RIDGE
) -> Float[Array, "p k"]:
    r"""Coefficients :math:`\beta` of greatest likelihood with kind k having the total weight ``shares[k]``.

    Args:
        x: features of the showers, one of them constant.
        kind: of each shower, from 0.
        shares: weight of each kind, summing to one, however many showers it has.
        ridge: of a penalty on the squares of all coefficients, per unit of total weight.
    """
    n_kinds = len(shares)
    weight = (shares / np.bincount(kind, minlength=n_kinds))[kind]
    target = np.eye(n_kinds)[kind]

    def loss(flat: Float[Array, " pk"]) -> tuple[float, Float[Array, " pk"]]:
        beta = flat.reshape(x.shape[1], n_kinds)
        logits = x @ beta
        nll = -(weight * (target * log_softmax(logits, axis=1)).sum(axis=1)).sum()
        slope = x.T @ (weight[:, None] * (softmax(logits, axis=1) - target)) + ridge * beta
        return float(nll + 0.5 * ridge * (beta**2).sum()), slope.reshape(-1)

    start = np.zeros(x.shape[1] * n_kinds)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return found.x.reshape(x.shape[1], n_kinds)
