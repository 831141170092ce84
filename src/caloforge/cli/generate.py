"""`caloforge generate`: showers from a trained model, streamed to a file."""

__all__ = ["generate"]

import json
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge import __version__
from caloforge.cli.progress import track
from caloforge.data.samples import showers_path
from caloforge.data.store import ShowerFile, ShowerWriter
from caloforge.errors import BadValue
from caloforge.generation.sampler import check_range, sample_batches
from caloforge.geometry.readouts import readout
from caloforge.rng import stream
from caloforge.training.run import Run, load_run
from caloforge.truth.beam import parse_particle, parse_spectrum


def generate(
    run: Annotated[Path, typer.Argument(help="run folder")],
    output: Annotated[Path, typer.Option("-o", "--output", help="HDF5 file to make")],
    like: Annotated[Path | None, typer.Option(help="file of showers whose incident energies to use")] = None,
    binning: Annotated[str | None, typer.Option(help="readout of --like, for files that do not carry one")] = None,
    particle: Annotated[str, typer.Option(help="particle, with --energy")] = "e-",
    energy: Annotated[str | None, typer.Option(help="50GeV, 1GeV:100GeV:log or 1GeV:100GeV:uniform")] = None,
    n: Annotated[
        int | None, typer.Option("-n", min=1, help="number of showers; with --like, its energies repeat")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same showers")] = 1,
    batch: Annotated[int, typer.Option(min=1, help="showers held in memory at a time")] = 5000,
    extrapolate: Annotated[bool, typer.Option(help="allow energies outside the training range")] = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Generate showers with a trained model."""
    trained = load_run(run)
    energies = _incident_energies(trained, like, binning, particle, energy, n, seed)
    if not extrapolate:
        check_range(trained.pipeline, energies)
    seconds, facts = (
        0.0,
        {"caloforge": __version__, "generator": str(run), "seed": seed, "training": trained.provenance},
    )
    detector = str(trained.provenance.get("data", {}).get("detector", "unknown"))
    with (
        ShowerWriter(output, trained.pipeline.binning, detector, facts) as writer,
        track("generating", len(energies)) as progress,
    ):
        start, done = time.perf_counter(), 0
        for showers in sample_batches(trained.model, trained.pipeline, energies, seed, batch):
            seconds += time.perf_counter() - start
            writer.append(showers)
            done += len(showers)
            progress(done, f"{done} showers")
            start = time.perf_counter()
        per_shower = 1e3 * seconds / len(energies)
        writer.note(host_ms_per_shower=per_shower)
    answer = {"file": str(output), "showers": len(energies), "generator_ms_per_shower": per_shower}
    print(json.dumps(answer) if json_only else f"{output}: {len(energies)} showers, {per_shower:.3f} ms each")


def _incident_energies(
    run: Run, like: Path | None, binning: str | None, particle: str, energy: str | None, n: int | None, seed: int
) -> Float[Array, " N"]:
    """Incident energies in MeV, from a file or a spectrum."""
    if (like is None) == (energy is None):
        raise BadValue("--like and --energy", (like, energy), "give one of the two")
    if like is not None:
        with ShowerFile(showers_path(like), readout(binning) if binning else None) as file:
            if not file.binning.same_cells(run.pipeline.binning):
                raise BadValue("--like", str(like), f"its readout is {file.binning.name}, the model's another")
            energies = np.concatenate([batch.incident_energy for batch in file.batches()])
        return energies if n is None else np.resize(energies, n)
    spectrum = parse_spectrum(str(energy))
    if parse_particle(particle) != int(run.pipeline.particle):
        raise BadValue("--particle", particle, f"the model was trained on PDG {int(run.pipeline.particle)}")
    return spectrum.sample(n or 1000, stream(seed, "beam"))
