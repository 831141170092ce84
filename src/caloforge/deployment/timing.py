"""How long work takes: medians over repetitions; of a model with the noise already drawn, alone and in batches."""

__all__ = ["BATCHES", "Times", "middle_energy", "particles_at", "processor_name", "time_calls", "time_model"]

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from caloforge.data.incident import Incident
from caloforge.deployment.shower_model import NoiseModel
from caloforge.preprocessing.trained import Trained

BATCHES = (1, 100, 1000)


def processor_name() -> str:
    """The processor as the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


@dataclass(frozen=True)
class Times:
    """Of one call, again and again; seconds.

    Args:
        wall: of each call but the first.
        processor: of the same calls, all threads together.
        first: wall time of the first call: libraries start with it.
    """

    wall: tuple[float, ...]
    processor: tuple[float, ...]
    first: float


def time_calls(call: Callable[[], object], seconds: float, repeats: int = 3) -> Times:
    """Time a call after a first one, which is kept apart.

    Args:
        call: what is timed.
        seconds: spent on it, at least.
        repeats: at least.
    """
    start = time.perf_counter()
    call()
    first = time.perf_counter() - start
    wall: list[float] = []
    processor: list[float] = []
    while len(wall) < repeats or sum(wall) < seconds:
        start, cpu = time.perf_counter(), time.process_time()
        call()
        wall.append(time.perf_counter() - start)
        processor.append(time.process_time() - cpu)
    return Times(tuple(wall), tuple(processor), first)


def middle_energy(trained: Trained) -> float:
    """The middle of the training's energies by logarithm, MeV.

    Args:
        trained: what a model was trained on.
    """
    return float(np.sqrt(trained.energy[0] * trained.energy[1]))


def particles_at(trained: Trained, energy: float, n: int) -> Incident:
    """Particles of the first kind and direction that a model was trained on.

    Args:
        trained: what it was trained on.
        energy: MeV.
        n: how many.
    """
    return Incident.alike(np.full(n, energy), trained.particles[0], trained.theta[0], trained.phi[0])


def time_model(model: NoiseModel, seconds: float = 1.0, batches: Sequence[int] = BATCHES) -> dict[int, float]:
    """Wall time of a shower, ms, by the size of the batch, in the middle of the training's energies (by logarithm).

    Args:
        model: that makes them.
        seconds: spent on each size; three repetitions at least.
        batches: sizes.
    """
    medians = {}
    for batch in batches:
        incident = particles_at(model.trained, middle_energy(model.trained), batch)
        noise = model.noise(1, 0, batch)
        times = time_calls(partial(model.sample_noise, incident, noise), seconds)
        medians[batch] = 1e3 * float(np.median(times.wall)) / batch
    return medians
