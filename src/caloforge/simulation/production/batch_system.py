"""Job arrays for batch systems: the scripts that run the parts of a command, merge them, and go on after failures.

Slurm gets an array of jobs and a merge that waits for it, HTCondor a DAG of both. Each job names its part by its number
and the number of parts that is written into the script: what a system says of the size of an array is the size of
this submission, which is another one when a few parts are submitted again.
"""

__all__ = ["SYSTEMS", "Job", "parts_missing", "ranges", "scripts", "send"]

import shlex
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from caloforge.errors import BadValue
from caloforge.simulation.production.array import ArrayStatus

System = Literal["slurm", "htcondor"]
SYSTEMS: tuple[System, ...] = ("slurm", "htcondor")


@dataclass(frozen=True)
class Job:
    """A command that is to run in parts.

    Args:
        program: words that start caloforge.
        command: the words after it, without ``--shard``.
        output: the file that merging makes.
        parts: of the array.
        cpus: of one job.
        memory: of one job, in MB.
        folder: where the jobs stand, so that paths of the command mean the same there.
        options: lines for the batch system as they are, such as ``--time=08:00:00`` or ``+MaxRuntime = 3600``.
        overwrite: whether merging replaces an output that exists.
    """

    program: tuple[str, ...]
    command: tuple[str, ...]
    output: Path
    parts: int
    cpus: int
    memory: int
    folder: Path
    options: tuple[str, ...] = ()
    overwrite: bool = False


def parts_missing(status: ArrayStatus, parts: int) -> list[int]:
    """Parts of an array that have something left to do: part i makes the shards i, i + parts, ...

    Args:
        status: of the array.
        parts: number of parts.
    """
    missing = set(status.missing)
    return sorted({place % parts + 1 for place, name in enumerate(status.names) if name in missing})


def ranges(parts: Iterable[int]) -> str:
    """Numbers as Slurm lists them, such as ``1-3,7``.

    Args:
        parts: in rising order.
    """
    runs: list[list[int]] = []
    for part in parts:
        if runs and part == runs[-1][-1] + 1:
            runs[-1].append(part)
        else:
            runs.append([part])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def scripts(system: System, job: Job, parts: Sequence[int], place: Path) -> dict[str, str]:
    """Name -> content of the files that run these parts and the merge; ``submit.sh`` hands them to the system.

    Args:
        system: which one.
        job: what is to run.
        parts: those to be submitted; with none, only the merge.
        place: the folder that the files will lie in.
    """
    merge = ["merge", f"{job.output}.shards", "-o", str(job.output), *(["--overwrite"] if job.overwrite else [])]
    run = f"exec {shlex.join([*job.program, *job.command])} --shard"
    if system == "slurm":
        head = [f"--chdir={job.folder}", f"--mem={job.memory}M", *job.options]
        array = [f"--array={ranges(parts)}", f"--cpus-per-task={job.cpus}", f"--output={place}/part-%a.log", *head]
        part = _bash(f'{run} "${{SLURM_ARRAY_TASK_ID:-$1}}/{job.parts}"', job, array)
        joined = _bash(f"exec {shlex.join([*job.program, *merge])}", job, [f"--output={place}/merge.log", *head])
        after = f'array=$(sbatch --parsable {_quoted(place / "part.sh")})\necho "array of parts: job $array"\n'
        wait = '--dependency="afterany:${array%%;*}" '  # with federations an id is followed by the cluster's name
        last = f"merge=$(sbatch --parsable {wait if parts else ''}{_quoted(place / 'merge.sh')})\n"
        said = f'echo "merge: job $merge, which says in {place}/merge.log what is missing, if anything is"\n'
        text = f"{_HEAD}{after if parts else ''}{last}{said}"
        return {"part.sh": part, "merge.sh": joined, "submit.sh": text}
    part, joined = _bash(f'{run} "$1/{job.parts}"', job), _bash(f"exec {shlex.join([*job.program, *merge])}", job)
    queue = f"queue part in ({', '.join(map(str, parts))})"
    array_file = _description(job, place, "part.sh", "$(part)", "part-$(part)", queue)
    merge_file = _description(job, place, "merge.sh", "", "merge", "queue")
    nodes = f"JOB parts {place}/parts.sub\nJOB merge {place}/merge.sub\nPARENT parts CHILD merge\nRETRY parts 2\n"
    dag = nodes if parts else f"JOB merge {place}/merge.sub\n"
    text = f"{_HEAD}condor_submit_dag -force {_quoted(place / 'production.dag')}\n"
    return {
        "part.sh": part,
        "merge.sh": joined,
        **({"parts.sub": array_file} if parts else {}),
        "merge.sub": merge_file,
        "production.dag": dag,
        "submit.sh": text,
    }


_HEAD = "#!/bin/bash\nset -euo pipefail\n"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _bash(last: str, job: Job, directives: Sequence[str] = ()) -> str:
    lines = [f"#SBATCH {directive}" for directive in directives]
    stand = f"export OMP_NUM_THREADS={job.cpus}\ncd {_quoted(job.folder)}"
    return "\n".join(["#!/bin/bash", *lines, stand, last, ""])


def _description(job: Job, place: Path, script: str, argument: str, name: str, queue: str) -> str:
    """A submit description of HTCondor for machines that share the folders."""
    lines = [
        f"executable = {place}/{script}",
        f"arguments = {argument}",
        f"initialdir = {job.folder}",
        "transfer_executable = False",
        "should_transfer_files = NO",
        f"request_cpus = {job.cpus}",
        f"request_memory = {job.memory}MB",
        "max_retries = 2",
        f"log = {place}/production.log",
        f"output = {place}/{name}.out",
        f"error = {place}/{name}.err",
        *job.options,
        queue,
        "",
    ]
    return "\n".join(lines)


def send(place: Path) -> str:
    """Run ``submit.sh`` and return what it said.

    Args:
        place: folder of the files.

    Raises:
        BadValue: the system's programs are missing or refuse; the sentence holds their last line.
    """
    answer = subprocess.run(["bash", str(place / "submit.sh")], capture_output=True, text=True, check=False)
    if answer.returncode:
        why = (answer.stderr.strip() or answer.stdout.strip() or f"exit status {answer.returncode}").splitlines()[-1]
        raise BadValue("submission", str(place / "submit.sh"), f"the batch system refused it: {why}")
    return answer.stdout.strip()
