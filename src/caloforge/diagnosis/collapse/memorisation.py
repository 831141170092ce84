r"""Does a generator repeat its training showers? Distances to them, and their likelihood, against held-out truth.

With :math:`d(x)` the distance of a shower to its nearest training shower, and :math:`\mathcal G` and
:math:`\mathcal T` the generated and the held-out showers at the same conditions,

.. math:: A = P\big(d(g) < d(t)\big), \quad g \in \mathcal G,\ t \in \mathcal T,

is one half for a perfect generator and rises towards one for copies. Since bad showers are far from everything and
would hide copies, the share of :math:`\mathcal G` closer than the 1 % quantile of :math:`d(t)` is tested as well.
Source: Meehan et al., arXiv:2004.05675.

A model with a likelihood may know its training showers by heart without drawing them: the peaks of its density hold
little probability. So the chance that a training shower is likelier than a held-out one is tested where a likelihood
exists; one half for a model that has learned what showers have in common (membership inference, arXiv:1709.01604).
"""

__all__ = ["copies_of_training", "likelihood_memorisation"]

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.classifiers.roc import auc, auc_error
from caloforge.diagnosis.finding import ALPHA, Effect, judge
from caloforge.metrics.neighbours import nearest
from caloforge.validation.finding import Finding, cannot_tell

_FEWEST = 200
_FEWEST_TRAINING = 50  # any training set can be memorised; its observables need this many for their scale
_CLOSE = 0.01
_REMEDY = "train on more showers, with augmentation, or a smaller model, and stop earlier"


def copies_of_training(
    training: Float[Array, "n f"], held_out: Float[Array, "m f"], generated: Float[Array, "g f"]
) -> tuple[Finding, ...]:
    """Two findings: closer to the training showers as a whole, and very close showers.

    Args:
        training: standardised features of n training showers.
        held_out: of m showers held out.
        generated: of g showers at the same conditions.

    Source: Meehan et al., arXiv:2004.05675.
    """
    sizes = (len(training), len(held_out), len(generated))
    if len(training) < _FEWEST_TRAINING or min(sizes[1:]) < _FEWEST:
        reason = "{} training, {} held-out and {} generated showers are too few".format(*sizes)
        return (cannot_tell("Memorised training showers", reason, _FEWEST),)
    truth, generated_distance = nearest(held_out, training), nearest(generated, training)
    return _closer(truth, generated_distance), _very_close(truth, generated_distance)


def likelihood_memorisation(training: Float[Array, " n"], held_out: Float[Array, " m"]) -> Finding:
    """Whether training showers are likelier than held-out ones.

    Args:
        training: log p(shower | incident particle) of n training showers, nats.
        held_out: of m showers held out.

    Source: membership inference, arXiv:1709.01604.
    """
    test = "Training showers known by heart"
    sizes = (len(training), len(held_out))
    if sizes[0] < _FEWEST_TRAINING or sizes[1] < _FEWEST:
        return cannot_tell(test, "{} training and {} held-out showers are too few".format(*sizes), _FEWEST)
    area = auc(held_out, training)
    error = auc_error(area, *sizes)
    evidence = (
        f"a training shower is likelier than a held-out one in {100 * area:.1f} ± {100 * error:.1f} % of pairs (50 % "
        f"for a model that has learned what they have in common); medians {np.median(training):.0f} and "
        f"{np.median(held_out):.0f} nats"
    )
    return judge(test, Effect(area - 0.5, error, min(sizes), 0.03, 0.1), evidence, _REMEDY, area=area)


def _closer(truth: Float[Array, " m"], generated_distance: Float[Array, " g"]) -> Finding:
    area = auc(generated_distance, truth)  # chance that held-out truth is farther away
    error = auc_error(area, len(generated_distance), len(truth))
    evidence = (
        f"a generated shower is closer to its nearest training shower than a held-out one in {100 * area:.1f} ± "
        f"{100 * error:.1f} % of pairs (50 % for new showers)"
    )
    effect = Effect(area - 0.5, error, min(len(truth), len(generated_distance)), 0.03, 0.1)
    return judge("Memorised training showers", effect, evidence, _REMEDY, ALPHA / 2, area=area)


def _very_close(truth: Float[Array, " m"], generated_distance: Float[Array, " g"]) -> Finding:
    share = float((generated_distance <= np.quantile(truth, _CLOSE)).mean())
    error = np.sqrt(
        _CLOSE * (1 - _CLOSE) / len(truth) + max(share * (1 - share), _CLOSE * (1 - _CLOSE)) / len(generated_distance)
    )
    evidence = (
        f"{100 * share:.1f} % of the generated showers lie closer to a training shower than {100 * _CLOSE:g} % of the "
        "held-out ones do"
    )
    effect = Effect(share - _CLOSE, float(error), min(len(truth), len(generated_distance)), 0.01, 0.05)
    return judge("Copies of training showers", effect, evidence, _REMEDY, ALPHA / 2, share=share)
