r"""Fidelity against regularity: a VAE trained at several weights beta of its KL term.

The rate :math:`R = E[KL(q(z|x) \| p(z))]` is what the latent knows of a shower, the distortion
:math:`D = -E_q[\log p(x|z)]` what is left to the decoder, both in nats; -ELBO = R + D. Small beta buys a low distortion
with a rate that samples from the prior do not have (holes), large beta an empty latent (collapse); the AUC of a
classifier on samples says which of them costs fidelity. Source: Alemi et al., arXiv:1711.00464.
"""

__all__ = ["Point", "beta_sweep", "draw_sweep", "measure_point"]

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from caloforge.classifiers import features
from caloforge.classifiers.auc import classify
from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.data.splits import take_split
from caloforge.errors import BadValue
from caloforge.generation.sampler import sample_showers
from caloforge.metrics.measured import Measured
from caloforge.models import ModelConfig
from caloforge.models.cascade import Cascade
from caloforge.models.shape_vae import ShapeVAE
from caloforge.models.vae import VAEConfig
from caloforge.physics.observables import tabulate
from caloforge.reporting.style import BAND, TRUTH, figure, look
from caloforge.rng import torch_stream
from caloforge.training.options import TrainingConfig
from caloforge.training.run import Run, load_run
from caloforge.training.train import train_run

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Point:
    """One beta, measured on held-out showers.

    Args:
        beta: weight of the KL term.
        rate: R, nats a shower.
        distortion: D, nats a shower.
        active_units: latents in use.
        auc_high: AUC of a classifier on observables.
        auc_low: AUC of a classifier on cells.
    """

    beta: float
    rate: float
    distortion: float
    active_units: int
    auc_high: Measured
    auc_low: Measured

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        return {**asdict(self), "auc_high": self.auc_high.to_dict(), "auc_low": self.auc_low.to_dict()}


def beta_sweep(
    showers: Showers,
    model: ModelConfig,
    training: TrainingConfig,
    betas: Sequence[float],
    seed: int,
    folder: Path,
    provenance: dict[str, Any],
    config_yaml: Callable[[ModelConfig], str],
    progress: Progress = lambda done, text: None,
) -> list[Point]:
    """Train a copy of ``model`` at each beta into ``folder``/beta-B and measure it on the test split.

    Args:
        showers: all showers of the file, split as training splits them.
        model: of a VAE; its own beta does not count.
        training: of each copy.
        betas: weights of the KL term.
        seed: of trainings and samples.
        folder: parent of the run folders.
        provenance: what every run folder notes.
        config_yaml: the configuration of a whole run with this model, as text.
        progress: called with the share of the work done and the beta in training.

    Raises:
        BadValue: the model is not a VAE, or has no latent.
    """
    if not isinstance(model, VAEConfig) or not model.latent:
        raise BadValue("model", model.name, "only a VAE with a latent has a beta")
    points = []
    for i, beta in enumerate(betas):
        copy, place = model.model_copy(update={"beta": beta}), folder / f"beta-{beta:g}"

        def report(record: dict[str, float], done: int = i, beta: float = beta) -> None:
            progress((done + 0.9 * record["step"] / training.steps) / len(betas), f"beta {beta:g}")

        train_run(showers, copy, training, seed, place, config_yaml(copy), provenance, report=report)
        points.append(measure_point(load_run(place), beta, take_split(showers, "test"), seed))
    progress(1.0, "done")
    return points


def measure_point(run: Run, beta: float, truth: Showers, seed: int) -> Point:
    """Rate, distortion and AUCs of a trained VAE against held-out showers.

    Args:
        run: the model.
        beta: that it was trained with.
        truth: showers held out.
        seed: of the generated showers and the classifiers.

    Raises:
        BadValue: the model is not a VAE, or has no latent.
    """
    if not isinstance(run.model, Cascade) or not isinstance(run.model.shape, ShapeVAE) or not run.model.shape.latent:
        raise BadValue("model", type(run.model).__name__, "only a VAE with a latent has a rate and a distortion")
    generator = torch_stream(seed, "beta-sweep")
    with torch.inference_mode():
        x, c, _ = run.pipeline(truth, generator)
        losses = run.model.loss(x, c, 1.0, generator)
    generated = sample_showers(run.model, run.pipeline, Incident.of(truth), seed)
    high = [features.high(tabulate(s), s.incident_energy) for s in (truth, generated)]
    auc_high = classify(high[0], high[1], seed).auc
    auc_low = classify(features.low(truth), features.low(generated), seed).auc
    rate, distortion = (float(losses[name]) for name in ("kl", "reconstruction"))
    return Point(beta, rate, distortion, round(float(losses["active_units"])), auc_high, auc_low)


def draw_sweep(points: Sequence[Point]) -> Figure:
    """Rate-distortion curve, and rate and AUC against beta.

    Args:
        points: in any order.
    """
    ordered = sorted(points, key=lambda p: p.beta)
    betas = [p.beta for p in ordered]
    with figure(11.5, 3.6) as fig:
        curve, rate, auc = fig.subplots(1, 3)
        curve.plot([p.rate for p in ordered], [p.distortion for p in ordered], "o-", color=look(0).colour)
        for p in ordered:
            curve.annotate(f"$\\beta$ = {p.beta:g}", (p.rate, p.distortion), xytext=(6, 4), textcoords="offset points")
        curve.margins(x=0.25, y=0.15)
        curve.set(xlabel="Rate (nats)", ylabel="Distortion (nats)")
        rate.plot(betas, [p.rate for p in ordered], "o-", color=look(0).colour)
        rate.set(xlabel=r"$\beta$", ylabel="Rate (nats)", xscale="log", ylim=(0, None))
        for name, colour, marker in (("auc_high", TRUTH, "s"), ("auc_low", look(0).colour, "o")):
            areas = [getattr(p, name) for p in ordered]
            label = "on observables" if name == "auc_high" else "on cells"
            auc.errorbar(
                betas,
                [m.value for m in areas],
                [m.error for m in areas],
                fmt=f"{marker}-",
                color=colour,
                capsize=2,
                label=label,
            )
        floors = [m.floor for p in ordered for m in (p.auc_high, p.auc_low)]
        auc.axhspan(min(floors), max(floors), color=BAND, label="Geant4 against Geant4")
        auc.set(xlabel=r"$\beta$", ylabel="AUC", xscale="log", ylim=(min(0.48, min(floors) - 0.01), None))
        auc.legend(frameon=False)
        return fig
