"""Models by name, as a simulation or a server needs them: a bundle without PyTorch, a run folder with it."""

__all__ = ["BundleModel", "model_identity", "open_shower_model"]

from pathlib import Path
from typing import Any

from jaxtyping import Float
from numpy import ndarray as Array
from pydantic import ValidationError

from caloforge.data.incident import Incident
from caloforge.data.provenance import TrainingProvenance
from caloforge.deployment.bundle import Bundle
from caloforge.deployment.manifest import MANIFEST, Manifest
from caloforge.deployment.noise import block_normals
from caloforge.deployment.session import GRAPH
from caloforge.deployment.shower_model import NoiseModel, frame_of
from caloforge.errors import BadFile
from caloforge.training.folders import run_folder, weights_digest


class BundleModel:
    """A bundle, computed by ONNX Runtime.

    Args:
        bundle: open.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle, self.name = bundle, str(bundle.folder)
        manifest = bundle.manifest
        self.binning, self.detector, self.trained = manifest.mesh, manifest.detector, manifest.trained
        self.frame = frame_of(_training(bundle.folder, manifest))
        self.training_ids = bundle.training_ids()

    @property
    def facts(self) -> dict[str, Any]:
        """Name, digest and training, for a provenance."""
        manifest = self._bundle.manifest
        return {"model": manifest.model, "sha256": self._bundle.digest, "training": dict(manifest.training)}

    def sample(self, incident: Incident, seed: int) -> Float[Array, "N V"]:
        """MeV of every cell; equal arguments give equal showers.

        Args:
            incident: N particles inside the training.
            seed: of the noise.
        """
        return self._bundle.sample(incident, seed)

    @property
    def block(self) -> int:
        """Showers whose noise is drawn at a time."""
        return self._bundle.manifest.block

    def noise(self, seed: int, block: int, n: int) -> Float[Array, "n M"]:
        """The first rows of a block of a seed's standard normals.

        Args:
            seed: of a request.
            block: number of the block.
            n: rows.
        """
        return block_normals(seed, (block,), self.block, self._bundle.noise_width, n)

    def sample_noise(self, incident: Incident, noise: Float[Array, "N M"]) -> Float[Array, "N V"]:
        """MeV of every cell.

        Args:
            incident: N particles inside the training.
            noise: standard normal.
        """
        return self._bundle.sample(incident, noise=noise)


def _training(folder: Path, manifest: Manifest) -> TrainingProvenance:
    """How the model of a bundle was trained."""
    try:
        return TrainingProvenance.model_validate(manifest.training)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        problem = f"training.{place} is not what it should be ({error.errors()[0]['msg']})"
        raise BadFile(folder / MANIFEST, problem, "export the model again") from error


def open_shower_model(name: str | Path) -> NoiseModel:
    """A model by name: a bundle, a run folder, or a model that comes with caloforge.

    Args:
        name: path or name.

    Raises:
        BadFile: none of these, or damaged.
    """
    if Path(name).is_file():
        raise BadFile(name, "a file, where a model is a folder", "give a bundle or a run folder")
    if (Path(name) / MANIFEST).is_file():
        return BundleModel(Bundle(name))
    from caloforge.deployment.run_model import RunModel  # needs PyTorch

    return RunModel(name)


def model_identity(name: str | Path) -> tuple[str, str | None]:
    """SHA-256 of a model's weights, or of a bundle's graph, and the version of caloforge that trained it.

    Args:
        name: a bundle, a run folder, or the name of a model that comes with caloforge.

    Raises:
        BadFile: none of these, or damaged.
    """
    if (Path(name) / MANIFEST).is_file():
        manifest = Manifest.read(Path(name))
        if GRAPH not in manifest.files:
            raise BadFile(Path(name) / MANIFEST, f"it lists no {GRAPH}", "export the model again")
        return manifest.files[GRAPH], _training(Path(name), manifest).caloforge
    from caloforge.training.run import read_training_provenance

    folder = run_folder(name)
    if not (folder / "weights.safetensors").is_file():
        raise BadFile(folder, "no weights.safetensors", "of an ensemble, cite its members")
    return weights_digest(folder), read_training_provenance(folder).caloforge
