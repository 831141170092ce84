"""Laws in a training: whose parameters they move, what they do to a model, and what bad laws leave behind."""

import json
import signal

import numpy as np
import pytest
import torch

from caloforge.errors import BadValue
from caloforge.models import model_config
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import torch_stream
from caloforge.training.draws import binned, owner, showers_of
from caloforge.training.laws import LAWS
from caloforge.training.options import TrainingConfig
from caloforge.training.penalties import PenaltyConfig, PhysicsPenalty
from caloforge.training.run import load_run
from caloforge.training.train import TrainingInterrupted, train_run

SMALL = {"latent": 3, "width": 16, "depth": 1, "flow_transforms": 2, "flow_width": 16}
CRITIC = {"critic_width": 16, "critic_depth": 1, "critic_turns": 1}
ALL = dict.fromkeys(LAWS)
FAMILIES = {
    "vae": {"name": "vae", **SMALL},
    "wgan": {"name": "wgan", **SMALL, **CRITIC},
    "gan": {"name": "gan", "energies": "adversarial", **SMALL, **CRITIC},
}
OWNERS = {"vae": ("model", "model"), "wgan": ("energies", "generator"), "gan": ("generator", "generator")}


@pytest.fixture(scope="module")
def penalties(showers):
    return PhysicsPenalty.of(PenaltyConfig(laws=ALL, points=3, showers=16), showers)


@pytest.fixture(scope="module")
def fitted(binning, showers):
    pipeline = Pipeline(binning)
    pipeline.fit(showers, torch_stream(1, "preprocessing"))
    return pipeline, *pipeline(showers, torch_stream(1, "preprocessing"))[:2]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_gradient_reaches_the_energy_stage_alone(family, fitted, penalties):
    pipeline, x, c = fitted
    model = model_config(FAMILIES[family]).build(pipeline)
    model.initialise(x, c)
    assert (owner(model, "energies"), owner(model, "shape")) == OWNERS[family]
    penalty, _ = penalties["energies"](showers_of(model, "energies", c, torch_stream(1, "draw")))
    penalty.backward()
    moved = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert moved == {"energies"}
    assert all(torch.isfinite(p.grad).all() for p in model.energies.parameters())


@pytest.mark.parametrize("family", FAMILIES)
def test_laws_of_cells_see_the_whole_shower(family, fitted, penalties):
    pipeline, x, c = fitted
    model = model_config(FAMILIES[family]).build(pipeline)
    model.initialise(x, c)
    draw = showers_of(model, "shape", c, torch_stream(1, "draw"))
    made = draw(torch.tensor([1e3, 1e4]), 8)
    assert made.cells.shape == (2, 8, 28)
    assert torch.allclose(made.cells.sum(2), made.total, rtol=1e-4)
    penalty, said = penalties["shape"](draw)
    assert set(said) == {f"violation_{name}" for name in LAWS if LAWS[name].needs_cells}
    penalty.backward()
    moved = [p.grad for p in model.shape.parameters() if p.grad is not None]
    assert moved
    assert all(torch.isfinite(gradient).all() for gradient in moved)


def test_showers_are_drawn_at_their_energies(fitted):
    """Independent at each energy, unbiased, and with less scatter of the mean than random normals have."""
    pipeline, x, c = fitted
    model = model_config(FAMILIES["vae"]).build(pipeline)
    model.initialise(x, c)
    energy = torch.tensor([1e4, 1e4])
    with torch.no_grad():
        means = torch.stack(
            [
                showers_of(model, "energies", c, torch_stream(i, "draw"))(energy, 32).total.log().mean(1)
                for i in range(100)
            ]
        )
        at = pipeline.condition.at_energies(c[:1].expand(20_000, -1), torch.full((20_000,), 1e4))
        layers = model.sample_layers(torch.randn(20_000, 3, generator=torch_stream(9, "draw")), at)
    right = layers.sum(1).log()
    assert float(means.mean()) == pytest.approx(float(right.mean()), abs=4 * float(right.std()) / 20_000**0.5)
    assert float(means.std()) < 0.5 * float(right.std()) / 32**0.5
    assert abs(float(torch.corrcoef(means.T)[0, 1])) < 0.6


