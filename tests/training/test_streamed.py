"""Training from files larger than memory: the same showers, in an order that a seed fixes, within the memory given."""

import json
import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import yaml

from caloforge.api.dataset import open_dataset
from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.data.splits import split_mask
from caloforge.data.writer import write_showers
from caloforge.errors import BadFile, BadValue, EmptySample
from caloforge.geometry.readouts import readout
from caloforge.models import model_config
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import torch_stream
from caloforge.training.material import fits_into_memory, in_memory, streamed
from caloforge.training.options import TrainingConfig
from caloforge.training.run import load_run
from caloforge.training.streamed import Streamed
from caloforge.training.survey import LargeSet, survey
from caloforge.training.train import TrainingInterrupted, train_run

FIELDS = {"name": "vae", "latent": 3, "width": 16, "depth": 1, "flow_transforms": 2, "flow_width": 16}
MODEL = model_config(FIELDS)
CPU = torch.device("cpu")
YAML = f"model: {json.dumps(FIELDS)}\n"


@dataclass
class Part:
    """Showers in memory as if they lay in a file; remembers how many were asked for at once."""

    showers: Showers
    rows_at_once: int = 8
    most: int = 0

    @property
    def binning(self):
        return self.showers.binning

    @property
    def incident(self):
        return Incident.of(self.showers)

    def __len__(self):
        return len(self.showers)

    def between(self, first, stop):
        self.most = max(self.most, stop - first)
        return self.showers[first:stop]


def large(showers, chosen=None):
    return LargeSet(Part(showers), np.ones(len(showers), bool) if chosen is None else chosen)


@pytest.fixture(scope="module")
def pipeline(showers):
    pipeline = Pipeline(showers.binning)
    pipeline.fit(showers, torch_stream(1, "preprocessing"))
    return pipeline


def batches(showers, pipeline, seed=7, batch=32, window=600, rows=None, **options):
    rows = np.flatnonzero(split_mask(showers, "train")) if rows is None else rows
    conditions = pipeline.conditions(Incident.of(showers)[rows])
    return Streamed(Part(showers), rows, pipeline, conditions, batch, window, seed, **options)


def test_an_epoch_shows_every_shower_once_but_for_less_than_a_block(showers, pipeline):
    rows = np.flatnonzero(split_mask(showers, "train"))
    with batches(showers, pipeline) as stream:
        orders = [stream.order(epoch) for epoch in range(8)]
        for blocks in orders:
            shown = np.concatenate(blocks)
            assert len(np.unique(shown)) == len(shown)
            assert set(shown) <= set(rows)
            assert 0 <= len(rows) - len(shown) < len(blocks[0])
        assert set(np.concatenate([np.concatenate(blocks) for blocks in orders])) == set(rows)
        assert not np.array_equal(np.concatenate(orders[0]), np.concatenate(orders[1]))
        assert np.array_equal(np.concatenate(orders[3]), np.concatenate(stream.order(3)))


def test_a_batch_is_the_same_whenever_it_is_drawn(showers, pipeline):
    with batches(showers, pipeline) as first, batches(showers, pipeline) as second:
        drawn = {k: first.draw(k, 32, torch_stream(1, "x")) for k in range(0, 200)}
        for k in (150, 3, 67):
            assert all(
                torch.equal(*pair) for pair in zip(drawn[k], second.draw(k, 32, torch_stream(2, "x")), strict=True)
            )
    with batches(showers, pipeline, seed=8) as other:
        assert not torch.equal(drawn[0][1], other.draw(0, 32, torch_stream(1, "x"))[1])


def test_batches_hold_the_features_of_the_training_showers(showers, pipeline):
    """Conditions tell showers apart here: the cells of each row are those of the shower with its energy."""
    train = showers[split_mask(showers, "train")]
    x, c, _ = pipeline(train, torch_stream(1, "x"))
    order = c[:, 0].argsort()
    with batches(showers, pipeline) as stream:
        for k in (0, 1, 30, 64):
            some, conditions = stream.draw(k, 32, torch_stream(1, "x"))
            place = order[torch.searchsorted(c[order, 0], conditions[:, 0].contiguous())]
            assert torch.equal(c[place], conditions)
            assert torch.equal(pipeline.parts(x[place]).cells, pipeline.parts(some).cells)


def test_weights_of_a_balance_decide_how_often_a_shower_is_drawn(showers, pipeline):
    rows = np.arange(1000)
    weight = torch.where(torch.arange(1000) < 100, 9.0, 1.0)
    with batches(showers, pipeline, rows=rows, weight=weight) as stream:
        shown = np.concatenate([np.concatenate(stream.order(epoch)) for epoch in range(20)])
    share, error = (shown < 100).mean(), 0.5 / np.sqrt(len(shown))
    assert abs(share - 0.5) < 4 * error


