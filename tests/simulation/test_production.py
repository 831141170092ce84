"""Production: the same bits on any number of workers, resumed after any death, and nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from caloforge.data.store import ShowerFile
from caloforge.errors import BadValue, Geant4Failed, UnwritablePath
from caloforge.simulation.beam import Mixture
from caloforge.simulation.physics_lists import Physics
from caloforge.simulation.production import worker as worker_module
from caloforge.simulation.production.progress import Progress
from caloforge.simulation.production.request import produce, simulate
from caloforge.simulation.production.worker import Shard, Worker, last_words
from caloforge.simulation.production.workers import WorkerPool
from caloforge.simulation.tables.em_data import ELECTROMAGNETIC, find_data

ARRAYS = ("energy", "incident_energy", "pdg", "theta", "phi")


def assert_same(first, second):
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def read(path):
    with ShowerFile(path) as file:
        return file.read()


class KillsWorkers:
    """A progress callback that kills the first of this process's Geant4 processes, after some showers."""

    def __init__(self, after: int, how: signal.Signals = signal.SIGKILL) -> None:
        self.after, self.how, self.pids = after, how, []

    def hire(self, monkeypatch):
        start = Worker.__init__

        def remember(worker):
            start(worker)
            self.pids.append(worker.pid)

        monkeypatch.setattr(Worker, "__init__", remember)
        return self

    def __call__(self, progress: Progress) -> None:
        if progress.showers == self.after:
            os.kill(self.pids[0], self.how)


@pytest.mark.geant4
@pytest.mark.parametrize(("workers", "shard_size"), [(2, 5), (2, 1), (1, 12)])
def test_same_bits_on_any_workers_and_shards(request_of, undisturbed, tmp_path, workers, shard_size):
    path = produce(request_of(), tmp_path / "truth.h5", workers, shard_size)
    assert_same(read(path), undisturbed)
    assert [p.name for p in tmp_path.iterdir()] == ["truth.h5"]


@pytest.mark.geant4
def test_more_showers_begin_with_the_same_ones(request_of, undisturbed):
    assert_same(simulate(request_of(n=5))[0], undisturbed[:5])


@pytest.mark.geant4
def test_any_executor_serves(request_of, undisturbed, tmp_path):
    with ThreadPoolExecutor(2) as executor:
        path = produce(request_of(), tmp_path / "truth.h5", shard_size=6, executor=executor)
    assert_same(read(path), undisturbed)


@pytest.mark.geant4
def test_killed_worker_is_reported_and_the_next_call_resumes(request_of, undisturbed, tmp_path, monkeypatch):
    path, killer = tmp_path / "truth.h5", KillsWorkers(after=7).hire(monkeypatch)
    with pytest.raises(Geant4Failed) as error:
        produce(request_of(), path, 1, shard_size=3, progress=killer)
    assert "shard 2" in str(error.value)
    assert "SIGKILL" in str(error.value)
    assert "\n" not in str(error.value)
    kept = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "truth.h5.shards").iterdir()}
    assert [p.name for p in tmp_path.iterdir()] == ["truth.h5.shards"]
    assert len(kept) == 2
    reports: list[Progress] = []
    produce(request_of(), path, 2, shard_size=3, progress=reports.append)
    assert reports[0].showers == 6
    assert len(reports) == 1 + 6
    assert_same(read(path), undisturbed)
    assert [p.name for p in tmp_path.iterdir()] == ["truth.h5"]


@pytest.mark.geant4
@pytest.mark.parametrize(
    ("how", "remedy"),
    [
        (signal.SIGSEGV, "try another physics list (em0, em1, em4, converged) or Geant4's official datasets"),
        (signal.SIGKILL, "where memory ran out, ask for fewer workers"),
        (signal.SIGTERM, "somebody stopped it"),
    ],
)
def test_death_by_a_signal_names_list_detector_signal_and_remedy(request_of, tmp_path, monkeypatch, how, remedy):
    killer = KillsWorkers(1, how).hire(monkeypatch)
    with pytest.raises(Geant4Failed) as error:
        produce(replace(request_of("100MeV", 200), physics=Physics("em3")), tmp_path / "truth.h5", progress=killer)
    death = f"was killed by {how.name}, with the physics list em3 in the detector par04-siw; {remedy}"
    assert death in str(error.value)


