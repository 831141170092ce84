"""Bundles: what is computed, and what is refused."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from caloforge.data.incident import Incident
from caloforge.deployment.bundle import Bundle
from caloforge.deployment.manifest import MANIFEST, sha256_of
from caloforge.deployment.noise import block_normals
from caloforge.deployment.open_model import model_identity, open_shower_model
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
        (Incident.alike(np.array([5e3]), pdg=22), {"seed": 1}, BadValue, r"trained on e- \(PDG 11\)"),
        (Incident.alike(np.array([np.nan])), {"seed": 1}, BadValue, "positive MeV"),
        (Incident.alike(np.array([-5e3])), {"seed": 1, "extrapolate": True}, BadValue, "positive MeV"),
        (Incident.alike(np.array([5e3])), {}, BadValue, "give one of the two"),
        (Incident.alike(np.array([5e3])), {"seed": -1}, BadValue, "whole number that is not negative"),
        (Incident.alike(np.array([5e3])), {"seed": 1, "batch": 0}, BadValue, "at least one shower"),
        (Incident.alike(np.array([5e3])), {"noise": np.zeros((2, 3), np.float32)}, BadValue, "is needed"),
        (Incident.alike(np.array([5e3])), {"noise": np.full((1, 28), np.nan)}, BadValue, "finite numbers"),
        (Incident.alike(np.array([1e300])), {"seed": 1, "extrapolate": True}, BadValue, "finite numbers"),
    ],
    ids=["energy", "theta", "particle", "nan", "negative", "neither", "seed", "batch", "shape", "noise", "overflow"],
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
        ("noise", 0),
        ("noise", 29),
        ("block", 0),
        ("target", "par04"),
        ("target", "fastcalosim"),
    ],
    ids=[
        "schema",
        "negative",
        "text",
        "mesh",
        "inputs",
        "elsewhere",
        "empty",
        "null",
        "silent",
        "wider",
        "blockless",
        "par04",
        "fastcalosim",
    ],
)
def test_a_damaged_manifest_is_refused(toy_bundle, field, value):
    path = toy_bundle() / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(BadFile, match=str(path)):
        Bundle(path.parent)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("particles", []),
        ("particles", [0]),
        ("particles", [22, 11]),
        ("particles", [10**20]),
        ("energy", [1e5, 1e3]),
        ("energy", [0, 1e5]),
        ("energy", [1e3, float("nan")]),
        ("energy", [1e3, float("inf")]),
        ("theta", [0.0, 3.0]),
        ("theta", [0.0, 0.5]),
        ("phi", [0.0, float("nan")]),
        ("hidden", "no"),
    ],
    ids=str,
)
def test_a_damaged_training_is_refused(toy_bundle, field, value):
    path = toy_bundle() / MANIFEST
    facts = json.loads(path.read_text())
    facts["trained"][field] = value
    path.write_text(json.dumps(facts))
    with pytest.raises(BadFile, match=str(path)):
        Bundle(path.parent)


def test_a_mesh_of_other_cells_is_refused(toy_bundle):
    path = toy_bundle() / MANIFEST
    facts = json.loads(path.read_text())
    facts["mesh"] = facts["mesh"].replace('n_bin_alpha="', 'n_bin_alpha="1')
    path.write_text(json.dumps(facts))
    with pytest.raises(BadFile, match="target, mesh and training need"):
        Bundle(path.parent)


def test_a_training_that_is_no_provenance_is_refused(toy_bundle):
    folder = toy_bundle(training={"data": 3})
    for function in (open_shower_model, model_identity):
        with pytest.raises(BadFile, match=r"training\.data is not what it should be"):
            function(folder)


def test_a_bundle_without_a_graph_has_no_identity(toy_bundle):
    with pytest.raises(BadFile, match=r"it lists no model\.onnx"):
        model_identity(toy_bundle(files={}))


def _saved(array):
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04", _saved(np.array([0.5])), _saved(np.ones((2, 2), np.uint64)), _saved(np.array([-1]))],
    ids=["empty", "zip", "fractions", "table", "negative"],
)
def test_ids_that_are_none_are_refused(toy_bundle, content):
    folder = toy_bundle()
    (folder / "training_ids.npy").write_bytes(content)
    facts = json.loads((folder / MANIFEST).read_text())
    facts["files"]["training_ids.npy"] = sha256_of(content)
    (folder / MANIFEST).write_text(json.dumps(facts))
    with pytest.raises(BadFile, match=r"training_ids.npy: no "):
        Bundle(folder).training_ids()


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", "{", "\x00", "[" * 100_000],
    ids=["empty", "list", "none", "cut", "zero", "deep"],
)
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
    with pytest.raises(BadFile, match="operator Sum of elsewhere"):
        Bundle(toy_bundle(model=_graph(helper.make_node("Sum", ["noise"], ["cells"], domain="elsewhere"))))


def test_operators_of_one_runtime_are_refused(toy_bundle):
    model = _graph(helper.make_node("Gelu", ["noise"], ["cells"], domain="com.microsoft"))
    model.opset_import.add(domain="com.microsoft", version=1)
    with pytest.raises(BadFile, match=r"operator Gelu of com\.microsoft"):
        Bundle(toy_bundle(model=model))


def test_a_graph_that_draws_noise_is_refused(toy_bundle):
    with pytest.raises(BadFile, match="noise of its own"):
        Bundle(toy_bundle(model=_graph(helper.make_node("RandomNormalLike", ["noise"], ["cells"]))))


@pytest.mark.parametrize("content", [b"\x00" * 9, b"\xff" * 20, b"\x3a\x7f\x00"], ids=["zeros", "endless", "cut"])
def test_a_file_that_is_no_graph_is_refused(toy_bundle, content):
    folder = toy_bundle()
    (folder / "model.onnx").write_bytes(content)
    facts = json.loads((folder / MANIFEST).read_text())
    facts["files"]["model.onnx"] = sha256_of(content)
    (folder / MANIFEST).write_text(json.dumps(facts))
    with pytest.raises(BadFile, match=r"model.onnx"):
        Bundle(folder)


@pytest.mark.parametrize(
    "value", [np.zeros((5, 28)), np.full((1, 28), np.nan), np.full((1, 28), np.inf)], ids=["rows", "nan", "infinite"]
)
def test_what_is_no_shower_is_refused(toy_bundle, value):
    constant = numpy_helper.from_array(value.astype(np.float32))
    bundle = Bundle(toy_bundle(model=_graph(helper.make_node("Constant", [], ["cells"], value=constant))))
    with pytest.raises(BadFile, match="no finite energies for 1 showers"):
        bundle.sample(Incident.alike(np.array([5e3])), seed=1)


@pytest.mark.parametrize("threads", [0, -1, 10**12], ids=str)
def test_threads_are_a_small_whole_number(toy_bundle, threads):
    with pytest.raises(BadValue, match="threads"):
        Bundle(toy_bundle(), threads)


def test_another_graph_is_refused(toy_bundle):
    with pytest.raises(BadFile, match="its outputs are"):
        Bundle(toy_bundle(model=_graph(helper.make_node("Abs", ["noise"], ["showers"]), "showers")))


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/hostname", "weights.bin"])
def test_data_outside_the_graph_are_refused(toy_bundle, location, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # ONNX Runtime would read weights.bin from here
    (tmp_path / "weights.bin").write_bytes(bytes(4 * 28))
    weight = TensorProto(name="weight", data_type=TensorProto.FLOAT, dims=[28])
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=location)
    model = _graph(helper.make_node("Add", ["noise", "weight"], ["cells"]), weight=weight)
    with pytest.raises(BadFile, match="its weights lie outside the file"):
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
