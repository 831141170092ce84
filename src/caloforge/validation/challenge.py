"""The numbers of a paper's table by the CaloChallenge's own definitions: observables, binning, procedures.

Separation powers, FPD and KPD on its high-level features, precision and recall on the logarithms of its voxels, and the
AUC of its classifiers. What was published of larger samples than there are is not measured. Source: CaloChallenge,
arXiv:2410.21611.
"""

__all__ = ["ChallengeNumber", "challenge_numbers", "challenge_section"]

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.classifiers.auc import Classified
from caloforge.classifiers.features import challenge_high
from caloforge.data.showers import Showers
from caloforge.metrics.challenge import (
    LARGEST_BATCH,
    published_fpd,
    published_kpd,
    published_separation,
    separation_of_counts,
)
from caloforge.metrics.manifold import manifold_metrics
from caloforge.physics.challenge import challenge_edges, challenge_threshold
from caloforge.reporting.markup import number, table, text
from caloforge.reporting.section import Section
from caloforge.rng import stream
from caloforge.units import MeV
from caloforge.validation.sample import Sample

_LAYERED = {
    "layer_energy": "energy of layers",
    "centre_x": "centre in eta",
    "centre_y": "centre in phi",
    "centre_r": "centre in r",
    "width_x": "width in eta",
    "width_y": "width in phi",
    "width_r": "width in r",
}
_WITH_SECTORS = ("centre_x", "centre_y", "width_x", "width_y")
_EMPTY = 0.1 * MeV  # where the logarithm of an empty voxel is taken
_NEIGHBOUR = 5
_BALLS = 10_000  # showers of each sample whose distances are taken
_CELLS = 200_000_000  # in all, for these
_BLOCK = 1000
_CLASSIFIED = 100_000


