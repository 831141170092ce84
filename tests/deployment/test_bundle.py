"""Bundles: what is computed, and what is refused."""

import json
import subprocess
import sys

import numpy as np
import pytest
from onnx import TensorProto, helper

from caloforge.data.incident import Incident
from caloforge.deployment.bundle import Bundle
from caloforge.deployment.manifest import MANIFEST
from caloforge.deployment.noise import block_normals
from caloforge.errors import BadFile, BadValue, OutsideTraining, UnknownName
from caloforge.preprocessing.trained import Trained

ENERGIES = np.geomspace(2e3, 5e4, 7)


def test_showers_of_noise(toy_bundle, binning):
    bundle, incident = Bundle(toy_bundle()), Incident.alike(ENERGIES)
    noise = np.random.default_rng(0).normal(size=(7, binning.n_voxels)).astype(np.float32)
    np.testing.assert_allclose(bundle.sample(incident, noise=noise), np.abs(noise) * ENERGIES[:, None] / 10, rtol=1e-6)


def test_showers_of_a_seed_do_not_depend_on_batch_or_number(toy_bundle, binning):
    bundle, incident = Bundle(toy_bundle(block=5)), Incident.alike(ENERGIES)
    whole = bundle.sample(incident, seed=3)
    normals = [block_normals(3, (block,), 5, binning.n_voxels, 5) for block in (0, 1)]
    np.testing.assert_allclose(whole, np.abs(np.concatenate(normals)[:7]) * ENERGIES[:, None] / 10, rtol=1e-6)
    for batch in (1, 2, 5, 100):
        np.testing.assert_array_equal(bundle.sample(incident, seed=3, batch=batch), whole)
    np.testing.assert_array_equal(bundle.sample(incident[:6], seed=3), whole[:6])
    assert not np.array_equal(bundle.sample(incident, seed=4), whole)


def test_no_shower_is_an_empty_table(toy_bundle, binning):
    assert Bundle(toy_bundle()).sample(Incident.alike(ENERGIES[:0]), seed=1).shape == (0, binning.n_voxels)


def test_training_ids_are_those_of_the_file(toy_bundle):
    assert len(Bundle(toy_bundle()).training_ids()) == 0


@pytest.mark.parametrize(
    ("incident", "options", "error", "words"),
    [
        (Incident.alike(np.array([2e5])), {"seed": 1}, OutsideTraining, "incident energy is '200GeV'"),
        (Incident.alike(np.array([5e3]), theta=0.3), {"seed": 1}, OutsideTraining, "theta"),
        (Incident.alike(np.array([5e3]), pdg=22), {"seed": 1}, BadValue, r"trained on PDG \[11\]"),
        (Incident.alike(np.array([np.nan])), {"seed": 1}, BadValue, "positive MeV"),
        (Incident.alike(np.array([-5e3])), {"seed": 1, "extrapolate": True}, BadValue, "positive MeV"),
        (Incident.alike(np.array([5e3])), {}, BadValue, "give one of the two"),
        (Incident.alike(np.array([5e3])), {"seed": -1}, BadValue, "whole number that is not negative"),
        (Incident.alike(np.array([5e3])), {"seed": 1, "batch": 0}, BadValue, "at least one shower"),
        (Incident.alike(np.array([5e3])), {"noise": np.zeros((2, 3), np.float32)}, BadValue, "is needed"),
    ],
    ids=["energy", "theta", "particle", "nan", "negative", "neither", "seed", "batch", "shape"],
)
def test_what_the_model_does_not_know_is_refused(toy_bundle, incident, options, error, words):
    with pytest.raises(error, match=words):
        Bundle(toy_bundle()).sample(incident, **options)


def test_outside_the_training_is_allowed_on_request(toy_bundle):
    cells = Bundle(toy_bundle()).sample(Incident.alike(np.array([2e5])), seed=1, extrapolate=True)
    assert (cells >= 0).all()


def test_a_changed_graph_is_refused(toy_bundle):
    folder = toy_bundle()
    content = bytearray((folder / "model.onnx").read_bytes())
    content[-1] ^= 1
    (folder / "model.onnx").write_bytes(content)
    with pytest.raises(BadFile, match="its hash is not the one"):
        Bundle(folder)


