"""How many showers a conversion holds at a time."""

__all__ = ["rows_of_a_block"]

_BYTES = 2**26


def rows_of_a_block(n_voxels: int) -> int:
    """Showers of a block: 64 MiB of cells, 10,000 showers at most.

    Args:
        n_voxels: cells of a shower.
    """
    return max(1, min(10_000, _BYTES // (4 * n_voxels)))
