"""A bundle whose graph is written by hand: cells = energy * |noise| / 10, on the small mesh."""

from dataclasses import replace

import pytest
from onnx import TensorProto, helper

from caloforge.deployment.contract import Generic
from caloforge.deployment.manifest import MANIFEST, Manifest, sha256_of
from caloforge.preprocessing.trained import Trained

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
