"""The interpretation in sentences: what was measured, one statement each, and what does not apply."""

__all__ = ["summary", "with_error"]

from collections.abc import Iterator

import numpy as np

from caloforge.classifiers.importance import Importance
from caloforge.data.unseen import left_out_sentences
from caloforge.interpretation.attribution import Attribution
from caloforge.interpretation.information import Dependence
from caloforge.interpretation.interpret import Interpretation
from caloforge.interpretation.slopes import Sensitivity
from caloforge.interpretation.variance import VarianceShares
from caloforge.reporting.markup import plain_words
from caloforge.units import format_energy

_OFF = 3.0  # errors


def summary(interpretation: Interpretation) -> Iterator[str]:
    """The findings in a sentence each, and what does not apply.

    Args:
        interpretation: what to tell.
    """
    if interpretation.generated is not None:
        yield from _told(interpretation.generated)
    if interpretation.variance is not None:
        yield from _varied(interpretation.variance)
    if interpretation.sensitivity is not None:
        yield from _steepness(interpretation.sensitivity)
    yield _attributed(interpretation.attribution)
    for part, reason in interpretation.absent.items():
        yield f"{part}: {reason}"
    if interpretation.unusable:
        yield f"undefined or constant on this mesh, so left out: {', '.join(interpretation.unusable)}"
    yield from left_out_sentences(interpretation.left_out)


def _told(dependence: Dependence) -> Iterator[str]:
    """For each shape the latents that tell most of it."""
    for t, shape in enumerate(dependence.shapes):
        order = np.argsort(dependence.information[:, t])[::-1][:3]
        best = [z for z in order if dependence.significant[z, t]]
        told = ", ".join(f"{dependence.latents[z]} {dependence.information[z, t]:.2f} nats" for z in best)
        linear = f"; linear in all latents: {100 * max(dependence.together[t], 0):.0f} % of its variance"
        yield f"{shape}: {told or 'no single latent tells of it'}{linear}"


def _varied(variance: VarianceShares) -> Iterator[str]:
    """Shapes whose variance is off Geant4's by more than three errors, and where it comes from."""
    off = np.flatnonzero(np.abs(variance.ratio - 1) > _OFF * variance.ratio_error)
    for t in off:
        shares = ", ".join(
            f"{100 * s:.0f} % {part}" for part, s in zip(variance.parts, variance.share[:, t], strict=True)
        )
        yield (
            f"variance of {variance.shapes[t]} at fixed energy is {variance.ratio[t]:.2f} ± "
            f"{variance.ratio_error[t]:.2f} of Geant4's; it comes from the noise of: {shares}"
        )
    if len(off) == 0:
        yield f"the variances of all shapes at fixed energy are within {_OFF:g} errors of Geant4's"


def _steepness(sensitivity: Sensitivity) -> Iterator[str]:
    """Quantities with a law: the worst deviation within the training range, and what becomes of the slope above it."""
    for q in sensitivity.quantities.values():
        inside = np.flatnonzero(sensitivity.within & np.isfinite(q.pull))
        if len(inside) == 0:
            continue
        worst = inside[int(np.argmax(np.abs(q.pull[inside])))]
        e, law = sensitivity.energy, q.expected
        at, last = format_energy(float(e[worst])), len(e) - 1
        model, expected = (
            with_error(q.model[worst], q.model_error[worst]),
            with_error(law.law[worst], law.law_error[worst]),
        )
        near = with_error(law.difference[worst], law.difference_error[worst])
        yield (
            f"slope of {plain_words(q.label)} ({law.formula}) at {at}: model {model}, law of Geant4 {expected}, its "
            f"differences {near}; beyond the training range, at {format_energy(float(e[last]))}: "
            f"{with_error(q.model[last], q.model_error[last])} against {law.law[last]:.4g}"
        )


def with_error(value: float, error: float) -> str:
    """``value ± error``; a dash where there is no value.

    Args:
        value: in any unit.
        error: its standard error, in the same unit.
    """
    return f"{value:.4g} ± {error:.2g}" if np.isfinite(value) else "-"


def _attributed(attribution: Attribution) -> str:
    auc = attribution.auc
    kinds = sorted((attribution.importances[k] for k in ("energy", "hits", "dipole_x", "dipole_y")), key=_loss)
    best, where = kinds[0], min((i for n, i in attribution.importances.items() if n.startswith("ring")), key=_loss)
    deep = min((i for n, i in attribution.importances.items() if n.startswith("layer")), key=_loss)
    return (
        f"a classifier on rings tells generated showers with AUC {auc.value:.3f} ± {auc.error:.3f} "
        f"(Geant4 against Geant4 {auc.floor:.3f} ± {auc.floor_spread:.3f}); it loses most without "
        f"{best.name} ({best.loss_of_auc:.3f} ± {best.error:.3f}), {where.name} ({where.loss_of_auc:.3f} ± "
        f"{where.error:.3f}) and {deep.name} ({deep.loss_of_auc:.3f} ± {deep.error:.3f}); "
        f"{int(attribution.significant.sum())} of {attribution.value.size} entries of its map stand out"
    )


def _loss(importance: Importance) -> float:
    return -importance.loss_of_auc
