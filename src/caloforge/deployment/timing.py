"""How long a model takes for a shower, alone and in batches: medians over repetitions, with the noise already drawn."""

__all__ = ["BATCHES", "time_model"]

import time
from collections.abc import Sequence

import numpy as np

from caloforge.data.incident import Incident
from caloforge.deployment.shower_model import NoiseModel

BATCHES = (1, 100, 1000)


def time_model(model: NoiseModel, seconds: float = 1.0, batches: Sequence[int] = BATCHES) -> dict[int, float]:
    """Wall time of a shower, ms, by the size of the batch, in the middle of the training's energies (by logarithm).

    Args:
        model: that makes them.
        seconds: spent on each size; three repetitions at least.
        batches: sizes.
    """
    trained, medians = model.trained, {}
    middle = float(np.sqrt(trained.energy[0] * trained.energy[1]))
    for batch in batches:
        incident = Incident.alike(np.full(batch, middle), trained.particles[0], trained.theta[0], trained.phi[0])
        noise = model.noise(1, 0, batch)
        model.sample_noise(incident, noise)  # libraries start with the first one
        times: list[float] = []
        while len(times) < 3 or sum(times) < seconds:
            start = time.perf_counter()
            model.sample_noise(incident, noise)
            times.append(time.perf_counter() - start)
        medians[batch] = 1e3 * float(np.median(times)) / batch
    return medians
