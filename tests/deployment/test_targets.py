"""Contracts of the targets: the vectors that the C++ code builds go in, and its placing of the answer is replayed."""

import copy
import math
from dataclasses import replace

import h5py
import numpy as np
import onnxruntime
import pytest

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.deployment import export
from caloforge.deployment.bundle import Bundle
from caloforge.deployment.export import ExportOptions, export_run
from caloforge.deployment.targets import TARGETS
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning, Layer
from caloforge.preprocessing.trained import Trained

MESH = Binning(tuple(Layer(i, (0.0, 5.0, 10.0, 15.0), 4, (2.0 * i, 2.0 * i + 2)) for i in range(3)), "regular")
OTHER = ((0.0, 5.0, 10.0, 15.0), 4, (4.0, 9.0))  # a thicker layer
ENERGY, THETA = 20_000.0, 0.3


@pytest.fixture(scope="module")
def bundles(untrained, tmp_path_factory):
    """A bundle of each target, of one model that hears of theta; the graph is traced once."""
    rng = np.random.default_rng(4)
    energy = np.exp(rng.uniform(np.log(1e3), np.log(1e5), 300)).astype(np.float32)
    weight = rng.gamma(1.0, size=(300, 36)) * (rng.random((300, 36)) < 0.5)
    cells = (weight * energy[:, None] / 2e3).astype(np.float32)
    particles = np.full(300, 22, np.int32), rng.uniform(0, 0.6, 300), np.zeros(300)
    run = untrained(
        Showers(cells, energy, *particles, MESH), name="wgan", width=16, depth=1, latent=3, flow_transforms=1
    )
    graph, folder = export._graph(run, export._generic(run, "toy", ExportOptions()), 16), tmp_path_factory.mktemp("t")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "_graph", lambda *_: copy.deepcopy(graph))
        for target in TARGETS:
            export_run(run, "toy", folder / target, ExportOptions(target, showers=100))
    return folder


@pytest.fixture(scope="module")
def noise(bundles):
    width = Bundle(bundles / "generic").noise_width
    return np.random.default_rng(5).normal(size=width).astype(np.float32)


@pytest.fixture(scope="module")
def truth(bundles, noise):
    """Cells of one shower as the sampler makes them."""
    incident = Incident.alike(np.array([ENERGY]), 22, THETA)
    return Bundle(bundles / "generic").sample(incident, noise=noise[None])[0]


def _answer(folder, feed):
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    assert {node.name for node in session.get_inputs()} == feed.keys()
    return session.run(None, feed)[0].ravel()


