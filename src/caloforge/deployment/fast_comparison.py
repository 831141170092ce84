r"""Fast against full simulation of the same particles: time, response, resolution and the mean energy of every layer.

With :math:`R_i = E_i / E_{\mathrm{in}, i}` of shower i the response is :math:`\bar R \pm s / \sqrt N`, the resolution
:math:`s / \bar R \pm (s / \bar R) / \sqrt{2 N}`, the error of Gaussian showers.
"""

__all__ = ["Comparison", "Side", "compare_files"]

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from caloforge.data.mesh_file import MeshFile
from caloforge.errors import BadFile, EmptySample
from caloforge.geometry.binning import require_one_mesh


@dataclass(frozen=True)
class Side:
    """One of the two simulations.

    Args:
        ms_per_shower: processor time, ms; NaN where the file does not say it.
        response: mean of the energy in all cells over the incident energy, and its error.
        resolution: its standard deviation over its mean, and its error.
        layers: mean energy of each layer over the mean incident energy, and its error.
    """

    ms_per_shower: float
    response: tuple[float, float]
    resolution: tuple[float, float]
    layers: list[tuple[float, float]]


@dataclass(frozen=True)
class Comparison:
    """Both of them.

    Args:
        showers: of each.
        fast: with showers of a model.
        full: of Geant4 alone.
    """

    showers: int
    fast: Side
    full: Side

    @property
    def time_ratio(self) -> float:
        """How many times longer full simulation takes."""
        return self.full.ms_per_shower / self.fast.ms_per_shower

    @property
    def response_bias(self) -> tuple[float, float]:
        """Relative difference of the responses, and its error."""
        (a, error_a), (b, error_b) = self.fast.response, self.full.response
        return a / b - 1, a / b * math.hypot(error_a / a, error_b / b) if a > 0 else math.nan

    @property
    def facts(self) -> dict[str, Any]:
        """For JSON."""
        derived = {"time_ratio": self.time_ratio, "response_bias": self.response_bias}
        return derived | asdict(self)

    @property
    def text(self) -> str:
        """Tables for a terminal."""
        rows = [
            ("time of a shower, ms", f"{self.fast.ms_per_shower:.3g}", f"{self.full.ms_per_shower:.3g}"),
            ("response, %", *(_percent(*side.response) for side in (self.fast, self.full))),
            ("resolution, %", *(_percent(*side.resolution) for side in (self.fast, self.full))),
        ]
        layers = zip(self.fast.layers, self.full.layers, strict=True)
        rows += [(f"layer {i}, % of E", _percent(*a), _percent(*b)) for i, (a, b) in enumerate(layers)]
        bias, error = self.response_bias
        head = f"{self.showers} showers: fast simulation is {self.time_ratio:.1f} times faster, its response "
        lines = [head + f"{100 * bias:+.2f} ± {100 * error:.2f} % from full simulation's"]
        lines += [f"{what:24s} {fast:>18s} {full:>18s}" for what, fast, full in (("", "fast", "full"), *rows)]
        return "\n".join(lines)


def _percent(value: float, error: float) -> str:
    return f"{100 * value:.3f} ± {100 * error:.3f}"


def compare_files(fast: MeshFile, full: MeshFile) -> Comparison:
    """Both files, read once.

    Args:
        fast: with showers of a model.
        full: of Geant4 alone, from the same particles.

    Raises:
        BadFile: other particles.
        BinningMismatch: other meshes.
        EmptySample: fewer than two showers.
    """
    require_one_mesh(fast.binning, full.binning)
    if len(fast) != len(full):
        raise BadFile(full.path, f"{len(full)} showers, where {fast.path} has {len(fast)}", _REMEDY)
    if len(fast) < 2:
        raise EmptySample("a resolution needs two showers", len(fast))
    for start in range(0, len(fast), 10_000):
        rows = slice(start, start + 10_000)
        if not _same(fast.incident(rows), full.incident(rows)) or not _same(fast.events(rows), full.events(rows)):
            raise BadFile(full.path, f"other incident particles than {fast.path}", _REMEDY)
    return Comparison(len(fast), _side(fast), _side(full))


_REMEDY = "compare full simulation of the same particles: the same options and seed"


def _same(first: object, second: object) -> bool:
    """Whether both have the same particles, or none."""
    if first is None or second is None:
        return first is second
    return all(np.array_equal(vars(first)[name], vars(second)[name]) for name in vars(first))


def _side(file: MeshFile) -> Side:
    response, layers, incident = [], [], []
    for showers in file.batches():
        response.append(showers.total_energy / showers.incident_energy)
        layers.append(np.add.reduceat(showers.energy, showers.binning.layer_starts[:-1], axis=1, dtype=float))
        incident.append(showers.incident_energy)
    shares, table = np.concatenate(response).astype(float), np.concatenate(layers)
    n, scale = len(shares), float(np.concatenate(incident).mean(dtype=float))
    mean, spread = float(shares.mean()), float(shares.std(ddof=1))
    resolution = spread / mean if mean > 0 else math.nan
    means, errors = table.mean(0) / scale, table.std(0, ddof=1) / scale / math.sqrt(n)
    time = file.provenance.host_ms_per_shower
    return Side(
        math.nan if time is None else time,
        (mean, spread / math.sqrt(n)),
        (resolution, resolution / math.sqrt(2 * n)),
        list(zip(means.tolist(), errors.tolist(), strict=True)),
    )
