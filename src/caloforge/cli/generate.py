"""`caloforge generate`: showers from a trained model, streamed to a file."""

__all__ = ["generate"]

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from caloforge import __version__
from caloforge.api.incident import shoot
from caloforge.cli.progress import track
from caloforge.data.bundled import showers_path
from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.data.splits import Split, take_split
from caloforge.data.store import ShowerFile, ShowerWriter
from caloforge.errors import BadValue
from caloforge.generation.mixture import mixture_batches
from caloforge.generation.sampler import sample_batches
from caloforge.geometry.readouts import readout
from caloforge.training.ensemble import Ensemble, load_ensemble


def generate(
    run: Annotated[Path, typer.Argument(help="run folder, or the name of a model that comes with caloforge")],
    output: Annotated[Path, typer.Option("-o", "--output", help="HDF5 file to make")],
    like: Annotated[
        Path | None, typer.Option(help="file of showers, or bundled, whose incident particles to use")
    ] = None,
    binning: Annotated[str | None, typer.Option(help="readout of --like, for files that do not carry one")] = None,
    split: Annotated[Split | None, typer.Option(help="only those of --like in this split")] = None,
    particle: Annotated[str | None, typer.Option(help="particle, where the model knows several")] = None,
    energy: Annotated[str | None, typer.Option(help="50GeV, 1GeV:100GeV:log or 1GeV:100GeV:uniform")] = None,
    theta: Annotated[str | None, typer.Option(help="angle to the normal: 30deg or 0deg:30deg:solid-angle")] = None,
    phi: Annotated[str | None, typer.Option(help="azimuth about the normal: 0deg or 0deg:360deg:uniform")] = None,
    n: Annotated[
        int | None, typer.Option("-n", min=1, help="number of showers; with --like, its particles repeat")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same showers")] = 1,
    batch: Annotated[int, typer.Option(min=1, help="showers in memory at a time; an ensemble: 1000 a member")] = 5000,
    extrapolate: Annotated[bool, typer.Option(help="allow energies and angles outside those of the training")] = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Generate showers with a trained model, or with an ensemble: shower i is of member i mod K."""
    trained = load_ensemble(run)
    if (like is None) == (energy is None):
        raise BadValue("--like and --energy", (like, energy), "give one of the two")
    if like is not None:
        if any((particle, theta, phi)):
            raise BadValue("--particle, --theta, --phi", (particle, theta, phi), "with --like they are the file's")
        incident = _like(trained, like, binning, split, n)
    else:
        if split is not None:
            raise BadValue("--split", split, "it chooses among the showers of --like")
        incident = shoot(trained.pipeline.condition, str(energy), (particle, theta, phi), n or 1000, seed)
    for strange in trained.pipeline.condition.outside(incident):
        if not extrapolate:
            raise strange
        print(f"caloforge: warning: {strange.warning}", file=sys.stderr)
    seconds, facts = (
        0.0,
        {"caloforge": __version__, "generator": str(run), "seed": seed, "training": trained.provenance},
    )
    detector = str(trained.provenance.get("data", {}).get("detector", "unknown"))
    with (
        ShowerWriter(output, trained.pipeline.binning, detector, facts) as writer,
        track("generating", len(incident)) as progress,
    ):
        start, done = time.perf_counter(), 0
        for showers in _batches(trained, incident, seed, batch):
            seconds += time.perf_counter() - start
            writer.append(showers)
            done += len(showers)
            progress(done, f"{done} showers")
            start = time.perf_counter()
        per_shower = 1e3 * seconds / len(incident)
        writer.note(host_ms_per_shower=per_shower)
    answer = {"file": str(output), "showers": len(incident), "generator_ms_per_shower": per_shower}
    print(json.dumps(answer) if json_only else f"{output}: {len(incident)} showers, {per_shower:.3f} ms each")


def _batches(trained: Ensemble, incident: Incident, seed: int, batch: int) -> Iterator[Showers]:
    if len(trained.members) > 1:
        return mixture_batches(trained.members, incident, seed)
    return sample_batches(trained.members[0].model, trained.pipeline, incident, seed, batch)


def _like(run: Ensemble, path: Path, binning: str | None, split: Split | None, n: int | None) -> Incident:
    """The incident particles of a file."""
    with ShowerFile(showers_path(path), readout(binning) if binning else None) as file:
        if not file.binning.same_cells(run.pipeline.binning):
            raise BadValue("--like", str(path), f"its readout is {file.binning.name}, the model's another")
        parts = (take_split(batch, split) if split else batch for batch in file.batches())
        incident = Incident.concatenate([Incident.of(part) for part in parts])
    return incident if n is None else incident.repeated(n)
