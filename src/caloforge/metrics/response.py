r"""Response and resolution in bins of incident energy, particle by particle: bias, ratio, their errors and floors.

With the response :math:`R = E_\text{tot}/E_\text{inc}` of the showers of one particle in one bin,

.. math:: \text{bias} = \frac{\langle R\rangle_\text{gen}}{\langle R\rangle_\text{truth}} - 1, \qquad
          \text{ratio} = \frac{(\sigma_R/\langle R\rangle)_\text{gen}}{(\sigma_R/\langle R\rangle)_\text{truth}} .

The response to a pion is not that to an electron: over both together the mean belongs to no particle, and the spread
holds their difference. Dividing by the incident energy shower by shower takes the width of the bin out of
:math:`\sigma_R`. Errors are standard deviations over bootstrap resamples; floors come from two resamples of the truth
with the sizes of the comparison.
"""

__all__ = ["ResponseBin", "ResponseSummary", "bias_and_ratio", "compare_response", "energy_edges"]

import itertools
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.errors import BadValue, EmptySample
from caloforge.metrics.measured import Measured, bootstrap
from caloforge.metrics.particles import by_particle
from caloforge.physics.moments import ratio
from caloforge.units import GeV

_DISCRETE = 20


@dataclass(frozen=True)
class ResponseBin:
    """One bin of incident energy of one particle.

    Args:
        low, high: edges, MeV.
        energy: mean incident energy of the truth, MeV.
        n_truth, n_generated: showers of either sample.
        mean_truth, mean_truth_error, mean_generated, mean_generated_error: mean response, and its standard errors.
        resolution_truth, resolution_truth_error, resolution_generated, resolution_generated_error: rms/mean of the
            response.
        bias, bias_error: of the mean response, see the module.
        ratio, ratio_error: of the resolutions, see the module.
        particle: name; empty where there is only one.
    """

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
    particle: str = ""

    @property
    def label(self) -> str:
        """The range of the bin as text, after the particle where there are several."""
        return f"{f'{self.particle} ' if self.particle else ''}{self.low / GeV:.3g}–{self.high / GeV:.3g} GeV"

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class ResponseSummary:
    """All bins, and the worst of them.

    Args:
        bins: particle by particle, by rising energy.
        bias_max: largest size of a bias, with the floor of a largest: what two truth samples give for it.
        ratio_distance: largest distance of a ratio of resolutions from one, likewise.
        bias_bin: where the bias is largest.
        ratio_bin: where the ratio is furthest from one.
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

    def by_particle(self) -> dict[str, tuple[ResponseBin, ...]]:
        """The bins of each particle, by its name."""
        names = dict.fromkeys(b.particle for b in self.bins)
        return {name: tuple(b for b in self.bins if b.particle == name) for name in names}


def energy_edges(
    truth: Float[Array, " n"], generated: Float[Array, " m"], bins: int = 6, fewest: int = 50
) -> Float[Array, " e"]:
    """Edges (MeV) of energy bins: equal in log E over the truth, or one bin an energy where a few are discrete.

    Bins with less than ``fewest`` showers in either sample are merged with a neighbour.

    Args:
        truth: incident energies of the reference showers, MeV.
        generated: incident energies of the generated showers, MeV.
        bins: how many where energies are many.
        fewest: showers of either sample in a bin.

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


def _moments(response: Float[Array, " n"]) -> Float[Array, " 2"]:
    """Mean and rms/mean (infinite where the mean vanishes)."""
    mean = float(response.mean())
    return np.array([mean, float(response.std() / mean) if mean > 0 else float("inf")])


def bias_and_ratio(truth: Float[Array, "2 *S"], generated: Float[Array, "2 *S"]) -> Float[Array, "2 *S"]:
    """Bias of the mean response and ratio of the resolutions, see the module; NaN where the truth has none.

    Args:
        truth: mean and rms/mean of the response, of one sample or of S resamples.
        generated: the same of the generated showers.
    """
    quotient = ratio(generated, np.where(np.isfinite(truth), truth, 0.0))
    return np.stack([quotient[0] - 1, quotient[1]])