def train(showers, folder, family, **options):
    penalties = PenaltyConfig(laws=ALL, points=2, showers=8, start=0.25, every=1)
    training = TrainingConfig(steps=6, batch=16, log_every=3, checkpoint_every=100, penalties=penalties)
    train_run(showers, model_config(FAMILIES[family]), training, 5, folder, f"model: {FAMILIES[family]}", {}, **options)


@pytest.mark.parametrize("family", ["vae", "wgan"])
def test_resume_is_bit_exact_with_laws(family, showers, tmp_path):
    """The multipliers go on where they were."""

    def stop(record):
        if record["step"] == 4:
            signal.raise_signal(signal.SIGTERM)

    train(showers, tmp_path / "whole", family)
    with pytest.raises(TrainingInterrupted):
        train(showers, tmp_path / "stopped", family, report=stop)
    state = torch.load(tmp_path / "stopped" / "state.pt", weights_only=True)
    assert all(state["penalties"][stage]["multipliers"].abs().max() > 0 for stage in ("energies", "shape"))
    train(showers, tmp_path / "stopped", family, resume=True)
    whole, resumed = (load_run(tmp_path / name).model.state_dict() for name in ("whole", "stopped"))
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    log = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert {"penalty", "penalty_cells", *(f"violation_{name}" for name in LAWS)} <= set(log[-1])


def test_laws_change_a_training_and_no_laws_do_not(showers, tmp_path):
    """The same seed without laws takes the steps that it took before there were laws."""
    options = {"steps": 4, "batch": 16, "log_every": 4}
    for name, penalties in (("none", PenaltyConfig()), ("late", PenaltyConfig(laws=ALL, start=0.99))):
        training = TrainingConfig(penalties=penalties, **options)
        train_run(showers, model_config(FAMILIES["vae"]), training, 5, tmp_path / name, f"model: {FAMILIES['vae']}", {})
    first, second = (load_run(tmp_path / name).model.state_dict() for name in ("none", "late"))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_bad_law_leaves_nothing_behind(showers, tmp_path):
    training = TrainingConfig(steps=4, penalties=PenaltyConfig(laws={"linear_response": (0.0,)}))
    with pytest.raises(BadValue, match=r"penalties\.laws\.linear_response .*not finite at 1GeV"):
        train_run(showers, model_config(FAMILIES["vae"]), training, 5, tmp_path / "run", "model:\n", {})
    assert list(tmp_path.iterdir()) == []


def test_a_law_against_the_showers_is_said(showers, tmp_path):
    said = []
    training = TrainingConfig(steps=1, batch=16, penalties=PenaltyConfig(laws={"linear_response": (0.06,)}))
    train_run(showers, model_config(FAMILIES["vae"]), training, 5, tmp_path / "run", "model:\n", {}, warn=said.append)
    assert "violate the law linear_response" in said[0]


@pytest.mark.parametrize("varies", ["particle", "angles"])
def test_other_conditions_come_from_the_training_showers(showers, varies, penalties):
    """Half of the showers of another particle, or inclined: laws are asked of the mixture that training shows."""
    from caloforge.data.showers import Showers

    n, odd = len(showers), np.arange(len(showers)) % 2 == 1
    theta = np.where(odd & (varies == "angles"), 0.5, 0.0)
    pdg = np.where(odd & (varies == "particle"), 22, 11).astype(np.int32)
    mixed = Showers(showers.energy, showers.incident_energy, pdg, theta, np.zeros(n), showers.binning)
    config = model_config(FAMILIES["vae"])
    pipeline = config.pipeline(showers.binning)
    pipeline.fit(mixed, torch_stream(1, "preprocessing"))
    x, c, _ = pipeline(mixed, torch_stream(1, "preprocessing"))
    model = config.build(pipeline)
    model.initialise(x, c)
    penalty, _ = penalties["energies"](showers_of(model, "energies", c, torch_stream(1, "draw")))
    penalty.backward()
    assert bool(torch.isfinite(penalty))
    if varies == "particle":
        assert model.embedding.vectors.weight.grad.abs().min() > 0  # of both particles
    assert binned(mixed).layers.shape[0] == 8