@pytest.mark.geant4
def test_healthy_worker_finishes_its_shard(request_of, tmp_path, monkeypatch):
    """One of two processes dies early: the other one's shard is kept, and no further one is begun."""
    path, killer = tmp_path / "truth.h5", KillsWorkers(after=2).hire(monkeypatch)
    with pytest.raises(Geant4Failed, match="SIGKILL"):
        produce(request_of("300MeV", 60), path, 2, shard_size=10, progress=killer)
    kept = list((tmp_path / "truth.h5.shards").glob("*.h5"))
    assert len(kept) == 1


@pytest.mark.geant4
def test_shards_of_another_request_and_damaged_ones_are_not_used(request_of, undisturbed, tmp_path, monkeypatch):
    path, killer = tmp_path / "truth.h5", KillsWorkers(after=7).hire(monkeypatch)
    with pytest.raises(Geant4Failed):
        produce(request_of(seed=4), path, 1, shard_size=3, progress=killer)
    shards = request_of().shards(tmp_path / "truth.h5.shards", 3, request_of().facts)
    shards[1].path.write_bytes(b"half a shard")
    produce(request_of(), path, 1, shard_size=3)
    assert_same(read(path), undisturbed)


@pytest.mark.geant4
def test_fatal_error_of_geant4_is_explained(request_of, tmp_path, monkeypatch):
    """Without its data files Geant4 aborts the process; the parent says why."""
    for folder in ELECTROMAGNETIC:
        (tmp_path / "G4EMLOW" / folder).mkdir(parents=True)
    source = find_data()
    empty = source.environment | {"G4LEDATA": str(tmp_path / "G4EMLOW")}
    monkeypatch.setattr(worker_module, "find_data", lambda: replace(source, environment=empty))
    output = tmp_path / "truth.h5"
    with pytest.raises(Geant4Failed, match=r"Geant4 process of shard 0 was killed by SIG(ABRT|SEGV)") as error:
        produce(request_of(), output)
    assert "\n" not in str(error.value)
    assert "open" in str(error.value)
    assert [p.name for p in tmp_path.iterdir()] == ["G4EMLOW"]


@pytest.mark.geant4
def test_error_leaves_no_process(request_of, tmp_path):
    shards = request_of(n=400, energy="1GeV").shards(tmp_path, 200, {})

    def stop(shard, index):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), WorkerPool(2) as crew:
        crew.submit(shards[0], stop).result()
    for hired in crew._hired:
        assert hired._process.returncode is not None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.geant4
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_command_that_is_stopped_goes_on_where_it_was(request_of, tmp_path, how):
    """Ctrl-C, or death of the whole command: finished shards stay, no process does, the next call ends the same."""
    restore = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # jobs in the background ignore it
    )
    script = f"{restore}; import typer; from caloforge.cli.simulate import simulate; typer.run(simulate)"
    options = ["--energy", "100MeV", "-n", "400", "--shard-size", "20", "-o", "truth.h5"]
    process = subprocess.Popen([sys.executable, "-c", script, *options], cwd=tmp_path, stderr=subprocess.PIPE)
    folder = tmp_path / "truth.h5.shards"
    while process.poll() is None and len(list(folder.glob("*.h5"))) < 2:
        time.sleep(0.005)
    process.send_signal(how)
    _, message = process.communicate(timeout=20)  # ends when the last process that holds stderr does
    assert process.returncode == (130 if how == signal.SIGINT else -how)
    assert how == signal.SIGKILL or b"interrupted" in message
    assert not (tmp_path / "truth.h5").exists()
    kept = len(list(folder.glob("*.h5")))
    assert 2 <= kept < 20
    request, reports = request_of("100MeV", 400, seed=1), []
    resumed = read(produce(request, tmp_path / "truth.h5", 2, shard_size=20, progress=reports.append))
    assert reports[0].showers >= 20 * kept
    assert_same(resumed[-3:], simulate_alone(request, slice(397, 400)))
    assert [p.name for p in tmp_path.iterdir()] == ["truth.h5"]


def simulate_alone(request, rows):
    """Some showers of a request, in one process of their own."""
    with tempfile.TemporaryDirectory() as folder, Worker() as hired:
        primaries = request.beam.primaries(request.n, request.seed)[rows]
        path = hired.run(Shard(0, Path(folder, "alone.h5"), request.detector, request.binning, primaries, "alone"))
        return read(path)


