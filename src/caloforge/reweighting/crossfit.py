r"""Weights of generated showers from networks that saw neither them nor the showers they are judged on.

Truth and generated showers are cut in two halves (showers of one incident energy stay together). Each half is weighted
by a ratio fitted on the other one, and judged by new networks, cross-validated within it with the weights in their
loss: what fits the weights, what trains the judge and what is scored are three disjoint sets of showers, of truth and
of the generator. So noise in the weights can only raise the AUC. Floor: one half of the truth judged against the other.
Source of the weights: arXiv:1907.08209.
"""

__all__ = ["Reweighting", "inputs", "reweight", "weights_from"]

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.classifiers.auc import FAST, Progress
from caloforge.classifiers.data import fold_numbers
from caloforge.classifiers.features import ENERGY, Features, high
from caloforge.classifiers.network import ClassifierSettings
from caloforge.geometry.binning import require_one_mesh
from caloforge.metrics.measured import Measured, need_showers, standard_error
from caloforge.reweighting.judge import Judged, judge, mean_area, mean_gain
from caloforge.reweighting.ratio import DensityRatio, fit_ratio
from caloforge.reweighting.weights import conditional_mean, effective_size
from caloforge.rng import integer_seeds, stream
from caloforge.validation.compare import part_of
from caloforge.validation.conditions import FEWEST, ConditionsDiffer, differences
from caloforge.validation.sample import Sample

CLIP = 10.0
_ENERGY_BINS = 5
_CONDITIONS = (ENERGY, "pdg", "theta", "cos_phi", "sin_phi")

Pair = tuple[Features, Features]  # truth, generated


@dataclass(frozen=True, eq=False)
class Reweighting:
    """Weights, what they came from, and what they are good for.

    Args:
        weights: of each generated shower, of mean one in each half.
        halves: 0 or 1 of each shower of truth and of the generator.
        ratios: fitted on half 0 and on half 1; each weights the other half.
        clip: largest weight before the mean was set to one.
        clipped: showers whose weight was cut there.
        before: AUC of unweighted against true showers, its error, and that of truth against truth.
        after: the same with weights.
        gain: the AUC before minus after, and its standard error (the same showers in both).
        energy_edges: MeV.
        mean_by_energy: mean weight between these edges, one for an ideal ratio, and its standard error.
    """

    weights: Float[Array, " m"]
    halves: tuple[Int[Array, " n"], Int[Array, " m"]]
    ratios: tuple[DensityRatio, DensityRatio]
    clip: float
    clipped: int
    before: Measured
    after: Measured
    gain: tuple[float, float]
    energy_edges: Float[Array, " e"]
    mean_by_energy: tuple[Float[Array, " b"], Float[Array, " b"]]

    @property
    def effective_size(self) -> float:
        """Showers that the weighted sample is worth in a mean."""
        return effective_size(self.weights)

    @property
    def verdict(self) -> str:
        """Did it help, in words."""
        value, error = self.gain
        if value > 2 * error:
            return "the weights bring the showers closer to the truth"
        conclusion = (
            "no gain that can be told from chance" if value > -2 * error else "the weights do harm: do not use them"
        )
        return f"{conclusion}; more showers of truth and of the generator give better weights"


def inputs(sample: Sample) -> Features:
    """What the networks see: log10 of the incident energy, all observables of the sample, particle and direction.

    Args:
        sample: N showers with their observables.
    """
    observed = high(sample.table, sample.incident_energy)
    conditions = (sample.pdg, sample.theta, np.cos(sample.phi), np.sin(sample.phi))
    values = np.column_stack([observed.values, *conditions]).astype(np.float32)
    return Features(values, (*observed.names, *_CONDITIONS[1:]))


def weights_from(ratios: Sequence[DensityRatio], features: Features, clip: float) -> tuple[Float[Array, " m"], int]:
    """Weights from the mean logarithm of some ratios, of mean one at given conditions, and how many were cut.

    Args:
        ratios: of networks that did not see the showers.
        features: of the generated showers, as `inputs` gives them.
        clip: largest weight before all are scaled to mean one.
    """
    logarithm = np.mean([ratio.log_ratio(features) for ratio in ratios], axis=0)
    weights = np.exp(np.minimum(logarithm, np.log(clip)))
    conditions = features.values[:, [features.names.index(name) for name in _CONDITIONS]]
    weights /= conditional_mean(weights, conditions.astype(np.float64))
    return weights / weights.mean(), int((logarithm > np.log(clip)).sum())


