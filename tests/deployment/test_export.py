"""Exported graphs compute what the models do, and what cannot be exported is refused."""

import json
from dataclasses import replace

import numpy as np
import onnx
import onnx.reference
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from caloforge.data.incident import Incident
from caloforge.deployment.bundle import Bundle
from caloforge.deployment.export import ExportOptions, export_run
from caloforge.deployment.folding import merge_linear_maps, with_short_names
from caloforge.deployment.manifest import Manifest, Tensor
from caloforge.deployment.onnx_graph import NotExportable, require_plain_operators, to_onnx
from caloforge.deployment.parity import LIMITS, NotEqual, require_parity
from caloforge.deployment.session import GRAPH, open_session
from caloforge.errors import BadValue, UnknownName, UnwritablePath
from caloforge.generation.sampler import sample_showers
from caloforge.models.keep_probability import KeepProbability


def _particles(bundle, n, seed=0):
    rng, trained = np.random.default_rng(seed), bundle.trained
    energy = np.exp(rng.uniform(*np.log(trained.energy), n)).astype(np.float32)
    pdg = rng.choice(np.array(trained.particles, np.int32), n)
    return Incident(energy.astype(float), pdg, rng.uniform(*trained.theta, n), rng.uniform(*trained.phi, n))


def test_a_seed_gives_the_showers_of_the_sampler(run, exported):
    """Over two blocks; a single hit may lie within the rounding of float32 of its threshold."""
    bundle = Bundle(exported)
    incident = _particles(bundle, 1200)
    truth = sample_showers(run.model, run.pipeline, incident, 5).energy
    cells = bundle.sample(incident, seed=5, extrapolate=True)
    assert ((cells > 0) != (truth > 0)).sum() <= 1
    both = (cells > 0) & (truth > 0)
    assert np.quantile(np.abs(cells / np.where(both, truth, 1) - 1)[both], 0.99) < 1e-4
    totals = cells.sum(1, dtype=float), truth.sum(1, dtype=float)
    np.testing.assert_allclose(*totals, rtol=1e-4, atol=1e-6)


def test_what_was_compared_is_kept_in_the_bundle(exported):
    figures = Bundle(exported).manifest.parity
    assert (figures["showers"], ExportOptions().showers) == (300, 2000)
    assert figures["median"] <= LIMITS["median"]
    assert figures["layer_sum"] <= LIMITS["layer_sum"]


def test_a_shower_does_not_depend_on_its_batch_or_on_threads(exported):
    bundle = Bundle(exported)
    incident = _particles(bundle, 40)
    whole = bundle.sample(incident, seed=2, extrapolate=True)
    for cells in (
        bundle.sample(incident, seed=2, extrapolate=True, batch=1),
        Bundle(exported, threads=2).sample(incident, seed=2, extrapolate=True),
    ):
        np.testing.assert_allclose(cells, whole, rtol=1e-3, atol=1e-6)
        np.testing.assert_array_equal(cells > 0, whole > 0)


def test_the_graph_says_what_it_is(exported):
    model = onnx.load(exported / "model.onnx")
    told = json.loads({item.key: item.value for item in model.metadata_props}["caloforge"])
    assert (told["model"], told["mesh"]) == ("toy", Bundle(exported).binning.to_xml())
    assert (model.ir_version, [(item.domain, item.version) for item in model.opset_import]) == (8, [("", 16)])
    assert [value.name for value in model.graph.input] == [tensor["name"] for tensor in told["inputs"]]
    names = [node.name for node in model.graph.node]
    assert all(names)
    assert len(set(names)) == len(names)  # ONNX Runtime 1.18 and 1.20 refuse fused nodes without names


def test_training_ids_go_along(run, exported):
    np.testing.assert_array_equal(Bundle(exported).training_ids(), run.training_ids.all)


def test_a_particle_that_the_graph_does_not_know_is_no_number(exported):
    """Whoever asks the graph itself gets NaN, not showers of another particle."""
    bundle = Bundle(exported)
    if not bundle.trained.tells_particle:
        pytest.skip("the model knows one particle")
    incident = replace(_particles(bundle, 3), pdg=np.array([11, 13, 22]))
    noise = np.random.default_rng(1).standard_normal((3, bundle.manifest.noise), np.float32)
    session = open_session(exported, (exported / GRAPH).read_bytes(), bundle.manifest)
    (cells,) = session.run(None, bundle.contract.feed(noise, incident))
    assert np.isnan(cells).any(1).tolist() == [False, True, False]


