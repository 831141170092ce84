"""`caloforge simulate`: full Geant4 simulation of a calorimeter into a file of showers."""

__all__ = ["simulate"]

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from caloforge.cli.options import OverwriteOption
from caloforge.cli.progress import track
from caloforge.errors import BadValue


def simulate(
    output: Annotated[Path, typer.Option("-o", "--output", help="HDF5 file to make")],
    energy: Annotated[str | None, typer.Option(help="50GeV, 5GeV,10GeV (in turn), 1GeV:9GeV:log or :uniform")] = None,
    events: Annotated[
        Path | None, typer.Option(help="HepMC events in place of --energy: all particles of one make one shower")
    ] = None,
    units: Annotated[str | None, typer.Option(help="of events that do not say them, as GEV,MM")] = None,
    detector: Annotated[str, typer.Option(help="name of the calorimeter, or a YAML or GDML file")] = "par04-siw",
    sensitive: Annotated[
        str | None,
        typer.Option(help="of a GDML file: volumes to read, as ECAL,strip*; default: those tagged SensDet"),
    ] = None,
    face: Annotated[
        str | None,
        typer.Option(
            help="POINT:DIRECTION, as 0,0,-10cm:z; of a GDML file: where the beam enters; of others: where the face "
            "stands in the coordinates of --events"
        ),
    ] = None,
    cells: Annotated[
        str, typer.Option(help="`mesh` about the axis, or of a GDML file `volumes`: each sensitive volume a cell")
    ] = "mesh",
    binning: Annotated[
        str | None,
        typer.Option(
            "--binning",
            "--readout",
            help="mesh by name, or a CaloChallenge XML with z_edges; default: the detector's",
        ),
    ] = None,
    particle: Annotated[
        str | None,
        typer.Option(help="e- (default), e+, gamma, mu-, mu+, pi+, pi-, p, n, K+ or K-; a mixture: e-:0.99,mu-:0.01"),
    ] = None,
    theta: Annotated[
        str | None, typer.Option(help="0deg (default), 0deg:30deg:uniform or 0deg:30deg:solid-angle")
    ] = None,
    phi: Annotated[str | None, typer.Option(help="0deg (default) or 0deg:360deg:uniform")] = None,
    frame: Annotated[
        str | None,
        typer.Option(
            "--frame",
            "--mesh",
            help="the mesh follows the shower's `axis` (default), or stays with the `detector` (events: always)",
        ),
    ] = None,
    physics: Annotated[
        str | None,
        typer.Option(
            help="em0, em1, em3, em4, converged, FTFP_BERT, QGSP_BERT; default FTFP_BERT for hadrons, else em0"
        ),
    ] = None,
    cut: Annotated[
        str | None, typer.Option(help="range cut for secondaries, as 0.7mm; default 1mm, hadronic lists 0.7mm")
    ] = None,
    max_step: Annotated[str | None, typer.Option(help="longest step of charged particles, as 0.1mm")] = None,
    tracking_cut: Annotated[str | None, typer.Option(help="charged particles stop below, as 10keV")] = None,
    time: Annotated[bool, typer.Option("--time", help="keep the mean and the first time of every cell")] = False,
    gate: Annotated[str | None, typer.Option(help="deposits later than this are not counted, as 200ns")] = None,
    n: Annotated[
        int | None, typer.Option("-n", help="number of showers, default 1000; of events, those to read, default all")
    ] = None,
    seed: Annotated[int, typer.Option(help="same seed, same showers")] = 1,
    engine: Annotated[str, typer.Option(help="geant4, or gflash: the Grindhammer-Peters parametrisation")] = "geant4",
    fast: Annotated[
        str | None, typer.Option(help="model, by name or folder, that makes the showers of the particles that it knows")
    ] = None,
    fast_above: Annotated[
        str | None, typer.Option(help="from which energy on, as 5GeV; default: the lowest of its training")
    ] = None,
    fast_place: Annotated[
        str | None,
        typer.Option(help="`centre` (default) or `uniform`: where in a cell its energy lies, on other meshes"),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(help="full simulation of the same particles: this file, made if missing; prints time and physics"),
    ] = None,
    workers: Annotated[int, typer.Option(help="Geant4 processes on this machine")] = 1,
    dask: Annotated[str | None, typer.Option(help="simulate on the dask cluster with this scheduler address")] = None,
    shard: Annotated[str | None, typer.Option(help="i/n: only part i of n, for a job array; then merge")] = None,
    shard_size: Annotated[int | None, typer.Option(help="showers in each file that a resumed call can skip")] = None,
    mantissa_bits: Annotated[int, typer.Option(help="bits of cell energies to keep; 11 makes small files")] = 23,
    overwrite: OverwriteOption = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Simulate showers with Geant4; called again after an interruption, it simulates what is missing."""
    from caloforge.api.engines import check_engine, run_engine, run_part, share_of_energy
    from caloforge.api.fast import check_comparison, compare_with, fast_sentences, with_fast
    from caloforge.api.request import request_of, require_output
    from caloforge.cli.job_array import task_summary
    from caloforge.cli.simulated import announce_physics, executor_of, sentence_of, summary_of
    from caloforge.simulation.event_beam import EventBeam
    from caloforge.simulation.production.array import parse_task

    if dask and shard:
        raise BadValue("--shard", shard, "give --shard to the jobs of an array or --dask to one call, not both")
    settings = {"--physics": physics, "--cut": cut, "--max-step": max_step, "--tracking-cut": tracking_cut}
    check_engine(engine, settings | {"--gate": gate, "--time": time or None, "--fast": fast}, bool(dask))
    check_comparison(compare, fast, shard)
    part = parse_task(shard) if shard else None
    require_output(output, overwrite, detector, events, binning, compare)
    request = request_of(
        detector,
        energy,
        n,
        particle,
        theta,
        phi,
        binning,
        sensitive,
        face,
        cells,
        frame,
        physics,
        cut,
        max_step,
        tracking_cut,
        seed,
        time,
        gate,
        events=events,
        units=units,
    )
    full, request = request, with_fast(request, fast, fast_above, fast_place)
    for text in fast_sentences(request):
        print(f"caloforge: {text}", file=sys.stderr)
    if isinstance(request.beam, EventBeam):
        for text in filter(None, (request.beam.sentence, request.beam.beside_mesh(request.binning))):
            print(f"caloforge: {text}", file=sys.stderr)
    if engine == "geant4":
        announce_physics(request, chosen=physics is None)
    command = " ".join(["caloforge", *sys.argv[1:]])
    answer: dict[str, Any] | None = None
    with track("simulating", 1.0) as report, _resumable(output), executor_of(dask) as executor:
        options = (workers, shard_size, mantissa_bits, overwrite, share_of_energy(report))
        if part is not None:
            answer = task_summary(run_part(request, part, output, engine, *options, command), part, output)
        else:
            run_engine(request, output, engine, *options, executor, command)
        if compare is not None and not compare.exists():
            run_engine(full, compare, engine, workers, shard_size, mantissa_bits, False, options[-1], executor, command)
    if answer is None:
        answer = summary_of(output)
    if compare is not None:
        comparison = compare_with(output, compare)
        print(json.dumps(answer | {"comparison": comparison.facts}) if json_only else comparison.text)
        return
    print(json.dumps(answer) if json_only else sentence_of(answer))


@contextmanager
def _resumable(output: Path) -> Iterator[None]:
    """Ctrl-C ends with a sentence that says what is kept."""
    try:
        yield
    except KeyboardInterrupt:
        shards = Path(f"{output}.shards")
        left = f"{shards} keeps what is finished; the same command goes on from there"
        print(f"caloforge: interrupted; {left if shards.is_dir() else 'no shard was finished'}", file=sys.stderr)
        raise typer.Exit(130) from None
