r"""Response and resolution in bins of incident energy: bias, ratio, their errors and their floors.

With the response :math:`R = E_\text{tot}/E_\text{inc}` of the showers of one bin,

.. math:: \text{bias} = \frac{\langle R\rangle_\text{gen}}{\langle R\rangle_\text{truth}} - 1, \qquad
          \text{ratio} = \frac{(\sigma_R/\langle R\rangle)_\text{gen}}{(\sigma_R/\langle R\rangle)_\text{truth}} .

Dividing by the incident energy shower by shower takes the width of the bin out of :math:`\sigma_R`. Errors are standard
deviations over bootstrap resamples; floors come from two resamples of the truth with the sizes of the comparison.
"""

__all__ = ["ResponseBin", "ResponseSummary", "energy_edges", "compare_response"]

import itertools
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.errors import BadValue, EmptySample
from caloforge.metrics.measured import Measured
from caloforge.units import GeV

_DISCRETE = 20


@dataclass(frozen=True)
class ResponseBin:
    """One bin of incident energy (MeV); ``*_error`` are standard errors; ``energy`` is the truth's mean energy."""

    low: float
    high: float
    energy: float
    n_truth: int
    n_generated: int
    mean_truth: float
    mean_truth_error: float
    mean_generated: float
    mean_generated_error: float
    resolution_truth: float
    resolution_truth_error: float
    resolution_generated: float
    resolution_generated_error: float
    bias: float
    bias_error: float
    ratio: float
    ratio_error: float

    @property
    def label(self) -> str:
        """The range of the bin as text."""
        return f"{self.low / GeV:.3g}–{self.high / GeV:.3g} GeV"

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class ResponseSummary:
    """All bins, and the worst of them.

    ``bias_max`` is the largest size of a bias, ``ratio_distance`` the largest distance of a ratio of resolutions from
    one; their floors are what two truth samples give for the same largest values.
    """

    bins: tuple[ResponseBin, ...]
    bias_max: Measured
    ratio_distance: Measured
    bias_bin: ResponseBin
    ratio_bin: ResponseBin

    @property
    def ratio_max(self) -> float:
        """The ratio of resolutions that lies furthest from one."""
        return self.ratio_bin.ratio


def energy_edges(
    truth: Float[Array, " n"], generated: Float[Array, " m"], bins: int = 6, fewest: int = 50
) -> Float[Array, " e"]:
    """Edges (MeV) of energy bins: equal in log E over the truth, or one bin an energy where a few are discrete.

    Bins with less than ``fewest`` showers in either sample are merged with a neighbour.

    Raises:
        EmptySample: a sample has fewer than ``fewest`` showers in the whole range.
    """
    energies = np.unique(truth).astype(float)
    low, high = energies[0] * (1 - 1e-6), energies[-1] * (1 + 1e-6)
    middles = np.sqrt(energies[1:] * energies[:-1])
    inner = middles if len(energies) <= _DISCRETE else np.geomspace(low, high, bins + 1)[1:-1]
    edges = np.array([low, *inner, high])
    while (counts := _fewest_counts(truth, generated, edges)).min() < fewest:
        if len(edges) == 2:
            raise EmptySample(f"response needs {fewest} showers in each sample", *_sizes(truth, generated, edges))
        edges = np.delete(edges, _edge_to_drop(counts))
    return edges


def _sizes(truth: Array, generated: Array, edges: Array) -> tuple[int, int]:
    first, second = (int(np.histogram(x, edges)[0].sum()) for x in (truth, generated))
    return first, second


def _fewest_counts(truth: Array, generated: Array, edges: Array) -> Int[Array, " b"]:
    return np.minimum(np.histogram(truth, edges)[0], np.histogram(generated, edges)[0])


def _edge_to_drop(counts: Int[Array, " b"]) -> int:
    """The edge between the poorest bin and its poorer neighbour."""
    poorest = int(counts.argmin())
    left = counts[poorest - 1] if poorest > 0 else np.inf
    right = counts[poorest + 1] if poorest + 1 < len(counts) else np.inf
    return poorest if left <= right else poorest + 1


