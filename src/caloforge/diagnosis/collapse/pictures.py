"""Pictures of a diagnosis: what was lost and where, and what the latent does."""

__all__ = ["plots"]

from collections.abc import Iterator
from functools import partial

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy import ndarray as Array

from caloforge.data.showers import Showers
from caloforge.diagnosis.collapse.diagnose import Diagnosis
from caloforge.diagnosis.collapse.latent import LatentUse
from caloforge.metrics.neighbours import nearest, nearest_rows
from caloforge.models.bounds import ACTIVE
from caloforge.physics.observables import quantity_of
from caloforge.reporting.images import paired_showers, side_views
from caloforge.reporting.section import Plot
from caloforge.reporting.style import BAND, MUTED, TRUTH, figure, look
from caloforge.units import GeV
from caloforge.validation.finding import Status

_SHOWN = 4


def plots(diagnosis: Diagnosis) -> Iterator[Plot]:
    """All pictures that this diagnosis has something for.

    Args:
        diagnosis: what to draw.
    """
    if diagnosis.modes:
        yield Plot(
            "modes",
            "Fractions of the modes",
            "Share of each mode (a particle, or a mode that showers of one particle show) among the generated showers "
            "over its share in Geant4, as a classifier trained on the truth counts it, corrected for its errors; bars: "
            "95 % interval. "
            "Band: what nobody minds.",
            partial(_modes, diagnosis),
        )
    if diagnosis.rare is not None and len(diagnosis.rare.lost):
        yield from _lost(diagnosis)
    if diagnosis.variances:
        yield Plot(
            "variances",
            "Variance at fixed energy",
            "Variance of each observable among generated showers over that of Geant4, the dependence on the incident "
            "energy taken out; bars: standard error. Below one a generator varies too little. Band: what nobody minds.",
            partial(_variances, diagnosis),
        )
    yield Plot(
        "distances",
        "Distances to the nearest shower",
        "Left: from held-out and from generated showers to the nearest training shower; copies would pile up at small "
        "distances. Right: within each sample; showers that repeat would pile up there. Distances in standard "
        "deviations of all observables together; what lies farther is in the last bin; bars: statistical errors.",
        partial(_distances, diagnosis),
    )
    if diagnosis.latent is not None:
        yield Plot(
            "latent",
            "Use of the latent",
            "Latents in the order of their rate (KL of the posterior to N(0, 1)). Left: rate, and the likelihood lost "
            "when this latent alone is another shower's. Right: variance of the posterior mean; a latent below 0.01 "
            "says nothing.",
            partial(_latent, diagnosis.latent),
        )
        yield Plot(
            "prior",
            "Average posterior against the prior",
            "Latents farthest from their prior: z of held-out showers, and the z that samples at the same conditions "
            "are made from. Where they differ, samples come from places that no shower taught the decoder.",
            partial(_prior, diagnosis.latent),
        )


def _lost(diagnosis: Diagnosis) -> Iterator[Plot]:
    yield Plot(
        "lost_mean",
        "Mean of the rare showers that no generated shower comes near",
        "Seen from the side, as share of the incident energy: the mean of all Geant4 showers, of those rare ones that "
        "other Geant4 showers come near and generated ones do not, and of the generated showers. Even a perfect model "
        "misses some of the rarest; the finding above says how many more are missed.",
        partial(_lost_mean, diagnosis),
    )
    yield Plot(
        "lost_showers",
        "Rare showers without a generated neighbour",
        "Above: those farthest from all generated showers; below: the generated shower nearest to each in its "
        "observables and its energy.",
        partial(_lost_showers, diagnosis),
    )


def _modes(diagnosis: Diagnosis) -> Figure:
    modes, own = diagnosis.modes, look(0)
    places = np.arange(len(modes))
    with figure(1.6 * len(modes) + 3.0, 3.4) as fig:
        axes = fig.subplots()
        axes.axhspan(0.8, 1.2, color=BAND)
        axes.axhline(1, color=TRUTH)
        for place, mode in zip(places, modes, strict=True):
            low, high = mode.ratio_interval
            errors = [[max(mode.ratio - low, 0)], [max(high - mode.ratio, 0)]]
            axes.errorbar(place, mode.ratio, errors, color=own.colour, marker=own.marker, capsize=4)
        labels = [f"{m.name}\n{100 * m.generated:.2f} % of {100 * m.truth:.2f} %" for m in modes]
        axes.set_xticks(places, labels)
        axes.set(xlim=(-0.6, len(modes) - 0.4), ylim=(0, None), ylabel="Generated / Geant4")
        return fig


def _variances(diagnosis: Diagnosis) -> Figure:
    variances, own = diagnosis.variances, look(0)
    with figure(7.4, 0.28 * len(variances) + 1.3) as fig:
        axes = fig.subplots()
        axes.axvspan(np.exp(-0.1), np.exp(0.1), color=BAND, label="nobody minds")
        axes.axvline(1, color=TRUTH)
        for place, finding in enumerate(reversed(variances)):
            ratio, error = finding.numbers["ratio"], finding.numbers["error"] * finding.numbers["ratio"]
            colour = own.colour if finding.status is Status.FAIL else MUTED
            axes.errorbar(ratio, place, xerr=error, color=colour, marker=own.marker, capsize=3)
        axes.set_yticks(
            range(len(variances)), [quantity_of(finding.numbers["name"]) for finding in reversed(variances)]
        )
        axes.margins(x=0.08)
        axes.autoscale()
        for colour, word in ((own.colour, "alarm"), (MUTED, "no alarm")):
            axes.errorbar([], [], xerr=[], color=colour, marker=own.marker, ls="", capsize=3, label=word)
        fig.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=9)
        axes.set(xlabel="Variance, generated / Geant4", ylim=(-0.7, len(variances) - 0.3))
        return fig


