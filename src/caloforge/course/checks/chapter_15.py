"""Chapter 15: which particles a model takes, what is gained, where energies go, and how many showers a proof takes."""

__all__ = ["check"]

from typing import Any

import numpy as np

from caloforge.course.answers import array_from, entries_of, function_of, number_of
from caloforge.errors import NotYet

_PARTICLES = (  # PDG, MeV, rad, taken, what is wrong otherwise
    (11, 50_000.0, 0.0, True, "an electron of 50 GeV along the normal is one that the model knows"),
    (11, 1_000.0, 0.02, True, "the ends of the ranges belong to them"),
    (11, 50.0, 0.0, False, "50 MeV is below the training; energies are in MeV"),
    (11, 300_000.0, 0.0, False, "300 GeV is above the training"),
    (-11, 50_000.0, 0.0, False, "a positron is another kind, -11"),
    (13, 50_000.0, 0.0, False, "a muon is another kind"),
    (11, 50_000.0, 0.3, False, "0.3 rad is too inclined for it"),
)


def check(answer: Any) -> str:
    """Mark the exercise of chapter 15.

    Args:
        answer: the functions ``replaced``, ``speedup``, ``deposit`` and ``showers_needed``.

    Raises:
        NotYet: what is wrong.
    """
    entries = entries_of(answer, ("replaced", "speedup", "deposit", "showers_needed"))
    pdg, energy, theta, taken, _ = map(np.array, zip(*_PARTICLES, strict=True))
    mask = array_from(
        function_of(entries["replaced"], "replaced")(pdg, energy, theta), (len(_PARTICLES),), "True or False for each"
    ).astype(bool)
    for of_model, wanted, (*_, words) in zip(mask, taken, _PARTICLES, strict=True):
        if of_model != wanted:
            raise NotYet(f"replaced: {words}.")
    speedup = function_of(entries["speedup"], "speedup")
    for f, r in ((0.3, 100.0), (0.9, 10.0)):
        value = number_of(speedup(f, r), "the speedup")
        if np.isclose(value, 1 - f + f / r):
            raise NotYet("speedup: this is the time that is left; the speedup is one over it.")
        if np.isclose(value, 1 - f + f * r):
            raise NotYet("speedup: times add up, not speeds; the share f takes f / r of the time.")
        if np.isclose(value, 1 / (f + (1 - f) / r)):
            raise NotYet("speedup: f is the share that is replaced; you have exchanged it with the other.")
        if np.isclose(value, 1 / (1 - f)):
            raise NotYet("speedup: this is the limit of a model that takes no time; the term f / r is missing.")
        if not np.isclose(value, 1 / (1 - f + f / r)):
            raise NotYet(f"speedup: at f = {f} and r = {r:.0f} it is {1 / (1 - f + f / r):.3f}; yours is {value:.3g}.")
    _deposit(entries["deposit"])
    number = number_of(function_of(entries["showers_needed"], "showers_needed")(0.04, 0.005, 2), "the showers needed")
    if np.isclose(number, 256, atol=0.6):
        raise NotYet("showers_needed: both samples fluctuate: a factor of two.")
    if np.isclose(number, 128, atol=0.6):
        raise NotYet("showers_needed: k stands in the square as well.")
    if np.isclose(number, 32, atol=0.6) or np.isclose(number, np.sqrt(512), atol=0.6):
        raise NotYet("showers_needed: errors fall with the root of n, so n goes with the square.")
    if not 511 <= number <= 513:
        raise NotYet(f"showers_needed: 4 %, a difference of 0.5 %, two standard deviations: 512, not {number:.4g}.")
    return "A model gains what it replaces; to show that it is right takes more showers than one thinks."


def _deposit(function: Any) -> None:
    x, energy = np.array([0.5, 1.5, 1.6, 2.5, 7.0, -3.0]), np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    cells = array_from(function_of(function, "deposit")(x, energy, np.arange(4.0)), (3,), "the energy of three cells")
    if np.allclose(cells, [1, 2, 1]):
        raise NotYet("deposit: this counts the model's cells; weight each with its energy.")
    if np.allclose(cells, [1, 3, 8]):
        raise NotYet("deposit: where two cells of the model fall into one of the readout, add their energies.")
    if np.isclose(cells.sum(), energy.sum()):
        raise NotYet("deposit: what lies outside the readout is lost; it does not go into the outermost cells.")
    if not np.allclose(cells, [1, 6, 8]):
        raise NotYet("deposit: the sum of the energies between each pair of edges.")
