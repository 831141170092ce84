"""Options for graphics cards, on the processor: bfloat16 keeps losses to its precision; Dynamo keeps them equal."""

import pytest
import torch
from torch import nn

from caloforge.models import Generator, model_config
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import torch_stream
from caloforge.training.batches import InMemory
from caloforge.training.loop import TrainingState, fit
from caloforge.training.options import TrainingConfig

VAE = {"name": "vae", "latent": 3, "width": 16, "depth": 1, "flow_transforms": 2, "flow_width": 16}
COMMON = {"steps": 6, "batch": 64, "log_every": 3, "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def pipeline(showers):
    pipeline = Pipeline(showers.binning)
    pipeline.fit(showers, torch_stream(1, "preprocessing"))
    return pipeline


def trained(pipeline, showers, options, **training):
    config = TrainingConfig(**COMMON, **training)
    x, c, _ = pipeline(showers, torch_stream(1, "preprocessing"))
    torch.manual_seed(1)
    model = model_config(options).build(pipeline)
    model.initialise(x, c)
    state = TrainingState.start(model, config)
    records = list(fit(state, InMemory(x, c), (x, c), config, 3))
    return state, [record["total"] for record in records if "total" in record]


def test_bfloat16_keeps_float32_weights_and_the_losses_to_its_precision(pipeline, showers):
    state, losses = trained(pipeline, showers, VAE, precision="bf16")
    assert {parameter.dtype for parameter in state.model.parameters()} == {torch.float32}
    _, exact = trained(pipeline, showers, VAE)
    assert losses != exact
    assert torch.allclose(torch.tensor(losses), torch.tensor(exact), atol=0.5)  # of some 30 nats a shower, 2^-8 each


class Line(Generator):
    """A line with noise, whose loss draws from the stream of the step."""

    explicit = False
    noise_shape = (1,)

    def __init__(self):
        super().__init__()
        self.line = nn.Linear(1, 1)

    def loss(self, x, c, progress, generator):
        noise = torch.randn(x.shape, generator=generator)
        return {"total": (self.line(c) + progress * noise - x).square().mean()}

    def sample(self, noise, c):
        return self.line(c) + noise


@pytest.mark.filterwarnings("ignore")
def test_compiled_losses_are_the_losses(monkeypatch):
    """Through Dynamo with its eager backend, which needs no compiler; numbers drawn in a loss stay the same."""
    compiled = []
    plain = torch.compile
    monkeypatch.setattr(torch, "compile", lambda loss: compiled.append(loss) or plain(loss, backend="eager"))
    x, c = torch.randn(2, 256, 1, generator=torch_stream(1, "test"))
    totals = []
    for compile_it in (False, True):
        config = TrainingConfig(**COMMON | {"log_every": 1}, compile=compile_it)
        torch.manual_seed(1)
        state = TrainingState.start(Line(), config)
        totals.append([record["total"] for record in fit(state, InMemory(x, c), (x, c), config, 3)])
    assert len(compiled) == 1
    assert totals[0] == totals[1]
