"""The steps of `caloforge quickstart`: simulate, train, generate, validate, and the story of it."""

__all__ = [
    "CORES",
    "Live",
    "simulate_live",
    "train_or_resume",
    "generate_all",
    "validated",
    "cost_since",
    "story_section",
    "conclude",
]

import json
import os
import resource
import shutil
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from numpy import ndarray as Array

from caloforge.api.filling import fill_file
from caloforge.cli.progress import track
from caloforge.config import RunConfig
from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.data.writer import ShowerWriter
from caloforge.errors import CaloforgeError
from caloforge.generation.sampler import BLOCK, sample_batches
from caloforge.geometry.detector import detector
from caloforge.metrics.measured import standard_error
from caloforge.reporting.markup import paragraphs
from caloforge.reporting.section import Plot, Section
from caloforge.rng import integer_seeds
from caloforge.simulation.beam import Beam, parse_spectrum
from caloforge.simulation.production.progress import Progress
from caloforge.simulation.production.request import Request, simulate
from caloforge.training.run import Run, load_run
from caloforge.training.train import can_resume, train_run
from caloforge.units import GeV
from caloforge.validation.report import Report
from caloforge.validation.validate import validate

CORES = min(2, os.cpu_count() or 1)  # of which Geant4 and the generator get the same number


@dataclass(frozen=True)
class Live:
    """Geant4 as it ran just now: mean response, time per GeV on ``CORES`` cores at once, memory of all processes."""

    showers: int
    response: float
    response_error: float
    seconds: float
    ms_per_gev: float
    memory_gb: float


def simulate_live(sample: Showers, origin: dict[str, Any], n: int, seed: int) -> Live:
    """Fresh showers of the sample's own kind, from a stream of their own: none of them is in the sample.

    Args:
        sample: the showers to be alike.
        origin: where they come from.
        n: showers to simulate.
        seed: same seed, same showers.
    """
    beam = Beam(int(sample.pdg[0]), parse_spectrum(origin["energy"]))
    request = Request(detector(origin["detector"]), beam, sample.binning, n, integer_seeds(seed, "live")[0])
    with track("simulating", 1.0) as progress:

        def report(p: Progress) -> None:
            progress(p.energy / p.total_energy, f"{p.showers} of {p.n} showers")

        start = time.perf_counter()
        showers, provenance = simulate(request, CORES, report)
        seconds = time.perf_counter() - start
    response = showers.total_energy / showers.incident_energy
    core_ms = (provenance.host_ms_per_shower or 0.0) * len(showers)
    return Live(
        n,
        float(response.mean()),
        standard_error(response),
        seconds,
        core_ms / CORES / (float(showers.incident_energy.sum()) / GeV),
        _peak_gb(resource.RUSAGE_SELF) + CORES * _peak_gb(resource.RUSAGE_CHILDREN),
    )


def _peak_gb(who: int) -> float:
    """Of this process, or of the largest that it waited for: at least what this one had when that began."""
    return resource.getrusage(who).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9


def train_or_resume(sample: Showers, config: RunConfig, origin: dict[str, Any], folder: Path) -> Run:
    """Train afresh, or finish what an interrupted quickstart began.

    Args:
        sample: the showers.
        config: model and training.
        origin: where the showers come from.
        folder: of the run.
    """
    text = config.to_yaml()
    resume = can_resume(folder, text)
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)
    with track("training", config.training.steps) as progress:

        def report(record: dict[str, float]) -> None:
            if "total" in record:
                progress(record["step"], f"held-out loss {record['validation']:.0f} nats")
            elif record["step"] % 10 == 0:
                progress(record["step"])

        train_run(sample, config.model, config.training, config.seed, folder, text, origin, resume, report)
    return load_run(folder)


def generate_all(run: Run, energies: Float[Array, " N"], path: Path, detector_name: str, seed: int) -> float:
    """Showers at these incident energies, written as they are made, and the time of each in ms without writing.

    Args:
        run: the model.
        energies: MeV.
        path: file to make.
        detector_name: goes into it.
        seed: same seed, same showers.
    """
    torch.set_num_threads(CORES)
    for _ in sample_batches(run.model, run.pipeline, energies[:BLOCK], seed):
        pass  # once, so that the clock does not see the first call's set-up
    facts = {"generator": "quickstart", "seed": seed, "training": run.provenance.facts}
    writer = ShowerWriter(path, run.pipeline.binning, detector_name, facts)
    batches = sample_batches(run.model, run.pipeline, energies, seed)
    with track("generating", len(energies)) as bar:
        return fill_file(writer, batches, len(energies), run.training_ids.all, lambda done, count: bar(done))


