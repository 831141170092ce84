r"""Is a generated sample as diverse as the truth? Rare region, near-duplicates, variance at fixed condition.

All tests work on standardised features (`ConditionalScale`) of two disjoint truth samples, a reference R and a control
C, and of the generated sample G, cut to the size of C. The control stands where a perfect generator would: every
effect is the difference between it and G.

- **Coverage of the rare region** (arXiv:2002.09797): the rare showers are the part of R with the largest distance
  :math:`d_k` to its k-th neighbour in R; one is covered if a shower of the sample lies within :math:`d_k`.
- **Near-duplicates** (birthday paradox, arXiv:1706.08224): the share of G whose nearest neighbour in G is closer than
  the 1 % quantile of the same distance in C. If p pairs of n showers coincide, the generator draws from about
  :math:`n^2 / 2p` different showers.
- **Variance**: :math:`\log(\mathrm{var}_C / \mathrm{var}_G)` of each feature, with
  :math:`\sigma^2 = (\kappa - 1)/n` from the kurtosis :math:`\kappa` of each sample.
"""

__all__ = ["RareShowers", "find_rare", "rare_coverage", "near_duplicates", "variances", "lost_variance"]

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array

from caloforge.diagnosis.finding import ALPHA, Effect, judge
from caloforge.errors import EmptySample
from caloforge.metrics.neighbours import nearest
from caloforge.validation.finding import Finding, Status, cannot_tell, with_status

_FEWEST = 200
_RARE = 0.05
_NEIGHBOUR = 5
_CLOSE = 0.01
_CLIP = 5.0
_REMEDY = (
    "GAN: train a wgan, or with model.minibatch_std or model.mode_seeking; VAE: a larger model.latent or a lower "
    "model.beta; or training.balance=1, without labels with training.balance_by=clusters"
)


@dataclass(frozen=True, eq=False)
class RareShowers:
    """The rarest showers of a reference sample, and which of them other truth and a generated sample come near.

    Args:
        rows: of the reference.
        by_truth: whether the control covers each.
        by_generated: whether the generated showers do.
        size: showers of control and of generated sample that were looked at.
    """

    rows: Int[Array, " r"]
    by_truth: Bool[Array, " r"]
    by_generated: Bool[Array, " r"]
    size: int

    @property
    def lost(self) -> Int[Array, " _"]:
        """Rows of the reference that truth comes near and the generator does not."""
        return self.rows[self.by_truth & ~self.by_generated]


def find_rare(
    reference: Float[Array, "n f"], control: Float[Array, "m f"], generated: Float[Array, "g f"]
) -> RareShowers:
    """The rarest 5 % of the reference, and who covers them.

    Args:
        reference: standardised features of n true showers.
        control: of m other true showers.
        generated: of g generated showers.

    Source: arXiv:2002.09797, restricted to the largest distances.

    Raises:
        EmptySample: fewer than 200 showers in one of the samples.
    """
    size = min(len(control), len(generated))
    if min(len(reference), size) < _FEWEST:
        raise EmptySample(f"a rare region needs {_FEWEST} showers", len(reference), size)
    radius = nearest(reference, reference, _NEIGHBOUR, same=True)
    rows = np.flatnonzero(radius >= np.quantile(radius, 1 - _RARE))
    by = [nearest(reference[rows], sample[:size]) <= radius[rows] for sample in (control, generated)]
    return RareShowers(rows, by[0], by[1], size)


def rare_coverage(
    reference: Float[Array, "n f"], control: Float[Array, "m f"], generated: Float[Array, "g f"]
) -> Finding:
    """How much less of the rare 5 % of the truth a generated sample covers than held-out truth of the same size.

    Args:
        reference: standardised features of n true showers.
        control: of m other true showers.
        generated: of g generated showers.

    Source: arXiv:2002.09797, restricted to the largest distances.
    """
    test = "Coverage of the rarest showers"
    try:
        rare = find_rare(reference, control, generated)
    except EmptySample as error:
        return cannot_tell(test, str(error), _FEWEST)
    effect, spread = _paired_difference(rare.by_truth, rare.by_generated)
    shares = [100 * float(covered.mean()) for covered in (rare.by_truth, rare.by_generated)]
    evidence = (
        f"of the {len(rare.rows)} rarest of {len(reference)} Geant4 showers, {rare.size} generated ones come near "
        f"{shares[1]:.0f} %, as many other Geant4 showers near {shares[0]:.0f} %"
    )
    return judge(
        test,
        Effect(effect, spread, len(reference), 0.05, 0.25),
        evidence,
        f"look at the rare showers; {_REMEDY}",
        covered_truth=shares[0] / 100,
        covered_generated=shares[1] / 100,
    )


