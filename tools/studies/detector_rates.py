"""False-alarm and detection rates of every detector of `caloforge diagnose`, on samples with a known answer.

Healthy: generated showers drawn from the truth itself. Sick: the defect that the detector is for. Sizes are those of
the bundled sample (7,000 training, 2,500 held-out and generated showers; 10,000 generated for the mode fractions).
With --remedies also the 1 % mode of the plane by each remedy, over seeds.

Run: python tools/studies/detector_rates.py             (100 healthy and 100 sick samples; --trials, --remedies SEEDS)
"""

import argparse
from collections.abc import Callable

import numpy as np
import torch
from scipy.stats import binomtest
from toy_game import REMEDIES, play, two_modes

from caloforge.diagnosis.collapse.diversity import lost_variance, near_duplicates, rare_coverage
from caloforge.diagnosis.collapse.latent import judge_latent, measure_latent
from caloforge.diagnosis.collapse.memorisation import copies_of_training
from caloforge.diagnosis.collapse.modes import judge_modes, measure_modes
from caloforge.rng import stream, torch_stream
from caloforge.validation.finding import Finding, Status

_WIDTH, _TRAINING, _HELD_OUT, _RARE = 6, 7000, 2500, 0.03
_GENERATED = {"mode fractions": 10_000}  # others: as many as are held out
_NAMES = tuple(f"t{k}" for k in range(_WIDTH))
Sample = np.ndarray
Detector = Callable[[Sample, Sample, Sample, Sample], Finding]
Defect = Callable[[Sample, Sample, Sample, np.random.Generator], Sample]


def mixture(n: int, rng: np.random.Generator) -> tuple[Sample, Sample]:
    """Features with heavy tails and a rare mode, and the labels."""
    labels = (rng.random(n) < _RARE).astype(np.int64)
    return rng.standard_t(8, (n, _WIDTH)) + 4.0 * labels[:, None], labels


def _worst(findings: tuple[Finding, ...]) -> Finding:
    order = [Status.FAIL, Status.CANNOT_TELL, Status.PASS]
    return min(findings, key=lambda f: order.index(f.status))


def _mode(training: Sample, labels: Sample, made: Sample) -> Finding:
    return _worst(judge_modes(measure_modes(training, labels, made, stream(1, "rates"))))


DETECTORS: dict[str, tuple[Detector, str, Defect]] = {
    "coverage of the rare": (
        lambda t, h, g, labels: rare_coverage(t, h, g),
        "rare mode and tails lost",
        lambda t, h, g, rng: rng.normal(size=g.shape),
    ),
    "near-duplicates": (
        lambda t, h, g, labels: near_duplicates(h, g),
        "a tenth repeats 20 outputs",
        lambda t, h, g, rng: np.concatenate([g[250:], g[rng.integers(0, 20, 250)]]),
    ),
    "variance": (
        lambda t, h, g, labels: _worst(lost_variance(h, g, _NAMES)),
        "one width at 75 %",
        lambda t, h, g, rng: g * np.where(np.arange(_WIDTH) == 2, 0.75, 1.0),
    ),
    "closer to training": (
        lambda t, h, g, labels: copies_of_training(t, h, g)[0],
        "all near copies",
        lambda t, h, g, rng: t[: len(g)] + 0.2 * rng.normal(size=g.shape),
    ),
    "copies of training": (
        lambda t, h, g, labels: copies_of_training(t, h, g)[1],
        "one in ten copied",
        lambda t, h, g, rng: np.concatenate([t[:250], g[250:]]),
    ),
    "mode fractions": (
        lambda t, h, g, labels: _mode(t, labels, g),
        "half of the 3 % mode lost",
        lambda t, h, g, rng: g[(g.mean(axis=1) < 2) | (rng.random(len(g)) < 0.5)],
    ),
}


