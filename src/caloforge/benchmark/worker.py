"""The process that measures one task: a line of JSON comes in; one goes out for each cost, problem or setting."""

__all__ = ["main"]

import json
import math
import os
import resource
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from caloforge.benchmark.energy import energy_between, read_counters
from caloforge.benchmark.task import PEERS, Cost, Setting, Task
from caloforge.data.showers import Showers
from caloforge.data.writer import write_showers
from caloforge.deployment.shower_model import NoiseModel
from caloforge.deployment.timing import middle_energy, particles_at, time_calls
from caloforge.errors import BadValue, CaloforgeError
from caloforge.geometry.binning import Binning
from caloforge.geometry.cell_mesh import CellMesh
from caloforge.geometry.gdml import GdmlDetector
from caloforge.simulation.primaries import Primaries
from caloforge.simulation.production.request import Request

_PHYSICS = {  # option of a simulation -> field of a provenance
    "physics": "physics",
    "cut": "production_cut_mm",
    "max_step": "max_step_mm",
    "tracking_cut": "tracking_cut_mev",
}
_LIMITS_AT = 1000  # showers at a time


def measure(task: Task) -> Iterator[Cost | Setting]:
    """The costs of one task, in the order of its energies and batches; before them the setting of a model.

    Args:
        task: what to measure.

    Raises:
        CaloforgeError: what stands in the way.
    """
    if task.engine in PEERS:
        yield from _peer(task)
        return
    model = _opened(task)
    energies = task.energies or (middle_energy(model.trained),)
    for energy in energies:
        for outside in model.trained.outside(particles_at(model.trained, energy, 1)):
            raise outside
    yield _setting(model, energies)
    for batch in task.batches:  # from small to large, as memory only grows
        noise = model.noise(1, 0, min(batch, model.block))
        noise = np.resize(noise, (batch, noise.shape[1]))
        for energy in energies:
            incident = particles_at(model.trained, energy, batch)
            yield _cost(task, partial(model.sample_noise, incident, noise), batch, energy, model.binning.n_voxels)
    if task.limits:
        yield from _limits(task, model, energies[0])


def _opened(task: Task) -> NoiseModel:
    if task.engine == "onnx":
        from caloforge.deployment.bundle import Bundle
        from caloforge.deployment.open_model import BundleModel

        return BundleModel(Bundle(task.source, task.threads))
    import torch

    from caloforge.deployment.run_model import RunModel
    from caloforge.models.plugins import PLUGINS

    torch.set_num_threads(task.threads)
    PLUGINS.load(task.models_file)
    return RunModel(task.source, cast(Literal["cpu", "cuda"], task.device), task.engine == "compiled")


def _setting(model: NoiseModel, energies: tuple[float, ...]) -> Setting:
    trained, data = model.trained, model.facts["training"].get("data") or {}
    known = {name: data[key] for name, key in _PHYSICS.items() if data.get(key) is not None}
    xml = "" if isinstance(model.binning, CellMesh) else model.binning.to_xml()
    angles = trained.theta[0], trained.phi[0]
    return Setting(model.detector, xml, model.frame, trained.particles[0], *angles, energies, known)


def _cost(
    task: Task, call: Callable[[], object], batch: int, energy: float, cells: int, name: str = "", engine: str = ""
) -> Cost:
    """One setting timed; memory is that of the process up to now."""
    call_card = _card_memory(task, reset=True)
    counters = read_counters()
    times = time_calls(call, task.seconds, task.repeats)
    calls = len(times.wall) + 1
    joules = energy_between(counters, read_counters())
    wall = 1e3 * np.array(times.wall) / batch
    return Cost(
        name or task.name,
        engine or task.engine,
        task.device,
        task.threads,
        batch,
        energy,
        cells,
        ms=float(np.median(wall)),
        quartiles=(float(np.quantile(wall, 0.25)), float(np.quantile(wall, 0.75))),
        processor_ms=1e3 * float(np.median(times.processor)) / batch,
        repeats=len(times.wall),
        first_seconds=times.first,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6,
        card_mb=None if call_card is None else _card_memory(task),
        joules=None if joules is None else joules / calls / batch,
    )


