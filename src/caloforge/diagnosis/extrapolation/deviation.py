r"""Response, resolution and shower depth of generated showers against Geant4 at one energy, held against goals.

For true showers of (about) one energy and generated ones at the same conditions: bias of the response and ratio of the
resolutions as `caloforge.metrics.response` defines them, and with the energy-weighted depth :math:`\bar z`

.. math:: \text{shift} = \frac{\langle\bar z\rangle_\text{gen} - \langle\bar z\rangle_\text{truth}}{X_0} .

Errors are standard deviations over bootstrap resamples of both samples; the floor is the mean distance from the ideal
value of two resamples of the truth with the sizes of the comparison. What lies within its goal is nobody's concern, and
a deviation of twice the goal must be seen (`caloforge.diagnosis.finding`).
"""

__all__ = ["GOALS", "TITLES", "Deviation", "deviations", "in_words", "judge_deviation"]

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.showers import Showers
from caloforge.diagnosis.finding import ALPHA, Effect, judge
from caloforge.metrics.measured import Measured
from caloforge.metrics.response import bias_and_ratio
from caloforge.metrics.shower_laws import BinMeans, relative_variance
from caloforge.physics.depth import depth_unit
from caloforge.physics.observables import select, tabulate
from caloforge.rng import stream
from caloforge.validation.finding import Finding, cannot_tell

GOALS = {"response_bias": 0.01, "resolution_ratio": 0.10, "depth_shift": 0.1}
TITLES = {"response_bias": "Response", "resolution_ratio": "Resolution", "depth_shift": "Shower depth"}
_IDEAL = {"response_bias": 0.0, "resolution_ratio": 1.0, "depth_shift": 0.0}
_RESAMPLES = 200
_REMEDY = (
    "train on showers of this energy, or with model.energy_features=fractions, model.tails=linear and "
    "training.penalties (docs/extrapolation.md)"
)


@dataclass(frozen=True)
class Deviation:
    """A measured number against what a perfect model would show.

    Args:
        value: the number.
        error: its standard error.
        floor: distance from the ideal that two samples of the truth show.
        floor_spread: standard deviation of that distance.
        ideal: the value for a perfect model.
        goal: largest distance that is nobody's concern; None where it has no unit for it.
        unit: of the value; empty for a ratio.
    """

    value: float
    error: float
    floor: float
    floor_spread: float
    ideal: float
    goal: float | None
    unit: str = ""

    @property
    def distance(self) -> float:
        """How far from the ideal."""
        return abs(self.value - self.ideal)


def deviations(
    truth: Showers, generated: Showers, seed: int, radiation_length: float | None = None
) -> dict[str, Deviation]:
    """Bias of the response, ratio of the resolutions and shift of the mean depth, see the module.

    Args:
        truth: showers of full simulation, of one energy or of a narrow range.
        generated: showers at the same conditions.
        seed: of the resamples.
        radiation_length: X0 in mm; without it, or without depths of the mesh, the shift is in the mesh's own unit.

    Raises:
        EmptySample: fewer than two showers in a sample.
    """
    in_x0 = radiation_length is not None and depth_unit(truth.binning) == "mm"
    scale, unit = (radiation_length or 1.0, "X0") if in_x0 else (1.0, depth_unit(truth.binning))
    rng, n, m = stream(seed, "deviations"), len(truth), len(generated)
    t, g, null = (_draw(s, size, rng) for s, size in ((truth, n), (generated, m), (truth, m)))
    of_generated, of_truth = bias_and_ratio(t[:2], g[:2]), bias_and_ratio(t[:2], null[:2])
    return {
        "response_bias": _deviation("response_bias", of_generated[0], of_truth[0]),
        "resolution_ratio": _deviation("resolution_ratio", of_generated[1], of_truth[1]),
        "depth_shift": _deviation("depth_shift", (g[2] - t[2]) / scale, (null[2] - t[2]) / scale, unit),
    }


def _draw(showers: Showers, size: int, rng: np.random.Generator) -> Float[Array, "3 S"]:
    """Mean response, rms/mean and mean depth of the sample (first column) and of resamples of this size."""
    table = tabulate(showers, select(["response", "centre_z"]))
    columns = np.column_stack([table["response"], table["response"] ** 2, table["centre_z"]])
    mean, square, depth = BinMeans.draw(columns, np.zeros(len(columns), int), (size,), _RESAMPLES, rng).values[:, 0].T
    return np.stack([mean, np.sqrt(relative_variance(mean, square)), depth])


def _deviation(name: str, draws: Float[Array, " S"], null: Float[Array, " S"], unit: str = "") -> Deviation:
    ideal, goal = _IDEAL[name], None if unit and unit != "X0" else GOALS[name]
    m = Measured.with_floor(float(draws[0]), float(draws[1:].std(ddof=1)), np.abs(null[1:] - ideal))
    return Deviation(m.value, m.error, m.floor, m.floor_spread, ideal, goal, unit)


def judge_deviation(name: str, d: Deviation, energy: str, n: int) -> Finding:
    """Pass within the goal, fail beyond it, cannot tell where showers or X0 are wanting.

    Args:
        name: one of `GOALS`.
        d: the deviation.
        energy: in words, for the name of the test.
        n: true showers it was measured with.
    """
    test = f"{TITLES[name]} at {energy}"
    if not np.isfinite([d.value, d.error]).all():
        return cannot_tell(test, "it is not defined for the generated showers")
    if d.goal is None:
        return cannot_tell(
            test, f"{in_words(name, d)}; the detector's radiation length is not known, so it has no goal"
        )
    evidence = f"{in_words(name, d)}, goal {_scaled(name, d.goal)}"
    return judge(test, Effect(d.distance, d.error, n, d.goal, 2 * d.goal), evidence, _REMEDY, ALPHA / 2)


def in_words(name: str, d: Deviation) -> str:
    """The deviation with its error and what Geant4 against Geant4 gives.

    Args:
        name: one of `GOALS`.
        d: the deviation.
    """
    text = {
        "response_bias": f"bias {100 * d.value:+.2f} ± {100 * d.error:.2f} %",
        "resolution_ratio": f"ratio {d.value:.3f} ± {d.error:.3f}",
        "depth_shift": f"shift {d.value:+.3f} ± {d.error:.3f} {d.unit}",
    }[name]
    return f"{text} (Geant4 against Geant4 {_scaled(name, d.floor, d.unit)})"


def _scaled(name: str, distance: float, unit: str = "X0") -> str:
    return f"{distance:.2g} {unit}" if name == "depth_shift" else f"{100 * distance:.2g} %"
