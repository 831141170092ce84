"""Deep ensembles and SWAG: folders, resuming, what members share, and Gaussians of the weights with a known answer."""

import json
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml

from caloforge.data.incident import Incident
from caloforge.data.provenance import TrainingProvenance
from caloforge.errors import BadFile, BadValue, BinningMismatch
from caloforge.generation.mixture import mixture_batches
from caloforge.generation.sampler import sample_showers
from caloforge.models import Generator, model_config
from caloforge.rng import integer_seeds, torch_stream
from caloforge.training.batches import InMemory
from caloforge.training.ensemble import Ensemble, load_ensemble, load_posterior, train_ensemble
from caloforge.training.loop import TrainingState
from caloforge.training.options import TrainingConfig
from caloforge.training.run import Run, load_run
from caloforge.training.swag import draw_weights, load_snapshots, snapshots
from caloforge.training.train import TrainingInterrupted, train_run

OPTIONS = {"name": "vae", "latent": 2, "width": 8, "depth": 1, "flow_transforms": 1, "flow_width": 8}
MODEL = model_config(OPTIONS)
TRAINING = TrainingConfig(steps=8, batch=32, log_every=8, checkpoint_every=3)


def text(seed, training):
    return yaml.safe_dump({"seed": seed, "model": OPTIONS, "training": training.model_dump()})


def train(showers, folder, members=2, **options):
    train_ensemble(showers, MODEL, TRAINING, 5, members, folder, text, {"detector": "tiny stack"}, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, showers):
    path = tmp_path_factory.mktemp("ensemble") / "vae"
    train(showers, path)
    return path


def weights(folder):
    return [member.model.state_dict() for member in load_ensemble(folder).members]


def same(first, second):
    return all(torch.equal(a[name], b[name]) for a, b in zip(first, second, strict=True) for name in a)


def test_members_are_runs(folder, showers, tmp_path):
    """Each is the run that its own configuration makes, on its own resample."""
    found = load_ensemble(folder)
    assert (found.method, len(found.members), found.text) == ("ensemble", 2, "ensemble of 2 models")
    assert not same(weights(folder)[:1], weights(folder)[1:])
    config = yaml.safe_load((folder / "members/2/config.yaml").read_text())
    assert config["training"]["bootstrap"] is True
    training = TrainingConfig.model_validate(config["training"])
    train_run(showers, MODEL, training, config["seed"], tmp_path / "alone", text(config["seed"], training), {})
    assert same([load_run(tmp_path / "alone").model.state_dict()], weights(folder)[1:])
    unsampled = training.model_copy(update={"bootstrap": False})
    train_run(showers, MODEL, unsampled, config["seed"], tmp_path / "all", "model: {}", {})
    (tmp_path / "all/config.yaml").write_text(text(config["seed"], unsampled))
    assert not same([load_run(tmp_path / "all").model.state_dict()], weights(folder)[1:])


def test_where_one_model_is_needed(folder):
    with pytest.raises(BadFile, match=r"an ensemble, where one model is needed; give a member, such as .*members/1"):
        load_run(folder)
    assert load_ensemble(folder / "members/1").method == "single"
    assert load_posterior(folder).method == "ensemble"


@pytest.mark.parametrize("stop_at", [(0, 5), (0, 8), (1, 1)])
def test_an_interrupted_ensemble_resumes(folder, showers, tmp_path, stop_at):
    """Stopped within a member, or between two: the same weights as without a stop; finished members are kept."""

    def stop(member, record):
        if (member, record["step"]) == stop_at:
            signal.raise_signal(signal.SIGTERM)

    path = tmp_path / "stopped"
    with pytest.raises(TrainingInterrupted):
        train(showers, path, report=stop)
    with pytest.raises(BadFile, match=r"not finished: .*--resume"):
        load_ensemble(path)
    with pytest.raises(BadValue, match="not empty"):
        train(showers, path)
    trained = []
    train(showers, path, resume=True, report=lambda member, record: trained.append(member))
    assert same(weights(path), weights(folder))
    if stop_at[0] == 1:
        assert set(trained) == {1}


