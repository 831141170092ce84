"""All tests of one model: which apply, what they found, and what the pictures need."""

__all__ = ["Diagnosis", "diagnose_run", "latent_use"]

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from particle import InvalidParticle, Particle, ParticleNotFound

from caloforge.data.showers import Showers
from caloforge.data.unseen import left_out_sentences
from caloforge.diagnosis.collapse.diversity import (
    RareShowers,
    find_rare,
    lost_variance,
    near_duplicates,
    rare_coverage,
    variances,
)
from caloforge.diagnosis.collapse.latent import LatentUse, judge_latent, measure_latent
from caloforge.diagnosis.collapse.memorisation import copies_of_training, likelihood_memorisation
from caloforge.diagnosis.collapse.modes import ModeFraction, find_modes, judge_modes, measure_modes
from caloforge.diagnosis.collapse.three_samples import COLUMNS, Samples, draw_samples
from caloforge.errors import EmptySample
from caloforge.generation.likelihood import log_likelihood
from caloforge.models.cascade import Cascade
from caloforge.models.shape_vae import ShapeVAE
from caloforge.rng import stream, torch_stream
from caloforge.training.run import Run
from caloforge.validation.finding import Finding, Status, cannot_tell, with_status

SCHEMA = 3
_LIKELIHOOD_DRAWS = 2  # of the latent, for each likelihood
Progress = Callable[[float, str], None]


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """Findings of every test, with what they were made from.

    ``rare``, ``latent`` and ``modes`` are empty where the test does not apply or lacks showers.

    Args:
        findings: of all tests that apply.
        samples: training, held-out and generated showers with their features.
        variances: a finding for each feature.
        rare: the rarest showers; None for want of showers.
        modes: fractions of each mode; empty where there is one mode only or showers are wanting.
        latent: what the latent carries; None where the model has none.
        provenance: what was compared with what.
    """

    findings: tuple[Finding, ...]
    samples: Samples
    variances: tuple[Finding, ...]
    rare: RareShowers | None = None
    modes: tuple[ModeFraction, ...] = ()
    latent: LatentUse | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def alarms(self) -> tuple[Finding, ...]:
        """What was found wrong."""
        return with_status(self.findings, Status.FAIL)

    @property
    def verdict(self) -> str:
        """What the tests found, and how many showers could not be held out."""
        counts = {status: len(with_status(self.findings, status)) for status in Status}
        failed, passed, undecided = (counts[s] for s in (Status.FAIL, Status.PASS, Status.CANNOT_TELL))
        found = f"{failed} alarms, {passed} tests without, {undecided} that cannot tell"
        return "; ".join([found, *left_out_sentences(self.samples.left_out)])

    def to_dict(self) -> dict[str, Any]:
        """What ``diagnosis.json`` holds."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "alarms": len(self.alarms),
            "samples": self.samples.sizes,
            "left_out": self.samples.left_out,
            "observables": list(self.samples.names),
            "findings": [f.to_dict() for f in self.findings],
            "variances": [f.to_dict() for f in self.variances],
            "modes": [asdict(mode) for mode in self.modes],
            "latent": None if self.latent is None else self.latent.to_dict(),
            "provenance": dict(self.provenance),
        }


def diagnose_run(
    run: Run,
    truth: Showers,
    seed: int,
    n: int | None = None,
    provenance: Mapping[str, Any] | None = None,
    progress: Progress = lambda done, text: None,
    observables: Sequence[str] = (),
) -> Diagnosis:
    """Every test that applies to a trained model, against the showers of the truth that it was not trained on.

    Args:
        run: the model.
        truth: showers of Geant4; those that trained the model are left out.
        seed: of the generated showers and of the tests.
        n: showers to generate; as many as are held out if not said.
        provenance: what was compared with what.
        progress: called with the share of the work done.
        observables: beside those of `COLUMNS`, of one value a shower each.

    Raises:
        EmptySample: fewer than 50 showers in a split.
        BadValue: conditions that the model was not trained on.
    """
    progress(0.05, "generating")
    samples = draw_samples(run, truth, seed, n, (*COLUMNS, *observables))
    training, held_out, generated = samples.features
    progress(0.5, "rare showers")
    rare = _rare(samples)
    findings = [rare_coverage(training, held_out, generated), near_duplicates(held_out, generated)]
    progress(0.65, "variances")
    findings += lost_variance(held_out, generated, samples.names)
    progress(0.7, "training showers")
    findings += _memorised(run, samples, seed)
    progress(0.8, "modes")
    modes, judged = _modes(samples, seed)
    progress(0.9, "latent")
    latent = latent_use(run, samples.held_out, seed)
    findings += [*judged, judge_latent(latent) if latent else _no_latent()]
    shrunk = variances(held_out, generated, samples.names)
    return Diagnosis(tuple(findings), samples, shrunk, rare, modes, latent, provenance or {})


def _rare(samples: Samples) -> RareShowers | None:
    try:
        return find_rare(*samples.features)
    except EmptySample:
        return None


def _memorised(run: Run, samples: Samples, seed: int) -> tuple[Finding, ...]:
    if not samples.trained_on:
        reason = "the truth is not the file that the model was trained on, so its training showers are not known"
        return (cannot_tell("Memorised training showers", reason),)
    copies = copies_of_training(*samples.features)
    if not run.model.explicit or run.model.keep_probability is not None:
        balanced = "its likelihood is that of the balanced mixture of its training (training.balance)"
        reason = balanced if run.model.explicit else "the model has no likelihood"
        return (*copies, cannot_tell("Training showers known by heart", reason))
    parts = (samples.training[: len(samples.held_out)], samples.held_out)
    training, held_out = (log_likelihood(run.model, run.pipeline, part, seed, _LIKELIHOOD_DRAWS)[0] for part in parts)
    return (*copies, likelihood_memorisation(training, held_out))


def _modes(samples: Samples, seed: int) -> tuple[tuple[ModeFraction, ...], tuple[Finding, ...]]:
    """Modes are the particles of the truth file, told to the model or not, or what showers of one particle show."""
    truth = Showers.concatenate([samples.training, samples.held_out])
    features, rng = np.concatenate(samples.features[:2]), stream(seed, "modes")
    labels, test = truth.pdg, "Recovered fraction of modes"
    names = {int(pdg): _particle(int(pdg)) for pdg in np.unique(labels)}
    if len(names) < 2:
        labels = find_modes(features, samples.names, rng)
        response = truth.total_energy / truth.incident_energy
        medians = [100 * float(np.median(response[labels == k])) for k in range(int(labels.max()) + 1)]
        if len(medians) < 2:
            reason = "their response, depth and radius show no second mode, and no label tells modes apart"
            return (), (cannot_tell(test, f"all showers of the truth are {next(iter(names.values()))}: {reason}"),)
        names = {k: f"{k + 1} (median response {median:.2g} %)" for k, median in enumerate(medians)}
    try:
        modes = measure_modes(features, labels, samples.features[2], rng, names)
    except EmptySample as error:
        return (), (cannot_tell(test, str(error)),)
    return modes, judge_modes(modes)


def _particle(pdg: int) -> str:
    try:
        return str(Particle.from_pdgid(pdg).name)
    except (ParticleNotFound, InvalidParticle):
        return f"PDG {pdg}"


def latent_use(run: Run, truth: Showers, seed: int) -> LatentUse | None:
    """What the latent of a VAE carries of these showers; nothing for other families.

    Args:
        run: the model.
        truth: N showers held out.
        seed: of the latents drawn.
    """
    model = run.model
    if not isinstance(model, Cascade) or not isinstance(model.shape, ShapeVAE) or not model.shape.latent:
        return None
    shape, generator = model.shape, torch_stream(seed, "latent use")
    with torch.inference_mode():
        x, c, _ = run.pipeline(truth, generator)
        features, e = run.pipeline.parts(x), model.embedding(c)
        context = model.context(features.energies, c)[0]

        def log_likelihood(z: torch.Tensor) -> torch.Tensor:
            return shape.log_likelihood(features.cells, z, context, e)

        energy = torch.tensor(np.array(truth.incident_energy, np.float32))
        noise = torch.randn(len(x), shape.latent, generator=generator)
        prior = shape.draw_prior(noise, context, e)
        return measure_latent(*shape.posterior(features.cells, context, e), log_likelihood, energy, prior, generator)


def _no_latent() -> Finding:
    reason = "only a variational autoencoder has a posterior, this model has none"
    return cannot_tell("Use of the latent (posterior collapse)", reason)
