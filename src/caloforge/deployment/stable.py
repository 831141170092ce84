r"""Functions that ONNX lacks or computes in fewer digits, written out in sums, products, exp and log of float32.

Exporters put log1p, expm1, the normal distribution function and the sigmoid down as formulas that lose digits near
their ends, and ONNX Runtime's own sigmoid is a polynomial; where a uniform is compared with a probability, that flips
hits. Here they keep the digits of float32: with :math:`d = 1 + x` rounded, :math:`\ln(1 + x) = x \ln(d) / (d - 1)` and
with :math:`u = e^x` rounded, :math:`e^x - 1 = x (u - 1) / \ln u` (Kahan); the complementary error function is
:math:`\text{erfc}(z) = t\, e^{-z^2 + p(t)}, t = 1 / (1 + z/2)`, to 1.2e-7 of its value (Press et al., Numerical
Recipes, section 6.2), with :math:`z^2` split so that no digit of the exponent is lost; near zero the normal
distribution function goes by its power series, :math:`\tfrac12 + \varphi(0) \sum_k (-x^2/2)^k x / (k! (2k + 1))`.
Sums over indices go by
``scatter_add``, which ONNX Runtime computes rightly on any number of threads (``ScatterND`` with a sum it does not).
"""

__all__ = ["StableFunctions", "expm1", "log1p", "ndtr", "sigmoid", "softplus"]

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.overrides import TorchFunctionMode

_ERFC = (
    0.17087277,
    -0.82215223,
    1.48851587,
    -1.13520398,
    0.27886807,
    -0.18628806,
    0.09678418,
    0.37409196,
    1.00002368,
    -1.26551223,
)
_SERIES = [(-0.5) ** k / (math.factorial(k) * (2 * k + 1) * math.sqrt(2 * math.pi)) for k in range(11)]
_NEAR = 1.2  # where the terms that are left out are below 1e-9

Numbers = Float[Tensor, "..."]


def log1p(x: Numbers) -> Numbers:
    """ln(1 + x).

    Args:
        x: above -1.
    """
    d = 1 + x
    return torch.where(d == 1, x, x * d.log() / torch.where(d == 1, torch.ones_like(d), d - 1))


def expm1(x: Numbers) -> Numbers:
    """exp(x) - 1.

    Args:
        x: any numbers.
    """
    u = x.exp()
    inside = (u != 1) & (u > 1e-30) & (u < 1e30)
    log = torch.where(inside, u, torch.full_like(u, 2.0)).log()
    return torch.where(u == 1, x, torch.where(inside, (u - 1) * x / log, u - 1))


def sigmoid(x: Numbers) -> Numbers:
    """1 / (1 + exp(-x)).

    Args:
        x: any numbers.
    """
    return 1 / (1 + (-x).exp())


def softplus(x: Numbers) -> Numbers:
    """ln(1 + exp(x)).

    Args:
        x: any numbers.
    """
    return x.clamp(min=0) + log1p((-x.abs()).exp())


def ndtr(x: Numbers) -> Numbers:
    """Normal distribution function.

    Args:
        x: any numbers.
    """
    z = x.abs()
    t = 1 / (1 + math.sqrt(0.125) * z)
    p = _polynomial(t, _ERFC)
    high = (16 * z).floor() / 16  # few digits, so that its square is exact
    tail = 0.5 * t * (-0.5 * high * high).exp() * (p - 0.5 * (z - high) * (z + high)).exp()
    near = 0.5 + x * _polynomial(x.square().clamp(max=_NEAR**2), _SERIES[::-1])
    return torch.where(z < _NEAR, near, torch.where(x < 0, tail, 1 - tail))


def _polynomial(x: Numbers, coefficients: Sequence[float]) -> Numbers:
    """Horner's scheme, highest power first."""
    value = torch.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value


def _erfc(x: Numbers) -> Numbers:
    return 2 * ndtr(-math.sqrt(2.0) * x)


def _silu(x: Numbers, inplace: bool = False) -> Numbers:
    return x * sigmoid(x)


def _softplus(x: Numbers, beta: float = 1.0, threshold: float = 20.0) -> Numbers:
    return softplus(beta * x) / beta


def _logit(x: Numbers, eps: float | None = None) -> Numbers:
    x = x if eps is None else x.clamp(eps, 1 - eps)
    return x.log() - log1p(-x)


def _cumprod(x: Numbers, dim: int) -> Numbers:
    columns = list(x.unbind(dim))
    for i in range(1, len(columns)):
        columns[i] = columns[i - 1] * columns[i]
    return torch.stack(columns, dim)