def validated(truth: Showers, generated: Path, origin: dict[str, Any], seed: int) -> Report:
    """The report of generated showers against those that the model never saw.

    Args:
        truth: Geant4's.
        generated: file of the model's.
        origin: where the sample comes from.
        seed: same seed, same report.
    """
    facts = {"truth": {**origin, "split": "test"}, "generated": {"generator": "quickstart", "seed": seed}}
    with ShowerFile(generated) as file, track("validating", 1.0) as progress:
        return validate(truth, file, seed, facts, progress=progress)


def cost_since(start: float, live: Live) -> dict[str, float]:
    """Wall time so far, and peak memory: of this process, or earlier of it and all that simulated beside it.

    Args:
        start: of the clock, seconds.
        live: the simulation.
    """
    gb = max(_peak_gb(resource.RUSAGE_SELF), live.memory_gb)
    return {"seconds": round(time.monotonic() - start, 1), "peak_memory_gb": round(gb, 2)}


def story_section(origin: dict[str, Any], live: Live, run: Run, folder: Path, cost: dict[str, float]) -> Section:
    """What was done, for the page and the JSON.

    Args:
        origin: where the sample comes from.
        live: Geant4 just now.
        run: the model.
        folder: of the run.
        cost: as `cost_since` gives it.
    """
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    words = (
        f"Geant4 {origin['geant4']} ({origin['physics_list']}) simulated {origin['n']} electrons of "
        f"{origin['energy']} in {origin['detector']} for the sample, and {live.showers} more in this run: mean "
        f"response {live.response:.4f} ± {live.response_error:.4f}, {live.ms_per_gev:.1f} ms per GeV on "
        f"{CORES} cores. The times of the table are for the mean energy of the generated showers on the same cores. "
        f"The model learned from {run.provenance.training_showers} showers in "
        f"{run.provenance.seconds or 0:.0f} s. Truth in all that follows is the test split, which it never saw."
    )
    data = {
        "live": vars(live),
        "training": {k: getattr(run.provenance, k) for k in ("training_showers", "seconds")},
        "cost": cost,
    }
    caption = (
        "Loss in nats, minus log p: on training batches, and on the validation split with averaged weights; beside it "
        "the part of the layer energies."
    )
    return Section(
        "What was done", paragraphs(words), (Plot("training", "Training", caption, partial(_curve, log)),), data
    )


def _curve(log: list[dict[str, float]]) -> Figure:
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = [record["step"] for record in log]
    left.plot(steps, [record["total"] for record in log], label="training", color="0.6", lw=1)
    left.plot(steps, [record["validation"] for record in log], label="validation", color="C0")
    left.set(xlabel="step", ylabel="loss (nats)")
    left.legend(frameon=False)
    right.plot(steps, [record["energy_nll"] for record in log], color="C1", lw=1)
    right.set(xlabel="step", ylabel="loss of the layer energies (nats)")
    return figure


def conclude(report: Report, page: Path, cost: dict[str, float]) -> None:
    """The verdict, what it cost, and what to do next.

    Args:
        report: of the validation.
        page: where it is.
        cost: as `cost_since` gives it.
    """
    if report.speed is None:
        raise CaloforgeError("the quickstart measured no speed; report this as a bug")
    print(report.verdict)
    print(
        f"\nGeant4 {report.speed.geant4_ms_per_shower:.0f} ms a shower, the model "
        f"{report.speed.generator_ms_per_shower:.3f} ms: {report.speed.ratio:.0f} times faster on the same cores"
    )
    print(f"{cost['seconds']:.0f} s, peak memory {cost['peak_memory_gb']:.2f} GB")
    print(f"report: {page}")
    longer = f"{page.parent}/run/config.yaml --set training.steps=8000 -o runs/longer"
    print(f"next: open it, then train longer: caloforge train {longer}")
