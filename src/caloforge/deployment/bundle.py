"""A bundle opened: incident particles and a seed or noise in, cell energies out, by NumPy and ONNX Runtime alone.

Shower i of a seed has the noise that `caloforge.generation.sampler` gives it, bit for bit, and is the same shower
alone, in a batch, and on any number of threads, up to the rounding of float32.
"""

__all__ = ["Bundle"]

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float, UInt64
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.deployment.manifest import MANIFEST, Manifest, sha256_of
from caloforge.deployment.noise import block_normals
from caloforge.deployment.session import GRAPH, open_session
from caloforge.deployment.targets import TARGETS
from caloforge.errors import BadFile, BadValue, UnknownName
from caloforge.geometry.binning import Binning
from caloforge.preprocessing.trained import Trained

IDS = "training_ids.npy"
_AGAIN = "export the model again"


class Bundle:
    """A model as `caloforge export` writes it, ready to sample.

    Args:
        folder: of the bundle.
        threads: of ONNX Runtime within one batch.

    Attributes:
        manifest: what the bundle says of itself.
        contract: inputs and output of its graph.

    Raises:
        BadFile: no bundle, or a file in it is missing, damaged, changed, or not what the manifest says.
        MissingExtra: ONNX Runtime is not installed.
    """

    def __init__(self, folder: str | Path, threads: int = 1) -> None:
        self.folder = Path(folder)
        self.manifest = Manifest.read(self.folder)
        if self.manifest.target not in TARGETS:
            raise UnknownName("target of a bundle", self.manifest.target, TARGETS)
        self.contract = TARGETS[self.manifest.target].contract(self.manifest)
        self._require_contract()
        self._session = open_session(self.folder / GRAPH, self._content(GRAPH), self.manifest, threads)

    def _require_contract(self) -> None:
        """Refuse a manifest whose inputs and output are not those of its target, mesh and training."""
        manifest = self.manifest
        inputs, output = self.contract.tensors(manifest.noise, manifest.mesh, manifest.trained)
        needed, listed = (
            [(tensor.name, tensor.width, tensor.kind) for tensor in tensors]
            for tensors in ((*inputs, output), (*manifest.inputs, *manifest.outputs))
        )
        if needed != listed:
            problem = f"its inputs and outputs are {listed}, where target, mesh and training need {needed}"
            raise BadFile(self.folder / MANIFEST, problem, _AGAIN)

    def _content(self, name: str) -> bytes:
        """A file of the folder, whose hash is that of the manifest."""
        path = self.folder / name
        if name not in self.manifest.files or not path.is_file():
            raise BadFile(path, "a file of the bundle is missing", "copy or export the bundle again")
        content = path.read_bytes()
        if sha256_of(content) != self.manifest.files[name]:
            raise BadFile(path, "its hash is not the one in bundle.json", "copy or export the bundle again")
        return content

    @property
    def binning(self) -> Binning:
        """The mesh of the showers."""
        return self.manifest.mesh

    @property
    def trained(self) -> Trained:
        """Particles and ranges that the model was trained on."""
        return self.manifest.trained

    @property
    def noise_width(self) -> int:
        """Standard normals of one shower."""
        return self.manifest.noise

    @property
    def digest(self) -> str:
        """Hash of the graph, which names the model in what it makes."""
        return self.manifest.files[GRAPH]

    def training_ids(self) -> UInt64[Array, " k"]:
        """Ids of the showers that the model was trained on and stopped by; none where they were not exported.

        Raises:
            BadFile: the file is damaged.
        """
        if IDS not in self.manifest.files:
            return np.empty(0, np.uint64)
        content = self._content(IDS)
        try:
            ids = np.load(io.BytesIO(content), allow_pickle=False)
        except (ValueError, EOFError, MemoryError, BadZipFile) as error:
            raise BadFile(self.folder / IDS, f"no array of NumPy ({error})", _AGAIN) from error
        if not isinstance(ids, Array) or ids.dtype != np.uint64 or ids.ndim != 1:
            raise BadFile(self.folder / IDS, "no row of ids (uint64)", _AGAIN)
        return ids

    def sample(
        self,
        incident: Incident,
        seed: int | None = None,
        noise: Float[Array, "n M"] | None = None,
        extrapolate: bool = False,
        batch: int = 1000,
    ) -> Float[Array, "n V"]:
        """Cell energies in MeV, one shower for each particle, flat order of the mesh.

        Args:
            incident: n particles.
            seed: same seed, same showers, as those of `caloforge generate` on the run; or
            noise: (n, M) standard normal, M = ``noise_width``.
            extrapolate: allow energies and angles outside the training.
            batch: showers computed at a time.

        Raises:
            BadValue: both or neither of seed and noise, noise of another shape or that is not finite, a particle that
                the model does not know, or more showers than memory holds.
            OutsideTraining: an energy or angle outside the training.
            BadFile: the graph fails, or gives something else than finite energies.
        """
        self.require_known(incident, extrapolate)
        try:
            cells = np.empty((len(incident), self.binning.n_voxels), np.float32)
        except MemoryError as error:
            size = 4e-9 * len(incident) * self.binning.n_voxels
            raise BadValue("showers", len(incident), f"they take {size:.0f} GB: take them in parts") from error
        for start, part in self.batches(incident, seed, noise, batch):
            cells[start : start + len(part)] = part
        return cells

    def require_known(self, incident: Incident, extrapolate: bool = False) -> None:
        """Refuse particles that the model was not trained on.

        Args:
            incident: n particles.
            extrapolate: allow energies and angles outside the training.

        Raises:
            BadValue: energies that are not positive numbers, or a particle that the model does not know.
            OutsideTraining: an energy or angle outside the training.
        """
        if not (np.isfinite(incident.energy) & (incident.energy > 0)).all():
            raise BadValue("incident energy", float(np.min(incident.energy)), "incident energies are positive MeV")
        outside = self.trained.outside(incident)
        if outside and not extrapolate:
            raise outside[0]

    def batches(
        self,
        incident: Incident,
        seed: int | None,
        noise: Float[Array, "n M"] | None = None,
        batch: int = 1000,
        first: int = 0,
    ) -> Iterator[tuple[int, Float[Array, "b V"]]]:
        """Row of the first particle and cell energies of each batch, in order; ranges are not checked.

        Args:
            incident: n particles.
            seed: as of `sample`.
            noise: as of `sample`.
            batch: showers computed at a time.
            first: place of the first particle among all that are asked for with this seed, a multiple of the block.

        Raises:
            BadValue: as `sample`, or ``first`` lies within a block.
        """
        block = self.manifest.block
        if (seed is None) == (noise is None):
            raise BadValue("seed and noise", (seed, None if noise is None else "given"), "give one of the two")
        if batch < 1:
            raise BadValue("batch", batch, "compute at least one shower at a time")
        if noise is not None and noise.shape != (len(incident), self.noise_width):
            raise BadValue("shape of noise", noise.shape, f"({len(incident)}, {self.noise_width}) is needed")
        if first < 0 or first % block:
            raise BadValue("first shower", first, f"give a multiple of {block}, where a block of noise begins")
        for row in range(0, len(incident), block):
            last = min(row + block, len(incident))
            normals = self._normals(seed, (first + row) // block, last - row) if noise is None else noise[row:last]
            for start in range(0, last - row, batch):
                rows = slice(row + start, min(row + start + batch, last))
                yield rows.start, self._computed(normals[start : start + batch], incident[rows])

    def _normals(self, seed: Any, block: int, n: int) -> Float[Array, "n M"]:
        return block_normals(seed, (block,), self.manifest.block, self.noise_width, n)

    def _computed(self, noise: Float[Array, "b M"], incident: Incident) -> Float[Array, "b V"]:
        with np.errstate(over="ignore"):  # refused below
            feed = self.contract.feed(noise, incident)
        if not all(np.isfinite(numbers).all() for numbers in feed.values()):
            raise BadValue("noise or energy", "not finite in float32", "give finite numbers")
        try:
            outputs = self._session.run([self.manifest.outputs[0].name], feed)
        except Exception as error:  # ONNX Runtime's exceptions have no common base of their own
            raise BadFile(self.folder / GRAPH, f"it fails ({' '.join(str(error).split())})", _AGAIN) from error
        if outputs[0].shape != (len(noise), self.manifest.outputs[0].width) or not np.isfinite(outputs[0]).all():
            raise BadFile(self.folder / GRAPH, f"it gives no finite energies for {len(noise)} showers", _AGAIN)
        return self.contract.cells(outputs[0], incident)
