"""A model that fills files of showers, named in plain values by which another machine can open it."""

__all__ = ["GenerateRequest", "GeneratorWords", "generate_file", "open_source"]

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from caloforge.api.asked import Asked
from caloforge.api.calls import Progress, ignore
from caloforge.api.filling import ShowerSource
from caloforge.data.incident import Incident
from caloforge.deployment.manifest import MANIFEST
from caloforge.device import Device
from caloforge.errors import BadFile, BadValue
from caloforge.training.folders import run_folder


@dataclass(frozen=True)
class GeneratorWords:
    """Which model is to be opened, and how.

    Args:
        run: run folder, bundle, or name of a model that comes with caloforge.
        models: Python file with models of one's own.
        device: where PyTorch computes.
        threads: of ONNX Runtime, for a bundle.
        solver: of a flow matching model.
        steps: of the solver.
    """

    run: str
    models: str | None = None
    device: Device = "cpu"
    threads: int = 1
    solver: str | None = None
    steps: int | None = None

    @property
    def is_bundle(self) -> bool:
        """Whether it needs no PyTorch."""
        return (Path(self.run) / MANIFEST).is_file()

    @property
    def everywhere(self) -> "GeneratorWords":
        """The same with whole paths: workers elsewhere stand in other folders."""
        run = str(Path(self.run).absolute()) if Path(self.run).exists() else self.run
        models = None if self.models is None else str(Path(self.models).absolute())
        return replace(self, run=run, models=models)

    @property
    def digest(self) -> str:
        """SHA-256 of the files that decide what the model makes.

        Raises:
            BadFile: no such model.
        """
        folder = Path(self.run) if self.is_bundle else run_folder(self.run)
        paths = sorted(path for kind in ("*.safetensors", "*.onnx") for path in folder.rglob(kind))
        try:
            contents = [path.read_bytes() for path in [*paths, *([Path(self.models)] if self.models else [])]]
        except OSError as error:
            raise BadFile(
                folder, f"it cannot be read ({error})", "give the folder of a finished training run"
            ) from error
        return hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in contents)).hexdigest()


def open_source(words: GeneratorWords) -> ShowerSource:
    """Open a model; a bundle without PyTorch.

    Args:
        words: which, and how.

    Raises:
        BadFile: no such model.
        BadValue: a solver where nothing is integrated.
    """
    if words.is_bundle:
        if words.solver is not None or words.steps is not None:
            raise BadValue(
                "solver, steps", (words.solver, words.steps), "those of a bundle are written into its graphs"
            )
        from caloforge.api.bundle import BundleSource

        return BundleSource(words.run, words.threads)
    from caloforge.api.model import load_model  # needs PyTorch

    model = load_model(words.run, words.models, words.device)
    return model if words.solver is None and words.steps is None else model.integrated(words.solver, words.steps)


@dataclass(frozen=True, eq=False)
class GenerateRequest:
    """What a model is asked for.

    Args:
        model: which one.
        asked: of it.
        batch: showers in memory at a time.
        warn: called with what lies outside the training.
    """

    model: GeneratorWords
    asked: Asked
    batch: int
    warn: Callable[[str], None]

    def open(self) -> tuple[ShowerSource, Incident]:
        """The model and the particles.

        Raises:
            BadFile: no such model, or no such file of particles.
            BadValue: particles that the model does not know.
        """
        source = open_source(self.model)
        return source, self.asked.particles(source.trained, source.binning, source.training_ids, self.warn)


def generate_file(request: GenerateRequest, output: Path, progress: Progress = ignore) -> tuple[int, float]:
    """All showers into one file, by this process.

    Args:
        request: what is asked for.
        output: HDF5 file to make.
        progress: called with the number of showers made, and of all.

    Returns:
        Number of showers, and milliseconds of each without writing.

    Raises:
        BadFile, BadValue: as `GenerateRequest.open`.
        UnwritablePath: the output cannot be written.
    """
    source, incident = request.open()
    return len(incident), source.fill(output, incident, request.asked.seed, request.batch, progress)