def compare_response(
    truth: tuple[Float[Array, " n"], Float[Array, " n"]],
    generated: tuple[Float[Array, " m"], Float[Array, " m"]],
    rng: np.random.Generator,
    edges: Float[Array, " e"] | None = None,
    repeats: int = 200,
    pdg: tuple[Int[Array, " n"], Int[Array, " m"]] | None = None,
) -> ResponseSummary:
    """Bias and resolution ratio in each energy bin of each particle, see the module.

    Args:
        truth: incident energy (MeV) and response of the reference showers.
        generated: the same of the generated showers.
        rng: of the resamples.
        edges: energy bins, MeV; `energy_edges` of each particle when not given.
        repeats: bootstrap resamples.
        pdg: PDG numbers of both samples, where they hold several particles.

    Raises:
        EmptySample: too few showers of a particle.
        BadValue: the truth has no energy, or all its showers have the same response.
    """
    bins, biases, ratios = [], [], []
    for particle, in_truth, in_generated in by_particle(
        *(pdg or (np.zeros(len(x[0]), int) for x in (truth, generated)))
    ):
        t, g = [x[in_truth] for x in truth], [x[in_generated] for x in generated]
        own = energy_edges(t[0], g[0]) if edges is None else edges
        for low, high in itertools.pairwise(own):
            energy_bin, null = _compare_bin((float(low), float(high)), (t[0], t[1]), (g[0], g[1]), repeats, rng)
            bins.append(replace(energy_bin, particle=particle))
            biases.append(null[:, 0])
            ratios.append(null[:, 1])
    return _summarise(tuple(bins), np.array(biases), np.array(ratios))


def _compare_bin(
    bounds: tuple[float, float],
    truth: tuple[Float[Array, " n"], Float[Array, " n"]],
    generated: tuple[Float[Array, " m"], Float[Array, " m"]],
    repeats: int,
    rng: np.random.Generator,
) -> tuple[ResponseBin, Float[Array, "repeats 2"]]:
    """One bin, and by how much bias and ratio of two truth samples of these sizes miss 0 and 1."""
    low, high = bounds
    inside = [(energy >= low) & (energy < high) for energy, _ in (truth, generated)]
    t, g = truth[1][inside[0]], generated[1][inside[1]]
    if min(len(t), len(g)) < 2:
        raise EmptySample(f"response in {low:.4g}-{high:.4g} MeV needs showers in both samples", len(t), len(g))
    draws_t, null = bootstrap(t, _moments, repeats, rng), bootstrap(t, _moments, repeats, rng, len(g))
    draws_g = bootstrap(g, _moments, repeats, rng)
    mean_energy = float(truth[0][inside[0]].mean(dtype=np.float64))
    return _one_bin((low, high, mean_energy), t, g, draws_t, draws_g), np.abs(
        bias_and_ratio(draws_t.T, null.T).T - [0, 1]
    )


def _one_bin(where: tuple[float, float, float], t: Array, g: Array, draws_t: Array, draws_g: Array) -> ResponseBin:
    (mean_t, res_t), (mean_g, res_g) = _moments(t).tolist(), _moments(g).tolist()
    if not (mean_t > 0 and res_t > 0):
        raise BadValue("response of the truth", mean_t, "give truth showers that deposit a varying energy")
    spread_t, spread_g, spread = (_spread(x) for x in (draws_t, draws_g, bias_and_ratio(draws_t.T, draws_g.T).T))
    bias, quotient = bias_and_ratio(_moments(t), _moments(g)).tolist()
    pairs = (mean_t, spread_t[0], mean_g, spread_g[0], res_t, spread_t[1], res_g, spread_g[1])
    return ResponseBin(*where, len(t), len(g), *pairs, bias, spread[0], quotient, spread[1])


def _spread(draws: Float[Array, "repeats 2"]) -> tuple[float, float]:
    """Standard deviation of each column; infinite where a resample leaves it undefined."""
    first, second = (float(x.std(ddof=1)) if np.isfinite(x).all() else float("inf") for x in draws.T)
    return first, second


def _summarise(bins: tuple[ResponseBin, ...], biases: Array, ratios: Array) -> ResponseSummary:
    bias_bin = max(bins, key=lambda b: abs(b.bias))
    ratio_bin = max(bins, key=lambda b: abs(b.ratio - 1))
    bias = Measured.with_floor(abs(bias_bin.bias), bias_bin.bias_error, biases.max(axis=0))
    distance = Measured.with_floor(abs(ratio_bin.ratio - 1), ratio_bin.ratio_error, ratios.max(axis=0))
    return ResponseSummary(bins, bias, distance, bias_bin, ratio_bin)