def test_models_that_keep_by_chance_are_refused(run, tmp_path):
    run.model.keep_probability = KeepProbability(4, 2)
    try:
        with pytest.raises(BadValue, match="kept by chance, one by one, which no graph can do"):
            export_run(run, "toy", tmp_path / "bundle")
    finally:
        run.model.keep_probability = None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (ExportOptions(target="par05"), UnknownName, "choose one of"),
        (ExportOptions(opset=9), BadValue, "opset is 9; give 16 to 20"),
        (ExportOptions(ir=3), BadValue, "ir is 3; opset 16 needs 8 at least"),
    ],
    ids=["target", "opset", "ir"],
)
def test_options_that_are_none_are_refused(run, tmp_path, options, error, words):
    with pytest.raises(error, match=words):
        export_run(run, "toy", tmp_path / "bundle", options)
    assert not list(tmp_path.iterdir())


def test_nothing_is_replaced_unasked(run, exported, tmp_path):
    with pytest.raises(UnwritablePath, match="the bundle exists"):
        export_run(run, "toy", exported)
    (exported / "README.md").write_text("a card")
    with pytest.raises(UnwritablePath, match=r"README\.md, which would be lost"):
        export_run(run, "toy", exported, ExportOptions(overwrite=True))
    (exported / "README.md").unlink()
    (tmp_path / "notes.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(UnwritablePath, match="something else than a bundle"):
            export_run(run, "toy", tmp_path, ExportOptions(overwrite=overwrite))
    with pytest.raises(UnwritablePath, match="a file, not a folder"):
        export_run(run, "toy", tmp_path / "notes.txt")


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", [1.0, float("nan")])
def test_a_graph_that_computes_something_else_is_refused(name, value):
    good = dict.fromkeys(LIMITS, 0.0) | {"pytorch": {}}
    require_parity(good)
    with pytest.raises(NotEqual, match=name):
        require_parity(good | {name: 10 * value})


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("ScatterND", {"reduction": "add"}, "ONNX Runtime loses terms"),
        ("If", {}, "a branch or loop"),
        ("Own", {"domain": "elsewhere"}, "operator Own of elsewhere"),
    ],
    ids=["sum", "branch", "foreign"],
)
def test_operators_that_others_lack_or_compute_wrongly_are_refused(kind, options, words):
    graph = helper.make_graph([helper.make_node(kind, ["x"], ["y"], **options)], "g", [], [])
    with pytest.raises(NotExportable, match=words):
        require_plain_operators(helper.make_model(graph))


def test_an_operation_without_a_graph_is_refused():
    class Own(torch.nn.Module):
        def forward(self, x):
            return torch.special.bessel_j0(x)

    names = Tensor("x", 4, "float32", ""), Tensor("y", 4, "float32", "")
    with pytest.raises(NotExportable, match="cannot become a graph of opset 16"):
        to_onnx(Own(), [torch.ones(3, 4)], names[:1], names[1], 16)


def _value(name, width):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])


@pytest.mark.parametrize("joined", [True, False], ids=["beside other columns", "alone"])
def test_linear_maps_in_a_row_become_one(joined):
    rng = np.random.default_rng(0)
    sizes = {"w": (3, 2), "b": (3,), "v": (4, 5 if joined else 3), "d": (4,)}
    values = {name: rng.normal(size=size).astype(np.float32) for name, size in sizes.items()}
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["h"], transB=1)]
    if joined:
        nodes.append(helper.make_node("Concat", ["h", "u"], ["c"], axis=1))
    nodes.append(helper.make_node("Gemm", ["c" if joined else "h", "v", "d"], ["y"], transB=1))
    inputs = [_value("x", 2), _value("u", 2)] if joined else [_value("x", 2)]
    tensors = [numpy_helper.from_array(value, name) for name, value in values.items()]
    graph = helper.make_graph(nodes, "g", inputs, [_value("y", 4)], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    x, u = rng.normal(size=(6, 2)), rng.normal(size=(6, 2))
    inner = x @ values["w"].T + values["b"]
    truth = (np.concatenate([inner, u], 1) if joined else inner) @ values["v"].T + values["d"]
    merge_linear_maps(model.graph)
    model = with_short_names(model)
    assert [node.op_type for node in model.graph.node].count("Gemm") == 1
    assert len(model.graph.initializer) == 2
    feed = {"x": x.astype(np.float32), **({"u": u.astype(np.float32)} if joined else {})}
    (answer,) = onnx.reference.ReferenceEvaluator(model).run(None, feed)
    np.testing.assert_allclose(answer, truth, rtol=1e-5, atol=1e-5)


def test_the_command_line_says_how_equal_it_is(call, monkeypatch, exported):
    """The export itself is tested above."""
    monkeypatch.setattr("caloforge.training.run.load_run", lambda name: name)
    monkeypatch.setattr(
        "caloforge.deployment.export.export_run", lambda run, name, output, options: Manifest.read(output)
    )
    code, out, err = call("export", "toy", "-o", exported, "--json")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert facts["bytes"] == sum(path.stat().st_size for path in exported.iterdir())
    assert facts["parity"] == Manifest.read(exported).parity
    assert "300 showers against float64" in call("export", "toy", "-o", exported)[1]
