r"""Response and resolution in bins of incident energy, particle by particle: bias, ratio, their errors and floors.

With the response :math:`R = E_\text{tot}/E_\text{inc}` of the showers of one particle in one bin,

.. math:: \text{bias} = \frac{\langle R\rangle_\text{gen}}{\langle R\rangle_\text{truth}} - 1, \qquad
          \text{ratio} = \frac{(\sigma_R/\langle R\rangle)_\text{gen}}{(\sigma_R/\langle R\rangle)_\text{truth}} .

In bins of theta the showers of all energies count together: their spread is more than the resolution at one energy.
The response to a pion is not that to an electron: over both together the mean belongs to no particle, and the spread
holds their difference. Dividing by the incident energy shower by shower takes the width of the bin out of
:math:`\sigma_R`. Errors are standard deviations over bootstrap resamples; floors come from two resamples of the truth
with the sizes of the comparison.
"""

__all__ = ["ResponseBin", "ResponseSummary", "bias_and_ratio", "compare_response"]

import itertools
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.errors import BadValue, EmptySample
from caloforge.metrics.bins import angle_edges, angle_label, energy_edges, energy_label
from caloforge.metrics.measured import Measured, bootstrap
from caloforge.metrics.particles import by_particle
from caloforge.physics.moments import ratio


@dataclass(frozen=True)
class ResponseBin:
    """One bin of incident energy, or of the angle theta, of one particle.

    Args:
        low, high: edges, MeV or rad.
        energy: mean incident energy of the truth, MeV; in a bin of theta its mean theta, rad.
        n_truth, n_generated: showers of either sample.
        mean_truth, mean_truth_error, mean_generated, mean_generated_error: mean response, and its standard errors.
        resolution_truth, resolution_truth_error, resolution_generated, resolution_generated_error: rms/mean of the
            response.
        bias, bias_error: of the mean response, see the module.
        ratio, ratio_error: of the resolutions, see the module.
        particle: name; empty where there is only one.
        of: what is binned.
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
    of: Literal["energy", "theta"] = "energy"

    @property
    def label(self) -> str:
        """The range of the bin as text, after the particle where there are several."""
        words = energy_label(self.low, self.high) if self.of == "energy" else angle_label("θ", self.low, self.high)
        return f"{self.particle} {words}" if self.particle else words

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
        angles: particle by particle, by rising theta over all energies; empty where theta does not vary.
    """

    bins: tuple[ResponseBin, ...]
    bias_max: Measured
    ratio_distance: Measured
    bias_bin: ResponseBin
    ratio_bin: ResponseBin
    angles: tuple[ResponseBin, ...] = ()

    @property
    def ratio_max(self) -> float:
        """The ratio of resolutions that lies furthest from one."""
        return self.ratio_bin.ratio

    def by_particle(self) -> dict[str, tuple[ResponseBin, ...]]:
        """The bins of each particle, by its name."""
        names = dict.fromkeys(b.particle for b in self.bins)
        return {name: tuple(b for b in self.bins if b.particle == name) for name in names}


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
    theta: tuple[Float[Array, " n"], Float[Array, " m"]] | None = None,
) -> ResponseSummary:
    """Bias and resolution ratio in each energy bin of each particle, and in bins of theta where it varies.

    Args:
        truth: incident energy (MeV) and response of the reference showers.
        generated: the same of the generated showers.
        rng: of the resamples.
        edges: energy bins, MeV; `energy_edges` of each particle when not given.
        repeats: bootstrap resamples.
        pdg: PDG numbers of both samples, where they hold several particles.
        theta: angles to the normal of both samples, rad, where they are known.

    Raises:
        EmptySample: too few showers of a particle.
        BadValue: the truth has no energy, or all its showers have the same response.
    """
    bins, biases, ratios, angles = [], [], [], []
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
        if theta is not None:
            at = theta[0][in_truth], theta[1][in_generated]
            inner = angle_edges(*at)
            for low, high in itertools.pairwise([] if inner is None else inner):
                angle_bin, _ = _compare_bin((float(low), float(high)), (at[0], t[1]), (at[1], g[1]), repeats, rng)
                angles.append(replace(angle_bin, particle=particle, of="theta"))
    return replace(_summarise(tuple(bins), np.array(biases), np.array(ratios)), angles=tuple(angles))


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
        raise EmptySample(f"response from {low:.4g} to {high:.4g} needs showers in both samples", len(t), len(g))
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
