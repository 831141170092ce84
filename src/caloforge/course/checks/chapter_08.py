"""Chapter 8: what FiLM does to units, the scale that makes a resolution, the price, and what a shift cannot do."""

__all__ = ["check"]

from typing import Any

import numpy as np

from caloforge.course.answers import array_from, entries_of, function_of, number_of
from caloforge.errors import NotYet


def check(answer: Any) -> str:
    """Mark the exercise of chapter 8.

    Args:
        answer: the functions ``film``, ``gamma_for`` and ``parameters``, and the number ``ratio``.

    Raises:
        NotYet: what is wrong.
    """
    entries = entries_of(answer, ("film", "gamma_for", "parameters", "ratio"))
    h, gamma, delta = np.random.default_rng(8).normal(size=(3, 4, 5))
    units = array_from(function_of(entries["film"], "film")(h, gamma, delta), (4, 5), "the units after film")
    if np.allclose(units, gamma * h + delta):
        raise NotYet("film: with gamma = delta = 0 the units have to stay as they are; the scale is 1 + gamma.")
    if np.allclose(units, (1 + gamma) * (h + delta)):
        raise NotYet("film: scale first, then shift; the shift is not scaled.")
    if not np.allclose(units, (1 + gamma) * h + delta):
        raise NotYet("film: (1 + gamma) times h plus delta, unit by unit.")
    energy, a = np.array([1.0, 4.0, 100.0]), 0.2
    scale = array_from(function_of(entries["gamma_for"], "gamma_for")(energy, a), (3,), "gamma at three energies")
    if np.allclose(scale, a / np.sqrt(energy)):
        raise NotYet("gamma_for: the scale is 1 + gamma, so take 1 off.")
    if np.allclose(scale, a / energy - 1):
        raise NotYet("gamma_for: the width falls with the root of the energy.")
    if not np.allclose(scale, a / np.sqrt(energy) - 1):
        raise NotYet("gamma_for: noise of width 1 becomes as wide as |1 + gamma|; that has to be a / sqrt(E).")
    parameters = function_of(entries["parameters"], "parameters")
    _count(parameters("concat", 64, 48, 3, 32), "concat", 64 * 48, (64 + 3) * 48 + 48, 48, 0)
    film = 64 * 48 + 48 + 3 * 32 + 32 + 2 * 32 * 48 + 2 * 48
    _count(parameters("film", 64, 48, 3, 32), "film", 64 * 48, film, 48 + 32 + 2 * 48, 32 * 48 + 48)
    ratio = number_of(entries["ratio"], "the ratio")
    if ratio > 1.5:
        raise NotYet(f"ratio: {ratio:.2f} is that of FiLM or of Geant4; asked for is the layer that concatenates.")
    if abs(ratio - 1) > 0.02:
        raise NotYet("ratio: learned['concatenation'] has the widths from 1 to 100 GeV; divide the first by the last.")
    return "A shift cannot change a width: the ratio of the concatenating layer is 1 whatever it learns."


def _count(answer: Any, kind: str, matrix: int, exact: int, biases: int, half: int) -> None:
    count = number_of(answer, f"the number of weights of {kind}")
    if count == exact - biases:
        raise NotYet(f"parameters: the biases of {kind} are missing.")
    if half and count == exact - half:
        raise NotYet("parameters: the small network of FiLM makes two numbers for each unit, a scale and a shift.")
    if count == matrix:
        raise NotYet(f"parameters: this is the matrix W alone; {kind} has more.")
    if count != exact:
        raise NotYet(f"parameters: {kind} with 64 in, 48 out, 3 conditions, 32 hidden has {exact}, not {count:.15g}.")
