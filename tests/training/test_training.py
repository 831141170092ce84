import json

import numpy as np
import pytest
import torch

from caloforge.data.incident import Incident
from caloforge.data.provenance import Provenance
from caloforge.data.showers import Showers
from caloforge.errors import BadFile, BadValue, EmptySample, TrainingDiverged
from caloforge.generation.sampler import BLOCK, _noise, sample_batches, sample_showers
from caloforge.geometry.cell_mesh import NoRings, cell_mesh
from caloforge.models import model_config
from caloforge.models.base import Generator
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import torch_stream
from caloforge.training.batches import InMemory
from caloforge.training.loop import TrainingState, fit
from caloforge.training.options import TrainingConfig
from caloforge.training.run import load_run
from caloforge.training.train import TrainingInterrupted, train_run

MODEL = model_config(
    {"name": "vae", "latent": 3, "width": 16, "depth": 1, "flow_transforms": 2, "flow_width": 16, "warmup": (0.1, 0.2)}
)
TRAINING = TrainingConfig(steps=60, batch=64, log_every=20, checkpoint_every=25)
YAML = "model:\n  name: vae\n  latent: 3\n  width: 16\n  depth: 1\n  flow_transforms: 2\n  flow_width: 16\n"


class Silent(Generator):
    explicit = False

    def loss(self, x, c, progress, generator):
        raise NotImplementedError

    def sample(self, noise, c):
        return noise


def train(showers, folder, training=TRAINING, **options):
    train_run(showers, MODEL, training, 5, folder, YAML, {"detector": "tiny stack"}, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, showers):
    path = tmp_path_factory.mktemp("run") / "vae"
    train(showers, path)
    return path


def weights(folder):
    return load_run(folder).model.state_dict()


def test_run_folder(folder):
    names = {path.name for path in folder.iterdir()}
    assert {"config.yaml", "weights.safetensors", "preprocessing.safetensors", "log.jsonl", "provenance.json"} <= names
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in log] == [20, 40, 60]
    assert {"total", "reconstruction", "kl", "energy_nll", "validation"} <= set(log[0])
    assert log[-1]["validation"] < log[0]["validation"]
    assert load_run(folder).provenance.data == Provenance(detector="tiny stack")