def _index_add(x: Tensor, dim: int, index: Int[Tensor, " k"], source: Tensor) -> Tensor:
    shape = [1] * source.ndim
    shape[dim] = -1
    return x.scatter_add(dim, index.view(shape).expand_as(source), source)


def _scatter_reduce(
    x: Tensor, dim: int, index: Int[Tensor, "n k"], source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """Largest of the source at each place, by a table of what comes to a place, the same for all rows.

    Raises:
        NotImplementedError: another reduction, or rows with other indices.
    """
    rows = index.detach()
    if (reduce, dim % x.ndim, x.ndim, include_self) != ("amax", 1, 2, True) or bool((rows != rows[:1]).any()):
        raise NotImplementedError("scatter_reduce other than amax of rows with the same indices")
    places = [(rows[0] == target).nonzero()[:, 0].tolist() for target in range(x.shape[1])]
    longest = max(map(len, places))
    table = torch.tensor([(place or [0]) + [(place or [0])[-1]] * (longest - max(len(place), 1)) for place in places])
    hit = torch.tensor([bool(place) for place in places])
    return torch.maximum(x, torch.where(hit, source[:, table].amax(-1), x))


def _diff(x: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None) -> Tensor:
    whole = torch.cat([part for part in (prepend, x, append) if part is not None], dim)
    return whole.narrow(dim, 1, whole.shape[dim] - 1) - whole.narrow(dim, 0, whole.shape[dim] - 1)


def _unfold(x: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows along an axis, side by side in a new last one."""
    windows = (int(x.shape[dimension]) - size) // step + 1
    starts = [x.narrow(dimension, i, step * (windows - 1) + 1) for i in range(size)]
    if step > 1:
        index = torch.arange(windows) * step
        starts = [part.index_select(dimension, index) for part in starts]
    return torch.stack(starts, -1)


def _bmm(a: Tensor, b: Tensor) -> Tensor:
    """As a product with one matrix, where it is the same for all: the graph then holds it once."""
    return torch.matmul(a[0] if a.stride(0) == 0 else a, b)


def _baddbmm(start: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return start + _bmm(a, b)


def _squeeze(x: Tensor, dim: int) -> Tensor:
    """As the only element, which needs no branch in the graph as a length that may be another does."""
    return x.select(dim, 0) if x.shape[dim] == 1 else x


def _searchsorted(ordered: Tensor, values: Tensor, *, side: str = "left", right: bool = False) -> Tensor:
    """Number of the ordered values below, or not above."""
    below = ordered[..., None, :] <= values[..., None] if right or side == "right" else None
    below = ordered[..., None, :] < values[..., None] if below is None else below
    return below.to(torch.int64).sum(-1)


_INSTEAD: Mapping[Callable[..., Any], Callable[..., Any]] = {
    torch.log1p: log1p,
    Tensor.log1p: log1p,
    torch.expm1: expm1,
    Tensor.expm1: expm1,
    torch.special.expm1: expm1,
    torch.special.log1p: log1p,
    torch.special.ndtr: ndtr,
    torch.erfc: _erfc,
    Tensor.erfc: _erfc,
    torch.special.erfc: _erfc,
    torch.sigmoid: sigmoid,
    Tensor.sigmoid: sigmoid,
    torch.special.expit: sigmoid,
    torch.nn.functional.sigmoid: sigmoid,
    torch.nn.functional.silu: _silu,
    torch.nn.functional.softplus: _softplus,
    torch.logit: _logit,
    Tensor.logit: _logit,
    torch.special.logit: _logit,
    torch.bmm: _bmm,
    torch.baddbmm: _baddbmm,
    torch.cumprod: _cumprod,
    Tensor.cumprod: _cumprod,
    torch.index_add: _index_add,
    Tensor.index_add: _index_add,
    Tensor.index_add_: _index_add,
    torch.scatter_reduce: _scatter_reduce,
    Tensor.scatter_reduce: _scatter_reduce,
    torch.diff: _diff,
    Tensor.diff: _diff,
    Tensor.unfold: _unfold,
    torch.squeeze: _squeeze,
    Tensor.squeeze: _squeeze,
    torch.searchsorted: _searchsorted,
}


class StableFunctions(TorchFunctionMode):
    """While it is entered, PyTorch's functions are those of this module."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        return _INSTEAD.get(func, func)(*args, **(kwargs or {}))
