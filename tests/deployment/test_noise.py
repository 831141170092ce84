"""Noise without PyTorch is PyTorch's, bit for bit."""

import numpy as np
import pytest
import torch

from caloforge.deployment.noise import block_normals
from caloforge.rng import torch_stream


@pytest.mark.skipif("AVX" not in torch.backends.cpu.get_cpu_capability(), reason="PyTorch's last bits differ there")
@pytest.mark.parametrize(
    ("block", "width"), [(1000, 41), (16, 16), (5, 7), (3, 11), (1000, 1101)], ids=lambda value: str(value)
)
def test_noise_is_that_of_pytorch(block, width):
    for index in (0, 3):
        expected = torch.randn(block, width, generator=torch_stream(7, "noise", index)).numpy()
        np.testing.assert_array_equal(block_normals(7, (index,), block, width, block), expected)


@pytest.mark.parametrize("rows", [1, 2, 15, 999, 1000])
def test_a_row_does_not_depend_on_how_many_are_needed(rows):
    """1000 rows of 13 end within a set of sixteen, so the last rows come from numbers drawn at the very end."""
    whole = block_normals(1, (0,), 1000, 13, 1000)
    np.testing.assert_array_equal(block_normals(1, (0,), 1000, 13, rows), whole[:rows])


def test_noise_is_standard_normal():
    z = block_normals(5, (2,), 1000, 200, 1000).ravel()
    n = z.size
    assert abs(z.mean()) < 5 / n**0.5
    assert abs((z**2).mean() - 1) < 5 * (2 / n) ** 0.5
    assert abs((z**4).mean() - 3) < 5 * (96 / n) ** 0.5
