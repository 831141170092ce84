"""Ragged tables of the particles of events: sliced, joined, written and read; they stay with their showers."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch

from caloforge.api.dataset import open_dataset
from caloforge.api.like import particles_like
from caloforge.data.event_particles import EVENT_COLUMNS, EventParticles
from caloforge.data.merge import merge_files
from caloforge.data.showers import Showers
from caloforge.data.splits import SPLITS, SplitOf
from caloforge.data.store import ShowerFile
from caloforge.data.writer import ShowerWriter, write_showers
from caloforge.errors import BadFile, BadValue
from caloforge.preprocessing.pipeline import Pipeline

NAMES = [name for name, _ in EVENT_COLUMNS.values()]


def some_events(n, seed=0, most=5):
    """Events of 0 to ``most`` particles; the energy of a particle, 1000 i + j MeV, tells where it belongs."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, most + 1, n)
    counts[0] = 1
    offsets = np.concatenate([[0], np.cumsum(counts)])
    event = np.repeat(np.arange(n), counts)
    energy = (1000 * (event + 1) + np.arange(offsets[-1]) - offsets[event]).astype(np.float32)
    pdg = rng.choice([22, 11, 211], len(energy)).astype(np.int32)
    columns = [rng.random(len(energy)).astype(np.float32) for _ in range(4)]
    return EventParticles(energy, pdg, *columns, offsets, np.arange(n) * 2)


@pytest.fixture
def events(showers):
    n = 40
    cells = (showers.energy[:n] * 1e-3).astype(np.float32)
    return replace(showers[:n], energy=cells, pdg=np.zeros(n, np.int32), events=some_events(n))


def same(first, second):
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in (*NAMES, "offsets", "index"))


@pytest.mark.parametrize(
    "rows", [slice(3, 9), slice(None, None, 3), slice(5, 5), np.array([7, 2, 2, 0]), np.arange(40) % 3 == 0], ids=str
)
def test_a_slice_takes_whole_events(events, rows):
    taken, table = events[rows], events.events
    chosen = np.arange(40)[rows]
    assert taken.events.index.tolist() == (2 * chosen).tolist()
    for place, i in enumerate(chosen):
        first, last = taken.events.offsets[place : place + 2]
        start, end = table.offsets[i : i + 2]
        for name in NAMES:
            assert np.array_equal(getattr(taken.events, name)[first:last], getattr(table, name)[start:end])


def test_cut_and_joined_they_are_the_same(events):
    joined = Showers.concatenate([events[:7], events[7:7], events[7:31], events[31:]])
    assert same(joined.events, events.events)
    assert np.array_equal(joined.energy, events.energy)
    assert joined.above(1e9).events is joined.events


def test_a_file_gives_them_back(tmp_path, events):
    path = tmp_path / "events.h5"
    with ShowerWriter(path, events.binning, "a stack", {}) as writer:
        for start in range(0, 40, 9):
            writer.append(events[start : start + 9])
    with ShowerFile(path) as file:
        assert file.holds_events
        assert same(file.read().events, events.events)
        for rows in (slice(4, 30), slice(1, 40, 7), slice(11, 11), slice(39, 40)):
            assert same(file[rows].events, events[rows].events)
    with h5py.File(path) as file:
        assert file["incident_energies"].shape == (40, 1)
        assert file["event_offsets"].shape == (41,)


def test_files_of_single_particles_have_no_such_tables(tmp_path, showers):
    path = tmp_path / "showers.h5"
    write_showers(path, showers[:5], "a stack", {})
    with ShowerFile(path) as file:
        assert not file.holds_events
        assert file.read().events is None
    with h5py.File(path) as file:
        assert set(file) == {"showers", "incident_energies", "incident_pdg", "incident_theta", "incident_phi"}


