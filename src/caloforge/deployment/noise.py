r"""The normals that PyTorch draws on a CPU, without PyTorch: the same seed gives the same noise, bit for bit.

Uniforms are the low 24 bits of the numbers of a Mersenne twister, and sixteen of them, u and v, make sixteen normals
(Box and Muller, Ann. Math. Statist. 29, 610, 1958),

.. math:: z_i = \sqrt{-2 \ln(1 - u_i)} \cos 2\pi v_i, \qquad z_{i+8} = \sqrt{-2 \ln(1 - u_i)} \sin 2\pi v_i .

Where a block is no multiple of sixteen, its last sixteen normals are drawn again. Logarithm, sine and cosine are the
polynomials of Moshier's Cephes library in float32 with fused products, as processors with AVX2 compute them there; on
others PyTorch's last bits differ.
"""

__all__ = ["block_normals"]

from typing import Any

import numpy as np
from jaxtyping import Float, UInt64
from numpy import ndarray as Array

from caloforge.rng import torch_seed

_SET = 16  # normals made from as many uniforms
_PIECE = 2**15  # numbers at a time, so that they stay in the cache
_LOG = (
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
_LN2 = (np.float32(-2.12194440e-4), np.float32(0.693359375))  # small part and large part
_SQRT_HALF = np.float32(0.707106781186547524)
_EIGHTHS = np.float32(1.27323954473516)  # of a turn in one radian
_QUARTER_PI = (-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)  # in three parts
_COSINE = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_SINE = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_TWO_PI = np.float32(2 * np.pi)

Numbers = Float[Array, "..."]


def block_normals(seed: int, indices: tuple[int, ...], block: int, width: int, rows: int) -> Float[Array, "rows width"]:
    """The first rows of a block (block, width) of standard normals: the noise that `torch_stream` gives it.

    Args:
        seed: of the run, not negative.
        indices: that name the block in the stream ``noise``.
        block: rows of the whole block.
        width: numbers of a row.
        rows: how many rows are needed; they do not depend on it.

    Raises:
        BadValue: the seed is no whole number from 0 on.
    """
    whole, needed = block * width, rows * width
    twister = _twister(torch_seed(seed, "noise", *indices))
    last = whole % _SET and needed > whole - _SET  # those drawn again are needed
    drawn = whole if last else min(whole // _SET * _SET, -(-needed // _SET) * _SET)
    normals = np.empty(drawn, np.float32)
    for start in range(0, drawn, _PIECE):
        uniforms = _uniforms(twister.random_raw(min(_PIECE, drawn - start)))
        sets = len(uniforms) // _SET * _SET
        normals[start : start + sets] = _normals(uniforms[:sets])
    if last:
        normals[-_SET:] = _normals(_uniforms(twister.random_raw(_SET)))
    return normals[:needed].reshape(rows, width)


def _twister(seed: int) -> np.random.MT19937:
    """Started from the low 32 bits of a seed, as `torch.Generator` starts."""
    twister, legacy = np.random.MT19937(), np.random.RandomState(seed & 0xFFFFFFFF)
    state: Any = legacy.get_state(legacy=False)
    twister.state = state
    return twister


def _uniforms(raw: UInt64[Array, " n"]) -> Float[Array, " n"]:
    return (raw & 0xFFFFFF).astype(np.float32) * np.float32(2.0**-24)


def _normals(uniforms: Float[Array, " n"]) -> Float[Array, " n"]:
    u, v = uniforms.reshape(-1, 2, _SET // 2).transpose(1, 0, 2)
    radius = np.sqrt(np.float32(-2) * _log(np.float32(1) - u))
    sine, cosine = _sine_cosine(_TWO_PI * v)
    return np.stack([radius * cosine, radius * sine], 1).reshape(-1)


def _fused(a: Numbers, b: Numbers | float, c: Numbers | float) -> Numbers:
    """a b + c of float32, rounded once."""
    factor = np.float64(np.float32(b)) if isinstance(b, float) else b
    term = np.float64(np.float32(c)) if isinstance(c, float) else c
    return (a.astype(np.float64) * factor + term).astype(np.float32)


def _polynomial(x: Numbers, coefficients: tuple[float, ...]) -> Numbers:
    value = _fused(x, coefficients[0], coefficients[1])
    for coefficient in coefficients[2:]:
        value = _fused(value, x, coefficient)
    return value


def _log(x: Numbers) -> Numbers:
    """Of normal numbers: exponent times ln 2, and a polynomial of the mantissa between sqrt(1/2) and sqrt(2)."""
    bits = np.ascontiguousarray(x).view(np.int32)
    exponent = ((bits >> 23) - 126).astype(np.float32)
    mantissa = ((bits & 0x007FFFFF) | 0x3F000000).view(np.float32)
    low = mantissa < _SQRT_HALF
    exponent = exponent - low
    m = (mantissa - np.float32(1)) + np.where(low, mantissa, np.float32(0))
    square = m * m
    tail = _fused(_polynomial(m, _LOG) * m, square, exponent * _LN2[0])
    return _fused(exponent, float(_LN2[1]), m + _fused(square, -0.5, tail))


def _sine_cosine(x: Numbers) -> tuple[Numbers, Numbers]:
    """Of x >= 0: its distance from the nearest even eighth of a turn goes into two polynomials."""
    eighth = ((x * _EIGHTHS).astype(np.int32) + 1) & ~1
    count = eighth.astype(np.float32)
    for part in _QUARTER_PI:
        x = _fused(count, part, x)
    square = x * x
    cosine = _fused(_polynomial(square, _COSINE) * square, square, np.float32(-0.5) * square) + np.float32(1)
    sine = _fused(_polynomial(square, _SINE) * square, x, x)
    swapped = (eighth & 2) != 0
    first, second = np.where(swapped, cosine, sine), np.where(swapped, sine, cosine)
    return np.where(eighth & 4, -first, first), np.where((eighth + 2) & 4, -second, second)
