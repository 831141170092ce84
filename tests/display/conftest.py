"""A page of the bundled showers beside a model that comes with caloforge, and a browser without any network."""

import shutil

import pytest
from onnx import TensorProto, helper

from caloforge.data.opening import open_showers
from caloforge.deployment.contract import Generic
from caloforge.deployment.manifest import MANIFEST, Manifest, sha256_of
from caloforge.display.compose import Choice, compose
from caloforge.display.fast_model import open_fast_model
from caloforge.preprocessing.trained import Trained

NAME = "vae-siw-1080-latent"
DRAWING = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]


@pytest.fixture(scope="session")
def fast():
    return open_fast_model(NAME).with_graph(5)


@pytest.fixture(scope="session")
def display(fast):
    with open_showers("bundled") as file:
        return compose("bundled beside a model", file, fast, Choice(n=5, judge=False))


@pytest.fixture(scope="session")
def inclined(binning, tmp_path_factory):
    """A bundle written by hand, of two particles and of angles: cells of |noise| E (1 + theta + phi) pdg / 100."""
    trained = Trained((11, 22), (1e3, 1e5), (0.0, 0.5), (0.0, 3.0))
    graph = helper.make_graph(
        [
            helper.make_node("Add", ["theta", "phi"], ["angles"]),
            helper.make_node("Add", ["angles", "one"], ["tilt"]),
            helper.make_node("Cast", ["pdg"], ["kind"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["tilt", "kind"], ["factor"]),
            helper.make_node("Mul", ["factor", "energy"], ["scale"]),
            helper.make_node("Div", ["scale", "hundred"], ["row"]),
            helper.make_node("Unsqueeze", ["row", "last"], ["column"]),
            helper.make_node("Abs", ["noise"], ["size"]),
            helper.make_node("Mul", ["size", "column"], ["cells"]),
        ],
        "inclined",
        [
            helper.make_tensor_value_info("noise", TensorProto.FLOAT, ["n", binning.n_voxels]),
            helper.make_tensor_value_info("energy", TensorProto.FLOAT, ["n"]),
            helper.make_tensor_value_info("pdg", TensorProto.INT64, ["n"]),
            *(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("theta", "phi")),
        ],
        [helper.make_tensor_value_info("cells", TensorProto.FLOAT, ["n", binning.n_voxels])],
        [
            helper.make_tensor("one", TensorProto.FLOAT, [], [1.0]),
            helper.make_tensor("hundred", TensorProto.FLOAT, [], [100.0]),
            helper.make_tensor("last", TensorProto.INT64, [1], [1]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    folder = tmp_path_factory.mktemp("inclined")
    content = model.SerializeToString()
    (folder / "model.onnx").write_bytes(content)
    manifest = Manifest(
        target="generic",
        model="inclined",
        files={"model.onnx": sha256_of(content)},
        inputs=Generic.inputs(binning.n_voxels, trained),
        outputs=(Generic.output(binning),),
        noise=binning.n_voxels,
        block=1000,
        trained=trained,
        mesh=binning,
        options={"latents": ["z0", "z1"]},
    )
    (folder / MANIFEST).write_text(manifest.to_json())
    return open_fast_model(str(folder)).with_graph(3)


@pytest.fixture(scope="session")
def browser():
    """Chromium as it is installed; nothing is downloaded."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no browser to test in")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("no Chromium on this machine: the event display is not tested in a browser")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=DRAWING)
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser):
    """Open an address in a new tab, without network unless told; at the end the console must be empty."""
    faults, contexts = [], []

    def opened(address, **options):
        context = browser.new_context(**{"offline": True} | options)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
        tab.on("pageerror", lambda error: faults.append(str(error)))
        tab.goto(address)
        tab.wait_for_selector("html[data-ready=yes]")
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert faults == []
