"""`caloforge simulate`: full Geant4 simulation of a calorimeter into a file of showers."""

__all__ = ["simulate"]

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from caloforge.cli.progress import track
from caloforge.data.store import ShowerFile
from caloforge.geometry.detector import detector as find_detector
from caloforge.geometry.readouts import readout as find_readout
from caloforge.truth.beam import Beam, parse_particle, parse_spectrum
from caloforge.truth.physics_lists import PHYSICS_LISTS, Physics, default_physics
from caloforge.truth.production import Progress, Request, produce
from caloforge.units import parse_energy, parse_length

LISTS = ", ".join(PHYSICS_LISTS)
APPROXIMATE = (
    "built-in approximate hadronic tables below 20 MeV (neutrons) and 130 MeV (photonuclear); "
    "official datasets, where found, are used instead"
)


def simulate(
    output: Annotated[Path, typer.Option("-o", "--output", help="HDF5 file to make")],
    energy: Annotated[str, typer.Option(help="50GeV, 1GeV:100GeV:log or 1GeV:100GeV:uniform")],
    detector: Annotated[str, typer.Option(help="name of the calorimeter")] = "par04-siw",
    readout: Annotated[str, typer.Option(help="name of the mesh, or a CaloChallenge XML with z_edges")] = "siw-1080",
    particle: Annotated[str, typer.Option(help="e-, e+, gamma, mu-, mu+, pi+, pi-, p, n, K+ or K-")] = "e-",
    physics: Annotated[str | None, typer.Option(help=f"{LISTS}; default FTFP_BERT for hadrons, else em0")] = None,
    cut: Annotated[
        str | None, typer.Option(help="range cut for secondaries, as 0.7mm; default 1mm, hadronic lists 0.7mm")
    ] = None,
    max_step: Annotated[str | None, typer.Option(help="longest step of charged particles, as 0.1mm")] = None,
    tracking_cut: Annotated[str | None, typer.Option(help="charged particles stop below, as 10keV")] = None,
    n: Annotated[int, typer.Option("-n", help="number of showers")] = 1000,
    seed: Annotated[int, typer.Option(help="same seed, same showers")] = 1,
    workers: Annotated[int, typer.Option(help="Geant4 processes on this machine")] = 1,
    shard_size: Annotated[int | None, typer.Option(help="showers in each file that a resumed call can skip")] = None,
    mantissa_bits: Annotated[int, typer.Option(help="bits of cell energies to keep; 11 makes small files")] = 23,
    overwrite: Annotated[bool, typer.Option(help="replace the output if it exists")] = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Simulate showers with Geant4; called again after an interruption, it simulates what is missing."""
    beam = Beam(parse_particle(particle), parse_spectrum(energy))
    setting = _physics(physics or default_physics(beam.particle), cut, max_step, tracking_cut)
    request = Request(find_detector(detector), beam, find_readout(readout), n, seed, setting)
    _announce(request, chosen=physics is None)
    command = " ".join(["caloforge", *sys.argv[1:]])
    with track("simulating", 1.0) as report:
        try:
            produce(request, output, workers, shard_size, mantissa_bits, overwrite, _Share(report), command=command)
        except KeyboardInterrupt:
            kept = f"{output}.shards keeps what is finished; the same command goes on from there"
            print(f"caloforge: interrupted; {kept}", file=sys.stderr)
            raise typer.Exit(130) from None
    answer = _summary(output)
    print(json.dumps(answer) if json_only else _sentence(answer))


def _physics(name: str, cut: str | None, max_step: str | None, tracking_cut: str | None) -> Physics:
    range_cut, step = (None if text is None else parse_length(text) for text in (cut, max_step))
    return Physics(name, range_cut, step, None if tracking_cut is None else parse_energy(tracking_cut))


def _announce(request: Request, chosen: bool) -> None:
    """Once, on stderr: the physics list if it was chosen for the user, and that hadronic tables are approximate."""
    facts = request.facts
    if chosen and request.physics.list.hadronic:
        print(f"caloforge: {request.physics.name} for {request.beam.particle_name}", file=sys.stderr)
    if facts["hadronic_data_kind"] == "built-in":
        print(f"caloforge: {APPROXIMATE}", file=sys.stderr)


class _Share:
    """Turns progress in energy into the share of what this call had to do."""

    def __init__(self, report: Any) -> None:
        self.report = report
        self.before: float | None = None

    def __call__(self, progress: Progress) -> None:
        if self.before is None:
            self.before = progress.energy
        to_do = progress.total_energy - self.before
        share = (progress.energy - self.before) / to_do if to_do > 0 else 1.0
        self.report(share, f"{progress.showers} of {progress.n} showers")


def _summary(path: Path) -> dict[str, Any]:
    """What was made: mean response, cost, size and tables."""
    with ShowerFile(path) as file:
        facts, n = file.provenance, len(file)
        response = sum(float((part.total_energy / part.incident_energy).sum()) for part in file.batches()) / n
    size = path.stat().st_size
    keys = ("geant4", "physics_list", "data_kind", "data_tables", "core_seconds")
    numbers = {"mean_response": response, "geant4_ms_per_shower": facts["host_ms_per_shower"], "bytes": size}
    return {"file": str(path), "showers": n, **numbers, **{key: facts[key] for key in keys}}


def _sentence(answer: dict[str, Any]) -> str:
    return (
        f"{answer['file']}: {answer['showers']} showers, mean response {100 * answer['mean_response']:.2f} %, "
        f"{answer['geant4_ms_per_shower']:.0f} ms each, {answer['bytes'] / 1e6:.1f} MB, "
        f"Geant4 {answer['geant4']} with {answer['data_kind']} tables"
    )
