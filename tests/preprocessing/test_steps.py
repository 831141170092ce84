"""Lists of steps: there and back, and log|det| against autograd, on random and real showers and their extremes."""

import json
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from caloforge.data.opening import open_showers
from caloforge.data.showers import Showers
from caloforge.errors import BadField, BadFile, BadValue, UnknownName
from caloforge.geometry.binning import Binning
from caloforge.models import model_config
from caloforge.models.plugins import PLUGINS, source_of
from caloforge.preprocessing.cell_maps import CellMaps
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.preprocessing.quantile import Quantile
from caloforge.preprocessing.standard_steps import PowerStep, SpectrumStep
from caloforge.preprocessing.step import STEPS
from caloforge.preprocessing.steps import Preprocessing
from caloforge.preprocessing.transform import Composed
from caloforge.rng import torch_stream
from caloforge.training.folders import run_folder
from caloforge.training.run import load_run

CHAIN = ["ratio-chain", {"name": "log", "columns": "first"}, {"name": "logit", "columns": "others"}, "dequantise"]
ENERGIES = {
    "default": [*CHAIN, "standardise"],
    "absolute": [{"name": "ratio-chain", "unit": "1TeV"}, *CHAIN[1:], "standardise"],
    "quantile": [*CHAIN, "quantile"],
    "log": ["log", "dequantise", "standardise"],
    "all": [*CHAIN, "standardise", {"name": "quantile", "knots": 16}, "standardise"],
}
CELLS = {
    "shares": [],
    "spectrum": ["spectrum"],
    "power": ["power"],
    "both": [{"name": "power", "exponent": 0.7}, "spectrum"],
}


@pytest.fixture(scope="module")
def real() -> Showers:
    with open_showers("bundled") as file:
        return file[:300]


def extremes(showers: Showers) -> Showers:
    """Dark showers, dark layers, single hits, and cells far above all others."""
    energy, starts = showers.energy[:40].copy(), showers.binning.layer_starts
    energy[0:4] = 0
    energy[4:8, starts[1] :] = 0
    energy[8:12, : starts[-2]] = 0
    energy[12:20] = 0
    energy[np.arange(12, 20), np.arange(0, 8 * 3, 3)] = 7.0
    energy[20:24, 0] = 1e6
    energy[24:28] *= 1e-4
    return Showers.perpendicular(energy, showers.incident_energy[:40], showers.binning)


@pytest.mark.parametrize("cells", CELLS.values(), ids=CELLS)
@pytest.mark.parametrize("energies", ENERGIES.values(), ids=ENERGIES)
def test_showers_come_back(binning, showers, energies, cells):
    training = Showers.concatenate([showers[:600], extremes(showers)])
    pipeline = Pipeline(binning, Preprocessing(energies=energies, cells=cells)).double()
    pipeline.fit(training, torch_stream(1, "fit"))
    x, c, log_det = pipeline(training, torch_stream(2, "noise"))
    assert torch.isfinite(x).all()
    assert torch.isfinite(log_det).all()
    again = pipeline.cells(x, c).numpy()
    assert np.array_equal(again == 0, training.energy == 0)
    # features are float64 but for what the network sees of the incident energy
    np.testing.assert_allclose(again, training.energy, rtol=3e-5)


def test_real_showers_come_back(real):
    training = Showers.concatenate([real, extremes(real)])
    for energies, cells in ((ENERGIES["default"], ["spectrum"]), (ENERGIES["quantile"], ["power"])):
        pipeline = Pipeline(real.binning, Preprocessing(energies=energies, cells=cells)).double()
        pipeline.fit(training, torch_stream(1, "fit"))
        x, c, log_det = pipeline(training, torch_stream(2, "noise"))
        again = pipeline.cells(x, c).numpy()
        assert torch.isfinite(log_det).all()
        assert np.array_equal(again == 0, training.energy == 0)
        np.testing.assert_allclose(again, training.energy, rtol=3e-5)


@pytest.mark.parametrize("energies", ENERGIES.values(), ids=ENERGIES)
@settings(max_examples=15, deadline=None, derandomize=True)
@given(arrays(np.float64, 4, elements=st.floats(0.01, 1e6)), st.floats(1e2, 1e6))
def test_the_determinant_of_energies_is_that_of_autograd(energies, layers, incident):
    """To 1e-5, for steps that are fitted to showers of another kind; also without the layers that are empty."""
    steps = fitted(energies)
    point, scale = torch.tensor(layers), torch.tensor([incident], dtype=torch.float64)

    def features(x):
        return steps(x[None], scale, torch_stream(1, "noise"))[0][0]

    if not inside(steps, point[None], scale):
        return  # at the edge of a band features no longer follow energies
    expected = torch.linalg.slogdet(torch.autograd.functional.jacobian(features, point)).logabsdet
    _, log_det = steps(point[None], scale, torch_stream(1, "noise"))
    assert log_det.item() == pytest.approx(expected.item(), abs=1e-5, rel=1e-5)
    back = steps.inverse(features(point)[None], scale)[0]
    torch.testing.assert_close(back, point, rtol=1e-5, atol=0.0)