def _distances(diagnosis: Diagnosis) -> Figure:
    training, held_out, generated = diagnosis.samples.features
    size = min(len(held_out), len(generated))
    pairs = [
        (nearest(held_out, training), nearest(generated, training), r"Distance to nearest training shower [$\sigma$]"),
        (
            nearest(held_out[:size], held_out[:size], same=True),
            nearest(generated[:size], generated[:size], same=True),
            r"Distance to nearest of the same sample [$\sigma$]",
        ),
    ]
    with figure(9.0, 3.4) as fig:
        for axes, (truth, sampled, label) in zip(fig.subplots(1, 2), pairs, strict=True):
            _overlay(axes, truth, sampled)
            axes.set(xlabel=label, ylabel="Share of showers", ylim=(0, None))
        fig.axes[0].legend(frameon=False)
        return fig


def _overlay(axes: Axes, truth: Float[Array, " n"], generated: Float[Array, " m"]) -> None:
    edges = np.linspace(0, float(np.quantile(np.concatenate([truth, generated]), 0.995)), 41)
    for values, name, colour, line in (
        (truth, "Geant4, held out", TRUTH, "-"),
        (generated, "generated", look(0).colour, look(0).line),
    ):
        counts = np.histogram(np.clip(values, 0, edges[-1]), edges)[0]
        share, error = counts / len(values), np.sqrt(counts) / len(values)
        axes.stairs(share, edges, color=colour, ls=line, lw=1.3, label=name)
        axes.errorbar((edges[1:] + edges[:-1]) / 2, share, error, fmt="none", ecolor=colour, elinewidth=0.7)


def _latent(use: LatentUse) -> Figure:
    order = np.argsort(use.rate)[::-1]
    places = np.arange(len(order))
    with figure(9.0, 3.2) as fig:
        rate, variance = fig.subplots(1, 2)
        for shift, values, name, own in (
            (-0.2, use.rate, "rate", look(1)),
            (0.2, use.sensitivity, "lost with another's", look(0)),
        ):
            rate.bar(places + shift, np.array(values)[order], 0.4, color=own.colour, label=name)
        top = max(0.5, 1.1 * max(*use.rate, *use.sensitivity))  # so that a collapsed latent looks like one
        rate.set(xlabel="Latent", ylabel="Nats a shower", xlim=(-0.8, len(order) - 0.2), ylim=(None, top))
        variance.plot(places, np.maximum(np.array(use.variance_of_means)[order], 1e-6), "o", color=look(1).colour)
        variance.axhline(ACTIVE, color=MUTED, ls="--", label="active above")
        variance.set(xlabel="Latent", ylabel="Variance of posterior mean", yscale="log", xlim=(-0.8, len(order) - 0.2))
        variance.set_ylim(min(0.005, 0.5 * variance.get_ylim()[0]), 2.0)
        for axes in (rate, variance):
            axes.set_xticks(places, [str(k) for k in order])
            axes.legend(frameon=False)
        return fig


def _prior(use: LatentUse) -> Figure:
    farthest = np.argsort(use.from_prior)[::-1][:_SHOWN]
    edges = np.linspace(-4, 4, 41)
    with figure(2.6 * len(farthest) + 0.8, 2.8) as fig:
        for axes, k in zip(fig.subplots(1, len(farthest), squeeze=False)[0], farthest, strict=True):
            for z, name, own in ((use.prior, "prior", None), (use.posterior, "posterior", look(1))):
                counts = np.histogram(np.clip(z[:, k], -4, 4), edges)[0] / len(z)
                axes.stairs(counts, edges, color=own.colour if own else TRUTH, ls=own.line if own else "-", label=name)
            axes.margins(y=0.3)
            axes.autoscale(axis="y")
            axes.set(xlabel=f"z of latent {k}, distance {use.from_prior[k]:.2f}", ylim=(0, None))
        fig.axes[0].set(ylabel="Share of showers")
        fig.axes[0].legend(frameon=False, ncols=2, loc="upper left")
        return fig


def _lost_mean(diagnosis: Diagnosis) -> Figure:
    samples, rare = diagnosis.samples, diagnosis.rare
    assert rare is not None
    lost = samples.training[rare.lost]
    parts = {
        f"Geant4, all {len(samples.training)}": samples.training,
        f"rare and lost, {len(lost)}": lost,
        f"generated, {len(samples.generated)}": samples.generated,
    }
    means = {name: 100 * (s.energy / s.incident_energy[:, None]).mean(axis=0) for name, s in parts.items()}
    return side_views(samples.training.binning, means, "Mean share of incident energy [%]")


def _lost_showers(diagnosis: Diagnosis) -> Figure:
    samples, rare = diagnosis.samples, diagnosis.rare
    assert rare is not None
    training, _, generated = samples.features
    distance = nearest(training[rare.lost], generated)
    rows = rare.lost[np.argsort(distance)[::-1][:_SHOWN]]
    near = nearest_rows(
        _with_energy(training[rows], samples.training[rows]), _with_energy(generated, samples.generated)
    )
    first, second = samples.training[rows], samples.generated[near]
    titles = [
        [f"{name}, {float(e) / GeV:.3g} GeV" for e in showers.incident_energy]
        for name, showers in (("Geant4", first), ("generated", second))
    ]
    return paired_showers(first, second, titles)


def _with_energy(features: Float[Array, "n f"], showers: Showers) -> Float[Array, "n g"]:
    """Features with the energy beside them, so that neighbours have nearly the same."""
    return np.concatenate([features, 10 * np.log(showers.incident_energy.astype(np.float64))[:, None]], axis=1)
