"""Showers from a bundle into a file, without PyTorch."""

__all__ = ["generate_from_bundle"]

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from caloforge import __version__
from caloforge.api.calls import Progress
from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.data.splits import Split
from caloforge.data.writer import ShowerWriter
from caloforge.deployment.bundle import Bundle
from caloforge.errors import BadValue
from caloforge.files import require_new


def generate_from_bundle(
    folder: str | Path,
    energy: str | None,
    n: int | None,
    *,
    output: str | Path,
    like: str | Path | None,
    particle: str | None,
    theta: str | None,
    phi: str | None,
    split: Split | None,
    binning: str | None,
    seed: int,
    batch: int,
    extrapolate: bool,
    overwrite: bool,
    threads: int,
    progress: Progress,
    warn: Callable[[str], None],
) -> tuple[int, float]:
    """The showers that the same request gives with the run, up to the rounding of float32.

    Args:
        folder: of the bundle.
        energy: as of `caloforge.api.model.Model.generate`, and so on.
        n: number of showers.
        output: HDF5 file to make.
        like: file whose incident particles to use instead.
        particle: where the model knows several.
        theta: angle to the normal.
        phi: azimuth.
        split: of ``like``.
        binning: mesh of the file ``like``, where it carries none.
        seed: same seed, same showers.
        batch: showers computed at a time.
        extrapolate: allow energies and angles outside those of the training, with a warning.
        overwrite: replace an output that exists.
        threads: of ONNX Runtime.
        progress: called with the number of showers made, and of all.
        warn: called with what lies outside the training.

    Returns:
        Number of showers, and milliseconds of each without writing.

    Raises:
        BadValue: an energy, particle or angle that is not of these forms or that the model does not know.
        OutsideTraining: an energy or angle outside those of the training.
        UnwritablePath: the output exists, is read from, or cannot be written.
        BadFile: no bundle, or a damaged one.
    """
    output = require_new(output, overwrite, [like])
    bundle = Bundle(folder, threads)
    incident = _asked(bundle, energy, n, like, split, binning, (particle, theta, phi), seed)
    for outside in bundle.trained.outside(incident):
        if not extrapolate:
            raise outside
        warn(outside.warning)
    manifest = bundle.manifest
    facts = {
        "caloforge": __version__,
        "generator": manifest.model,
        "seed": seed,
        "training": dict(manifest.training),
        "bundle": bundle.digest,
    }
    seconds = 0.0
    with ShowerWriter(output, bundle.binning, manifest.detector, facts) as writer:
        start = time.perf_counter()
        for first, cells in bundle.batches(incident, seed, batch=batch):
            seconds += time.perf_counter() - start
            part = incident[first : first + len(cells)]
            pdg = np.zeros_like(part.pdg) if manifest.trained.hidden else part.pdg
            writer.append(Showers(cells, part.energy, pdg, part.theta, part.phi, bundle.binning))
            progress(first + len(cells), len(incident))
            start = time.perf_counter()
        writer.keep_training_ids(bundle.training_ids())
        per_shower = 1e3 * seconds / len(incident)
        writer.note(host_ms_per_shower=per_shower)
    return len(incident), per_shower


def _asked(
    bundle: Bundle,
    energy: str | None,
    n: int | None,
    like: str | Path | None,
    split: Split | None,
    binning: str | None,
    words: tuple[str | None, str | None, str | None],
    seed: int,
) -> Incident:
    """The particles of a request."""
    if (energy is None) == (like is None):
        raise BadValue("energy", energy, "give energies to generate at, or like, showers whose particles to repeat")
    if like is None and energy is not None:
        if split is not None:
            raise BadValue("split", split, "it chooses among the showers of like")
        from caloforge.api.incident import incident_particles

        return incident_particles(bundle.trained, energy, *words, n, seed)
    if any(word is not None for word in words):
        raise BadValue("particle, theta, phi", words, "like has its own: leave them out")
    from caloforge.api.like import particles_like

    return particles_like(str(like), bundle.binning, split, binning, n)
