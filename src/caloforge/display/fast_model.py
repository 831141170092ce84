"""The model of a page: showers computed here, and the graph with which the page computes others."""

__all__ = ["FastModel", "open_fast_model"]

import gzip
import tempfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.deployment.contract import Generic
from caloforge.deployment.export import ExportOptions, export_run
from caloforge.deployment.manifest import MANIFEST, Manifest
from caloforge.deployment.open_model import open_shower_model
from caloforge.deployment.session import GRAPH
from caloforge.deployment.shower_model import ShowerModel
from caloforge.errors import CaloforgeError
from caloforge.training.run import Run, load_run

SEED = 1  # of the showers that come with a page
_LEAST, _MOST, _CELLS = 100, 500, 540_000  # showers by which a graph is compared with PyTorch, and their cells in all
_TAIL = 16  # normals at the end of a block, which a page does not draw


@dataclass(frozen=True, eq=False)
class FastModel:
    """A model, and its graph where a page can compute it.

    Args:
        name: what it was asked for by.
        model: that makes showers here.
        run: where there is one: a model with PyTorch may have likelihoods.
        manifest: of the graph; None where a page does not compute it.
        graph: as ONNX.
        without: why a page does not compute it.
    """

    name: str
    model: ShowerModel
    run: Run | None = None
    manifest: Manifest | None = None
    graph: bytes = b""
    without: str = ""

    def showers(self, incident: Incident) -> Showers:
        """One for each particle.

        Args:
            incident: inside the training.
        """
        near = self.model.trained.nearest(incident) if len(incident) else incident
        energy = self.model.sample(near, SEED)
        columns = incident.energy, incident.pdg, incident.theta, incident.phi
        return Showers(energy, *columns, self.model.binning, self.model.detector)

    def spread(self, n: int) -> Incident:
        """n particles of the training, energies at equal steps of their logarithm, kinds and angles in turn.

        Args:
            n: particles.
        """
        trained = self.model.trained
        energy = np.geomspace(*trained.energy, n)
        pdg = np.array(trained.particles, np.int32)[np.arange(n) % len(trained.particles)]
        theta, phi = (np.linspace(*ends, n) for ends in (trained.theta, trained.phi))
        return Incident(energy, pdg, theta, phi)

    def with_graph(self, showers: int) -> "FastModel":
        """The same model with what a page computes it by; where that cannot be, ``without`` says why.

        Args:
            showers: most showers that the page has.
        """
        try:
            manifest, graph = _exported(self.run, self.name) if self.run else _of_bundle(Path(self.name))
        except CaloforgeError as error:
            return replace(self, without=str(error))
        if manifest.target != Generic.name:
            return replace(self, without=f"a bundle for {manifest.target}: export it with --target generic")
        if showers * manifest.noise > manifest.block * manifest.noise - _TAIL:
            return replace(self, without=f"its noise is drawn in blocks of only {manifest.block} showers")
        return replace(self, manifest=manifest, graph=graph)

    def facts(self, sizes: dict[str, int]) -> dict[str, Any] | None:
        """What a page needs to compute showers; None where it does not.

        Args:
            sizes: bytes of what it loads, by ``wasm`` and ``graph``.
        """
        if self.manifest is None:
            return None
        manifest, trained = self.manifest, self.manifest.trained
        return {
            "name": Path(self.name).name or self.name,
            "noise": manifest.noise,
            "stream": zlib.crc32(b"noise"),
            "seed": SEED,
            "particles": list(trained.particles),
            **{name: list(getattr(trained, name)) for name in ("energy", "theta", "phi")},
            "thetaVaries": trained.theta_varies,
            "phiVaries": trained.phi_varies,
            "inputs": [tensor.name for tensor in manifest.inputs],
            "output": manifest.outputs[0].name,
            "latents": {"names": list(manifest.options.get("latents", [])), "first": 0},
            "sizes": sizes,
        }

    @property
    def packed_graph(self) -> bytes:
        """The graph, packed."""
        return gzip.compress(self.graph, 9, mtime=0)


def open_fast_model(name: str) -> FastModel:
    """A model by name, yet without its graph.

    Args:
        name: a bundle, a run folder, or the name of a model that comes with caloforge.

    Raises:
        BadFile: none of these, or damaged.
    """
    is_bundle = (Path(name) / MANIFEST).is_file()
    return FastModel(name, open_shower_model(name), None if is_bundle else load_run(name))


def _of_bundle(folder: Path) -> tuple[Manifest, bytes]:
    return Manifest.read(folder), (folder / GRAPH).read_bytes()


def _exported(run: Run, name: str) -> tuple[Manifest, bytes]:
    """The bundle of a run, of which nothing stays on disk."""
    with tempfile.TemporaryDirectory(prefix="caloforge-") as folder:
        place = Path(folder) / "bundle"
        n = min(_MOST, max(_LEAST, _CELLS // run.pipeline.binning.n_voxels))
        manifest = export_run(run, name, place, ExportOptions(showers=n))
        return manifest, (place / GRAPH).read_bytes()