def _moments(response: Float[Array, " n"]) -> tuple[float, float]:
    """Mean and rms/mean (infinite where the mean vanishes)."""
    mean = float(response.mean())
    return mean, float(response.std() / mean) if mean > 0 else float("inf")


def _bootstrap(
    response: Float[Array, " n"], size: int, repeats: int, rng: np.random.Generator
) -> Float[Array, "repeats 2"]:
    return np.array([_moments(response[rng.integers(len(response), size=size)]) for _ in range(repeats)])


def compare_response(
    truth: tuple[Float[Array, " n"], Float[Array, " n"]],
    generated: tuple[Float[Array, " m"], Float[Array, " m"]],
    rng: np.random.Generator,
    edges: Float[Array, " e"] | None = None,
    repeats: int = 200,
) -> ResponseSummary:
    """Bias and resolution ratio in each energy bin, see the module.

    Args:
        truth: incident energy (MeV) and response of the reference showers.
        generated: the same of the generated showers.
        edges: energy bins, MeV; `energy_edges` when not given.

    Raises:
        EmptySample: too few showers.
        BadValue: the truth has no energy, or all its showers have the same response.
    """
    edges = energy_edges(truth[0], generated[0]) if edges is None else edges
    bins, biases, ratios = [], [], []
    for low, high in itertools.pairwise(edges):
        t, g = (response[(e >= low) & (e < high)] for e, response in (truth, generated))
        if min(len(t), len(g)) < 2:
            raise EmptySample(f"response in {low:.4g}-{high:.4g} MeV needs showers in both samples", len(t), len(g))
        draws_t, null = _bootstrap(t, len(t), repeats, rng), _bootstrap(t, len(g), repeats, rng)
        draws_g = _bootstrap(g, len(g), repeats, rng)
        mean_energy = float(truth[0][(truth[0] >= low) & (truth[0] < high)].mean(dtype=np.float64))
        bins.append(_one_bin((float(low), float(high), mean_energy), t, g, draws_t, draws_g))
        biases.append(np.abs(null[:, 0] / draws_t[:, 0] - 1))
        ratios.append(np.abs(null[:, 1] / draws_t[:, 1] - 1))
    return _summarise(tuple(bins), np.array(biases), np.array(ratios))


def _one_bin(where: tuple[float, float, float], t: Array, g: Array, draws_t: Array, draws_g: Array) -> ResponseBin:
    (mean_t, res_t), (mean_g, res_g) = _moments(t), _moments(g)
    if not (mean_t > 0 and res_t > 0):
        raise BadValue("response of the truth", mean_t, "give truth showers that deposit a varying energy")
    spread_t, spread_g = _spread(draws_t), _spread(draws_g)
    quotient = _spread(draws_g / draws_t)
    pairs = (mean_t, spread_t[0], mean_g, spread_g[0], res_t, spread_t[1], res_g, spread_g[1])
    return ResponseBin(
        *where, len(t), len(g), *pairs, mean_g / mean_t - 1, quotient[0], res_g / res_t, quotient[1]
    )  # fmt: skip


def _spread(draws: Float[Array, "repeats 2"]) -> tuple[float, float]:
    finite = np.isfinite(draws).all()
    return (float(draws[:, 0].std(ddof=1)), float(draws[:, 1].std(ddof=1))) if finite else (float("inf"), float("inf"))


def _summarise(bins: tuple[ResponseBin, ...], biases: Array, ratios: Array) -> ResponseSummary:
    bias_bin = max(bins, key=lambda b: abs(b.bias))
    ratio_bin = max(bins, key=lambda b: abs(b.ratio - 1))
    bias_floor, ratio_floor = biases.max(axis=0), ratios.max(axis=0)
    bias = Measured(abs(bias_bin.bias), bias_bin.bias_error, float(bias_floor.mean()), float(bias_floor.std(ddof=1)))
    distance = abs(ratio_bin.ratio - 1)
    ratio = Measured(distance, ratio_bin.ratio_error, float(ratio_floor.mean()), float(ratio_floor.std(ddof=1)))
    return ResponseSummary(bins, bias, ratio, bias_bin, ratio_bin)
