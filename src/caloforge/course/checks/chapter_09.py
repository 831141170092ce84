r"""Chapter 9: :math:`\sigma/E = a/\sqrt E \oplus b`, a depth foretold by a line in ln E, a loss that asks for it."""

__all__ = ["check"]

from typing import Any

import numpy as np

from caloforge.course.answers import array_from, entries_of, function_of, name_of, number_of
from caloforge.errors import NotYet

_ENERGY = np.array([10.0, 20.0, 35.0, 60.0, 100.0])  # GeV
_NAMES = ("free", "taught")


def check(answer: Any) -> str:
    """Mark the exercise of chapter 9.

    Args:
        answer: the functions ``resolution``, ``predict`` and ``penalty``, and ``closer``, the name of a model.

    Raises:
        NotYet: what is wrong.
    """
    entries = entries_of(answer, ("resolution", "predict", "penalty", "closer"))
    _resolution(entries["resolution"])
    predict, penalty = (function_of(entries[name], name) for name in ("predict", "penalty"))
    depth = 40 + 9 * np.log(_ENERGY)
    value = number_of(predict(_ENERGY, depth, 150.0), "the depth that predict foretells")
    exact = 40 + 9 * np.log(150.0)
    if np.isclose(value, np.polyval(np.polyfit(_ENERGY, depth, 1), 150.0), rtol=1e-4):
        raise NotYet("predict: your line is straight in E; fit it to ln E.")
    if np.isclose(value, np.exp(np.polyval(np.polyfit(np.log(_ENERGY), np.log(depth), 1), np.log(150.0))), rtol=1e-4):
        raise NotYet("predict: this is a power law; the depth itself, not its logarithm, is linear in ln E.")
    if not np.isclose(value, exact, rtol=1e-5):
        raise NotYet(f"predict: 40 + 9 ln E is {exact:.3f} at 150; yours foretells {value:.3f}.")
    bent = depth + np.array([1.0, -1.0, 2.0, 0.0, -1.5])
    residual = bent - np.polyval(np.polyfit(np.log(_ENERGY), bent, 1), np.log(_ENERGY))
    loss = number_of(penalty(_ENERGY, bent), "the penalty")
    if np.isclose(loss, (residual**2).sum()):
        raise NotYet("penalty: divide the sum of the squares by the number of energies.")
    if np.isclose(loss, np.sqrt((residual**2).mean())):
        raise NotYet("penalty: the mean of the squares, without a root.")
    if np.isclose(loss, abs(residual).mean()):
        raise NotYet("penalty: square the residuals.")
    if np.isclose(loss, 0, atol=1e-9):
        raise NotYet("penalty: residuals of a fit with their signs have the mean zero; square them first.")
    if not np.isclose(loss, (residual**2).mean()):
        raise NotYet(f"penalty: the mean squared residual of the best line is {(residual**2).mean():.4f} here.")
    if name_of(entries["closer"], _NAMES, "closer") == "free":
        raise NotYet("closer: compare the mean of total_energy at 150 GeV with that of judge, as a ratio.")
    return "A network that makes fractions of the energy keeps the response where it has seen no shower."


def _resolution(function: Any) -> None:
    a, b = 0.2, 0.03
    value = array_from(
        function_of(function, "resolution")(_ENERGY, a, b), _ENERGY.shape, "the resolution at 5 energies"
    )
    exact = np.hypot(a / np.sqrt(_ENERGY), b)
    if np.allclose(value, a / np.sqrt(_ENERGY) + b):
        raise NotYet("resolution: the two terms add in squares.")
    if np.allclose(value, exact**2):
        raise NotYet("resolution: take the root of the sum of the squares.")
    if np.allclose(value, np.hypot(a / _ENERGY, b)):
        raise NotYet("resolution: the first term falls with the root of the energy.")
    if np.allclose(value, np.hypot(a / np.sqrt(_ENERGY / 1000), b)):
        raise NotYet("resolution: the energies are in GeV already.")
    if not np.allclose(value, exact):
        raise NotYet(f"resolution: at 10 GeV, a = 0.2, b = 0.03 it is {exact[0]:.4f}; yours is {value[0]:.4g}.")