def reweight(
    truth: Sample,
    generated: Sample,
    seed: int,
    clip: float = CLIP,
    settings: ClassifierSettings = FAST,
    progress: Progress = lambda done, text: None,
) -> Reweighting:
    """Fit, apply and judge.

    Args:
        truth: true showers that the generator was not trained on.
        generated: generated showers at the same conditions; more of them than of the truth do good.
        seed: of halves, folds, networks and bootstrap.
        clip: largest weight.
        settings: of all networks.
        progress: called with the share of the work done and what it is.

    Raises:
        EmptySample: fewer than 40 showers a fold in a sample.
        BinningMismatch: the meshes differ.
        ConditionsDiffer: particles, energies or angles differ in distribution.
    """
    require_reweightable(truth, generated, settings)
    features = (inputs(truth), inputs(generated))
    halves = _halves(features, seed)
    parts = [_half(features, halves, h) for h in (0, 1)]
    ratios, weights, clipped = [], np.empty(len(generated)), 0
    for h, opposite in ((0, 1), (1, 0)):
        report = _under(progress, 0.2 * h, 0.2, "weights")
        ratios.append(fit_ratio(*parts[h], _seed(seed, "ratio", h), settings, report))
        weights[halves[1] == opposite], cut = weights_from(ratios[-1:], parts[opposite][1], clip)
        clipped += cut

    def judged(given: Float[Array, " m"], start: float) -> list[Judged]:
        return [
            judge(*parts[h], given[halves[1] == h], _seed(seed, "judge", h), settings, part)
            for h, part in enumerate(_under(progress, start + 0.1 * h, 0.1, "judging") for h in (0, 1))
        ]

    before, after = judged(np.ones(len(generated)), 0.4), judged(weights, 0.6)
    floor = _floor(parts[0][0], parts[1][0], seed, settings, _under(progress, 0.8, 0.2, "floor"))
    return Reweighting(
        weights,
        halves,
        (ratios[0], ratios[1]),
        clip,
        clipped,
        Measured(*mean_area(before), *floor),
        Measured(*mean_area(after), *floor),
        mean_gain(before, after),
        *_by_energy(generated.incident_energy, weights),
    )


def require_reweightable(truth: Sample, generated: Sample, settings: ClassifierSettings = FAST) -> None:
    """Refuse, before the work, samples that `reweight` would refuse.

    Args:
        truth: true showers.
        generated: generated showers.
        settings: of the networks.

    Raises:
        EmptySample: fewer than 40 showers a fold, or fewer than 100, in a sample.
        BinningMismatch: the meshes differ.
        ConditionsDiffer: particles, energies or angles differ in distribution.
    """
    need_showers(len(truth), len(generated), max(FEWEST, 40 * settings.folds), "reweighting")
    require_one_mesh(truth.binning, generated.binning)
    if reasons := differences(truth, generated):
        raise ConditionsDiffer(reasons, "generate with the spectrum, particles and angles of the truth")


def _seed(seed: int, stage: str, half: int) -> int:
    return integer_seeds(seed, f"reweighting {stage}", half)[0]


def _under(progress: Progress, start: float, share: float, text: str) -> Callable[[float], None]:
    part = part_of(progress, start, share)
    return lambda done: part(done, text)


def _halves(features: Pair, seed: int) -> tuple[Int[Array, " n"], Int[Array, " m"]]:
    half = fold_numbers(np.concatenate([f.values[:, 0] for f in features]), 2, stream(seed, "reweighting halves"))
    return half[: len(features[0])], half[len(features[0]) :]


def _half(features: Pair, halves: tuple[Int[Array, " n"], Int[Array, " m"]], h: int) -> Pair:
    first, second = (Features(f.values[half == h], f.names) for f, half in zip(features, halves, strict=True))
    return first, second


def _floor(
    first: Features, second: Features, seed: int, settings: ClassifierSettings, progress: Callable[[float], None]
) -> tuple[float, float]:
    """AUC of one half of the truth against the other, and its error."""
    return mean_area([judge(first, second, np.ones(len(second)), _seed(seed, "floor", 0), settings, progress)])


def _by_energy(
    energy: Float[Array, " m"], weights: Float[Array, " m"]
) -> tuple[Float[Array, " e"], tuple[Float[Array, " b"], Float[Array, " b"]]]:
    """Edges with as many showers between, and mean weight and its error in these bins."""
    edges = np.unique(np.quantile(energy, np.linspace(0, 1, _ENERGY_BINS + 1)))
    edges = edges if len(edges) > 1 else np.repeat(edges, 2)
    place = np.searchsorted(edges[1:-1], energy, side="right")
    parts = [weights[place == b] for b in range(len(edges) - 1)]
    means, errors = ([float(f(part)) for part in parts] for f in (np.mean, standard_error))
    return edges, (np.array(means), np.array(errors))
