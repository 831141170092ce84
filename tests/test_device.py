"""Models on any device: nothing is left behind when a model moves, and noise does not depend on where it is used.

PyTorch's device ``meta`` has shapes and no numbers; a tensor that stays on the CPU meets them with an error.
"""

import numpy as np
import pytest
import torch
import torch.fx.experimental._config as fx_config
from torch import nn

from caloforge.device import choose_device
from caloforge.errors import BadValue
from caloforge.generation.sampler import sample_showers
from caloforge.models import Generator, model_config
from caloforge.models.keep_probability import KeepProbability, shower_terms
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.preprocessing.symmetry import AxialSymmetry
from caloforge.rng import torch_stream
from caloforge.training.batches import InMemory
from caloforge.training.draws import binned
from caloforge.training.loop import TrainingState, fit
from caloforge.training.options import TrainingConfig
from caloforge.training.penalties import PenaltyConfig, PhysicsPenalty

SMALL = {"latent": 3, "width": 8, "depth": 1, "flow_transforms": 2, "flow_width": 8}
CRITIC = {"critic_width": 8, "critic_depth": 1}
FAMILIES = {
    "vae": {"name": "vae"},
    "vae, neighbours": {"name": "vae", "latent": 0, "decoder_context": "neighbours", "channels": 8},
    "vae, every option": {"name": "vae", "prior": "flow", "decoder_context": "layers", "tails": "linear"},
    "vae, spectrum": {"name": "vae", "cells": "spectrum", "decoder": "lognormal", "conditioning": "concat"},
    "vae, blur": {"name": "vae", "decoder": "mse"},
    "gan": {"name": "gan", "energies": "adversarial", "minibatch_std": True, "packing": 2, **CRITIC},
    "flow": {"name": "flow", "tails": "linear"},
    "wgan": {"name": "wgan", "tails": "linear", "spectral_norm": True, **CRITIC},
}
META = torch.device("meta")


@pytest.fixture(params=FAMILIES)
def trained(request, showers):
    """An initialised model and its data."""
    options = SMALL | FAMILIES[request.param]
    if options["name"] == "flow":
        del options["latent"]
    config, generator = model_config(options), torch_stream(1, "test")
    pipeline = config.pipeline(showers.binning)
    pipeline.fit(showers, generator)
    x, c, _ = pipeline(showers, generator)
    torch.manual_seed(0)
    model = config.build(pipeline)
    model.initialise(x, c)
    return model, x, c


def tensors_outside(module: nn.Module) -> list[str]:
    """Tensors that a module holds as plain attributes, which would not move with it."""
    return [
        f"{place}.{name}"
        for place, part in module.named_modules()
        for name, value in vars(part).items()
        if isinstance(value, torch.Tensor)
    ]


def test_nothing_is_left_behind(trained):
    model, x, c = trained
    assert tensors_outside(model) == []
    model = model.to(META)
    tensors = dict(model.named_parameters()) | dict(model.named_buffers())
    assert {tensor.device for tensor in tensors.values()} == {META}
    assert "pipeline.layer_of_voxel" in tensors
    c = c[:7].to(META)
    noise = model.latent(7, torch_stream(1, "noise"))
    assert noise.device.type == "cpu"
    sample = model.sample(noise.to(META), c)
    assert sample.device == META
    assert sample.shape == (7, x.shape[1])


def test_losses_are_computed_where_the_model_is(trained):
    """Of hits nothing is known without numbers: all cells are taken for hit."""
    with fx_config.patch("meta_nonzero_assume_all_nonzero", True):
        _losses_are_computed_where_the_model_is(*trained)


def _losses_are_computed_where_the_model_is(model, x, c):
    model = model.to(META)
    for player in model.players():
        losses = player.loss(x[:64].to(META), c[:64].to(META), 0.5, torch_stream(1, "loss"))
        assert losses["total"].device == META
    if model.explicit:
        assert model.log_prob(x[:8].to(META), c[:8].to(META), torch_stream(1, "bound"), 2).value.device == META