_FITTED: dict[str, Composed] = {}


def fitted(energies) -> Composed:
    key = json.dumps(energies)
    if key not in _FITTED:
        generator = torch_stream(3, "training")
        layers = (torch.randn(500, 4, generator=generator, dtype=torch.float64) * 2 + 5).exp()
        layers[:50, 3] = layers[50:80, 1] = layers[80:90, 0] = 0
        steps = Composed([step.build(4) for step in Preprocessing(energies=energies).energies]).double()
        steps.fit(layers, layers.sum(1) * 30, generator)
        _FITTED[key] = steps
    return _FITTED[key]


def inside(steps: Composed, x: torch.Tensor, incident: torch.Tensor) -> bool:
    """Whether no band's edge is met."""
    for step in steps.steps:
        y = step(x, incident, torch_stream(1, "noise"))[0]
        if type(step).__name__ == "Dequantise" and not torch.equal(x, y):
            return False
        x = y
    return True


def test_empty_layers_are_atoms_whatever_the_list():
    """The density of a band is that of its probability; nothing of an atom enters the other terms."""
    layers, incident = torch.tensor([[3.0, 2.0, 1.0, 0.0]], dtype=torch.float64), torch.tensor([100.0]).double()
    steps = fitted(ENERGIES["log"])
    lit = layers[:, :3].log()
    scale = steps.steps[-1].std.log().sum()
    _, log_det = steps(layers, incident, torch_stream(1, "noise"))
    assert log_det.item() == pytest.approx((-lit.sum() + np.log(2.0) - scale).item())


def test_a_mesh_of_one_layer(showers, binning):
    """Nothing but the response is left of the chain, and of `others`."""
    mesh = Binning(binning.layers[:1], "one")
    one = Showers.perpendicular(showers.energy[:200, : mesh.n_voxels], showers.incident_energy[:200], mesh)
    for energies in ENERGIES.values():
        pipeline = Pipeline(mesh, Preprocessing(energies=energies)).double()
        pipeline.fit(one, torch_stream(1, "fit"))
        x, c, _ = pipeline(one, torch_stream(2, "noise"))
        np.testing.assert_allclose(pipeline.cells(x, c).numpy(), one.energy, rtol=3e-5)


def test_quantiles_make_features_normal_and_are_linear_beyond():
    generator = torch_stream(1, "x")
    x = torch.rand(4000, 2, generator=generator, dtype=torch.float64) ** 3
    x[:, 1] = 5.0
    step = Quantile(2, knots=512).double()
    step.fit(x, x[:, 0])
    y, log_det = step(x, x[:, 0], generator)
    ordered = y[:, 0].sort().values
    expected = torch.special.ndtri((torch.arange(4000, dtype=torch.float64) + 0.5) / 4000)
    assert (ordered - expected)[100:-100].abs().max() < 0.02
    assert torch.equal(y[:, 1], torch.zeros(4000))  # what is constant is moved only
    assert torch.isfinite(log_det).all()
    far = torch.tensor([[-9.0, 5.0], [30.0, 6.0]], dtype=torch.float64)
    torch.testing.assert_close(step.inverse(step(far, far[:, 0], generator)[0], far[:, 0]), far)
    with pytest.raises(BadValue, match="put dequantise before it"):
        step.fit(torch.tensor([[0.0, -torch.inf]]), torch.ones(1))


def test_a_list_that_leaves_infinite_features_is_refused(binning, showers):
    dark = Showers.concatenate([showers[:100], extremes(showers)])
    with pytest.raises(BadValue, match="log and logit need dequantise after them"):
        Pipeline(binning, Preprocessing(energies=["log"])).fit(dark, torch_stream(1, "fit"))


@pytest.mark.parametrize(
    ("energies", "says"),
    [
        (["log", "log", "dequantise"], "'log'; it takes numbers of 0 or more"),
        (["standardise", "log", "dequantise"], "'log'; it takes numbers of 0 or more"),
        (["logit", "dequantise"], "'logit'; it takes shares from 0 to 1"),
    ],
)
def test_a_step_that_could_not_find_back_is_refused(binning, showers, energies, says):
    with pytest.raises(BadValue, match=says):
        Pipeline(binning, Preprocessing(energies=energies)).fit(showers[:50], torch_stream(1, "fit"))


@pytest.mark.parametrize("steps", [[PowerStep(exponent=0.3)], [PowerStep(exponent=3.0), SpectrumStep()]], ids=str)
def test_cells_sum_to_their_layer_whatever_a_network_says(binning, steps):
    generator = torch_stream(1, "shares")
    maps = CellMaps(binning, [step.build(binning) for step in steps])
    shares = torch.rand(200, binning.n_voxels, generator=generator) ** 8
    shares /= maps.layer_sum(shares)[:, maps.layer_of_voxel]
    layers = torch.randn(200, 3, generator=generator).mul(3).exp()
    cells = maps.cells(shares, layers)
    torch.testing.assert_close(maps.layer_sum(cells), layers, rtol=1e-5, atol=0.0)
    torch.testing.assert_close(maps(cells)[0], shares, rtol=2e-3, atol=1e-6)