def _counted(name: str, sick: bool, trials: int) -> dict[Status, int]:
    detector, _, defect = DETECTORS[name]
    counts = dict.fromkeys(Status, 0)
    for trial in range(trials):
        rng = stream(trial, f"rates of {name}", int(sick))
        training, labels = mixture(_TRAINING, rng)
        held_out, made = (mixture(n, rng)[0] for n in (_HELD_OUT, _GENERATED.get(name, _HELD_OUT)))
        made = defect(training, held_out, made, rng) if sick else made
        counts[detector(training, held_out, made, labels).status] += 1
    return counts


def _latent(trial: int, sick: bool) -> Status:
    """A linear Gaussian model with its exact posterior; sick: it tells 0.02 nats."""
    generator = torch_stream(trial, "latent rates", int(sick))
    noise = 7.0 if sick else 0.7
    z = torch.randn(_HELD_OUT, 2, generator=generator)
    x = z + noise * torch.randn(z.shape, generator=generator)
    mean, std = x / (1 + noise**2), torch.full_like(z, noise / np.sqrt(1 + noise**2))

    def log_likelihood(latent: torch.Tensor) -> torch.Tensor:
        return (-0.5 * ((x - latent) / noise) ** 2).sum(1)

    energy, prior = torch.rand(_HELD_OUT, generator=generator), torch.randn(z.shape, generator=generator)
    return judge_latent(measure_latent(mean, std.log(), log_likelihood, energy, prior, generator)).status


def rate(k: int, n: int) -> str:
    """Share with its 95 % Clopper-Pearson interval."""
    low, high = binomtest(k, n).proportion_ci()
    return f"{100 * k / n:.3g} % ({100 * low:.1f} to {100 * high:.1f})"


def print_rates(trials: int, only: str) -> None:
    """One row a detector, as Markdown."""
    print(
        "| detector | false alarms | defect | detected | cannot tell (healthy, sick) |\n| --- | --- | --- | --- | --- |"
    )
    for name, (_, defect, _) in DETECTORS.items():
        if only and only not in name:
            continue
        healthy, sick = (_counted(name, ill, trials) for ill in (False, True))
        _row(name, healthy, defect, sick, trials)
    if only and only not in "use of the latent":
        return
    counts = []
    for ill in (False, True):
        statuses = [_latent(trial, ill) for trial in range(trials)]
        counts.append({status: statuses.count(status) for status in Status})
    _row("use of the latent", counts[0], "latent tells 0.02 nats", counts[1], trials)


def _row(name: str, healthy: dict[Status, int], defect: str, sick: dict[Status, int], trials: int) -> None:
    unsure = f"{healthy[Status.CANNOT_TELL]}, {sick[Status.CANNOT_TELL]}"
    rates = (rate(counts[Status.FAIL], trials) for counts in (healthy, sick))
    false, seen = rates
    print(f"| {name} | {false} | {defect} | {seen} | {unsure} |", flush=True)


def print_remedies(seeds: int) -> None:
    """How much of the plane's 1 % mode each remedy recovers, seed by seed, and what the detector says."""
    print(f"\n| remedy | generated share of the 1 % mode, {seeds} seeds | findings |\n| --- | --- | --- |")
    for name, options in REMEDIES.items():
        shares, said = [], []
        for seed in range(1, seeds + 1):
            truth, labels = two_modes(10_000, options.rarity, torch_stream(seed, "truth"))
            made = play(options, seed).sample(10_000, torch_stream(seed, "sample"))
            rng = stream(seed, "remedies")
            modes = measure_modes(truth.double().numpy(), labels.numpy(), made.double().numpy(), rng)
            shares.append(f"{100 * modes[1].generated:.2f}")
            said.append(str(judge_modes(modes)[1].status))
        print(f"| {name} | {', '.join(shares)} % | {', '.join(said)} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--only", default="", help="detectors whose names hold this")
    parser.add_argument("--remedies", type=int, default=0, metavar="SEEDS")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print_rates(chosen.trials, chosen.only)
    if chosen.remedies:
        print_remedies(chosen.remedies)
