"""Alarms while training."""

import json

import numpy as np
import pytest

from caloforge.models import model_config
from caloforge.models.base import Generator
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import torch_stream
from caloforge.training.alarms import Alarms, narrowest
from caloforge.training.options import TrainingConfig
from caloforge.training.train import TrainingAlarm, train_run

HEALTHY = {"beta": 1.0, "information": 3.0, "validation_jensen_shannon": 0.3, "variance_ratio": 0.95}


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
        ({"information": 0.1}, "posterior collapse"),
        ({"validation_jensen_shannon": 0.69}, "discriminator saturation"),
        ({"variance_ratio": 0.2}, "lost variance"),
    ],
)
def test_each_alarm_is_raised_once_and_not_by_one_bad_record(bad, says):
    (text,) = raised(bad, first=5)
    assert says in text
    assert raised(bad, first=7, last=8) == []


def test_no_information_before_the_end_of_warm_up_is_no_collapse():
    assert raised({"information": 0.0, "beta": 0.3}) == []


def test_cycles_of_beta_do_not_hide_a_collapse():
    alarms = Alarms(100, 1.0)
    found = [alarms.check({"step": 10.0 * i, "information": 0.0, "beta": float(i % 2)}) for i in range(1, 8)]
    assert [len(texts) for texts in found] == [0, 0, 0, 0, 1, 0, 0]


class Imitation(Generator):
    """Draws features of the showers that it holds: of others at the same conditions, or always of one."""

    explicit = False
    noise_shape = (1,)

    def __init__(self, x, fixed=False):
        super().__init__()
        self.x, self.fixed = x, fixed

    def loss(self, x, c, progress, generator):
        return {"total": x.mean()}

    def sample(self, noise, c):
        return self.x[:1].expand(len(c), -1) if self.fixed else self.x[: len(c)]


def test_the_variance_ratio_is_that_of_the_samples(binning, showers):
    """Two true samples agree; one shower again and again, scaled to its energy, does not vary."""
    pipeline, generator = Pipeline(binning), torch_stream(1, "ratio")
    order = np.argsort(showers.incident_energy)
    pipeline.fit(showers, generator)
    first, second = (pipeline(showers[order[k::2]], generator)[:2] for k in (0, 1))
    (x, c), (made, _) = ((a[::3][:500], b[::3][:500]) for a, b in (first, second))
    assert narrowest(Imitation(made), pipeline, x, c, generator)[0] > 0.6
    assert narrowest(Imitation(made, fixed=True), pipeline, x, c, generator)[0] < 0.1


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
    assert heard == [f"alarm at {text}" for text in log[-1]["alarms"]]
    assert log[-1]["step"] < 120
    assert all("variance_ratio" in record for record in log)


def test_a_generator_that_runs_ahead_of_its_critic_alarms_and_stops_if_asked(showers, tmp_path):
    """A critic that hardly learns has one favourite shower, and the generator ends up drawing nothing else."""
    model = {"name": "wgan", "latent": 2, "width": 32, "depth": 1, "critic_width": 32, "critic_depth": 1}
    model |= {"energies": "adversarial", "critic_speed": 0.01, "critic_turns": 1}
    training = TrainingConfig(
        steps=60, batch=64, log_every=5, learning_rate=1e-2, ema=0.5, augment=False, stop_on_alarm=True
    )
    with pytest.raises(TrainingAlarm, match="lost variance"):
        train_run(showers, model_config(model), training, 1, tmp_path / "run", "model:\n", {})
    last = json.loads((tmp_path / "run" / "log.jsonl").read_text().splitlines()[-1])
    assert last["step"] < 60
    assert (tmp_path / "run" / "state.pt").is_file()


@pytest.mark.parametrize(
    ("statistic", "name"), [(3.0, "the energy of layer 3"), (-2.0, "the response"), (-1.0, "cells")]
)
def test_lost_variance_names_what_has_lost_it_and_what_to_do(statistic, name):
    alarms = Alarms(100)
    record = HEALTHY | {"variance_ratio": 0.2, "variance_statistic": statistic}
    (text,) = [text for step in (60, 70, 80) for text in alarms.check(record | {"step": step})]
    assert name in text
    assert "train longer" in text
