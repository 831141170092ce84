"""Showers as answers: JSON written block by block while the next is computed, or the HDF5 file of `generate`."""

__all__ = ["hdf5_file", "json_pieces"]

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import orjson
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge import __version__
from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.data.writer import ShowerWriter
from caloforge.deployment.shower_model import ShowerModel

Blocks = AsyncIterator[Float[Array, "n V"]]


async def json_pieces(model: ShowerModel, incident: Incident, seed: int, blocks: Blocks) -> AsyncIterator[bytes]:
    """One object: facts, then ``showers``, a list of cell energies in MeV for each; no number is rounded.

    Args:
        model: that makes them.
        incident: all particles.
        seed: of the request.
        blocks: of cell energies, in order.
    """
    facts = {
        "model": model.name,
        "sha256": model.facts.get("sha256"),
        "caloforge": __version__,
        "unit": "MeV",
        "seed": seed,
        "cells": model.binning.n_voxels,
        "incident_energy": incident.energy.tolist(),
        "pdg": incident.pdg.tolist(),
        "theta": incident.theta.tolist(),
        "phi": incident.phi.tolist(),
    }
    start = orjson.dumps(facts)[:-1] + b', "showers": ['
    async for cells in blocks:
        rows = await asyncio.to_thread(_rows, cells)
        yield start + rows
        start = b", "
    yield b"]}"


def _rows(cells: Float[Array, "n V"]) -> bytes:
    return orjson.dumps(np.ascontiguousarray(cells, np.float32), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]


async def hdf5_file(model: ShowerModel, incident: Incident, seed: int, blocks: Blocks, path: Path) -> None:
    """A file of showers.

    Args:
        model: that makes them.
        incident: all particles.
        seed: of the request.
        blocks: of cell energies, in order.
        path: of the file.
    """
    facts = {"caloforge": __version__, "generator": model.name, "seed": seed, "training": model.facts.get("training")}
    done = 0
    with ShowerWriter(path, model.binning, model.detector, facts) as writer:
        async for cells in blocks:
            part = incident[done : done + len(cells)]
            done += len(cells)
            columns = part.energy.astype("f4"), part.pdg, part.theta, part.phi
            await asyncio.to_thread(writer.append, Showers(cells, *columns, model.binning))
        writer.keep_training_ids(model.training_ids)