@pytest.mark.geant4
def test_provenance_says_how_it_was_made(request_of, tmp_path):
    path = produce(request_of(n=2), tmp_path / "truth.h5", mantissa_bits=11, command="caloforge simulate")
    with ShowerFile(path) as file:
        facts, words = file.provenance.facts, file.read().energy.view(np.uint32)
    wanted = {"detector": "par04-siw", "readout": "siw-1080", "particle": "e-", "energy": "50MeV:200MeV:log"}
    assert wanted.items() <= facts.items()
    assert facts["seed"] == 3
    assert facts["geant4"].startswith("11.")
    assert facts["command"] == "caloforge simulate"
    assert facts["core_seconds"] > 2e-3 * facts["host_ms_per_shower"] > 0
    assert 0 <= facts["energy_outside_mesh"] < 0.2
    assert not (words & 0xFFF).any()


@pytest.mark.geant4
def test_output_that_exists_is_kept_unless_told(request_of, tmp_path):
    path = tmp_path / "truth.h5"
    path.write_text("precious")
    with pytest.raises(UnwritablePath, match="--overwrite"):
        produce(request_of(n=1), path)
    assert path.read_text() == "precious"
    produce(request_of(n=1), path, overwrite=True)
    assert len(read(path)) == 1


def test_place_that_cannot_be_written_is_found_before_simulating(request_of, tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "missing" / "truth.h5", tmp_path / "file" / "truth.h5", tmp_path):
        with pytest.raises(UnwritablePath):
            produce(request_of(n=10**6, energy="100GeV"), path)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_bad_numbers_are_refused_before_simulating(request_of, tmp_path):
    for bad in ({"n": 0}, {"seed": -1}):
        with pytest.raises(BadValue):
            request_of(**bad)
    for bad in ({"workers": 0}, {"shard_size": 0}, {"mantissa_bits": 0}):
        with pytest.raises(BadValue):
            produce(request_of(), tmp_path / "truth.h5", **bad)
    assert list(tmp_path.iterdir()) == []


def test_digest_separates_requests(request_of, tmp_path):
    facts = request_of().facts
    names = {
        Path(request.shards(tmp_path, size, request.facts | extra)[0].path).name
        for request, size, extra in [
            (request_of(), 3, {}),
            (request_of(), 4, {}),
            (request_of(seed=4), 3, {}),
            (request_of(n=13), 3, {}),
            (request_of(energy="1GeV"), 3, {}),
            (request_of(mesh="siw-6480"), 3, {}),
            (request_of(), 3, {"data_tables": "others"}),
        ]
    }
    assert len(names) == 7
    json.dumps(facts)


def test_last_words_are_those_of_the_fatal_exception():
    log = (
        "noise\n*** G4Exception : em0006\n      issued by : Model::Load\nno file <br1>\n*** Fatal Exception ***\nend\n"
    )
    assert last_words(log) == "Model::Load no file <br1>"
    assert last_words("one\ntwo\n\n") == "two"
    assert last_words("") == ""
    stars = "*" * 62
    banner = f"{stars}\n Geant4 version Name: geant4-11-04\n  WWW : http://geant4.org/\n{stars}\n"
    assert last_words(banner) == ""
    assert last_words(f"before\n{banner}after\n") == "after"
    assert last_words(f"before\n{banner}") == "before"


@pytest.mark.geant4
def test_a_mixture_is_the_same_on_any_number_of_workers_and_each_shower_its_particle_s(request_of):
    alone = request_of(n=10)
    beam = replace(alone.beam, particle=Mixture((11, 13), (0.6, 0.4)))
    mixed = replace(alone, beam=beam)
    first, facts = simulate(mixed, workers=2)
    assert_same(first, simulate(mixed, workers=1)[0])
    assert facts.particle == "e-:0.6,mu-:0.4"
    np.testing.assert_array_equal(first.pdg, beam.primaries(10, mixed.seed).pdg)
    electrons = simulate(alone)[0]
    same = (first.energy == electrons.energy).all(axis=1)
    np.testing.assert_array_equal(same, first.pdg == 11)  # seeds and energies are those of the pure beam
