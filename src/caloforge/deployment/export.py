"""`caloforge export`: a trained model into a bundle, compared with PyTorch before it is written."""

__all__ = ["ExportOptions", "export_run"]

import io
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from caloforge import __version__
from caloforge.deployment.bundle import IDS
from caloforge.deployment.contract import Generic
from caloforge.deployment.folding import number_nodes
from caloforge.deployment.graph import ShowerGraph
from caloforge.deployment.manifest import MANIFEST, Manifest, sha256_of
from caloforge.deployment.onnx_graph import lowest_ir, to_onnx
from caloforge.deployment.parity import SHOWERS, measure_parity, require_parity
from caloforge.deployment.session import GRAPH
from caloforge.deployment.targets import TARGETS
from caloforge.errors import BadValue, UnknownName, UnwritablePath
from caloforge.files import require_writable
from caloforge.generation.sampler import BLOCK
from caloforge.models.base import Generator
from caloforge.models.cascade import TwoStage
from caloforge.training.run import Run

_EXAMPLES = 3  # showers of the trace


@dataclass(frozen=True)
class ExportOptions:
    """How a bundle is written.

    Args:
        target: whose contract it keeps.
        opset: of the operators.
        ir: version of the file format; None for the lowest that the opset allows.
        overwrite: whether an earlier bundle may go.
        showers: how many are compared with PyTorch.
    """

    target: str = "generic"
    opset: int = 16
    ir: int | None = None
    overwrite: bool = False
    showers: int = SHOWERS


def export_run(run: Run, name: str, output: str | Path, options: ExportOptions | None = None) -> Manifest:
    """Write the bundle of a run.

    Args:
        run: the model.
        name: of the model.
        output: folder to make.
        options: target and versions.

    Raises:
        BadValue: a model that keeps its showers by chance, or versions that do not go together.
        UnknownName: no such target.
        UnwritablePath: the folder exists, or cannot be made.
        NotExportable: an operation that ONNX lacks.
        NotEqual: the graph does not compute what the model does.
        MissingExtra: onnx or ONNX Runtime is not installed.
    """
    options, output = options or ExportOptions(), Path(output)
    if options.target not in TARGETS:
        raise UnknownName("target", options.target, TARGETS)
    ir = lowest_ir(options.opset, options.ir)
    _require_plain(run)
    _require_free(output, options.overwrite)
    target = TARGETS[options.target]
    manifest = _generic(run, name, options)
    target.require(manifest)
    manifest, graph = target.wrapped(manifest, _graph(run, manifest, options.opset))
    graph.ir_version = ir
    number_nodes(graph)
    manifest = _described(graph, manifest)
    content = graph.SerializeToString()
    figures = measure_parity(target.contract(manifest), content, run, n=options.showers)
    require_parity(figures)
    files = {GRAPH: content, **_training_ids(run), **target.companions(manifest)}
    manifest = replace(manifest, parity=figures, files={file: sha256_of(data) for file, data in files.items()})
    _write(output, {**files, MANIFEST: manifest.to_json().encode()})
    return manifest


def _require_plain(run: Run) -> None:
    model = run.model
    if model.keep_probability is not None:
        raise BadValue(
            "training.balance",
            "on in this run",
            "its showers are kept by chance, one by one, which no graph can do: it would draw rare showers as often as "
            "training showed them; export a model trained without balance, or stay with caloforge generate",
        )
    if type(model).latent is not Generator.latent or len(model.noise_shape) != 1:
        raise BadValue("model", type(model).__name__, "its noise is no row of standard normals, which a bundle takes")