@dataclass(frozen=True)
class ChallengeNumber:
    """A row of the table.

    Args:
        name: key in ``report.json``.
        words: what it is.
        value: None where it was not measured: too few showers, or nothing within the bins.
        error: standard error, None where the challenge quotes none.
        showers: of each sample that took part, of the smaller one where all of both did.
        published: showers of each sample behind the published numbers; 0 where that is not told.
        layers: the value of each layer, where it is their mean; NaN where neither sample has anything within the bins.
    """

    name: str
    words: str
    value: float | None
    error: float | None = None
    showers: int = 0
    published: int = 0
    layers: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Its entry of ``report.json``."""
        needs = {"needs": self.published} if self.value is None and self.published else {}
        layers = {"layers": list(self.layers)} if self.layers else {}
        return {"value": self.value, "error": self.error, "showers": self.showers, **needs, **layers}


def challenge_numbers(
    truth: Sample, generated: Sample, seed: int, classifiers: Mapping[str, Classified]
) -> tuple[ChallengeNumber, ...]:
    """All rows, from the showers kept with all their cells.

    Args:
        truth: reference showers.
        generated: showers to judge.
        seed: of the batches.
        classifiers: of the protocol, by what they see.
    """
    areas = (_of_classifier(*item) for item in classifiers.items())
    return (
        *_separations(truth, generated),
        *_distances(truth, generated, seed),
        *_manifold(truth.cells, generated.cells),
        *(row for rows in areas for row in rows),
    )


def _size(truth: Sample, generated: Sample) -> int:
    return min(len(truth.cells), len(generated.cells))


def _separations(truth: Sample, generated: Sample) -> Iterator[ChallengeNumber]:
    mesh, n = truth.binning, _size(truth, generated)
    threshold = challenge_threshold(mesh)
    tables = truth.table_of_cells, generated.table_of_cells
    for name, words in _LAYERED.items():
        columns = [np.nan_to_num(values[name], nan=0.0).astype(np.float64) for values in tables]
        edges = challenge_edges(name, mesh, columns[0], threshold)
        chosen = [i for i, layer in enumerate(mesh.layers) if layer.n_alpha > 1 or name not in _WITH_SECTORS]
        layers = tuple(published_separation(columns[0][:, i], columns[1][:, i], edges[i]) for i in chosen)
        if layers:
            yield _separation(name, words, n, layers)
    responses = [values["response"][:, 0].astype(np.float64) for values in tables]
    (edges_of,) = challenge_edges("response", mesh, responses[0][:, None], threshold)
    response = published_separation(responses[0], responses[1], edges_of)
    yield _separation("response", "total over incident energy", n, (response,))
    empty = [(mesh.n_voxels - values["hits"][:, 0].astype(np.float64)) / mesh.n_voxels for values in tables]
    (edges_of,) = challenge_edges("sparsity", mesh, empty[0][:, None], threshold)
    sparsity = published_separation(empty[0], empty[1], edges_of)
    yield _separation("sparsity", "sparsity", n, (sparsity,))
    brightest = np.array([[truth.cells.energy.max()]], np.float64)
    (edges_of,) = challenge_edges("voxel_energy", mesh, brightest, threshold)
    voxels = separation_of_counts(*(_voxels(sample.cells, edges_of) for sample in (truth, generated)))
    yield _separation("voxel_energy", "energy of voxels", n, (voxels,))


def _separation(name: str, words: str, showers: int, layers: tuple[float, ...]) -> ChallengeNumber:
    """The mean over the layers that have anything within the bins."""
    measured = [value for value in layers if math.isfinite(value)]
    value = sum(measured) / len(measured) if measured else None
    of_layers = layers if len(layers) > 1 else ()
    return ChallengeNumber(f"separation/{name}", f"separation, {words}", value, None, showers, 0, of_layers)


def _voxels(showers: Showers, edges: Float[Array, " e"]) -> Float[Array, " b"]:
    counts = np.zeros(len(edges) - 1)
    for start in range(0, len(showers), _BLOCK):
        counts += np.histogram(showers.energy[start : start + _BLOCK], edges)[0]
    return counts


def _distances(truth: Sample, generated: Sample, seed: int) -> Iterator[ChallengeNumber]:
    n = _size(truth, generated)
    rows = (
        ("fpd", "1000 FPD, high-level features", published_fpd),
        ("kpd", "1000 KPD, high-level features", published_kpd),
    )
    if n < LARGEST_BATCH:
        yield from (ChallengeNumber(name, words, None, None, n, LARGEST_BATCH) for name, words, _ in rows)
        return
    features = [challenge_high(s.cells, s.table_of_cells).values for s in (truth, generated)]
    for name, words, measure in rows:
        value, error = measure(features[0], features[1], stream(seed, f"challenge-{name}"))
        yield ChallengeNumber(name, words, value, error, n, LARGEST_BATCH)


def _manifold(truth: Showers, generated: Showers) -> Iterator[ChallengeNumber]:
    most = min(_BALLS, _CELLS // truth.binning.n_voxels)
    n = min(len(truth), len(generated), most)
    t, g = (_log_voxels(s.energy[:n]) for s in (truth, generated))
    for name, value in manifold_metrics(t, g, _NEIGHBOUR).items():
        yield ChallengeNumber(name, f"{name}, logarithms of voxels", value, None, n)


def _log_voxels(energy: Float[Array, "n V"]) -> Float[Array, "n V"]:
    return np.log10(np.where(energy > 0, energy, np.float32(_EMPTY)))


def _of_classifier(name: str, classified: Classified) -> Iterator[ChallengeNumber]:
    for metric, measured in (("auc", classified.auc), ("jsd", classified.jsd)):
        words = f"{metric.upper()}, {classified.words}"
        yield ChallengeNumber(f"{metric}/{name}", words, measured.value, measured.error, classified.size, _CLASSIFIED)


def challenge_section(numbers: Mapping[str, Sequence[ChallengeNumber]]) -> tuple[Section, ...]:
    """The section of the page with the table: a row for each number, a column for each sample; none without numbers.

    Args:
        numbers: of each sample by name, the same rows in all.
    """
    if not any(numbers.values()):
        return ()
    rows = []
    for of_all in zip(*numbers.values(), strict=True):
        first = of_all[0]
        needed = f"{first.published:,}" if first.published else "–"
        rows.append(
            [text(first.words), *(number(_quoted(n)) for n in of_all), number(f"{first.showers:,}"), number(needed)]
        )
    caption = (
        "By the definitions of the challenge, to stand beside its tables. Separation powers of layers are means over "
        "the layers that have anything within the bins. All but FPD and KPD depend on the number of showers."
    )
    head = ("Quantity", *numbers, "Showers of each sample", "Published with")
    return (Section("CaloChallenge, arXiv:2410.21611", table(head, rows, caption)),)


def _quoted(row: ChallengeNumber) -> str:
    if row.value is None:
        return f"not measured, needs {row.published:,} showers" if row.published else "nothing within its bins"
    return f"{row.value:.4g}" if row.error is None else f"{row.value:.4g} ± {row.error:.2g}"