def test_a_missing_graph_is_refused(toy_bundle):
    folder = toy_bundle()
    (folder / "model.onnx").unlink()
    with pytest.raises(BadFile, match="a file of the bundle is missing"):
        Bundle(folder)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema", 2),
        ("noise", -3),
        ("noise", "many"),
        ("mesh", "<no"),
        ("inputs", [{"name": "noise"}]),
        ("files", {"../model.onnx": "0"}),
        ("trained", {}),
        ("trained", None),
    ],
    ids=["schema", "negative", "text", "mesh", "inputs", "elsewhere", "empty", "null"],
)
def test_a_damaged_manifest_is_refused(toy_bundle, field, value):
    path = toy_bundle() / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(BadFile, match=str(path)):
        Bundle(path.parent)


@pytest.mark.parametrize("content", ["", "[]", "{}", "{", "\x00"], ids=["empty", "list", "none", "cut", "zero"])
def test_a_file_that_is_no_manifest_is_refused(toy_bundle, content):
    path = toy_bundle() / MANIFEST
    path.write_text(content)
    with pytest.raises(BadFile, match="no manifest of a bundle"):
        Bundle(path.parent)


def test_no_bundle_is_refused(tmp_path):
    with pytest.raises(BadFile, match="this is no bundle"):
        Bundle(tmp_path / "nowhere")


def test_a_target_of_another_version_is_refused(toy_bundle):
    with pytest.raises(UnknownName, match="generic"):
        Bundle(toy_bundle(target="genric"))


def _graph(node, output="cells", cells=28, **tensors):
    noise = helper.make_tensor_value_info("noise", TensorProto.FLOAT, ["n", cells])
    energy = helper.make_tensor_value_info("energy", TensorProto.FLOAT, ["n"])
    out = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", cells])
    graph = helper.make_graph([node], "toy", [noise, energy], [out], list(tensors.values()))
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("elsewhere", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def test_a_foreign_operator_is_refused(toy_bundle):
    with pytest.raises(BadFile, match="cannot load it"):
        Bundle(toy_bundle(model=_graph(helper.make_node("Sum", ["noise"], ["cells"], domain="elsewhere"))))


def test_another_graph_is_refused(toy_bundle):
    with pytest.raises(BadFile, match="its outputs are"):
        Bundle(toy_bundle(model=_graph(helper.make_node("Abs", ["noise"], ["showers"]), "showers")))


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/hostname", "weights.bin"])
def test_data_outside_the_graph_are_refused(toy_bundle, location, tmp_path):
    (tmp_path / "weights.bin").write_bytes(bytes(4 * 28))
    weight = TensorProto(name="weight", data_type=TensorProto.FLOAT, dims=[28])
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=location)
    model = _graph(helper.make_node("Add", ["noise", "weight"], ["cells"]), weight=weight)
    with pytest.raises(BadFile, match="cannot load it"):
        Bundle(toy_bundle(model=model))


def test_a_bundle_needs_no_pytorch(toy_bundle):
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "import numpy as np\n"
        "from caloforge.deployment.bundle import Bundle\n"
        "from caloforge.data.incident import Incident\n"
        f"cells = Bundle({str(toy_bundle())!r}).sample(Incident.alike(np.array([5e3])), seed=1)\n"
        "print(cells.shape)"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "(1, 28)"


def test_ranges_are_those_of_the_encoder():
    trained = Trained((-11, 11, 22), (1e3, 1e5), (0.0, 0.5), (-0.3, 0.3))
    assert (trained.tells_particle, trained.theta_varies, trained.phi_varies) == (True, True, True)
    assert trained.places(np.array([22, -11])).tolist() == [2, 0]
    inside = Incident(np.array([1e3, 1e5]), np.array([11, 22]), np.array([0.5, 0.0]), np.array([0.3, 3.0]))
    assert trained.outside(inside) == []
    turned = Incident(np.array([2e3]), np.array([11]), np.array([0.5]), np.array([3.0]))
    assert [error.args[0].split()[0] for error in trained.outside(turned)] == ["phi"]