def test_the_survey_tells_what_reading_everything_tells(showers):
    training = TrainingConfig(memory="1GB")
    whole = in_memory(showers, MODEL, training, 3, CPU)
    pieces = streamed(large(showers), MODEL, training, 32, 3, CPU)
    with pieces.batches:
        assert (pieces.digest, pieces.bit_digest, pieces.n_train) == (whole.digest, whole.bit_digest, whole.n_train)
        for name in ("train", "validation"):
            assert np.array_equal(getattr(pieces.trained_on, name), getattr(whole.trained_on, name))
        fitted, expected = pieces.pipeline.state_dict(), whole.pipeline.state_dict()
        assert all(torch.equal(fitted[name], expected[name]) for name in expected)
        assert torch.equal(pieces.batches.conditions, whole.batches.conditions)
        assert torch.equal(pieces.first[0], whole.first[0])


def test_a_sample_is_drawn_from_the_training_split_alone(showers):
    seen = survey(large(showers), 200, 40, 5)
    assert 200 - 5 * 8 < len(seen.sample) <= 200  # of 286 rows drawn 70 % are in the split
    assert 40 - 5 * 7 < len(seen.validation) <= 40
    assert split_mask(seen.sample, "train").all()
    assert split_mask(seen.validation, "validation").all()
    assert len(np.unique(seen.sample.ids)) == len(seen.sample)
    energies = np.sort(showers.incident_energy)
    assert np.searchsorted(energies, np.median(seen.sample.incident_energy)) == pytest.approx(1500, abs=5 * 1500 / 13)


def test_only_chosen_showers_are_read_and_trained_on(showers):
    chosen = showers.incident_energy > 1e4
    training = TrainingConfig(memory="1GB")
    pieces, whole = streamed(large(showers, chosen), MODEL, training, 32, 3, CPU), showers[chosen]
    with pieces.batches:
        assert pieces.digest == whole.digest == large(showers, chosen).digest
        assert pieces.n_train == split_mask(whole, "train").sum()
        energies = pieces.pipeline.condition.energies(pieces.batches.draw(0, 32, torch_stream(1, "x"))[1])
        assert float(energies.min()) > 1e4 * (1 - 1e-4)


def test_a_balance_between_hidden_particles_weighs_all_training_showers(showers):
    """Weights follow from each shower alone: those of pieces are those of the whole where the sample is the whole."""
    rare = np.arange(1500) % 5 == 0
    energy = showers.energy[:1500] * np.where(rare, 3.0, 1.0)[:, None].astype(np.float32)
    pdg = np.where(rare, 22, 11).astype(np.int32)
    mixed = Showers.perpendicular(energy, showers.incident_energy[:1500], showers.binning, pdg)
    model, training = model_config(FIELDS | {"hide_particle": True}), TrainingConfig(balance=1.0, memory="1GB")
    pieces, whole = streamed(large(mixed), model, training, 32, 3, CPU), in_memory(mixed, model, training, 3, CPU)
    assert torch.allclose(pieces.balance.weight, whole.balance.weight, rtol=1e-4)
    response = [pieces.pipeline.parts(pieces.first[0]).energies[:, 0]]
    with pieces.batches:
        drawn = (pieces.batches.draw(k, 32, torch_stream(1, "x"))[0] for k in range(40))
        response.append(torch.cat([pieces.pipeline.parts(x).energies[:, 0] for x in drawn]))
    high = [float((values > 0.5).float().mean()) for values in response]  # the rare ones have three times the response
    assert abs(high[0] - 0.2) < 5 * 0.02
    assert abs(high[1] - 0.5) < 5 * 0.02


def test_a_resample_has_showers_twice(showers):
    training = TrainingConfig(bootstrap=True, memory="1GB")
    pieces, whole = streamed(large(showers), MODEL, training, 32, 3, CPU), in_memory(showers, MODEL, training, 3, CPU)
    with pieces.batches:
        assert torch.equal(pieces.batches.conditions.sort(0).values, whole.batches.conditions.sort(0).values)
        shown = np.concatenate(pieces.batches.order(0))
    assert len(np.unique(shown)) < 0.8 * len(shown)


@pytest.fixture(scope="module")
def files(tmp_path_factory, showers):
    """The showers in two files."""
    folder = tmp_path_factory.mktemp("streamed")
    for name, part in (("a.h5", showers[:1300]), ("b.h5", showers[1300:])):
        write_showers(folder / name, part, "tiny stack", {"geant4": "11.0"})
    return [folder / "a.h5", folder / "b.h5"]


def test_several_files_are_one(files, showers):
    with open_dataset(files) as data:
        assert len(data) == 3000
        assert data.digest == showers.digest
        for first, stop in ((0, 10), (1290, 1310), (1300, 1300), (1299, 1300), (2990, 5000)):
            part, expected = data.between(first, stop), showers[first:stop]
            assert np.array_equal(part.energy, expected.energy)
            assert np.array_equal(part.incident_energy, expected.incident_energy)
        assert np.array_equal(data[1::700].read().energy, showers[1::700].energy)
        assert data.provenance.geant4 == "11.0"
        assert [part.showers for part in data.provenance.parts] == [1300, 1700]
    with pytest.raises(BadValue, match="none twice"):
        open_dataset([files[0], files[0]])
    with pytest.raises(BadValue, match="give one at least"):
        open_dataset([])


