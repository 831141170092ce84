"""Measures models for `caloforge advise` and the table of docs/models.md, one model at a time, and merges the results.

    python tools/studies/measure_models.py vae-siw-1080 wgan-siw-1080
    python tools/studies/measure_models.py vae-siw-6480 --truth test6480.h5
    python tools/studies/measure_models.py vae-siw-1080 --beyond e150.h5     # only what is outside its training
    python tools/studies/measure_models.py --print

Figures are kept by model in the JSON file (by default that of the package). A figure that the file has for the same
weights is not measured again, so a run that was interrupted goes on; each figure is written as soon as it is there.
Times are processor times of one thread, the best of a few repetitions, so other work on the machine hardly matters.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from caloforge import __version__
from caloforge.advice import measured as store
from caloforge.advice.measured import FIGURES, MEASURED, Figure, MeasuredModel, Measurements
from caloforge.advice.words import markdown_table
from caloforge.classifiers.protocol import STANDARD, measure
from caloforge.data.incident import Incident
from caloforge.data.opening import open_showers
from caloforge.data.showers import Showers
from caloforge.data.unseen import unseen_showers
from caloforge.deployment.timing import processor_name
from caloforge.diagnosis.collapse.diversity import find_rare
from caloforge.diagnosis.collapse.three_samples import draw_samples
from caloforge.diagnosis.extrapolation.deviation import deviations
from caloforge.generation.likelihood import log_likelihood
from caloforge.generation.sampler import sample_showers
from caloforge.metrics.measured import Measured
from caloforge.physics.observables import OBSERVABLES, tabulate
from caloforge.training.folders import run_folder, weights_digest
from caloforge.training.run import Run, load_run
from caloforge.validation.multivariate import freaks
from caloforge.validation.sample import read_sample

TABULATED = {name: o for name, o in OBSERVABLES.items() if o.per != "cell"}
SEED = 1
SCORED = 500  # showers whose likelihood is taken
LATENTS = 16  # draws for each
JUDGED = 10_000  # showers of either class that the classifiers see at most
FREAKS = 10_000  # showers among which freaks are counted, if not told otherwise
REPEATS = 5
Figures = dict[str, Figure]


class Study:
    """One model, and what it is measured with.

    Args:
        name: of the model.
        truth: file of showers, or bundled.
        beyond: files of showers outside its training.
        freaks: showers among which freaks are counted.
    """

    def __init__(self, name: str, truth: str, beyond: list[str], freaks: int) -> None:
        self.name, self.truth, self.beyond, self.freaks = name, truth, beyond, freaks
        self.folder = run_folder(name)
        self.run: Run = load_run(name)
        self.command = f"python tools/studies/measure_models.py {name}"
        self.command += f" --truth {Path(truth).name}" if truth != "bundled" else ""
        self.command += f" --freaks {freaks}" if freaks != FREAKS else ""

    def read(self, unseen: bool = True) -> Showers:
        """Showers of the truth inside the range of its training, by default those that it has not seen."""
        with open_showers(self.truth) as file:
            showers = file.read()
        low, high = self.run.pipeline.condition.energy_range.tolist()
        showers = showers[(showers.incident_energy >= low) & (showers.incident_energy <= high)]
        return unseen_showers(showers, self.run.training_ids.all) if unseen else showers

    def drawn(self, incident: Incident) -> Showers:
        return sample_showers(self.run.model, self.run.pipeline, incident, SEED)

    def figure(self, value: float, on: str, error: float | None = None, floor: float | None = None) -> Figure:
        return Figure(float(value), self.command, error, floor, on)


def classifiers(study: Study) -> Figures:
    truth = study.read()[:JUDGED]
    generated = study.drawn(Incident.of(truth))
    on, figures = f"{len(truth)} unseen showers of {Path(study.truth).name} against as many generated", {}
    tables = [tabulate(showers, TABULATED) for showers in (truth, generated)]
    for name in ("high", "low"):
        auc: Measured = measure(STANDARD, name, (truth, tables[0]), (generated, tables[1]), SEED)[0].auc
        figures[f"auc_{name}"] = study.figure(auc.value, on, auc.error, auc.floor)
    figures["auc"] = max(figures["auc_high"], figures["auc_low"], key=lambda figure: figure.value)
    return figures


def likelihood(study: Study) -> Figures:
    if not study.run.model.explicit or study.run.model.keep_probability is not None:
        return {}
    truth = study.read()[:SCORED]
    value, _ = log_likelihood(study.run.model, study.run.pipeline, truth, SEED, LATENTS)
    error = value.std(ddof=1) / np.sqrt(len(value))
    ends = " to ".join(f"{energy / 1000:.3g}" for energy in study.run.pipeline.condition.energy_range.tolist())
    on = f"{len(truth)} unseen showers of {Path(study.truth).name}, {LATENTS} draws of the latent, {ends} GeV"
    return {"log_likelihood": study.figure(value.mean(), on, float(error))}


def tails(study: Study) -> Figures:
    samples = draw_samples(study.run, study.read(unseen=False), SEED)
    rare = find_rare(*samples.features)
    shares = [100 * float(covered.mean()) for covered in (rare.by_generated, rare.by_truth)]
    error = float(np.sqrt(shares[0] * (100 - shares[0]) / len(rare.rows)))
    on = f"the {len(rare.rows)} rarest of {len(samples.training)} showers of {Path(study.truth).name}"
    return {"rare_coverage": study.figure(shares[0], on, error, shares[1])}


def outside(study: Study) -> Figures:
    truth = study.read()
    generated = study.drawn(Incident.of(truth).repeated(study.freaks))
    first, second = (read_sample(showers, TABULATED, keep=0) for showers in (truth, generated))
    counted = freaks(TABULATED, first, second, SEED)
    if counted is None:
        return {}
    m = counted.measured
    on = f"{study.freaks} generated showers against {len(truth)} unseen ones of {Path(study.truth).name}"
    return {"freaks": study.figure(1e4 * m.value, on, 1e4 * m.error, 1e4 * m.floor)}


def speed(study: Study) -> Figures:
    figures = {}
    on = f"processor time of one thread of {processor_name()}, best of {REPEATS}"
    truth = study.read()
    for n in (1, 1000):
        incident, times = Incident.of(truth[:n]).repeated(n), []
        study.drawn(incident)
        for _ in range(REPEATS):
            start = time.process_time()
            study.drawn(incident)
            times.append(1000 * (time.process_time() - start) / n)
        figures[f"ms_at_{n}"] = study.figure(min(times), on)
    return figures


def training(study: Study) -> Figures:
    provenance = study.run.provenance
    if provenance.seconds is None:
        return {}
    config = yaml.safe_load((study.folder / "config.yaml").read_text())
    on = f"{config['training']['steps']} steps on {provenance.training_showers} showers, from its provenance.json"
    return {"training_minutes": Figure(provenance.seconds / 60, f"caloforge train {study.name}", on=on)}


def extrapolation(study: Study) -> Figures:
    """The largest bias of the files."""
    low, high = study.run.pipeline.condition.energy_range.tolist()
    worst: Figure | None = None
    for path in study.beyond:
        with open_showers(path) as file:
            truth = unseen_showers(file.read(), study.run.training_ids.all)
        truth = truth[(truth.incident_energy < low) | (truth.incident_energy > high)]
        if len(truth) < 2:
            sys.exit(f"{path}: no showers outside {low:g} to {high:g} MeV")
        bias = deviations(truth, study.drawn(Incident.of(truth).repeated(4 * len(truth))), SEED)["response_bias"]
        energy = truth.incident_energy.mean() / 1000
        on = f"{len(truth)} showers of {Path(path).name}, {energy:.3g} GeV on average"
        figure = study.figure(100 * bias.distance, on, 100 * bias.error, 100 * bias.floor)
        worst = figure if worst is None or figure.value > worst.value else worst
    return {} if worst is None else {"response_beyond": worst}


PARTS: dict[str, tuple[Callable[[Study], Figures], tuple[str, ...]]] = {
    "training": (training, ("training_minutes",)),
    "speed": (speed, ("ms_at_1", "ms_at_1000")),
    "likelihood": (likelihood, ("log_likelihood",)),
    "classifiers": (classifiers, ("auc_high", "auc_low", "auc")),
    "tails": (tails, ("rare_coverage",)),
    "freaks": (outside, ("freaks",)),
    "extrapolation": (extrapolation, ("response_beyond",)),
}


def described(study: Study, weights: str) -> MeasuredModel:
    """The model without figures."""
    condition, data = study.run.pipeline.condition, study.run.provenance.data
    config: dict[str, Any] = yaml.safe_load((study.folder / "config.yaml").read_text())
    (low, high), (least, most) = condition.energy_range.tolist(), condition.theta_range.tolist()
    return MeasuredModel(
        study.name,
        str(config["model"]["name"]),
        str(data.detector if data and data.detector else "unknown"),
        study.run.pipeline.binning.name,
        tuple(condition.particles.tolist()),
        (low, high),
        (least, most),
        weights,
        facts={"caloforge": __version__, "torch": torch.__version__, "processor": processor_name()},
    )


def measured(study: Study, before: MeasuredModel | None, parts: list[str], again: bool) -> Iterator[MeasuredModel]:
    """The model after each part."""
    weights = weights_digest(study.folder)
    model = described(study, weights)
    kept = dict(before.figures) if before is not None and before.weights == weights else {}
    for part in parts:
        measure_part, names = PARTS[part]
        if not again and all(name in kept for name in names):
            continue
        start = time.process_time()
        kept |= measure_part(study)
        print(f"{study.name}: {part}, {time.process_time() - start:.0f} s", file=sys.stderr, flush=True)
        figures = {name: kept[name] for name in FIGURES if name in kept}
        facts = {**model.facts, "date": datetime.now(UTC).strftime("%Y-%m-%d")}
        yield MeasuredModel(**{**vars(model), "figures": figures, "facts": facts})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="run folders, or names of models that come with caloforge")
    parser.add_argument("--truth", default="bundled", help="file of showers; those that trained a model are left out")
    parser.add_argument("--beyond", nargs="+", default=[], help="files of showers outside the training")
    parser.add_argument("--parts", nargs="+", choices=PARTS, help="default: all, with --beyond only extrapolation")
    parser.add_argument("--freaks", type=int, default=FREAKS, help="to count freaks among (%(default)s); with --again")
    parser.add_argument("--again", action="store_true", help="measure what the file has for these weights, too")
    parser.add_argument("--print", action="store_true", help="print the table of the document and measure nothing")
    parser.add_argument("-o", "--output", type=Path, default=MEASURED, help="JSON file; default: that of the package")
    options = parser.parse_args()
    models: Measurements = store.load_measured(options.output) if options.output.exists() else {}
    torch.set_num_threads(1)
    parts = options.parts or (["extrapolation"] if options.beyond else [p for p in PARTS if p != "extrapolation"])
    for name in [] if options.print else options.models:
        study = Study(name, options.truth, options.beyond, options.freaks)
        for model in measured(study, models.get(name), parts, options.again):
            models[name] = model
            store.save_measured(options.output, models)
    print(markdown_table(models))


if __name__ == "__main__":
    main()