def _paired_difference(control: Bool[Array, " n"], generated: Bool[Array, " n"]) -> tuple[float, float]:
    """Mean of control minus generated and its standard error; never an error of zero."""
    difference = control.astype(np.float64) - generated
    n = len(difference)
    return float(difference.mean()), float(np.sqrt((difference.var() + 1 / n) / n))


def near_duplicates(control: Float[Array, "m f"], generated: Float[Array, "g f"]) -> Finding:
    """Whether generated showers repeat each other more than showers of the truth do.

    Args:
        control: standardised features of m true showers.
        generated: of g generated showers.

    Source: birthday paradox, arXiv:1706.08224.
    """
    test = "Showers that repeat each other"
    size = min(len(control), len(generated))
    if size < _FEWEST:
        return cannot_tell(test, f"{size} showers are too few", _FEWEST)
    first, second = (nearest(sample[:size], sample[:size], same=True) for sample in (control, generated))
    limit = float(np.quantile(first, _CLOSE))
    share = float((second <= limit).mean())
    error = np.sqrt(
        2 * _CLOSE * (1 - _CLOSE) / size + 2 * share * (1 - share) / size
    )  # a pair counts twice, hence the 2
    excess = share - _CLOSE
    different = int(size**2 / max(excess * size, 1))
    evidence = f"{100 * share:.1f} % of {size} generated showers have a near-duplicate, {100 * _CLOSE:g} % in Geant4"
    if excess > 2 * error:
        evidence += f": the generator draws from some {different} different showers"
    return judge(
        test,
        Effect(excess, float(error), size, 0.01, 0.05),
        evidence,
        f"the generator has too few outputs; {_REMEDY}",
        share=share,
        different=different,
    )


def lost_variance(
    control: Float[Array, "m f"], generated: Float[Array, "g f"], names: tuple[str, ...]
) -> tuple[Finding, ...]:
    """One finding for each feature whose variance shrank, else one for all.

    Args:
        control: standardised features of m true showers.
        generated: of g generated showers.
        names: of the f features.
    """
    findings = variances(control, generated, names)
    if not findings:
        return (cannot_tell("Variance at fixed condition", "too few showers with defined observables", _FEWEST),)
    alarms = with_status(findings, Status.FAIL)
    return alarms or (_calm(findings),)


def variances(
    control: Float[Array, "m f"], generated: Float[Array, "g f"], names: tuple[str, ...]
) -> tuple[Finding, ...]:
    """A finding for each feature that is defined and varies in 200 showers; the level is shared out among them.

    Args:
        control: standardised features of m true showers.
        generated: of g generated showers.
        names: of the f features.
    """
    pairs = [(_known(control[:, k]), _known(generated[:, k])) for k in range(len(names))]
    usable = [(n, *p) for n, p in zip(names, pairs, strict=True) if min(map(len, p)) >= _FEWEST and p[0].std() > 0]
    return tuple(_variance(name, truth, generated, len(usable)) for name, truth, generated in usable)


def _known(column: Float[Array, " n"]) -> Float[Array, " _"]:
    return np.clip(column[~np.isnan(column)], -_CLIP, _CLIP)


def _variance(name: str, truth: Float[Array, " m"], generated: Float[Array, " g"], n_tests: int) -> Finding:
    variances = [float(np.var(x)) for x in (truth, generated)]
    error = float(np.sqrt(sum((_kurtosis(x) - 1) / len(x) for x in (truth, generated))))
    effect = float(np.log(variances[0] / max(variances[1], 1e-12)))
    evidence = (
        f"variance of {name} at fixed energy is {np.exp(-effect):.2f} ± {error * np.exp(-effect):.2f} of Geant4's"
    )
    remedy = f"the generator varies too little; {_REMEDY}"
    judged = Effect(effect, error, min(len(truth), len(generated)), 0.1, 0.35)
    ratio = float(np.exp(-effect))
    return judge(f"Variance of {name}", judged, evidence, remedy, ALPHA / n_tests, name=name, ratio=ratio)


def _kurtosis(x: Float[Array, " n"]) -> float:
    centred = x - x.mean()
    second = float((centred**2).mean())
    return float((centred**4).mean()) / second**2 if second > 0 else 3.0


def _calm(findings: tuple[Finding, ...]) -> Finding:
    """No alarm: the finding that is least certain stands for all."""
    worst = max(findings, key=lambda f: f.numbers["value"])
    unsure = with_status(findings, Status.CANNOT_TELL)
    test = f"Variance of {len(findings)} observables at fixed condition"
    if unsure:
        needed = max(f.needed or 0 for f in unsure)
        return cannot_tell(test, f"{len(unsure)} of {len(findings)} have too few showers for a statement", needed)
    return Finding(test, Status.PASS, f"none shrinks noticeably; the most: {worst.evidence}", numbers=worst.numbers)