STEPS = {"steps": 12, "batch": 64, "log_every": 6, "checkpoint_every": 4, "memory": "60kB"}


def test_a_small_memory_makes_a_training_stream(files, tmp_path, call, monkeypatch):
    config = tmp_path / "config.yaml"
    names = ", ".join(map(str, files))
    config.write_text(f"data: [{names}]\nseed: 4\n{YAML}training: {json.dumps(STEPS)}\n")
    reads = []
    read = Streamed._read
    monkeypatch.setattr(Streamed, "_read", lambda self, *place: reads.append(place) or read(self, *place))
    assert call("train", config, "-o", tmp_path / "run")[0] == 0
    assert reads[0] == (0, 0)
    run = load_run(tmp_path / "run")
    with open_dataset(files) as data:
        assert run.provenance.training_showers == split_mask(data.read(), "train").sum()
    assert run.provenance.seconds_waiting_for_showers <= run.provenance.seconds
    assert yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["data"] == list(map(str, files))


def test_a_resumed_training_has_the_weights_of_one_that_was_never_stopped(showers, tmp_path):
    options = (MODEL, TrainingConfig(**STEPS), 4)
    train_run(large(showers), *options, tmp_path / "whole", YAML, {})

    def stop(record):
        if record["step"] == 7:  # among the batches of a window, after the checkpoint at step 4
            raise TrainingInterrupted("stopped")

    with pytest.raises(TrainingInterrupted):
        train_run(large(showers), *options, tmp_path / "halves", YAML, {}, report=stop)
    train_run(large(showers), *options, tmp_path / "halves", YAML, {}, resume=True)
    whole, halves = (load_run(tmp_path / name).model.state_dict() for name in ("whole", "halves"))
    assert all(torch.equal(whole[name], halves[name]) for name in whole)


def test_a_damaged_file_ends_the_training_with_its_sentence(files, showers, tmp_path):
    """The reading thread's error is the training's."""

    class Damaged(Part):
        reads = 0

        def between(self, first, stop):
            self.reads += 1
            if self.reads > 12:  # six read everything once
                raise BadFile("a.h5", "truncated or damaged", "make it again")
            return super().between(first, stop)

    source = LargeSet(Damaged(showers), np.ones(len(showers), bool))
    with pytest.raises(BadFile, match="truncated or damaged"):
        train_run(source, MODEL, TrainingConfig(**STEPS), 4, tmp_path / "run", YAML, {})
    assert not (tmp_path / "run" / "weights.safetensors").exists()


def test_too_few_showers_leave_no_folder(showers, tmp_path):
    with pytest.raises(EmptySample):
        train_run(large(showers[:100]), MODEL, TrainingConfig(), 4, tmp_path / "run", YAML, {})
    with pytest.raises(EmptySample):
        train_run(large(showers, np.zeros(3000, bool)), MODEL, TrainingConfig(), 4, tmp_path / "run", YAML, {})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("text", ["2", "2 gigabytes", "0GB", "-1GB", "nanGB", "infGB", ""])
def test_memory_has_a_number_and_a_unit(text):
    with pytest.raises(ValueError, match="memory"):
        TrainingConfig(memory=text)


def test_memory_stays_flat_on_a_file_that_does_not_fit(tmp_path):
    """NumPy's arrays while all is read, and two windows of features, stay within the memory; the file does not."""
    mesh, rng = readout("siw-1080"), np.random.default_rng(2)
    n, training = 8000, TrainingConfig(batch=32, memory="24MB", augment=False)
    assert not fits_into_memory(n, mesh, training)
    few = rng.exponential(1.0, (500, 1080)) * (rng.random((500, 1080)) < 0.1)

    class Drawn(Part):
        def between(self, first, stop):
            scale = 1 + np.arange(first, stop)[:, None] / n
            cells = (few[np.arange(first, stop) % 500] * scale).astype(np.float32)
            return Showers.perpendicular(cells, self.incident.energy[first:stop], mesh)

        def __len__(self):
            return n

        @property
        def incident(self):
            return Incident.alike(np.linspace(1e3, 1e5, n, dtype=np.float32))

        @property
        def binning(self):
            return mesh

    tracemalloc.start()
    try:
        material = streamed(LargeSet(Drawn(None), np.ones(n, bool)), MODEL, training, 32, 3, CPU)
        with material.batches as stream:
            for k in range(40):
                stream.draw(k, 32, torch_stream(1, "x"))
            peak = tracemalloc.get_traced_memory()[1]
            window = stream._window[0].nbytes
    finally:
        tracemalloc.stop()
    assert 4 * n * 1080 > training.bytes
    assert peak + 2 * window < training.bytes
