"""Blocks of energies: how many showers a conversion holds at a time, and their type."""

__all__ = ["as_float32", "rows_of_a_block"]

import numpy as np
from jaxtyping import Float32
from numpy import ndarray as Array

_BYTES = 2**26


def rows_of_a_block(n_voxels: int) -> int:
    """Showers of a block: 64 MiB of cells, 10,000 showers at most.

    Args:
        n_voxels: cells of a shower.
    """
    return max(1, min(10_000, _BYTES // (4 * n_voxels)))


def as_float32(values: Array, factor: float = 1.0) -> Float32[Array, "..."]:
    """Numbers of a file in float32, times the unit; what float32 cannot hold becomes infinite, and is refused then.

    Args:
        values: of any type of number.
        factor: to multiply by.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(values if factor == 1 else values * factor, np.float32)