def _placed(output, first_sector):
    """Energies by (layer, sector from -pi, ring), by the loops of the C++ code."""
    placed, hit = {}, 0
    for i in range(3):
        for j in range(4):
            for k in range(3):
                phi = (j + 0.5) * 2 * math.pi / 4 + first_sector
                sector = int((phi + math.pi) % (2 * math.pi) // (math.pi / 2))
                placed[k, sector, i] = float(output[hit]) * ENERGY
                hit += 1
    return placed


def _by_place(truth):
    cells = zip(MESH.layer_of_voxel, MESH.sector_of_voxel, MESH.ring_of_voxel, strict=True)
    return {tuple(map(int, cell)): float(energy) for cell, energy in zip(cells, truth, strict=True)}


@pytest.mark.parametrize(
    ("target", "angle", "first_sector"),
    [
        ("par04", math.degrees(math.pi / 2 - THETA) / 90, -math.pi),
        ("par04", math.degrees(math.pi / 2 + THETA) / 90, -math.pi),
        ("ddml", math.acos(math.cos(THETA)) / (math.pi / 2), 0.0),
    ],
    ids=["par04", "par04 backwards", "ddml"],
)
def test_one_vector_in_and_fractions_out(bundles, noise, truth, target, angle, first_sector):
    row = np.concatenate([noise, [ENERGY / 1024e3, angle, 0, 1]]).astype(np.float32)[None]
    output = _answer(bundles / target, {"input": row})
    placed, expected = _placed(output, first_sector), _by_place(truth)
    assert sum(expected.values()) > 0
    for place, energy in expected.items():
        assert placed[place] == pytest.approx(energy, rel=1e-3, abs=1e-4)
    assert sum(placed.values()) == pytest.approx(truth.sum(dtype=float), rel=1e-4)


def test_inputs_of_fastcalosim_and_its_voxels(bundles, noise, truth):
    with h5py.File(bundles / "fastcalosim" / "voxels.h5") as file:
        layers = [int(name.rpartition("_")[2]) for name in file if name.startswith("binstart_radius_layer_")]
        sizes = [len(file[f"binstart_radius_layer_{layer}"]) for layer in layers]
        radius = np.concatenate([file[f"binstart_radius_layer_{layer}"][:] for layer in layers])
        alpha = np.concatenate([file[f"binstart_alpha_layer_{layer}"][:] for layer in layers])
        width = np.concatenate([file[f"binsize_radius_layer_{layer}"][:] for layer in layers])
    z_energy, z_shape = np.full(len(layers), 7.0), np.full(sum(sizes), 7.0)  # the software draws one for each
    z_energy[:3], z_shape[: len(noise) - 3] = noise[:3], noise[3:]
    eta = -math.log(math.tan((math.pi / 2 - THETA) / 2))
    numbers = {"inn_eta_in": [10 * eta], "inn_einc_in": [ENERGY], "cfm_z_shape": z_shape, "inn_z_energy": z_energy}
    feed = {name: np.array(value, np.float32)[None] for name, value in numbers.items()}
    output = _answer(bundles / "fastcalosim", feed)
    assert (len(output), np.isnan(output).any()) == (sum(sizes), False)
    np.testing.assert_allclose(output[:36], truth, rtol=1e-3, atol=1e-4)
    assert (output[36:] == 0).all()
    np.testing.assert_allclose(radius[:36] + width[:36] / 2, MESH.r_centres, rtol=1e-6)
    np.testing.assert_allclose(alpha[:36] + math.pi / 4, MESH.alpha_centres, rtol=1e-5)


@pytest.mark.parametrize("target", TARGETS)
def test_a_bundle_of_any_target_samples_the_same_showers(bundles, target):
    incident = Incident.alike(np.geomspace(2e3, 5e4, 9), 22, THETA)
    expected = Bundle(bundles / "generic").sample(incident, seed=3)
    cells = Bundle(bundles / target).sample(incident, seed=3)
    np.testing.assert_allclose(cells, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(cells > 0, expected > 0)


def test_the_macro_has_the_sizes_of_mesh_and_noise(bundles, noise):
    lines = (bundles / "par04" / "par04.mac").read_text().splitlines()
    for name, value in {
        "mesh/setSizeOfRhoCells": "5 mm",
        "mesh/setSizeOfZCells": "2 mm",
        "inference/setNbOfRhoCells": "3",
        "inference/setNbOfPhiCells": "4",
        "inference/setNbOfZCells": "3",
        "inference/setSizeLatentVector": str(len(noise)),
        "inference/setSizeConditionVector": "4",
    }.items():
        assert f"/Par04/{name} {value}" in lines
    library = lines.index("/Par04/inference/setInferenceLibrary ONNX")
    assert library > lines.index("/Par04/inference/setModelPathName model.onnx")  # the session is made here


def test_the_steering_is_python_with_the_particle(bundles):
    text = (bundles / "ddml" / "ddml_steering.py").read_text()
    compile(text, "ddml_steering.py", "exec")
    assert 'model.ApplicableParticles = {"gamma"}' in text


@pytest.mark.parametrize(
    ("targets", "changes", "words"),
    [
        (("par04", "ddml", "fastcalosim"), {"trained": Trained((11, 22), (1, 2), (0, 0), (0, 0))}, "of one particle"),
        (("par04", "ddml", "fastcalosim"), {"trained": Trained((11,), (1, 2), (0, 1), (-1, 1))}, "one azimuth"),
        (("par04", "ddml"), {"mesh": Binning((*MESH.layers[:2], Layer(2, (0.0, 5.0), 4, (4.0, 6.0))))}, "equal rings"),
        (
            ("par04", "ddml"),
            {"mesh": Binning((*MESH.layers[:2], replace(MESH.layers[2], z_edges=(4.0, 9.0))))},
            "equal",
        ),
        (("ddml",), {"mesh": Binning(tuple(replace(layer, n_alpha=3) for layer in MESH.layers))}, "has to be even"),
        (
            ("fastcalosim",),
            {"mesh": Binning(tuple(Layer(i, (0.0, 5.0), 4) for i in range(24)))},
            "one more takes the noise",
        ),
    ],
    ids=["particles", "azimuth", "rings", "depths", "sectors", "layers"],
)
def test_models_that_the_software_cannot_use_are_refused(bundles, targets, changes, words):
    manifest = replace(Bundle(bundles / "generic").manifest, **changes)
    for target in targets:
        with pytest.raises(BadValue, match=words):
            TARGETS[target].require(manifest)