def test_a_member_killed_before_its_first_checkpoint(folder, showers, tmp_path):
    path = tmp_path / "killed"
    place = path / "members/1"
    place.mkdir(parents=True)
    (path / "ensemble.json").write_text('{"members": 2}')
    own = integer_seeds(5, "member", 1)[0]
    (place / "config.yaml").write_text(text(own, TRAINING.model_copy(update={"bootstrap": True})))
    (place / "log.jsonl").write_text("")
    train(showers, path, resume=True)
    assert same(weights(path), weights(folder))


def test_an_ensemble_grows(folder, showers, tmp_path):
    import shutil

    path = tmp_path / "grown"
    shutil.copytree(folder, path)
    train(showers, path, members=3, resume=True)
    assert len(load_ensemble(path).members) == 3
    assert same(weights(path)[:2], weights(folder))
    with pytest.raises(BadValue, match="has 3; ask for as many or more"):
        train(showers, path, members=2, resume=True)
    with pytest.raises(BadFile, match="another configuration"):
        train(showers, path, members=3, resume=True, bootstrap=False)
    with pytest.raises(BadFile, match="not the folder of an ensemble"):
        train(showers, path / "members/1", resume=True)
    (path / "ensemble.json").write_text("{")
    with pytest.raises(BadFile, match="how many members"):
        load_ensemble(path)
    with pytest.raises(BadValue, match="two at least"):
        train(showers, tmp_path / "one", members=1)


def test_members_with_different_cells(folder, binning):
    run = load_run(folder / "members/1")
    other = replace(binning, layers=binning.layers[:2], name="two-layers")
    moved = Run(run.model, type(run.pipeline)(other), TrainingProvenance())
    with pytest.raises(BinningMismatch, match=r"member 1 \(tiny.*\) against member 2 \(two-layers\)"):
        Ensemble((run, moved), "ensemble")


def test_the_mixture_takes_members_in_turn(folder):
    members = load_ensemble(folder).members * 2
    energies = np.geomspace(2e3, 5e4, 4203).astype(np.float32)
    incident = Incident.alike(energies)
    parts = list(mixture_batches(members, incident, 7))
    made = np.concatenate([part.energy for part in parts])
    assert np.array_equal(np.concatenate([part.incident_energy for part in parts]), energies)
    for m, member in enumerate(members):
        alone = sample_showers(member.model, member.pipeline, incident[m::4], integer_seeds(7, "mixture", m)[0])
        assert np.array_equal(made[m::4], alone.energy)
    assert not np.array_equal(made[0:50:4], made[2:50:4])  # the same model twice, with noise of its own
    few = np.concatenate([part.energy for part in mixture_batches(members, incident[:3], 7)])
    assert np.array_equal(few, made[:3])
    last = np.concatenate([part.energy for part in mixture_batches(members, incident[4000:], 7, first=4000)])
    assert np.array_equal(last, made[4000:])
    with pytest.raises(BadValue, match="multiple of 4000"):
        next(mixture_batches(members, incident[1000:], 7, first=1000))


class Quadratic(Generator):
    """Loss (theta - x)^2 / 2 averaged over a batch: the minimum is the mean of the data."""

    explicit = False
    noise_shape = (1,)

    def __init__(self, start):
        super().__init__()
        self.theta = torch.nn.Parameter(start.clone())

    def loss(self, x, c, progress, generator):
        assert progress == 1.0
        return {"total": 0.5 * ((self.theta - x) ** 2).sum(1).mean()}

    def sample(self, noise, c):
        return self.theta.expand(len(noise), -1)


