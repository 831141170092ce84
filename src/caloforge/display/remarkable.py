r"""Showers worth a look: the least likely one to a model, and those of which a classifier is surest.

Likelihoods grow and fall with the energy, so a shower of Geant4 is held against showers that the model makes of the
same particle: :math:`(\ln p(x) - \langle \ln p \rangle) / \sigma(\ln p)`. Boosted trees on all observables tell Geant4
from the model, each shower judged by trees that did not see it.
"""

__all__ = ["Remarkable", "least_likely", "surest"]

from dataclasses import dataclass

import numpy as np

from caloforge.classifiers.auc import classify
from caloforge.classifiers.trees import boosted_trees, observed
from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.generation.likelihood import draw_alike, log_likelihood
from caloforge.training.run import Run

_DRAWS, _LATENTS = 20, 8  # showers of the model beside each, and draws of the latent for a likelihood
FEWEST = 100  # showers of each class that a classifier needs


@dataclass(frozen=True)
class Remarkable:
    """A shower that a button leads to.

    Args:
        button: what stands on it.
        number: of the shower among those on the page, from 0.
        words: why it is remarkable.
    """

    button: str
    number: int
    words: str


def least_likely(run: Run, truth: Showers, name: str, seed: int) -> Remarkable | None:
    """The shower of Geant4 that lies lowest below what the model expects; None of a model without a density.

    Args:
        run: the model.
        truth: showers to look at, inside its training.
        name: what they are called.
        seed: of draws and latents.
    """
    if not run.model.explicit or run.model.keep_probability is not None:
        return None
    value, _ = log_likelihood(run.model, run.pipeline, truth, seed, _LATENTS)
    alike = draw_alike(run.model, run.pipeline, Incident.of(truth), _DRAWS, seed)
    drawn, _ = log_likelihood(run.model, run.pipeline, alike, seed + 1, _LATENTS)
    drawn = drawn.reshape(len(truth), _DRAWS)
    spread = np.maximum(drawn.std(1, ddof=1), 1e-9)
    below = np.nan_to_num((value - drawn.mean(1)) / spread, nan=np.inf, posinf=np.inf, neginf=-np.inf)
    i = int(np.argmin(below))
    words = (
        f"Shower {i + 1} of {name} is the least likely of these to the model: its log-likelihood lies {-below[i]:.1f} "
        f"standard deviations below that of {_DRAWS} showers which the model makes of the same particle."
    )
    return Remarkable("The least likely", i, words)


def surest(truth: Showers, generated: Showers, shown: int, name: str, seed: int) -> list[Remarkable]:
    """The showers on the page that a classifier is surest of, of Geant4 and of the model; none of too few showers.

    Args:
        truth: those on the page first.
        generated: of the model, for the same particles.
        shown: how many are on the page.
        name: what those of the truth are called.
        seed: of the folds and trees.
    """
    if len(truth) < FEWEST:
        return []
    classified = classify(observed(truth), observed(generated), seed, procedure=boosted_trees, floor=False)
    area = f"AUC {classified.auc.value:.2f} ± {classified.auc.error:.2f} on {len(truth)} showers of each"
    fast, full = classified.scores_generated[:shown], -classified.scores_truth[:shown]
    return [_surest("the model", fast, area), _surest(name, full, area)]


def _surest(name: str, logits: np.ndarray, area: str) -> Remarkable:
    i = int(np.nanargmax(logits))
    probability = 1 / (1 + np.exp(-float(logits[i])))
    words = (
        f"A classifier gives shower {i + 1} of {name} a probability of {probability:.3f} to be of {name}, "
        f"the most of these ({area})."
    )
    return Remarkable(f"Surest of {name}", i, words)
