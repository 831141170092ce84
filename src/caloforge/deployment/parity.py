"""How a graph compares with PyTorch in double precision, and with itself alone, in a batch and on more threads."""

__all__ = ["LIMITS", "SHOWERS", "NotEqual", "measure_parity", "require_parity"]

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.deployment.contract import Contract
from caloforge.deployment.graph import ShowerGraph
from caloforge.deployment.manifest import Manifest
from caloforge.deployment.noise import block_normals
from caloforge.deployment.session import open_session
from caloforge.errors import CaloforgeError
from caloforge.rng import stream
from caloforge.training.run import Run

SHOWERS = 2000
_ALONE = 64  # showers computed one by one: of fewer, one cell decides the far quantile
_ON_TWO = 500  # showers computed on two threads
_TINY = 1e-30
_OF_PYTORCH = 3.0  # times the deviation of PyTorch's float32: few cells decide the far quantiles
_LIKE = {"alone": "quantile_999", "threads": "quantile_999"}  # the same rounding: sums in another order
LIMITS = {  # of what `measure_parity` returns
    "flipped_hits_per_million": 1.0,
    "median": 1e-6,
    "quantile_999": 1e-4,
    "layer_sum": 1e-5,
    "alone": 1e-4,
    "threads": 1e-4,
}


class NotEqual(CaloforgeError):
    """A graph that does not compute what the model does."""


def measure_parity(contract: Contract, content: bytes, run: Run, seed: int = 1, n: int = SHOWERS) -> dict[str, Any]:
    """Deviations of a graph from the model in double precision, on showers over its whole training range.

    Args:
        contract: how the graph is fed.
        content: of its file.
        run: the model.
        seed: of noise and particles.
        n: showers.

    Returns:
        ``flipped_hits``: cells that are hit in one and empty in the other, of ``cells``, and in a million of them; of
        cells that are hit in both the relative deviation: ``median``, ``quantile_99``, ``quantile_999`` and
        ``largest``; ``layer_sum``: largest deviation of a layer's energy, over the energy of the shower; ``alone`` and
        ``threads``: 99.9 % quantile of the relative deviation of cells of a shower computed alone from the same one in
        a batch, and of the first ones on two threads from one; ``pytorch``: flipped hits, median and so on of PyTorch
        in float32.
    """
    manifest = contract.manifest
    incident = _particles(manifest, n, seed)
    noise = block_normals(seed, (0,), n, manifest.noise, n)
    truth = _pytorch(run, noise, incident, torch.float64)
    one, two = (open_session(Path(manifest.model), content, manifest, threads) for threads in (1, 2))
    cells, on_two = _run(contract, one, noise, incident), _run(contract, two, noise[:_ON_TWO], incident[:_ON_TWO])
    alone = np.concatenate([_run(contract, one, noise[i : i + 1], incident[i : i + 1]) for i in range(min(n, _ALONE))])
    return {
        "showers": n,
        "cells": int(truth.size),
        "hits": int((truth > 0).sum()),
        **_figures(cells, truth, manifest),
        "pytorch": _figures(_pytorch(run, noise, incident, torch.float32), truth, manifest),
        "alone": _far(alone, cells[: len(alone)]),
        "threads": _far(on_two, cells[: len(on_two)]),
    }


def require_parity(figures: dict[str, Any]) -> None:
    """Refuse a graph whose deviations exceed `LIMITS`, and three times those of PyTorch in float32.

    Args:
        figures: of `measure_parity`.

    Raises:
        NotEqual: some do, or are not numbers.
    """
    for name, least in LIMITS.items():
        limit = max(least, _OF_PYTORCH * figures["pytorch"].get(_LIKE.get(name, name), 0.0))
        if not figures[name] <= limit:  # NaN, too
            raise NotEqual(
                f"the graph does not compute what the model does: {name} is {figures[name]:.3g}, over {limit:.3g}; "
                "another opset may do, else this model cannot be exported"
            )


