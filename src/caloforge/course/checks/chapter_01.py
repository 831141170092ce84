"""Chapter 1: images of the right shape and order, and the mean depth that grows by one X0 with a factor e of energy."""

__all__ = ["check"]

from typing import Any

import numpy as np

from caloforge.course.answers import array_from, entries_of, function_of, number_of
from caloforge.errors import NotYet

_SHAPE = (15, 8, 9)  # layers, sectors, rings of the readout siw-1080
_MM_PER_X0 = 10.2 / (6 * (1.4 / 3.504 + 0.3 / 93.7))


def check(answer: Any) -> str:
    """Mark the exercise of chapter 1.

    Args:
        answer: ``to_images``, a function of cell energies (N, 1080), and ``slope``, X0 per factor e.

    Raises:
        NotYet: what is wrong.
    """
    entries = entries_of(answer, ("to_images", "slope"))
    cells = np.arange(2 * 1080, dtype=np.float64).reshape(2, 1080)
    images = array_from(
        function_of(entries["to_images"], "to_images")(cells), (2, *_SHAPE), "the images of two showers"
    )
    if np.array_equal(images.swapaxes(2, 3).reshape(2, -1), cells):
        raise NotYet("Sectors and rings of your images are mixed up: the ring runs fastest in the flat order.")
    if not np.array_equal(images.reshape(2, -1), cells):
        raise NotYet(
            "The cells of your images are in another order: image.reshape(-1) has to give back the flat order."
        )
    slope = number_of(entries["slope"], "the slope")
    if abs(slope / _MM_PER_X0 - 1) < 0.15:
        raise NotYet(f"Your slope, {slope:.2f}, is in mm: a layer of 10.2 mm has {10.2 / _MM_PER_X0:.2f} X0.")
    if abs(slope * 10.2 / _MM_PER_X0 - 1) < 0.15:
        raise NotYet(f"Your slope, {slope:.2f}, is in layers: one layer has {10.2 / _MM_PER_X0:.2f} X0.")
    if abs(slope / np.log(10) - 1) < 0.15:
        raise NotYet(f"Your slope, {slope:.2f}, is for a factor 10 of energy: take the natural logarithm.")
    if not 0.85 < slope < 1.15:
        raise NotYet(
            f"Your slope is {slope:.2f} X0; Geant4's showers give about 1. Weight each layer's depth with its energy, "
            "shower by shower, then fit a straight line against ln E."
        )
    return f"The mean depth grows by {slope:.2f} X0 with each factor e of energy, as the theory of cascades says."
