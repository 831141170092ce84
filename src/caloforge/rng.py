"""Seed streams: every random number of the project comes from a stream named by (seed, stage, indices).

Streams with different names are independent (NumPy's ``SeedSequence``), so results depend neither on the order in which
work is done nor on the number of workers or the batch size.
"""

__all__ = ["stream", "integer_seeds", "torch_seed", "torch_stream"]

import zlib
from typing import TYPE_CHECKING

import numpy as np

from caloforge.errors import BadValue

if TYPE_CHECKING:
    import torch


def _sequence(seed: int, stage: str, indices: tuple[int, ...]) -> np.random.SeedSequence:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise BadValue("seed", seed, "give a whole number that is not negative")
    return np.random.SeedSequence([seed, zlib.crc32(stage.encode()), *indices])


def stream(seed: int, stage: str, *indices: int) -> np.random.Generator:
    """NumPy generator of one stage, for example ``stream(7, "split")`` or ``stream(7, "noise", block)``.

    Args:
        seed: of the run, not negative.
        stage: name of what the numbers are for.
        indices: numbers that tell streams of one stage apart, such as a block's.

    Raises:
        BadValue: the seed is no whole number from 0 on.
    """
    return np.random.Generator(np.random.PCG64(_sequence(seed, stage, indices)))


def integer_seeds(seed: int, stage: str, *indices: int) -> tuple[int, int]:
    """Two positive 31-bit seeds, as Geant4's engines take them.

    Args:
        seed: of the run, not negative.
        stage: name of what the numbers are for.
        indices: numbers that tell streams of one stage apart, such as a block's.

    Raises:
        BadValue: the seed is no whole number from 0 on.
    """
    first, second = _sequence(seed, stage, indices).generate_state(2)
    return int(first >> 1) or 1, int(second >> 1) or 1


def torch_seed(seed: int, stage: str, *indices: int) -> int:
    """Seed of the PyTorch generator of one stage.

    Args:
        seed: of the run, not negative.
        stage: name of what the numbers are for.
        indices: numbers that tell streams of one stage apart, such as a block's.

    Raises:
        BadValue: the seed is no whole number from 0 on.
    """
    return int(_sequence(seed, stage, indices).generate_state(1, np.uint64)[0] >> 1)


def torch_stream(seed: int, stage: str, *indices: int, device: str = "cpu") -> "torch.Generator":
    """PyTorch generator of one stage.

    Args:
        seed: of the run, not negative.
        stage: name of what the numbers are for.
        device: where the numbers are drawn.
        indices: numbers that tell streams of one stage apart, such as a block's.

    Raises:
        BadValue: the seed is no whole number from 0 on.
    """
    import torch  # here, so that what is computed without PyTorch need not wait for it

    return torch.Generator(device).manual_seed(torch_seed(seed, stage, *indices))
