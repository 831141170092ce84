"""The inverse spline undoes the spline of zuko, outside its bound too."""

import torch
import zuko

from caloforge.nn.spline import inverse_spline
from caloforge.rng import torch_stream


def test_the_inverse_undoes_the_spline() -> None:
    generator = torch_stream(1, "spline")
    parameters = 3 * torch.randn(2000, 14, generator=generator, dtype=torch.float64)
    x = 2 * torch.randn(2000, generator=generator, dtype=torch.float64)
    spline = zuko.transforms.MonotonicRQSTransform(*parameters.split([5, 5, 4], 1), bound=3.0)
    y = spline(x)
    assert bool((y.abs() > 3).any())
    torch.testing.assert_close(inverse_spline(y, parameters, 5, 3.0), x, rtol=1e-6, atol=1e-6)