def test_cells_without_rings_leave_no_folder(tmp_path):
    rng = np.random.default_rng(3)
    centres = np.column_stack([rng.normal(size=(4, 2)), [5.0, 5.0, 25.0, 25.0]])
    mesh = cell_mesh("four", list("abcd"), centres, np.ones(4), centres[:, 2:] + [-5.0, 5.0])
    energy = rng.exponential(10, (1200, 4)).astype(np.float32)
    showers = Showers.perpendicular(energy, rng.uniform(1e3, 1e4, 1200).astype(np.float32), mesh)
    with pytest.raises(NoRings, match="volumes of a detector"):
        train(showers, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_loaded_run_generates_the_same_showers(folder):
    energies = np.geomspace(2e3, 5e4, 700).astype(np.float32)
    first, second = (
        sample_showers(run.model, run.pipeline, energies, 11) for run in (load_run(folder), load_run(folder))
    )
    assert np.array_equal(first.energy, second.energy)
    other = sample_showers(load_run(folder).model, load_run(folder).pipeline, energies, 12)
    assert not np.array_equal(first.energy, other.energy)


@pytest.mark.parametrize("batch", [1, BLOCK, 3 * BLOCK])
def test_batch_size_does_not_matter(folder, batch):
    run = load_run(folder)
    energies = np.geomspace(2e3, 5e4, 2 * BLOCK + 17).astype(np.float32)
    whole = sample_showers(run.model, run.pipeline, energies, 11)
    parts = list(sample_batches(run.model, run.pipeline, energies, 11, batch))
    assert np.array_equal(np.concatenate([part.energy for part in parts]), whole.energy)
    fewer = sample_showers(run.model, run.pipeline, energies[:30], 11)
    assert np.array_equal(fewer.energy, whole.energy[:30])
    later = sample_batches(run.model, run.pipeline, energies[BLOCK:], 11, batch, first=BLOCK)
    assert np.array_equal(np.concatenate([part.energy for part in later]), whole.energy[BLOCK:])


def test_memory_holds_one_block_unless_more_is_asked_for(folder):
    run = load_run(folder)
    first = next(sample_batches(run.model, run.pipeline, np.full(2 * BLOCK, 1e4, np.float32), 11))
    assert len(first) == BLOCK


@pytest.mark.parametrize("n", [1, 40])
def test_few_showers_are_not_computed_as_a_thousand(folder, n, monkeypatch):
    run = load_run(folder)
    sample, asked = run.model.sample, []
    monkeypatch.setattr(run.model, "sample", lambda z, c: asked.append(len(z)) or sample(z, c))
    sample_showers(run.model, run.pipeline, np.full(n, 1e4, np.float32), 11)
    assert n <= sum(asked) <= n + 31


@pytest.mark.parametrize("width", [16, 37, 3])
@pytest.mark.parametrize("rows", [1, 5, 998, BLOCK])
def test_the_first_rows_of_a_block_of_noise_are_drawn_alone(width, rows):
    model = Silent()
    model.noise_shape = (width,)
    whole = torch.randn(BLOCK, width, generator=torch_stream(7, "noise", 3))
    assert torch.equal(_noise(model, rows, torch_stream(7, "noise", 3)), whole[:rows])


def test_same_seed_same_weights(folder, showers, tmp_path):
    train(showers, tmp_path / "again")
    again, first = weights(tmp_path / "again"), weights(folder)
    assert all(torch.equal(again[name], first[name]) for name in first)


@pytest.mark.parametrize("stop_at", [7, 25, 40])
def test_resume_is_bit_exact(folder, showers, tmp_path, stop_at):
    """Stopped by a signal at any step and resumed: the same weights as without a stop."""
    import signal

    def stop(record):
        if record["step"] == stop_at:
            signal.raise_signal(signal.SIGTERM)

    path = tmp_path / "stopped"
    with pytest.raises(TrainingInterrupted, match="--resume"):
        train(showers, path, report=stop)
    assert not (path / "weights.safetensors").exists()
    train(showers, path, resume=True)
    resumed, first = weights(path), weights(folder)
    assert all(torch.equal(resumed[name], first[name]) for name in first)


def test_resume_of_another_configuration(folder, showers):
    with pytest.raises(BadFile, match="another configuration"):
        train_run(showers, MODEL, TRAINING, 5, folder, YAML + "seed: 6\n", {}, resume=True)


def test_a_full_folder_is_not_overwritten(folder, showers):
    with pytest.raises(BadValue, match="not empty"):
        train(showers, folder)


def test_too_few_showers(showers, tmp_path):
    with pytest.raises(EmptySample, match="50 showers"):
        train(showers[:40], tmp_path / "few")
    assert list(tmp_path.iterdir()) == []


def test_divergence_is_reported(showers, tmp_path):
    with pytest.raises(TrainingDiverged, match="learning_rate"):
        train(showers, tmp_path / "wild", TrainingConfig(steps=200, batch=64, learning_rate=1e9, clip=1e12))


def truncated(path):
    path.write_bytes(path.read_bytes()[:200])


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("weights.safetensors", truncated),
        ("weights.safetensors", lambda path: path.unlink()),
        ("preprocessing.safetensors", truncated),
        ("config.yaml", lambda path: path.write_text("model: {name: vae, latent: 4}")),
        ("config.yaml", lambda path: path.write_text("nothing")),
        ("provenance.json", lambda path: path.write_text("{")),
    ],
)
def test_damaged_runs(folder, tmp_path, name, harm):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    harm(copy / name)
    with pytest.raises(BadFile) as caught:
        load_run(copy)
    assert "\n" not in str(caught.value)


def test_a_state_is_never_unpickled(folder, showers, tmp_path):
    """A state file that would run code when unpickled is refused."""
    import pickle
    import shutil

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "evil"), "w"))

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "state.pt").write_bytes(pickle.dumps({"model": Evil()}, protocol=2))
    with pytest.raises(BadFile):
        train(showers, copy, resume=True)
    assert not (tmp_path / "evil").exists()