def test_swag_of_a_quadratic_loss():
    """Snapshots scatter about the minimum; draws have their mean, their variances, and half of their covariances."""
    data = torch.randn(4000, 2, generator=torch_stream(1, "data"))
    data[:, 1] = 0.9 * data[:, 0] + 0.4 * data[:, 1] + 3
    minimum = data.mean(0)
    config = TrainingConfig(
        steps=1, batch=16, learning_rate=0.02, weight_decay=0.0, swag=60, swag_every=30, swag_rate=1.0, log_every=10**6
    )
    state = TrainingState.start(Quadratic(minimum), config)
    state.step = 1
    before = state.average.theta.clone()
    showers = data, torch.zeros(4000, 1)
    kept = snapshots(state, InMemory(*showers), showers, config, 3)
    assert torch.equal(state.average.theta, before)
    theta = kept["theta"]
    assert theta.shape == (60, 2)
    covariance = torch.cov(theta.T)
    assert torch.all((theta.mean(0) - minimum).abs() < 5 * (covariance.diag() / 60).sqrt())
    correlation = covariance[0, 1] / covariance.diag().prod().sqrt()
    assert correlation > 0.5
    generator = torch_stream(2, "draws")
    drawn = torch.stack([draw_weights(kept, generator)["theta"] for _ in range(4000)])
    assert torch.allclose(drawn.mean(0), theta.mean(0), atol=0.1 * float(covariance.diag().max().sqrt()))
    found = torch.cov(drawn.T)
    assert torch.allclose(found.diag(), covariance.diag(), rtol=0.15)
    assert float(found[0, 1] / covariance[0, 1]) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("options", [OPTIONS, {"name": "wgan", "latent": 2, "width": 8, "depth": 1, "critic_width": 8}])
def test_runs_with_swag(showers, tmp_path, options):
    """The further steps leave the averaged weights alone; what sampling needs is drawn; resuming is exact."""
    model, told = model_config(options), []
    text = yaml.safe_dump({"model": options})

    def trained(name, training, **more):
        train_run(showers, model, training, 5, tmp_path / name, text, {}, **more)
        return load_run(tmp_path / name).model.state_dict()

    training = TRAINING.model_copy(update={"steps": 3, "swag": 3, "swag_every": 2})
    first = trained("swag", training, report=told.append)
    assert [record["step"] for record in told] == list(range(1, 10))
    assert same([first], [trained("none", TRAINING.model_copy(update={"steps": 3}))])
    kept = load_snapshots(tmp_path / "swag")
    assert not any(name.startswith(("critic", "features", "pipeline")) for name in kept)
    models = load_posterior(tmp_path / "swag", draws=3)
    assert (models.method, models.text) == ("SWAG", "3 draws of SWAG")
    assert load_ensemble(tmp_path / "swag").method == "single"
    drawn = [member.model.state_dict() for member in models.members]
    assert not same(drawn[:1], drawn[1:2])
    assert same(drawn[:2], [m.model.state_dict() for m in load_posterior(tmp_path / "swag", draws=2).members])
    with pytest.raises(BadValue, match="two models at least"):
        load_posterior(tmp_path / "swag", draws=1)

    def stop(record):
        if record["step"] == 6:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(TrainingInterrupted, match="snapshots of SWAG"):
        trained("stopped", training, report=stop)
    trained("stopped", training, resume=True)
    again = load_snapshots(tmp_path / "stopped")
    assert all(torch.equal(kept[name], again[name]) for name in kept)


def test_one_snapshot_is_no_spread():
    with pytest.raises(ValueError, match="at least two"):
        TrainingConfig(swag=1)


def test_snapshots_of_another_model(showers, tmp_path):
    training = TRAINING.model_copy(update={"steps": 2, "swag": 2, "swag_every": 1})
    train_run(showers, MODEL, training, 5, tmp_path / "run", text(5, training), {})
    (tmp_path / "run/config.yaml").write_text(text(5, training))
    from safetensors.torch import save_file

    save_file({"nothing": torch.zeros(2, 3)}, tmp_path / "run/swag.safetensors")
    with pytest.raises(BadFile, match="do not fit"):
        load_posterior(tmp_path / "run")


def test_facts_of_an_ensemble(folder):
    found = load_ensemble(folder)
    assert found.provenance.members == 2
    assert found.provenance.showers_digest == found.members[1].provenance.showers_digest
    assert json.loads((folder / "ensemble.json").read_text()) == {"members": 2}