def _require_free(output: Path, overwrite: bool) -> None:
    require_writable(output.parent)
    if not output.exists():
        return
    if not output.is_dir():
        raise UnwritablePath(output, "it is a file, not a folder")
    if any(output.iterdir()) and not (output / MANIFEST).is_file():
        raise UnwritablePath(output, "the folder holds something else than a bundle")
    if (output / MANIFEST).is_file() and not overwrite:
        raise UnwritablePath(output, "the bundle exists (overwrite=True, or --overwrite, replaces it)")
    if (output / MANIFEST).is_file():
        beside = sorted({path.name for path in output.iterdir()} - {MANIFEST, *Manifest.read(output).files})
        if beside:
            raise UnwritablePath(output, f"beside the bundle it holds {beside[0]}, which would be lost; move it away")


def _generic(run: Run, name: str, options: ExportOptions) -> Manifest:
    """The manifest of the generic target, still without files."""
    trained, pipeline, width = run.pipeline.condition.trained, run.pipeline, run.model.noise_shape[0]
    data = run.provenance.data
    return Manifest(
        target=Generic.name,
        model=name,
        files={},
        inputs=Generic.inputs(width, trained),
        outputs=(Generic.output(pipeline.binning),),
        noise=width,
        block=BLOCK,
        trained=trained,
        mesh=pipeline.binning,
        detector=(data and data.detector) or "unknown",
        training=run.provenance.facts,
        options={
            "caloforge": __version__,
            "torch": torch.__version__,
            "opset": options.opset,
            "latents": list(run.model.noise.names) if isinstance(run.model, TwoStage) else [],
        },
    )


def _graph(run: Run, manifest: Manifest, opset: int) -> Any:
    """The generic graph."""
    trained, width = manifest.trained, manifest.noise
    middle = float(np.sqrt(trained.energy[0] * trained.energy[1]))
    examples = {
        "noise": torch.zeros(_EXAMPLES, width),
        "energy": torch.full((_EXAMPLES,), middle),
        "pdg": torch.full((_EXAMPLES,), trained.particles[0], dtype=torch.int64),
        "theta": torch.full((_EXAMPLES,), trained.theta[1]),
        "phi": torch.full((_EXAMPLES,), trained.phi[1]),
    }
    graph = ShowerGraph(run.model, run.pipeline)
    inputs = [examples[tensor.name] for tensor in manifest.inputs]
    named = _ByName(graph, [tensor.name for tensor in manifest.inputs])
    return to_onnx(named, inputs, manifest.inputs, manifest.outputs[0], opset)


class _ByName(torch.nn.Module):
    """The graph as a function of just those inputs that the model has."""

    def __init__(self, graph: ShowerGraph, names: list[str]) -> None:
        super().__init__()
        self.graph, self.names = graph, names

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        cells: torch.Tensor = self.graph(**dict(zip(self.names, inputs, strict=True)))
        return cells


def _described(graph: Any, manifest: Manifest) -> Manifest:
    """The manifest with the version of the graph, which carries it as metadata, too."""
    manifest = replace(manifest, options={**manifest.options, "ir": graph.ir_version})
    del graph.metadata_props[:]
    graph.metadata_props.add(key="caloforge", value=manifest.to_json())
    return manifest


def _training_ids(run: Run) -> Mapping[str, bytes]:
    content = io.BytesIO()
    np.save(content, run.training_ids.all, allow_pickle=False)
    return {IDS: content.getvalue()} if len(run.training_ids.all) else {}


def _write(output: Path, files: Mapping[str, bytes]) -> None:
    """All files into a folder beside, which then takes the place of an earlier bundle."""
    try:
        with tempfile.TemporaryDirectory(prefix=".bundle-", dir=output.parent, ignore_cleanup_errors=True) as place:
            fresh, old = Path(place) / "new", Path(place) / "old"
            fresh.mkdir()
            for name, content in files.items():
                (fresh / name).write_bytes(content)
            if output.exists():
                output.replace(old)
            try:
                fresh.replace(output)
            except OSError:
                if old.exists():
                    old.replace(output)
                raise
    except OSError as error:
        raise UnwritablePath(output, error.strerror or "writing failed") from error
