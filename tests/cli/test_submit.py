"""`caloforge submit`: scripts that a shell and a batch system read, and requests refused before anything is queued."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from caloforge.simulation.production.array import ArrayStatus
from caloforge.simulation.production.batch_system import parts_missing, ranges

SIMULATE = ["--", "simulate", "--energy", "1GeV", "-n", "80", "-o", "truth.h5"]


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """A folder, and programs that write down what a batch system is handed."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sbatch", "condor_submit_dag"):
        program = programs / name
        program.write_text(f'#!/bin/bash\necho "{name} $@" >> {tmp_path}/handed\necho 42\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def manifest(queue, missing):
    """The folder of an array of eight shards, all complete but those that the test leaves out: none is a real file."""
    folder = queue / "truth.h5.shards"
    folder.mkdir()
    names = [f"{'0' * 16}-{place:05d}.h5" for place in range(8)]
    (folder / f"{'0' * 16}.json").write_text(json.dumps({"facts": {}, "shards": dict.fromkeys(names, 10)}))
    return ArrayStatus(folder, 8, tuple(names[place] for place in missing), {}, tuple(names))


def test_slurm_gets_an_array_and_a_merge_that_waits_for_it(call, queue, tmp_path):
    code, out, _ = call("submit", "--system", "slurm", "-j", "4", "--option=--time=01:00:00", "--now", *SIMULATE)
    place = queue / "truth.h5.jobs"
    assert (code, "array of parts: job 42" in out) == (0, True)
    assert (tmp_path / "handed").read_text().splitlines() == [
        f"sbatch --parsable {place}/part.sh",
        f"sbatch --parsable --dependency=afterany:42 {place}/merge.sh",
    ]
    lines = (place / "part.sh").read_text().splitlines()
    assert lines[0] == "#!/bin/bash"
    assert {"#SBATCH --array=1-4", "#SBATCH --time=01:00:00", f"#SBATCH --chdir={queue}"} < set(lines)


@pytest.mark.parametrize("task", ["argument", "environment"])
def test_each_job_runs_its_part_in_the_folder_of_the_user(call, queue, task):
    """The script itself is run, with a program that says what it was asked in place of Python."""
    assert call("submit", "--system", "slurm", "-j", "4", *SIMULATE, "--detector", "my file's.yaml")[0] == 0
    script = (queue / "truth.h5.jobs" / "part.sh").read_text()
    command = script[script.index("exec ") + 5 :].split(" -m caloforge")[0]
    (queue / "part.sh").write_text(script.replace(command, "printf '%s|'").replace(" -m caloforge", ""))
    environment = os.environ | ({"SLURM_ARRAY_TASK_ID": "3"} if task == "environment" else {})
    words = ["bash", str(queue / "part.sh"), *(["3"] if task == "argument" else [])]
    answer = subprocess.run(words, capture_output=True, text=True, check=True, cwd="/", env=environment)
    assert answer.stdout.split("|")[:-1] == [*SIMULATE[1:], "--detector", "my file's.yaml", "--shard", "3/4"]


def test_htcondor_gets_a_dag_whose_parts_count_from_one(call, queue, tmp_path):
    words = ["submit", "--system", "htcondor", "-j", "4", "--option", "+MaxRuntime = 3600", "--now", "--json"]
    answer = json.loads(call(*words, *SIMULATE)[1])
    place = Path(answer["folder"])
    assert (tmp_path / "handed").read_text() == f"condor_submit_dag -force {place}/production.dag\n"
    assert "PARENT parts CHILD merge" in (place / "production.dag").read_text()
    text = (place / "parts.sub").read_text()
    assert text.splitlines()[-1] == "queue part in (1, 2, 3, 4)"
    htcondor = pytest.importorskip("htcondor2", reason="needs HTCondor's own parser")
    description = htcondor.Submit(text)
    assert [item["part"] for item in description.itemdata()] == ["1", "2", "3", "4"]
    assert (description["arguments"], description["request_memory"]) == ("$(part)", "2000MB")


def test_a_resumed_array_has_the_parts_with_missing_shards_and_the_same_number(call, queue):
    status = manifest(queue, [1, 6, 7])
    assert parts_missing(status, 4) == [2, 3, 4]
    assert parts_missing(status, 5) == [2, 3]
    assert ranges([1, 2, 3, 7, 9, 10]) == "1-3,7,9-10"
    answer = json.loads(call("submit", "--system", "slurm", "-j", "4", "--resume", "--json", *SIMULATE)[1])
    assert answer["parts"] == [1, 2, 3, 4]  # the fixture has no shard at all
    assert '/4"' in (queue / "truth.h5.jobs" / "part.sh").read_text()


def test_with_nothing_missing_only_the_merge_is_submitted(call, queue, tmp_path, monkeypatch):
    status = manifest(queue, [])
    monkeypatch.setattr("caloforge.simulation.production.array.read_status", lambda path: status)
    assert call("submit", "--system", "slurm", "-j", "4", "--resume", "--now", *SIMULATE)[0] == 0
    assert (tmp_path / "handed").read_text() == f"sbatch --parsable {queue}/truth.h5.jobs/merge.sh\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--system", "pbs", "-j", "4", *SIMULATE], "unknown batch system"),
        (["--system", "slurm", "-j", "9", *SIMULATE], "8 shards of 10"),
        (["--system", "slurm", "-j", "2", "--memory", "2", *SIMULATE], "write 2GB"),
        (["--system", "slurm", "-j", "2", "--option=--a\n#SBATCH --b", *SIMULATE], "give one line"),
        (["--system", "slurm", "-j", "2", "--resume", *SIMULATE], "no job array has worked"),
        (["--system", "slurm", "-j", "2", *SIMULATE, "--shard", "1/2"], "leave out --shard"),
        (["--system", "slurm", "-j", "2", *SIMULATE, "--colour", "red"], "No such option"),
        (["--system", "slurm", "-j", "2", "--", "validate", "a.h5"], "write simulate or generate"),
        (["--system", "slurm", "-j", "2", "--", "simulate", "-n", "80", "-o", "no spaces/x.h5"], "batch systems read"),
        (["--system", "slurm", "-j", "2", "--", "generate", "m", "-n", "900", "-o", "x.h5"], "make 1 shards"),
    ],
    ids=["system", "jobs", "memory", "option", "resume", "shard", "unknown", "command", "path", "generate"],
)
def test_what_no_job_could_run_is_refused_before_anything_is_written(call, queue, words, said):
    code, out, err = call("submit", *words)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert said in err
    assert list(queue.iterdir()) == []


def test_a_system_that_refuses_is_heard_and_the_scripts_stay(call, queue, tmp_path):
    (tmp_path / "programs" / "sbatch").write_text("#!/bin/bash\necho 'sbatch: error: no such partition' >&2\nexit 1\n")
    code, _, err = call("submit", "--system", "slurm", "-j", "2", "--now", *SIMULATE)
    assert (code, "no such partition" in err) == (1, True)
    assert (queue / "truth.h5.jobs" / "submit.sh").exists()
