"""The HDF5 file of weights, and showers drawn by them: weight w is accepted with probability w / w_max (rejection).

``weights`` (N,) and ``shower_ids`` (N,), the content hashes of the showers they belong to; attributes ``schema``,
``showers_digest``, ``effective_size`` and ``provenance`` (JSON). Accepted showers have weight one, so every program
reads them; their expected number is :math:`N \\langle w\\rangle / w_\\text{max}`.
"""

__all__ = ["SCHEMA", "Weights", "conditional_mean", "effective_size", "read_weights", "unweight", "write_weights"]

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float, UInt64
from numpy import ndarray as Array

from caloforge.data.ids import digest_of
from caloforge.data.mesh_file import MeshFile
from caloforge.data.writer import ShowerWriter
from caloforge.errors import BadFile, CaloforgeError
from caloforge.files import replace_when_complete
from caloforge.rng import stream

SCHEMA = "caloforge-weights-1"
_NEWTON = 10


class OtherShowers(CaloforgeError):
    """Weights of other showers than those given.

    Args:
        weights: file of the weights.
        showers: file of the showers.
    """

    def __init__(self, weights: Path, showers: Path) -> None:
        super().__init__(
            f"{weights} belongs to other showers than those of {showers} (their digests differ); "
            "make weights of these showers with caloforge reweight"
        )


@dataclass(frozen=True, eq=False)
class Weights:
    """Weight of each shower, and how it was made.

    Args:
        values: of mean one.
        ids: content hash of each shower.
        provenance: what made the weights, in plain values.
    """

    values: Float[Array, " N"]
    ids: UInt64[Array, " N"]
    provenance: Mapping[str, Any]

    @property
    def effective_size(self) -> float:
        """Showers that the weighted ones are worth in a mean."""
        return effective_size(self.values)

    def of(self, ids: UInt64[Array, " n"]) -> Float[Array, " n"]:
        """Weights of showers, in whatever order.

        Args:
            ids: content hashes; all must be among those of the weights.
        """
        order = np.argsort(self.ids, kind="stable")
        return self.values[order[np.searchsorted(self.ids, ids, sorter=order)]]


def effective_size(weights: Float[Array, " m"]) -> float:
    r"""Kish's effective number of weighted showers :math:`(\sum w)^2 / \sum w^2`.

    Args:
        weights: not all zero.

    Source: Kish, Survey Sampling (1965).
    """
    return float(weights.sum() ** 2 / (weights**2).sum())


def conditional_mean(weights: Float[Array, " m"], conditions: Float[Array, "m c"]) -> Float[Array, " m"]:
    r"""Mean weight at given conditions, a smooth function of them fitted by Poisson regression.

    .. math:: r(c) = e^{\beta \cdot \phi(c)}, \qquad \sum_i \phi(c_i) \big(w_i - r(c_i)\big) = 0 ,

    with powers up to the third of log E and up to the second of the other columns, and an offset for each particle. A
    ratio at given conditions has r = 1 everywhere; what a fit learned of chance differences between the energies of its
    two samples is in r, and dividing by it takes that out.

    Args:
        weights: positive.
        conditions: log10 of the energy, the PDG number, and whatever else varies.
    """
    energy, pdg, direction = conditions[:, :1], conditions[:, 1], conditions[:, 2:]
    columns = [energy, energy**2, energy**3, direction, direction**2, *((pdg == p)[:, None] for p in np.unique(pdg))]
    phi = np.concatenate(columns, axis=1, dtype=np.float64)
    spread = phi.std(axis=0)
    phi = np.column_stack([np.ones(len(phi)), ((phi - phi.mean(axis=0)) / np.where(spread > 1e-9, spread, np.inf))])
    beta = np.zeros(phi.shape[1])
    beta[0] = np.log(weights.mean())
    for _ in range(_NEWTON):
        r = np.exp(phi @ beta)
        beta += np.linalg.lstsq((phi * r[:, None]).T @ phi, phi.T @ (weights - r), rcond=1e-10)[0]
    return np.exp(phi @ beta)


def write_weights(path: Path, weights: Weights) -> None:
    """Write the file, which appears only when it is complete.

    Args:
        path: HDF5 file; one that exists is replaced.
        weights: to write.

    Raises:
        UnwritablePath: it cannot be written.
    """

    def write(beside: Path) -> None:
        with h5py.File(beside, "w") as file:
            file.create_dataset("weights", data=weights.values)
            file.create_dataset("shower_ids", data=weights.ids)
            file.attrs.update(
                schema=SCHEMA,
                showers_digest=digest_of(weights.ids),
                effective_size=weights.effective_size,
                provenance=json.dumps(dict(weights.provenance)),
            )

    replace_when_complete(path, write)


def read_weights(path: Path) -> Weights:
    """Read a file of weights.

    Args:
        path: HDF5 file.

    Raises:
        BadFile: missing, damaged, or not a file of weights.
    """
    if not path.is_file():
        raise BadFile(path, "no such file", "give a file of weights that caloforge reweight made")
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("schema") != SCHEMA:
                raise BadFile(path, "not a file of weights", "give one that caloforge reweight made")
            values, ids = np.asarray(file["weights"], np.float64), np.asarray(file["shower_ids"], np.uint64)
            facts = json.loads(str(file.attrs["provenance"]))
    except (OSError, KeyError, ValueError) as error:
        raise BadFile(path, "empty, truncated or damaged", "make it again") from error
    if values.shape != ids.shape or values.ndim != 1 or not (np.isfinite(values) & (values >= 0)).all():
        raise BadFile(path, "its weights are no finite positive numbers, one a shower", "make it again")
    return Weights(values, ids, facts)


def unweight(
    weights: Weights,
    weights_path: Path,
    showers: MeshFile,
    output: Path,
    seed: int,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Write the showers that rejection sampling accepts; returns their number.

    Args:
        weights: of these showers.
        weights_path: where they came from, for the provenance.
        showers: read twice, in batches.
        output: ordinary file of showers.
        seed: of the choice.
        progress: called with the showers read.

    Raises:
        OtherShowers: the weights belong to others.
        UnwritablePath: the output cannot be written.
    """
    ids = np.concatenate([batch.ids for batch in showers.batches()])
    if digest_of(weights.ids) != digest_of(ids):
        raise OtherShowers(weights_path, showers.path)
    # in the same order even copies of one shower, which share its id, keep weights of their own
    values = weights.values if np.array_equal(ids, weights.ids) else weights.of(ids)
    rng, largest, accepted, done = stream(seed, "unweight"), float(weights.values.max()), 0, 0
    facts = {"unweighted": {"weights": str(weights_path), "seed": seed, "of": len(showers), **weights.provenance}}
    provenance, copies = showers.provenance.with_facts(**facts), showers.has_source_ids
    with ShowerWriter(output, showers.binning, showers.detector, provenance, source_ids=copies) as writer:
        for batch in showers.batches():
            chosen = rng.random(len(batch)) * largest < values[done : done + len(batch)]
            writer.append(batch[chosen])
            accepted, done = accepted + int(chosen.sum()), done + len(batch)
            progress(done)
        writer.keep_training_ids(showers.training_ids)
    return accepted
