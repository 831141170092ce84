"""Alarms while training."""

import json

import pytest
import torch

from caloforge.models import model_config
from caloforge.models.base import Generator
from caloforge.rng import torch_stream
from caloforge.training.alarms import Alarms, smallest_variance_ratio
from caloforge.training.loop import TrainingConfig
from caloforge.training.train import TrainingAlarm, train_run

HEALTHY = {"beta": 1.0, "kl": 5.0, "validation_jensen_shannon": 0.3, "variance_ratio": 0.95}


def raised(bad, first=1, last=10):
    """Alarms of a training of ten records, of which some are bad."""
    alarms = Alarms(100, 1.0)
    found = []
    for i in range(1, 11):
        record = {**HEALTHY, "step": 10.0 * i, **(bad if first <= i <= last else {})}
        found += alarms.check(record)
    return found


def test_a_healthy_training_stays_quiet():
    assert raised({}) == []


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"kl": 0.1}, "posterior collapse"),
        ({"validation_jensen_shannon": 0.69}, "discriminator saturation"),
        ({"variance_ratio": 0.2}, "lost variance"),
    ],
)
def test_each_alarm_is_raised_once_and_not_by_one_bad_record(bad, says):
    (text,) = raised(bad, first=5)
    assert says in text
    assert raised(bad, first=7, last=8) == []


def test_a_rate_of_zero_before_the_end_of_warm_up_is_no_collapse():
    assert raised({"kl": 0.0, "beta": 0.3}) == []


def test_cycles_of_beta_do_not_hide_a_collapse():
    alarms = Alarms(100, 1.0)
    found = [alarms.check({"step": 10.0 * i, "kl": 0.0, "beta": float(i % 2)}) for i in range(1, 8)]
    assert [len(texts) for texts in found] == [0, 0, 0, 0, 1, 0, 0]


class Imitation(Generator):
    """Samples with a spread of ``scale``."""

    explicit = False
    noise_shape = (4,)

    def __init__(self, scale):
        super().__init__()
        self.scale = scale

    def loss(self, x, c, progress, generator):
        return {"total": x.mean()}

    def sample(self, noise, c):
        u = c + self.scale * noise[:, :2]
        shares = torch.softmax(self.scale * noise[:, 2:], 1)
        return torch.cat([u, shares], 1)


def test_the_variance_ratio_is_that_of_the_samples():
    generator = torch_stream(1, "ratio")
    c = torch.randn(512, 1, generator=generator)
    x = Imitation(1.0).sample(torch.randn(512, 4, generator=generator), c)
    assert smallest_variance_ratio(Imitation(1.0), x, c, 2, generator) == pytest.approx(1, abs=0.35)
    assert smallest_variance_ratio(Imitation(0.5), x, c, 2, generator) < 0.35


def collapsing(showers, folder, warn=lambda text: None, **training):
    model = {"name": "vae", "latent": 2, "width": 8, "depth": 1, "flow_transforms": 2, "flow_width": 8}
    model |= {"beta": 1000.0, "beta_schedule": "fixed", "free_bits": 0.0}
    options = TrainingConfig(steps=120, batch=64, log_every=5, **training)
    train_run(showers, model_config(model), options, 1, folder, "model:\n", {}, warn=warn)


def test_a_collapsing_vae_alarms_in_the_log_and_stops_if_asked(showers, tmp_path):
    heard = []
    with pytest.raises(TrainingAlarm, match="posterior collapse"):
        collapsing(showers, tmp_path / "run", heard.append, stop_on_alarm=True)
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert heard == log[-1]["alarms"]
    assert log[-1]["step"] < 120
    assert all("variance_ratio" in record for record in log)
