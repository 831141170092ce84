"""`caloforge simulate`: full Geant4 simulation of a calorimeter into a file of showers."""

__all__ = ["simulate"]

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from caloforge.cli.progress import track
from caloforge.data.store import ShowerFile
from caloforge.errors import UnknownName
from caloforge.geometry.detector import detector as find_detector
from caloforge.geometry.readouts import default_readout
from caloforge.geometry.readouts import readout as find_readout
from caloforge.truth.beam import Beam, parse_particle, parse_spectrum
from caloforge.truth.directions import parse_angles
from caloforge.truth.geant4 import Mesh
from caloforge.truth.production import Progress, Request, produce


def simulate(
    output: Annotated[Path, typer.Option("-o", "--output", help="HDF5 file to make")],
    energy: Annotated[str, typer.Option(help="50GeV, 1GeV:100GeV:log or 1GeV:100GeV:uniform")],
    detector: Annotated[str, typer.Option(help="name of the calorimeter, or a YAML file")] = "par04-siw",
    readout: Annotated[
        str | None, typer.Option(help="name of the mesh, or a CaloChallenge XML with z_edges; default: the detector's")
    ] = None,
    particle: Annotated[str, typer.Option(help="e-, e+ or gamma")] = "e-",
    theta: Annotated[str, typer.Option(help="0deg, 0deg:30deg:uniform or 0deg:30deg:solid-angle")] = "0deg",
    phi: Annotated[str, typer.Option(help="0deg or 0deg:360deg:uniform")] = "0deg",
    mesh: Annotated[
        str, typer.Option(help="the mesh follows the shower's `axis` or stays with the `detector`")
    ] = "axis",
    n: Annotated[int, typer.Option("-n", help="number of showers")] = 1000,
    seed: Annotated[int, typer.Option(help="same seed, same showers")] = 1,
    workers: Annotated[int, typer.Option(help="Geant4 processes on this machine")] = 1,
    shard_size: Annotated[int | None, typer.Option(help="showers in each file that a resumed call can skip")] = None,
    mantissa_bits: Annotated[int, typer.Option(help="bits of cell energies to keep; 11 makes small files")] = 23,
    overwrite: Annotated[bool, typer.Option(help="replace the output if it exists")] = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Simulate showers with Geant4; called again after an interruption, it simulates what is missing."""
    beam = Beam(parse_particle(particle), parse_spectrum(energy), parse_angles(theta), parse_angles(phi))
    stack = find_detector(detector)
    binning = find_readout(readout) if readout else default_readout(stack)
    request = Request(stack, beam, binning, n, seed, mesh=_mesh(mesh))
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


def _mesh(name: str) -> Mesh:
    if name == "axis":
        return "axis"
    if name == "detector":
        return "detector"
    raise UnknownName("mesh", name, ["axis", "detector"])


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