def _particles(manifest: Manifest, n: int, seed: int) -> Incident:
    trained, rng = manifest.trained, stream(seed, "parity")
    low, high = (math.log(end) for end in trained.energy)
    energy = np.exp(rng.uniform(low, high, n)).astype(np.float32).astype(np.float64)
    theta, phi = (rng.uniform(*ends, n).astype(np.float32).astype(np.float64) for ends in (trained.theta, trained.phi))
    return Incident(energy, rng.choice(np.array(trained.particles, np.int32), n), theta, phi)


def _figures(cells: Float[Array, "n V"], truth: Float[Array, "n V"], manifest: Manifest) -> dict[str, Any]:
    """Deviations of cells and of layers."""
    layers = [np.add.reduceat(x, manifest.mesh.layer_starts[:-1], 1, dtype=np.float64) for x in (truth, cells)]
    total = np.maximum(layers[0].sum(1, keepdims=True), _TINY)
    flipped = int(((truth > 0) != (cells > 0)).sum())
    deviation = _deviation(cells, truth)
    quantiles = np.quantile(deviation, [0.5, 0.99, 0.999, 1.0]).tolist() if deviation.size else [0.0] * 4
    return {
        "flipped_hits": flipped,
        "flipped_hits_per_million": 1e6 * flipped / truth.size,
        **dict(zip(("median", "quantile_99", "quantile_999", "largest"), quantiles, strict=True)),
        "layer_sum": float((np.abs(layers[1] - layers[0]) / total).max()),
    }


def _pytorch(run: Run, noise: Float[Array, "n M"], incident: Incident, kind: torch.dtype) -> Float[Array, "n V"]:
    model, pipeline = copy.deepcopy((run.model, run.pipeline))
    graph = ShowerGraph(model, pipeline).to(kind)
    particle = torch.from_numpy(incident.pdg.astype(np.int64))
    energy, theta, phi = (torch.from_numpy(x).to(kind) for x in (incident.energy, incident.theta, incident.phi))
    parts = []
    with torch.inference_mode():
        for start in range(0, len(noise), 500):
            rows = slice(start, start + 500)
            z = torch.from_numpy(noise[rows]).to(kind)
            parts.append(graph(z, energy[rows], particle[rows], theta[rows], phi[rows]).numpy())
    return np.concatenate(parts)


def _run(contract: Contract, session: Any, noise: Float[Array, "n M"], incident: Incident) -> Float[Array, "n V"]:
    manifest, parts = contract.manifest, []
    for start in range(0, len(noise), 1000):
        rows = slice(start, start + 1000)
        try:
            outputs = session.run([manifest.outputs[0].name], contract.feed(noise[rows], incident[rows]))
        except Exception as error:  # ONNX Runtime's exceptions have no common base of their own
            reason = " ".join(str(error).split())
            raise NotEqual(f"the graph fails for {len(incident[rows])} showers at once ({reason})") from error
        parts.append(contract.cells(outputs[0], incident[rows]))
    return np.concatenate(parts)


def _deviation(cells: Float[Array, "n V"], truth: Float[Array, "n V"]) -> Float[Array, " h"]:
    """Relative, of cells that are hit in both; cells that are no numbers deviate by infinity."""
    both = ((cells > 0) | np.isnan(cells)) & ((truth > 0) | np.isnan(truth))
    deviation = np.abs(cells[both].astype(np.float64) - truth[both]) / np.maximum(truth[both], _TINY)
    return np.where(np.isfinite(deviation), deviation, np.inf)


def _far(cells: Float[Array, "n V"], truth: Float[Array, "n V"]) -> float:
    """99.9 % quantile of the relative deviation; infinite where a hit flips."""
    if ((cells > 0) != (truth > 0)).any():
        return float("inf")
    deviation = _deviation(cells, truth)
    return float(np.quantile(deviation, 0.999)) if deviation.size else 0.0