def test_range_of_the_training(folder, showers):
    known = load_run(folder).pipeline.condition
    known.check_range(Incident.alike(np.array([2e3, 9e4], np.float32)))
    known.check_range(Incident.of(showers))  # the test split too, whose extremes the model has not seen
    with pytest.raises(BadValue, match="--extrapolate"):
        known.check_range(Incident.alike(np.array([2e3, 2e5], np.float32)))


ADVERSARIAL = {"latent": 3, "width": 16, "depth": 1, "critic_width": 16, "critic_depth": 1, "flow_transforms": 2}
GAN_YAML = "model:\n  name: {name}\n" + "".join(f"  {name}: {value}\n" for name, value in ADVERSARIAL.items())


def train_adversarial(name, showers, folder, **options):
    training = TrainingConfig(steps=8, batch=16, log_every=4, checkpoint_every=100)
    model = model_config({"name": name, **ADVERSARIAL})
    train_run(showers, model, training, 5, folder, GAN_YAML.format(name=name), {"detector": "tiny stack"}, **options)


@pytest.mark.parametrize("name", ["gan", "wgan"])
def test_two_players_resume_bit_exactly(name, showers, tmp_path):
    """Optimisers of both players and of the flow go on where they were; the critic is left out of what is kept."""
    import signal

    def stop(record):
        if record["step"] == 3:
            signal.raise_signal(signal.SIGTERM)

    train_adversarial(name, showers, tmp_path / "whole")
    with pytest.raises(TrainingInterrupted):
        train_adversarial(name, showers, tmp_path / "stopped", report=stop)
    train_adversarial(name, showers, tmp_path / "stopped", resume=True)
    whole, resumed = weights(tmp_path / "whole"), weights(tmp_path / "stopped")
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    assert not any(key.startswith(("critic", "features")) for key in whole)
    log = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert {"critic_total", "generator_total", "energies_total", "validation", "lipschitz_data_99"} <= set(log[-1])
    energies = np.geomspace(2e3, 5e4, 50).astype(np.float32)
    run = load_run(tmp_path / "whole")
    assert np.isfinite(sample_showers(run.model, run.pipeline, energies, 11).energy).all()


def test_the_average_follows_the_critic_and_averages_the_generator(binning, showers):
    pipeline = Pipeline(binning)
    pipeline.fit(showers, torch_stream(1, "preprocessing"))
    x, c, _ = pipeline(showers, torch_stream(1, "preprocessing"))
    training = TrainingConfig(steps=5, batch=32, ema=0.9)
    model = model_config({"name": "wgan", **ADVERSARIAL}).build(pipeline)
    model.initialise(x, c)
    state = TrainingState.start(model, training)
    first = [parameter.clone() for parameter in state.average.shape.parameters()]
    next(fit(state, InMemory(x, c), (x, c), training, 3))
    pairs = zip(state.average.critic.parameters(), state.model.critic.parameters(), strict=True)
    assert all(torch.equal(slow, fast) for slow, fast in pairs)
    decay = 1 / 10  # at the first step the average is still short
    for before, slow, fast in zip(first, state.average.shape.parameters(), state.model.shape.parameters(), strict=True):
        assert torch.allclose(slow, decay * before + (1 - decay) * fast, atol=1e-6)


def test_weights_decay_and_biases_stay(binning, showers):
    """Decoupled decay, with the gradient taken away: W after a step is (1 - rate x decay) W."""
    pipeline = Pipeline(binning)
    pipeline.fit(showers, torch_stream(1, "preprocessing"))
    model = model_config({"name": "vae", "width": 8, "latent": 2}).build(pipeline)
    optimiser = TrainingState.start(model, TrainingConfig(weight_decay=0.5)).optimisers["model"]
    before = {name: x.detach().clone() for name, x in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    left = 1 - 0.5 * optimiser.param_groups[0]["lr"]
    for name, parameter in model.named_parameters():
        kept = name.endswith("bias") or parameter.ndim < 2
        torch.testing.assert_close(parameter.detach(), before[name] * (1.0 if kept else left))