def test_short_spellings_stand_for_lists():
    short = model_config({"name": "vae", "cells": "spectrum", "energy_features": "absolute"})
    long = model_config({"name": "vae", "preprocessing": {"energies": ENERGIES["absolute"], "cells": ["spectrum"]}})
    assert short == long
    assert model_config({"name": "vae"}).preprocessing == Preprocessing(energies=ENERGIES["default"])
    assert model_config(json.loads(short.model_dump_json())) == short


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"cells": "spectre"}, BadField, "give shares or spectrum"),
        ({"cells": "spectrum", "preprocessing": {}}, BadField, "give one of them"),
        ({"preprocessing": {"cells": ["spectrun"]}}, UnknownName, "did you mean spectrum"),
        ({"preprocessing": {"cells": ["log"]}}, UnknownName, "choose one of power, spectrum"),
        ({"preprocessing": {"energies": [{"name": "quantile", "knot": 9}]}}, UnknownName, "did you mean knots"),
        ({"preprocessing": {"energies": [{"name": "dequantise", "width": 0}]}}, BadField, r"energies\.0\.width is 0"),
        ({"preprocessing": {"energies": []}}, BadField, "at least 1 item"),
        ({"preprocessing": {"energies": [7]}}, BadField, "neither the name of a step nor its options"),
        ({"preprocessing": {"energies": [{"name": "ratio-chain", "unit": "3"}]}}, BadField, "number with a unit"),
    ],
)
def test_what_is_wrong_with_a_list_is_said_at_its_place(options, error, words):
    with pytest.raises(error, match=words) as caught:
        model_config({"name": "vae", **options})
    assert "\n" not in str(caught.value)


OWN = '''
from typing import Literal
from caloforge.preprocessing.cell_maps import CellMap
from caloforge.preprocessing.step import CellStep, register_step

@register_step
class RootStep(CellStep):
    """Square roots of the energies."""
    name: Literal["root"] = "root"
    def build(self, binning):
        return Root()

class Root(CellMap):
    def forward(self, log_energy):
        return 0.5 * log_energy, 0.5 + 0 * log_energy
    def inverse(self, log_weight, layer):
        return 2 * log_weight, 2 + 0 * log_weight
'''


def test_a_step_of_ones_own(binning, showers, tmp_path):
    (tmp_path / "root_step.py").write_text(OWN)
    try:
        assert PLUGINS.load(tmp_path / "root_step.py") == ("root",)
        model = model_config({"name": "vae", "preprocessing": {"cells": ["root"]}})
        source = source_of(model)
        pipelines = [Pipeline(binning, Preprocessing(cells=cells)) for cells in (["root"], ["power"])]
        for pipeline in pipelines:
            pipeline.fit(showers, torch_stream(1, "fit"))
        first, second = (pipeline(showers[:50], torch_stream(1, "noise"))[0] for pipeline in pipelines)
        torch.testing.assert_close(first, second)
    finally:
        STEPS.pop("root", None)
    assert (source["module"], source["file"]) == ("root_step", "root_step.py")
    assert source_of(model_config({"name": "vae"})) is None


def test_a_run_whose_step_is_missing_names_it_and_its_file(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run_folder("vae-siw-1080-latent"), folder)
    config, facts = folder / "config.yaml", folder / "provenance.json"
    config.write_text(config.read_text().replace("cells: spectrum", "preprocessing: {cells: [root]}"))
    facts.write_text(json.dumps(json.loads(facts.read_text()) | {"model_source": {"file": "root_step.py"}}))
    with pytest.raises(
        BadFile, match=r"unknown step at model\.preprocessing\.cells\.0: 'root'.*root_step\.py.*--models"
    ):
        load_run(folder)


def test_files_from_before_the_list_give_the_same_pipeline(showers, binning):
    """Names of tensors as they were; what was not kept then is what it always was."""
    pipeline = Pipeline(binning, Preprocessing(cells=["spectrum"]))
    pipeline.fit(Showers.concatenate([showers[:500], extremes(showers)]), torch_stream(1, "fit"))
    today = pipeline.state_dict()
    names = {"energies.3": "logit", "energies.4": "scale", "cell_maps.0": "spectrum"}
    before = {}
    for name, tensor in today.items():
        place, _, last = name.rpartition(".")
        if last not in ("upper", "highest"):
            before[f"{names.get(place, place)}.{last}"] = tensor
    again = Pipeline(binning, Preprocessing(cells=["spectrum"]))
    again.load_state_dict(before)
    x, c, _ = pipeline(showers[500:600], torch_stream(2, "noise"))
    assert torch.equal(again.cells(x, c), pipeline.cells(x, c))
    for wrong in (Preprocessing(), Preprocessing(energies=["log", "dequantise"], cells=["spectrum"])):
        with pytest.raises(RuntimeError):
            Pipeline(binning, wrong).load_state_dict(before)
