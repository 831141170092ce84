"""What a benchmark says: costs of a model, what stands in the way, a process that dies, counters that turn over."""

import json
import sys
from itertools import pairwise

import pytest

from caloforge.benchmark import run
from caloforge.benchmark.energy import energy_between, read_counters
from caloforge.benchmark.run import Results, run_tasks
from caloforge.benchmark.tables import markdown
from caloforge.benchmark.task import Cost, Failure, Setting, Task
from caloforge.benchmark.worker import measure
from caloforge.errors import OutsideTraining

MODEL = "wgan-siw-1080"


def task(**changes):
    options = {"name": MODEL, "source": MODEL, "engine": "torch", "device": "cpu", "threads": 1, "batches": (1, 2)}
    return Task(**{**options, "energies": (2e4,), "repeats": 2, "seconds": 0.0, **changes})


def cost(**changes):
    options = {
        "name": MODEL,
        "engine": "torch",
        "device": "cpu",
        "threads": 1,
        "batch": 1,
        "energy": 5e4,
        "cells": 1080,
    }
    times = {"ms": 0.5, "quartiles": (0.4, 0.6), "processor_ms": 0.25, "repeats": 3, "first_seconds": 1.0}
    return Cost(**{**options, **times, "peak_mb": 300.0, **changes})


def test_each_batch_is_timed_and_the_limits_lie_below():
    setting, *costs = measure(task(limits=True))
    assert isinstance(setting, Setting)
    assert (setting.detector, setting.particle, setting.energies) == ("par04-siw", 11, (2e4,))
    assert [(c.engine, c.batch, c.repeats, c.cells) for c in costs] == [
        ("torch", 1, 2, 1080), ("torch", 2, 2, 1080), ("limit", 2, 2, 1080), ("limit", 2, 2, 1080)
    ]  # fmt: skip
    assert all(0 < c.quartiles[0] <= c.ms <= c.quartiles[1] for c in costs)
    assert all(a.peak_mb <= b.peak_mb for a, b in pairwise(costs))


def test_the_classical_peer_makes_showers_of_the_setting_of_the_model():
    setting = next(iter(measure(task())))
    (peer,) = measure(task(engine="gflash", batches=(4,), setting=setting))
    assert (peer.engine, peer.batch, peer.repeats, peer.energy, peer.cells) == ("gflash", 2, 2, 2e4, 1080)


def test_energies_outside_the_training_are_refused():
    with pytest.raises(OutsideTraining):
        list(measure(task(energies=(2e6,))))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "memory is short"),
        ("raise RuntimeError('a broken library')", "a broken library"),
    ],
)
def test_a_process_that_dies_is_told_and_the_next_one_measures(monkeypatch, code, reason):
    results = Results()
    monkeypatch.setattr(run, "COMMAND", [sys.executable, "-c", f"import sys; sys.stdin.readline(); {code}"])
    run_tasks([task()], results)
    line = json.dumps({"cost": vars(cost())})
    monkeypatch.setattr(run, "COMMAND", [sys.executable, "-c", f"import sys; sys.stdin.readline(); print({line!r})"])
    run_tasks([task(threads=2)], results)
    assert results.costs == [cost()]
    assert [(failure.threads, reason in failure.problem) for failure in results.failures] == [(1, True)]


def test_the_table_compares_processor_times_at_the_same_energy():
    full = cost(engine="geant4", ms=500.0, processor_ms=100.0)
    results = Results([cost(), cost(energy=1e4), full], [Failure("mine", "onnx", "cpu", 2, "no such graph")])
    head, _, *rows = [line.strip("| ").split(" | ") for line in markdown(results).splitlines() if line.startswith("|")]
    assert [row[head.index("times faster than Geant4")] if len(row) == len(head) else "" for row in rows] == [
        "400", "", ""
    ]  # fmt: skip
    assert "Not measured: mine, onnx, cpu, 2 threads: no such graph" in markdown(results)


def test_counters_of_energy_turn_over(tmp_path):
    assert energy_between(read_counters(tmp_path), read_counters(tmp_path)) is None
    for name, value in (("intel-rapl:0", 900), ("intel-rapl:1", 100), ("intel-rapl:0:0", 10)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text(f"{value}\n")
        (tmp_path / name / "max_energy_range_uj").write_text("999\n")
    before = read_counters(tmp_path)
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("50\n")  # 150 on, across the end
    (tmp_path / "intel-rapl:1" / "energy_uj").write_text("400\n")
    assert energy_between(before, read_counters(tmp_path)) == pytest.approx(450e-6)
    (tmp_path / "intel-rapl:1" / "energy_uj").write_text("not a number")
    assert energy_between(before, read_counters(tmp_path)) == pytest.approx(150e-6)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nothing"], "no such run folder"),
        ([MODEL, "--engine", "tensorrt"], "tensorrt"),
        ([MODEL, "--with", "fluka"], "fluka"),
        ([MODEL, "--energy", "fast"], "energy"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is(call, tmp_path, words, sentence):
    code, out, err = call("benchmark", *words, "-o", tmp_path / "bench")
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert sentence in err
    assert not (tmp_path / "bench").exists()


def test_the_command_writes_a_file_a_plot_and_a_table_and_replaces_nothing(call, tmp_path, monkeypatch):
    costs = [{"cost": vars(cost(batch=n, energy=e))} for n in (1, 10) for e in (1e4, 5e4)]
    answers = [{"setting": vars(setting_of())}, *costs]
    script = "import sys; sys.stdin.readline(); print(" + repr("\n".join(map(json.dumps, answers))) + ")"
    monkeypatch.setattr(run, "COMMAND", [sys.executable, "-c", script])
    words = ("benchmark", MODEL, "-o", tmp_path)
    code, out, _ = call(*words)
    assert (code, out.count(f"| {MODEL} |")) == (0, 4)
    facts = json.loads((tmp_path / "bench.json").read_text())
    assert [(c["batch"], c["energy"]) for c in facts["costs"]] == [(1, 1e4), (1, 5e4), (10, 1e4), (10, 5e4)]
    assert (tmp_path / "plots" / "benchmark.png").stat().st_size > 5000
    before = (tmp_path / "bench.json").read_bytes()
    code, out, err = call(*words)
    assert (code, out) == (1, "")
    assert "--overwrite" in err
    assert (tmp_path / "bench.json").read_bytes() == before


def setting_of():
    return Setting("par04-siw", "<Bins/>", "axis", 11, 0.0, 0.0, (1e4, 5e4), {})
