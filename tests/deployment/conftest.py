"""A bundle whose graph is written by hand, and a model of known showers: 3 % of the energy near the axis."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper

from caloforge.data.incident import Incident
from caloforge.data.provenance import TrainingProvenance
from caloforge.data.showers import Showers
from caloforge.data.unseen import TrainingIds
from caloforge.deployment.contract import Generic
from caloforge.deployment.export import ExportOptions, export_run
from caloforge.deployment.manifest import MANIFEST, Manifest, sha256_of
from caloforge.geometry.binning import Binning
from caloforge.geometry.readouts import readout
from caloforge.models import model_config
from caloforge.preprocessing.trained import Trained
from caloforge.training.run import Run

TRAINED = Trained((11,), (1e3, 1e5), (0.0, 0.0), (0.0, 0.0))


def toy_graph(cells, output="cells"):
    row = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    ten = helper.make_tensor("ten", TensorProto.FLOAT, [], [10.0])
    nodes = [
        helper.make_node("Unsqueeze", ["energy", "axes"], ["column"]),
        helper.make_node("Abs", ["noise"], ["size"]),
        helper.make_node("Mul", ["size", "column"], ["product"]),
        helper.make_node("Div", ["product", "ten"], [output]),
    ]
    noise = helper.make_tensor_value_info("noise", TensorProto.FLOAT, ["n", cells])
    energy = helper.make_tensor_value_info("energy", TensorProto.FLOAT, ["n"])
    out = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", cells])
    graph = helper.make_graph(nodes, "toy", [noise, energy], [out], [row, ten])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def _write(folder, mesh, model=None, **changes):
    folder.mkdir(exist_ok=True)
    content = (model or toy_graph(mesh.n_voxels)).SerializeToString()
    (folder / "model.onnx").write_bytes(content)
    manifest = Manifest(
        target="generic",
        model="toy",
        files={"model.onnx": sha256_of(content)},
        inputs=Generic.inputs(mesh.n_voxels, TRAINED),
        outputs=(Generic.output(mesh),),
        noise=mesh.n_voxels,
        block=1000,
        trained=TRAINED,
        mesh=mesh,
    )
    (folder / MANIFEST).write_text(replace(manifest, **changes).to_json())
    return folder


@pytest.fixture
def toy_bundle(tmp_path, binning):
    """Writes a bundle and returns its folder; a graph of one's own and fields of the manifest can be given."""
    return lambda **options: _write(tmp_path / "toy", binning, **options)


@dataclass(frozen=True)
class Toy:
    """A `ShowerModel`; shower i of a call depends on its particle, the seed and i alone."""

    binning: Binning
    trained: Trained
    frame: str = "axis"
    detector: str = "par04-siw"
    name: str = "toy"
    layer: int = 2
    training_ids: np.ndarray = field(default_factory=lambda: np.array([7, 9], np.uint64))

    @property
    def facts(self):
        return {"model": self.name, "sha256": "0" * 64}

    @property
    def lit(self):
        return (self.binning.layer_of_voxel == self.layer) & (self.binning.ring_of_voxel == 0)

    block = 1000

    def noise(self, seed: int, block: int, n: int) -> np.ndarray:
        return np.random.default_rng([seed, block]).uniform(0.9, 1.1, (n, int(self.lit.sum())))

    def sample_noise(self, incident: Incident, noise: np.ndarray) -> np.ndarray:
        cells = np.zeros((len(incident), self.binning.n_voxels), np.float32)
        cells[:, self.lit] = 0.03 / self.lit.sum() * np.asarray(incident.energy)[:, None] * noise
        return cells

    def sample(self, incident: Incident, seed: int) -> np.ndarray:
        blocks = range(0, len(incident), self.block)
        noise = [self.noise(seed, i, min(self.block, len(incident) - at)) for i, at in enumerate(blocks)]
        return self.sample_noise(incident, np.concatenate([np.zeros((0, int(self.lit.sum()))), *noise]))


@pytest.fixture
def toy():
    """Makes such models: of electrons from 100 MeV to 100 GeV at up to 0.6 rad, unless told."""

    def make(theta=(0.0, 0.6), particles=(11,), energy=(100.0, 1e5), **options) -> Toy:
        trained = Trained(particles, energy, theta, (-np.pi, np.pi) if theta[1] else (0.0, 0.0))
        return Toy(**{"binning": readout("siw-1080")} | options, trained=trained)

    return make


SMALL = {"width": 16, "depth": 1, "latent": 3, "flow_transforms": 1, "flow_width": 8}  # couplings are what traces cost
FAMILIES = {"vae": {"name": "vae", **SMALL}, "wgan": {"name": "wgan", **SMALL}}


def _inclined(showers, rng):
    """The same showers of two particles and from several directions."""
    n = len(showers)
    pdg, theta, phi = rng.choice([11, 22], n), rng.uniform(0, 0.5, n), rng.uniform(-0.4, 0.4, n)
    incident = Incident(showers.incident_energy, pdg.astype(np.int32), theta, phi)
    return Showers(showers.energy, incident.energy, incident.pdg, incident.theta, incident.phi, showers.binning)


def _untrained(showers, **options):
    """A run with the starting values that its family finds in showers."""
    config = model_config(options)
    pipeline = config.pipeline(showers.binning)
    generator = torch.Generator().manual_seed(1)
    torch.manual_seed(1)
    pipeline.fit(showers, generator)
    model = config.build(pipeline)
    x, c, _ = pipeline(showers, generator)
    model.initialise(x, c)
    for part in model.training_parts:
        delattr(model, part)
    ids = TrainingIds(showers.ids[:5], showers.ids[5:7])
    return Run(model.eval().requires_grad_(False), pipeline, TrainingProvenance(caloforge="test"), ids)


@pytest.fixture(scope="session", params=FAMILIES)
def run(request, showers):
    """Untrained models: a VAE that hears of particle and direction and maps the spectrum, a WGAN of electrons."""
    if request.param == "wgan":
        return _untrained(showers[:300], **FAMILIES["wgan"])
    inclined = _inclined(showers[:300], np.random.default_rng(2))
    return _untrained(inclined, preprocessing={"cells": ["spectrum"]}, **FAMILIES[request.param])


@pytest.fixture(scope="session")
def exported(run, tmp_path_factory):
    """Folder of the generic bundle of each run."""
    folder = tmp_path_factory.mktemp("bundles") / "generic"
    export_run(run, "toy", folder, ExportOptions(showers=300))
    return folder


@pytest.fixture(scope="session")
def untrained():
    """Makes a run with the starting values that a family finds in showers."""
    return _untrained
