"""`caloforge submit`: a command in parts on a batch system, with the merge that waits for them and a way to resume."""

__all__ = ["submit"]

import json
import math
import re
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from caloforge.errors import BadValue, UnknownName, UnwritablePath
from caloforge.files import replace_when_complete, require_new, require_writable

_COMMANDS = ("simulate", "generate")
_SHOWERS = 1000  # that both make where nobody says
_PLAIN = re.compile(r"[\w./+@=,:-]+")


def submit(
    command: Annotated[list[str], typer.Argument(help="after --: `simulate` or `generate` with its options")],
    system: Annotated[str, typer.Option(help="slurm or htcondor")],
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="parts of the array")],
    memory: Annotated[str, typer.Option(help="of one job, as 2GB or 1500MB")] = "2GB",
    option: Annotated[
        list[str] | None,
        typer.Option(help="line for the batch system as it is: --time=08:00:00 (Slurm), +MaxRuntime=3600 (HTCondor)"),
    ] = None,
    resume: Annotated[bool, typer.Option(help="only the parts that have something left to do, and the merge")] = False,
    now: Annotated[bool, typer.Option("--now", help="submit, not only write the scripts")] = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Write the job array of a command for Slurm or HTCondor, with its merge; --resume submits what is missing."""
    from caloforge.simulation.production.array import array_status
    from caloforge.simulation.production.batch_system import SYSTEMS, Job, parts_missing, scripts, send

    if system not in SYSTEMS:
        raise UnknownName("batch system", system, SYSTEMS)
    options = _parsed(command)
    output, overwrite = Path(options["output"]).absolute(), bool(options["overwrite"])
    for path in (output, Path.cwd()):
        if not _PLAIN.fullmatch(str(path)):
            raise BadValue(
                "path", str(path), "batch systems read some signs in their own way: use letters, digits and ._-+"
            )
    require_new(output, overwrite)
    require_writable(output.parent)
    _require_shards(command[0], options, jobs)
    cpus = int(options["workers"] if command[0] == "simulate" else options["threads"])
    place = output.with_name(f"{output.name}.jobs")
    for line in option or []:
        if len(line.splitlines()) != 1 or not line.isprintable():
            raise BadValue("option", line, "give one line, as the batch system reads it")
    program = (sys.executable, "-m", "caloforge")
    job = Job(
        program, tuple(command), output, jobs, cpus, _megabytes(memory), Path.cwd(), tuple(option or ()), overwrite
    )
    folder = Path(f"{output}.shards")
    parts = parts_missing(array_status(folder), jobs) if resume else list(range(1, jobs + 1))
    files = scripts(system, job, parts, place)
    try:
        place.mkdir(exist_ok=True)
    except OSError as error:
        raise UnwritablePath(place, error.strerror or "it cannot be made") from error
    for name, text in files.items():
        replace_when_complete(place / name, partial(Path.write_text, data=text))
    answer: dict[str, Any] = {
        "folder": str(place),
        "files": sorted(files),
        "parts": parts,
        "resume": "the same command with --resume",
    }
    if now:
        answer["submitted"] = send(place)
    said = answer.get("submitted") or f"submit with: bash {place}/submit.sh"
    text = f"{len(parts)} of {jobs} parts; {said}\nif jobs die: {answer['resume']} submits what is missing"
    print(json.dumps(answer) if json_only else text)


def _parsed(command: list[str]) -> dict[str, Any]:
    """The options of the command, read as the jobs will read them.

    Raises:
        BadValue: another command, options that it does not have, or places of its own.
    """
    from caloforge.cli.main import app

    said = shlex.join(command)
    if command[0] not in _COMMANDS:
        raise BadValue("command", said, f"write {' or '.join(_COMMANDS)} with its options after --")
    parser = typer.main.get_command(app).get_command(None, command[0])  # type: ignore[attr-defined]
    try:
        options: dict[str, Any] = parser.make_context(command[0], command[1:]).params
    except Exception as error:
        explain = getattr(error, "format_message", None)  # of click, of which typer has a copy of its own since 0.26
        if explain is None:
            raise
        raise BadValue("command", said, explain()) from error
    if options["shard"] or options["dask"]:
        raise BadValue("command", said, "leave out --shard and --dask: each job gets a part of its own")
    if options.get("compare"):
        raise BadValue("command", said, "--compare needs all showers: leave it out and compare the merged files")
    return options


def _require_shards(command: str, options: dict[str, Any], jobs: int) -> None:
    """Refuse more jobs than shards, as far as these can be told without opening what the command reads."""
    from caloforge.api.generate_parts import default_shard
    from caloforge.simulation.production.shards import default_size

    if options["n"] is None and (options.get("events") or options.get("like")):
        return
    n = options["n"] or _SHOWERS
    size = options["shard_size"] or (default_size(n) if command == "simulate" else default_shard(n))
    shards = math.ceil(n / size)
    if jobs > shards:
        raise BadValue(
            "jobs", jobs, f"{n} showers make {shards} shards of {size}: ask for fewer jobs, or a smaller --shard-size"
        )


def _megabytes(memory: str) -> int:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([MG])B?\s*", memory)
    megabytes = int(float(match[1]) * (1000 if match[2] == "G" else 1)) if match else 0
    if megabytes < 1:
        raise BadValue("memory", memory, "write 2GB or 1500MB")
    return megabytes