def test_preprocessing_moves(showers):
    pipeline = Pipeline(showers.binning)
    pipeline.fit(showers, torch_stream(1, "test"))
    symmetry = AxialSymmetry.of(showers, pipeline)
    x, c, _ = (tensor.to(META) for tensor in pipeline(showers, torch_stream(1, "test")))
    pipeline = pipeline.to(META)
    assert tensors_outside(pipeline) == []
    assert pipeline.device == META
    assert pipeline.cells(x, c).device == META
    image, conditions = symmetry.apply(x, c, torch_stream(1, "images"))
    assert (image.device, conditions.device) == (META, META)
    keep = KeepProbability(4, 2).to(META)
    assert keep(shower_terms(x, c, pipeline).tensor).device == META


def test_laws_move(showers):
    config = PenaltyConfig(laws={"linear_response": None, "depth": None}, energies=("2GeV", "50GeV"))
    penalty = PhysicsPenalty(config, binned(showers))
    assert tensors_outside(penalty) == []
    assert {buffer.device for buffer in penalty.to(META).buffers()} == {META}


def test_names_of_devices():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(BadValue, match="give one of auto, cpu, cuda"):
        choose_device("gpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
@pytest.mark.parametrize(
    "words", [("generate", "vae-siw-1080", "--energy", "5GeV", "-o", "x.h5"), ("train", "vae-siw-1080", "-o", "run")]
)
def test_a_card_that_is_not_there(call, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    code, _, err = call(*words, "--device", "cuda")
    assert code == 1, err
    assert "device is 'cuda'; PyTorch finds no card" in err
    assert not list(tmp_path.iterdir())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no card")
def test_a_card_draws_the_same_showers(showers):
    """The same noise, so the same showers up to rounding, which may move a cell over the threshold of a hit."""
    config = model_config(SMALL | FAMILIES["vae, spectrum"])
    pipeline = config.pipeline(showers.binning)
    pipeline.fit(showers, torch_stream(1, "test"))
    torch.manual_seed(0)
    model = config.build(pipeline)
    model.initialise(*pipeline(showers, torch_stream(1, "test"))[:2])
    energy = np.full(1500, 2e4, np.float32)
    first = sample_showers(model, pipeline, energy, 1).energy
    second = sample_showers(model.to("cuda"), pipeline, energy, 1).energy
    assert np.isclose(first, second, rtol=1e-3, atol=1e-4).mean() > 0.999


class Normalised(Generator):
    """A line after a batch norm, whose statistics are buffers that training learns."""

    explicit = False
    noise_shape = (1,)

    def __init__(self):
        super().__init__()
        self.norm, self.line = nn.BatchNorm1d(1, affine=False), nn.Linear(1, 1)

    def loss(self, x, c, progress, generator):
        return {"total": (self.line(self.norm(x)) - c).square().mean()}

    def sample(self, noise, c):
        return self.line(self.norm(noise))


def test_averaged_weights_have_averaged_statistics():
    """Means of a batch norm are averaged as weights are, so that they belong together; counters follow."""
    generator = torch_stream(1, "test")
    data = 3 + torch.randn(256, 1, generator=generator), torch.randn(256, 1, generator=generator)
    state = TrainingState.start(Normalised(), TrainingConfig(steps=4, batch=64, ema=0.9))
    expected = state.model.norm.running_mean.clone()
    for step, _ in enumerate(
        fit(state, InMemory(*data), data, TrainingConfig(steps=4, batch=64, ema=0.9, log_every=2), 1)
    ):
        expected = torch.lerp(expected, state.model.norm.running_mean, 1 - min(0.9, (1 + step) / (10 + step)))
    averaged = state.average.norm
    assert torch.allclose(averaged.running_mean, expected)
    assert not torch.allclose(averaged.running_mean, state.model.norm.running_mean)
    assert int(averaged.num_batches_tracked) == int(state.model.norm.num_batches_tracked) == 4