def _card_memory(task: Task, reset: bool = False) -> float | None:
    if task.device != "cuda":
        return None
    import torch

    if reset:
        torch.cuda.reset_peak_memory_stats()
    return torch.cuda.max_memory_allocated() / 1e6


def _limits(task: Task, model: NoiseModel, energy: float) -> Iterator[Cost]:
    """What no model can be faster than: drawing its noise, and writing its showers."""
    n = min(_LIMITS_AT, max(task.batches), model.block)
    incident, noise = particles_at(model.trained, energy, n), model.noise(1, 0, n)
    draw: Callable[[], object] = partial(model.noise, 1, 0, n)
    if task.engine != "onnx":
        import torch

        draw = partial(torch.randn, n, math.prod(noise.shape[1:]))
    cells = model.binning.n_voxels
    yield _cost(task, draw, n, energy, cells, f"{task.name}: draw its normals", "limit")
    showers = Showers(
        model.sample_noise(incident, noise), incident.energy, incident.pdg, incident.theta, incident.phi, model.binning
    )
    with tempfile.TemporaryDirectory() as folder:
        write = partial(write_showers, Path(folder) / "showers.h5", showers, model.detector, {})
        yield _cost(task, write, n, energy, cells, f"{task.name}: write its showers", "limit")


def _peer(task: Task) -> Iterator[Cost]:
    """Full or parametrised simulation of what a model makes; the first call starts Geant4, with a few showers."""
    from caloforge.api.request import request_of

    assert task.setting is not None
    setting, n, full = task.setting, -(-task.batches[0] // task.repeats), task.engine == "geant4"
    if not setting.binning_xml:
        raise BadValue("mesh", "cells that are volumes", "only meshes of rings are simulated beside a model")
    binning = Binning.from_xml(setting.binning_xml)
    options: dict[str, Any] = {"binning": binning, "frame": setting.frame, **(setting.physics if full else {})}
    if setting.theta:
        options |= {"theta": setting.theta, "phi": setting.phi}
    for energy in setting.energies:
        request = request_of(setting.detector, energy, n * (task.repeats + 1), setting.particle, **options)
        primaries = request.beam.primaries(request.n, 1)
        parts = iter([primaries[at : at + n] for at in range(0, len(primaries), n)])
        yield _cost(task, partial(_shoot_next, request, parts, full), n, energy, binning.n_voxels)


def _shoot_next(request: Request, parts: Iterator[Primaries], full: bool) -> Showers:
    if not full:
        from caloforge.simulation.gflash.showers import simulate as parametrised

        if isinstance(request.detector, GdmlDetector):
            raise BadValue("engine", "gflash", f"it knows stacks of slabs, not the GDML of {request.detector.name}")
        return parametrised(request.detector, next(parts), request.binning)
    from caloforge.simulation.geant4.simulate import simulate

    return simulate(request.detector, next(parts), request.binning, physics=request.physics)[0]


def _end_with_parent() -> None:
    """End this process when the pipe from its parent closes, however that ended."""
    sys.stdin.read()
    os._exit(1)


def main() -> None:
    """Read one task, answer, and end."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever Geant4 prints goes to the log
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's affair, which ends this process

    def answer(kind: str, value: object) -> None:
        answers.write(json.dumps({kind: value}) + "\n")
        answers.flush()

    words = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    setting = words.pop("setting")
    try:
        for result in measure(Task(**words, setting=Setting(**setting) if setting else None)):
            answer(type(result).__name__.lower(), asdict(result))
    except CaloforgeError as error:
        answer("problem", str(error))
    except MemoryError:
        answer("problem", str(BadValue("batch", "too large", "memory holds no such batch: give a smaller one")))
    os._exit(0)  # Geant4's hadronic lists crash in their destructors when Python ends


if __name__ == "__main__":
    main()