def test_merged_and_split_they_stay_with_their_showers(tmp_path, events):
    for name, part in (("a", events[:25]), ("b", events[25:])):
        write_showers(tmp_path / f"{name}.h5", part, "a stack", {})
    merged = merge_files([tmp_path / "a.h5", tmp_path / "b.h5"], tmp_path / "ab.h5")
    with ShowerFile(merged) as file:
        assert same(file.read().events, events.events)
        parts = [batch for name in SPLITS for batch in SplitOf(file, name).batches(7)]
    everything = Showers.concatenate(parts)
    order = np.argsort(everything.events.index)
    assert same(everything[order].events, events.events)
    assert np.array_equal(everything[order].energy, events.energy)


def test_events_and_single_particles_do_not_mix(tmp_path, showers, events):
    for name, part in (("single", showers[50:60]), ("events", events)):
        write_showers(tmp_path / f"{name}.h5", part, "a stack", {})
    with pytest.raises(BadFile, match=r"showers of events, those of .* are of single particles"):
        merge_files([tmp_path / "single.h5", tmp_path / "events.h5"], tmp_path / "both.h5")
    assert not (tmp_path / "both.h5").exists()
    with pytest.raises(BadValue, match="keep them apart"):
        Showers.concatenate([showers[50:60], events])
    with ShowerWriter(tmp_path / "c.h5", events.binning, "", {}) as writer:
        writer.append(events)
        with pytest.raises(BadValue, match="keep them apart"):
            writer.append(showers[50:60])


BROKEN = {
    "no index": (lambda file: file.__delitem__("event_index"), "no event_index"),
    "no y": (lambda file: file.__delitem__("event_incident_y"), "no event_incident_y"),
    "short": (lambda file: file["event_incident_pdg"].resize(3, axis=0), "event_incident_pdg has shape"),
    "few offsets": (lambda file: file["event_offsets"].resize(3, axis=0), "event_offsets has shape"),
    "falling": (lambda file: file["event_offsets"].__setitem__(5, 10**6), "does not rise"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_tables_are_refused(tmp_path, events, name):
    path = tmp_path / "events.h5"
    write_showers(path, events, "a stack", {})
    change, words = BROKEN[name]
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(BadFile, match=words):
        ShowerFile(path)


def test_tables_that_do_not_fit_are_refused(events):
    with pytest.raises(BadValue, match="they rise from 0"):
        replace(events.events, offsets=events.events.offsets[::-1].copy())
    with pytest.raises(BadValue, match="number of events"):
        replace(events, events=events.events[:3])


@pytest.fixture
def event_file(tmp_path, events):
    path = tmp_path / "events.h5"
    write_showers(path, events, "a stack", {})
    return path


def test_opened_from_python_they_say_what_they_are(event_file, events):
    with open_dataset(event_file) as file:
        assert "40 showers, events of 0 to 5 particles" in repr(file)
        assert same(file[4:9].events, events[4:9].events)
        assert same(file[[3, 30]].events, events[np.array([3, 30])].events)
        assert repr(file[:2].read()).startswith("<Showers: 2, events, ")


def test_inspect_counts_their_particles(event_file, events, call):
    code, out, _ = call("inspect", event_file, "--json")
    facts = json.loads(out)
    assert code == 0
    assert facts["particles"] == len(events.events.energy)
    assert facts["multiplicity"].startswith("0 to 5, mean ")
    assert sum(row["particles"] for row in facts["by_particle"]) == facts["particles"]
    assert "per event" in call("inspect", event_file)[1]


def test_models_refuse_them(event_file, events, binning, tmp_path, call):
    with pytest.raises(BadValue, match="models know one a shower"):
        Pipeline(binning).fit(events, torch.Generator())
    with pytest.raises(BadValue, match="models know one a shower"):
        particles_like(event_file, binning)
    code, _, error = call("train", "vae-siw-1080", "--set", f"data={event_file}", "-o", tmp_path / "run")
    assert code == 1
    assert "models know one a shower" in error
    assert not (tmp_path / "run" / "weights.safetensors").exists()
