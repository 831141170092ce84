"""`caloforge quickstart`: the whole story on real Geant4 showers, in minutes, with every number measured in the run."""

__all__ = ["quickstart"]

import json
import os
import resource
import shutil
import sys
import time
import webbrowser
from dataclasses import dataclass
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from jaxtyping import Float
from matplotlib.figure import Figure
from numpy import ndarray as Array

from caloforge.cli.options import OverwriteOption
from caloforge.cli.progress import track
from caloforge.config import RunConfig, load_config
from caloforge.data.bundled import BUNDLED, showers_path
from caloforge.data.showers import Showers
from caloforge.data.splits import take_split
from caloforge.data.store import ShowerFile
from caloforge.data.writer import ShowerWriter
from caloforge.errors import CaloforgeError
from caloforge.files import require_new, require_writable
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
    """Geant4 as it ran just now: mean response, and time per GeV on ``CORES`` cores at once."""

    showers: int
    response: float
    response_error: float
    seconds: float
    ms_per_gev: float


def quickstart(
    output: Annotated[Path, typer.Option("-o", "--output", help="folder for the report and the trained model")] = Path(
        "quickstart"
    ),
    seed: Annotated[int, typer.Option(min=0, help="same seed, same showers and the same report, but for times")] = 1,
    live_showers: Annotated[int, typer.Option(min=2, help="showers to simulate with Geant4")] = 60,
    n: Annotated[int, typer.Option("-n", min=1, help="showers to generate")] = 20_000,
    override: Annotated[list[str] | None, typer.Option("--set", help="as in train: training.steps=8000, say")] = None,
    show: Annotated[bool, typer.Option("--open/--no-open", help="open the report where there is a screen")] = True,
    overwrite: OverwriteOption = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only the JSON of the report")] = False,
) -> None:
    """Simulate, train, generate and validate on real Geant4 showers; the report is OUTPUT/report.html."""
    start = time.monotonic()
    say = _say_nothing if json_only else print
    require_new(output / "report.json", overwrite)
    require_writable(output)
    with ShowerFile(showers_path(BUNDLED)) as file:
        sample, origin = file.read(), file.origin(BUNDLED)
    say(f"1/5  the sample: {len(sample)} electrons, Geant4 {origin['geant4']}, readout {sample.binning.name}")
    live = _simulate_live(sample, origin, live_showers, seed)
    say(f"2/5  Geant4 just now: {live.showers} showers in {live.seconds:.0f} s, mean response {live.response:.4f}")
    with as_file(files("caloforge.cli") / "quickstart.yaml") as path:
        config = load_config(path, [f"seed={seed}", *(override or [])])
    sample = config.chosen(sample)
    run = _train(sample, config, origin, output / "run")
    say(f"3/5  trained on {run.provenance.training_showers} showers in {run.provenance.seconds or 0:.0f} s")
    test = take_split(sample, "test")
    energies = np.resize(test.incident_energy, n)
    generated, ms_per_shower = _generate(run, energies, output / "generated.h5", origin["detector"], seed)
    say(f"4/5  generated {len(generated)} showers, {ms_per_shower:.3f} ms each")
    report = _validate(test, generated, origin, seed)
    report = report.with_speed(live.ms_per_gev * float(generated.incident_energy.mean()) / GeV, ms_per_shower)
    cost = _cost(start)
    report = report.with_sections(
        before=[_story(origin, live, run, output / "run", cost)], title="caloforge quickstart"
    )
    with track("drawing", 1.0) as progress:
        page = report.write(output, pdf=False, progress=progress, overwrite=overwrite)
    say("5/5  validated against showers that the model never saw\n")
    if json_only:
        print(json.dumps(report.to_dict()))
    else:
        _conclude(report, page, cost)
    if show and not json_only and sys.stdout.isatty() and _has_screen():
        webbrowser.open(page.resolve().as_uri())


def _say_nothing(*_: object) -> None:
    """In place of print where only JSON is wanted."""


def _has_screen() -> bool:
    return sys.platform in ("darwin", "win32") or bool({"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ))


def _simulate_live(sample: Showers, origin: dict[str, Any], n: int, seed: int) -> Live:
    """Fresh showers of the sample's own kind, from a stream of their own: none of them is in the sample."""
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
    )


def _train(sample: Showers, config: RunConfig, origin: dict[str, Any], folder: Path) -> Run:
    """Train afresh, or finish what an interrupted quickstart began."""
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


def _generate(
    run: Run, energies: Float[Array, " N"], path: Path, detector_name: str, seed: int
) -> tuple[Showers, float]:
    """Showers at these incident energies (MeV), and the time of each in ms, without writing."""
    torch.set_num_threads(CORES)
    for _ in sample_batches(run.model, run.pipeline, energies[:BLOCK], seed):
        pass  # once, so that the clock does not see the first call's set-up
    parts, seconds = [], 0.0
    facts = {"generator": "quickstart", "seed": seed, "training": run.provenance.facts}
    with (
        ShowerWriter(path, run.pipeline.binning, detector_name, facts) as writer,
        track("generating", len(energies)) as bar,
    ):
        start = time.perf_counter()
        for part in sample_batches(run.model, run.pipeline, energies, seed):
            seconds += time.perf_counter() - start
            writer.append(part)
            parts.append(part)
            bar(sum(map(len, parts)))
            start = time.perf_counter()
        writer.keep_training_ids(run.training_ids.all)
    return Showers.concatenate(parts), 1e3 * seconds / len(energies)


def _validate(truth: Showers, generated: Showers, origin: dict[str, Any], seed: int) -> Report:
    facts = {"truth": {**origin, "split": "test"}, "generated": {"generator": "quickstart", "seed": seed}}
    with track("validating", 1.0) as progress:
        return validate(truth, generated, seed, facts, progress=progress)


def _cost(start: float) -> dict[str, float]:
    """Wall time so far, and peak memory: this process, and the simulation processes as if at their peak together."""
    own, child = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    unit = 1 if sys.platform == "darwin" else 1024
    gb = (own + CORES * child) * unit / 1e9
    return {"seconds": round(time.monotonic() - start, 1), "peak_memory_gb": round(gb, 2)}


def _story(origin: dict[str, Any], live: Live, run: Run, folder: Path, cost: dict[str, float]) -> Section:
    """What was done, for the page and the JSON."""
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


def _conclude(report: Report, page: Path, cost: dict[str, float]) -> None:
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
